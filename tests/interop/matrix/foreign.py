"""What the implementations have in common."""

import os
import re
import socket
import subprocess
import tempfile

from cases import CLIENT_CERTIFICATE, ECDSA, MESSAGE, PKI, PSK, PSK_IDENTITY, PSK_KEY, RSA, WORK
from peers import Peer

WORDS = {RSA: "rsa", ECDSA: "ecdsa", CLIENT_CERTIFICATE: "client", PSK: "psk"}
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "implementations")


def installed_version(package):
    """The version of a Debian package, or None if it is not installed."""
    query = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package],
                           capture_output=True, text=True, check=False)
    status, _, version = query.stdout.partition(" ")
    return version if status == "installed" else None


def upstream(package):
    """The implementation's own version, without Debian's epoch and revision."""
    return re.sub(r"^\d+:|[-+~].*", "", installed_version(package))


class Implementation:
    """One other implementation of DTLS. Each has a file in implementations/."""

    name = None
    # The Debian packages that are needed.
    packages = ()
    # What its server logs at our close_notify, if it does not answer that with its own, as RFC 5246,
    # section 7.2.1, demands.
    logs_close = None
    # What else the table should say.
    remark = None
    # Whether its server sends back what goes to its standard input.
    echoes_by_streams = False
    # What our client says to its server.
    message = MESSAGE

    def missing(self):
        """What is not installed, or None."""
        for package in self.packages:
            if installed_version(package) is None:
                return f"package {package}"
        return None

    def prepare(self):
        """Is called once before everything else."""

    def version(self):
        """The version, as the table has it."""
        return upstream(self.packages[0])

    def unable(self, case):
        """Why the case is impossible with it, or None."""
        del case

    def server(self, case, port):
        """The command of its server, which serves one client at least and sends back what it gets."""
        raise NotImplementedError

    def client(self, case, port):
        """The command of its client, which speaks first, shows the answer, and closes when its standard input ends."""
        raise NotImplementedError

    def is_answer(self, received):
        """Whether this is all that its server has to answer."""
        return received == MESSAGE

    def answer(self, message):
        """What our server answers its client."""
        return message

    def environment(self):
        """What its programs get beside ours, by name."""
        return {}


class Program(Implementation):
    """One whose ends are a program of ours, as end.h has it."""

    # What is before the arguments.
    program = ()

    def server(self, case, port):
        return self._command(case, port)

    def client(self, case, port):
        return self._command(case, port)

    def _command(self, case, port):
        return [*self.program, case.role, str(port), WORDS[case.credential], str(case.mtu), PKI,
                PSK_IDENTITY, PSK_KEY]


class Compiled(Program):
    """One with a program in C."""

    # The file in implementations/; what pkg-config calls the libraries, or how they are linked.
    source = None
    libraries = ()
    links = ()

    def prepare(self):
        self.program = [os.path.join(WORK, self.source.removesuffix(".c"))]
        flags = list(self.links)
        if self.libraries:
            flags += subprocess.run(["pkg-config", "--cflags", "--libs", *self.libraries], check=True,
                                    capture_output=True, text=True).stdout.split()
        subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu17", "-Wall", "-Wextra", "-o", self.program[0],
                        os.path.join(HERE, self.source), *flags], check=True)


class Server(Peer):
    """An implementation's server while it runs."""

    def __init__(self, implementation, case):
        super().__init__(implementation.name)
        self._implementation = implementation
        self._case = case

    def start(self):
        """Starts the server; returns when it listens."""
        descriptor, self.log_path = tempfile.mkstemp(dir=WORK, suffix=".log")
        environment = os.environ | self._implementation.environment()
        with os.fdopen(descriptor, "wb") as log:
            if self._implementation.echoes_by_streams:
                outer, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with outer, inner:
                    self._spawn(self._command, stdin=inner, stdout=outer, stderr=log, env=environment)
            else:
                self._spawn(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            env=environment)

    def _command(self, port):
        return self._implementation.server(self._case, port)
