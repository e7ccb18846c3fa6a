"""Compiles and runs every sample of the pages: samples.py ROOT PREFIX WORK (which has the test certificates in pki/)

A sample is a fenced block of a page. A comment before it says how it is run, `<!-- sample: client -->`, by the name of a
function below; without one it is compiled. Blocks of `console` are for people.
"""

import dataclasses
import hashlib
import os
import pathlib
import re
import ssl
import subprocess
import sys
import time

ROOT, PREFIX, WORK = (pathlib.Path(argument) for argument in sys.argv[1:])
sys.path.append(str(ROOT / "tests/interop"))
from peers import Peer, free_udp_port, udp_port_is_bound  # noqa: E402

TARGET = pathlib.Path(os.environ["CARGO_TARGET_DIR"])
PKI = WORK / "pki"
LIMIT = 60
BLOCK = re.compile(r"^(?:<!-- sample: ([\w-]+) -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Failure(Exception):
    """A sample does not do what it should."""


@dataclasses.dataclass
class Sample:
    page: str
    number: int
    kind: str
    language: str
    text: str

    @property
    def name(self):
        return f"{self.page.removesuffix('.md')} {self.number}, {self.language}: {self.kind or 'compiles'}"

    @property
    def file_name(self):
        return f"{self.page.removesuffix('.md').replace('-', '_')}_{self.number}"


def samples():
    found = []
    for page in sorted((ROOT / "docs/reference").glob("*.md")):
        for number, block in enumerate(BLOCK.finditer(page.read_text()), 1):
            kind, language, text = block.groups()
            if language != "console":
                found.append(Sample(page.name, number, kind, language, text))
    return found


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT * 10, text=True,
                          **options)
    if done.returncode:
        raise Failure(f"{command[0]} failed:\n{done.stdout}")
    return done.stdout


def pkg_config(*options):
    return run("pkg-config", *options, "gio-ossl-1").split()


def library():
    return pkg_config("--variable=libdir")[0]


def source(sample, ending):
    path = WORK / f"{sample.file_name}.{ending}"
    path.write_text(sample.text)
    return path


def build_c(sample):
    path = source(sample, "c")
    options = ["-Wall", "-Wextra", "-Werror", *pkg_config("--cflags")]
    if sample.kind is None:
        run("gcc", *options, "-Wno-unused-function", "-c", "-o", path.with_suffix(".o"), path)
        return None
    program = path.with_suffix("")
    run("gcc", *options, "-o", program, path, *pkg_config("--libs"), f"-Wl,-rpath,{library()}")
    return [program]


def build_vala(sample):
    path = source(sample, "vala")
    options = ["--fatal-warnings", f"--vapidir={PREFIX}/share/vala/vapi", "--pkg=gio-ossl-1", "-X", "-w"]
    if sample.kind is None:
        run("valac", *options, "--ccode", f"--directory={WORK}", path)
        return None
    program = path.with_suffix("")
    run("valac", *options, "-X", f"-Wl,-rpath,{library()}", f"--output={program}", path)
    return [program]


def build_rust(sample):
    """A package of its own with the library's dependencies, so that nothing is compiled twice."""
    package = WORK / sample.file_name
    main = package / "src" / ("main.rs" if sample.kind else "lib.rs")
    main.parent.mkdir(parents=True)
    main.write_text(sample.text)
    run("rustfmt", "--check", "--edition=2024", main)
    (package / "Cargo.toml").write_text(f"""
        [package]
        name = "{sample.file_name}"
        edition = "2024"
        [dependencies]
        gio = {{ version = "0.22", features = ["v2_74"] }}
        gio-ossl = {{ path = "{ROOT}" }}
        glib = {{ version = "0.22", features = ["v2_74"] }}
        [workspace]
    """)
    (package / "Cargo.lock").write_text((ROOT / "Cargo.lock").read_text())
    run("cargo", "build", "--offline", "--quiet", "--manifest-path", package / "Cargo.toml")
    return [TARGET / "debug" / sample.file_name] if sample.kind else None


def interpret(interpreter, ending):
    def build(sample):
        if sample.kind is None:
            raise Failure("a sample in this language has to be run: say how")
        return [interpreter, source(sample, ending)]
    return build


BUILDERS = {
    "c": build_c,
    "javascript": interpret("gjs", "js"),
    "python": interpret("/usr/bin/python3", "py"),
    "rust": build_rust,
    "vala": build_vala,
}


def client(program):
    """Sends "hello" to two implementations that give it back."""
    for name in "openssl", "gnutls":
        with Peer(name, PKI / "ecdsa.pem", PKI / "ecdsa.key") as peer:
            expect("hello", run(*program, "127.0.0.1", str(peer.port), PKI / "ca.pem"))


def server(program):
    """Gives back what OpenSSL's client sends, which verifies it."""
    serve(program, [PKI / "ecdsa.pem", PKI / "ecdsa.key"],
          ["-CAfile", PKI / "ca.pem", "-verify_return_error", "-verify_hostname", "server.example.com"])


def psk_client(program):
    """Sends anything to OpenSSL's server, which gives it back, with a pre-shared key."""
    identity, key = "sensor-1", "00112233445566778899aabbccddeeff"
    options = ["-psk_identity", identity, "-psk", key, "-cipher", "PSK"]
    with Peer("openssl", PKI / "ecdsa.pem", PKI / "ecdsa.key", options) as peer:
        expect("well-known", run(*program, "127.0.0.1", str(peer.port), identity, key))


def psk_server(program):
    """Gives back what OpenSSL's client sends with a pre-shared key."""
    identity, key = "sensor-1", "00112233445566778899aabbccddeeff"
    serve(program, [identity, key], ["-psk_identity", identity, "-psk", key, "-cipher", "PSK"])


def srtp_client(program):
    """Agrees with OpenSSL's server on keys for SRTP, and knows it by its fingerprint alone."""
    encoding = ssl.PEM_cert_to_DER_cert((PKI / "ecdsa.pem").read_text())
    fingerprint = hashlib.sha256(encoding).hexdigest()
    with Peer("openssl", PKI / "ecdsa.pem", PKI / "ecdsa.key", ["-use_srtp", "SRTP_AES128_CM_SHA1_80"]) as peer:
        expect("SRTP_AES128_CM_HMAC_SHA1_80: keys of 16 bytes, salts of 14",
               run(*program, "127.0.0.1", str(peer.port), fingerprint))


def expect(what, output):
    if what not in output:
        raise Failure(f"{what!r} is not in its output:\n{output}")


def serve(program, arguments, client_options):
    """Runs a server with a port and the arguments, and OpenSSL's client with the options, until both have ended."""
    port = free_udp_port()
    log = WORK / "server.log"
    with log.open("w") as file, subprocess.Popen([*program, str(port), *arguments], stdout=file,
                                                 stderr=subprocess.STDOUT) as child:
        try:
            wait(lambda: udp_port_is_bound(port, child.pid) or child.poll() is not None, "the server does not listen")
            talk("openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", *client_options)
            if child.wait(LIMIT) != 0:
                raise Failure("the server failed")
        except (Failure, subprocess.TimeoutExpired) as error:
            child.kill()
            raise Failure(f"{error}\n{log.read_text()}") from error


def talk(*command):
    """Sends "hello" by OpenSSL's client, waits for it to come back, and has the client close."""
    log = WORK / "client.log"
    with log.open("w") as file, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT,
                                                 text=True) as child:
        try:
            child.stdin.write("hello\n")
            child.stdin.flush()
            wait(lambda: re.search("^hello$", log.read_text(), re.MULTILINE) or child.poll() is not None,
                 "nothing came back")
            if child.poll() is None:
                child.stdin.write("Q\n")
                child.stdin.flush()
            child.wait(LIMIT)
            expect("\nhello\n", log.read_text())
        except (Failure, subprocess.TimeoutExpired) as error:
            child.kill()
            raise Failure(f"{error}\n{log.read_text()}") from error


def wait(condition, complaint):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(complaint)
        time.sleep(0.01)


RUNS = {
    "client": client,
    "psk-client": psk_client,
    "psk-server": psk_server,
    "server": server,
    "srtp-client": srtp_client,
}


def main():
    failed = 0
    for sample in samples():
        try:
            program = BUILDERS[sample.language](sample)
            if sample.kind is not None:
                RUNS[sample.kind](program)
            print("ok -", sample.name, flush=True)
        except (Failure, KeyError, subprocess.TimeoutExpired) as error:
            failed += 1
            print("not ok -", sample.name)
            print("# " + str(error).replace("\n", "\n# "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
