#!/usr/bin/python3
"""Every implementation in both roles, with each credential, MTU and loss: matrix.py DOCUMENT [--update] [NAME...]

Compares what works with the table in DOCUMENT, or writes it. With names, only these implementations are
tried and there is no table.
"""

import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from gi.repository import Gio, GLib  # noqa: E402

import table  # noqa: E402
from cases import MESSAGE, SERVER, all_cases  # noqa: E402
from foreign import Server  # noqa: E402
from implementations.botan import Botan  # noqa: E402
from implementations.erlang import Erlang  # noqa: E402
from implementations.glib_networking import GlibNetworking  # noqa: E402
from implementations.gnutls import GnuTLS  # noqa: E402
from implementations.libcoap import Libcoap  # noqa: E402
from implementations.mbedtls import MbedTLS  # noqa: E402
from implementations.nss import NSS  # noqa: E402
from implementations.openssl import OpenSSL  # noqa: E402
from implementations.wolfssl import WolfSSL  # noqa: E402
from ours import LIMIT, OurServer, Wrong, close, converse, expect, our_client  # noqa: E402
from peers import PeerError  # noqa: E402
from relay import Relay  # noqa: E402

IMPLEMENTATIONS = (OpenSSL(), GnuTLS(), WolfSSL(), Erlang(), Botan(), NSS(), MbedTLS(),
                   Libcoap("openssl", "OpenSSL"), Libcoap("gnutls", "GnuTLS"), GlibNetworking())
# Most of the time passes with waiting for the peers' timers.
AT_ONCE = 4


def with_server(peer, case):
    """Our client and the implementation's server."""
    with Server(peer, case) as server, Relay(server.port, case.lossy) as relay:
        try:
            try:
                client = our_client(relay.port, case)
            except GLib.Error as error:
                if case.refused and error.matches(Gio.tls_error_quark(), Gio.TlsError.BAD_CERTIFICATE):
                    return
                raise
            if case.refused:
                raise Wrong("the server was not refused")
            converse(client, peer.message, peer.is_answer)
            close(client, peer.logs_close and (lambda: server.wait_for_log(peer.logs_close)))
            check_path(case, relay, "client")
        except (GLib.Error, PeerError, Wrong) as error:
            raise Wrong(f"{error}\n{server.log()}") from error


def with_client(peer, case):
    """Our server and the implementation's client."""
    server = OurServer(case, peer.answer)
    server.start()
    with Relay(server.port, case.lossy) as relay:
        process = subprocess.Popen(
            peer.client(case, relay.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=os.environ | peer.environment())
        timer = threading.Timer(LIMIT, process.kill)
        timer.start()
        output = b""
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(MESSAGE)
                process.stdin.flush()
            while MESSAGE.strip() not in output and (part := os.read(process.stdout.fileno(), 4096)):
                output += part
            arrived = MESSAGE.strip() in output
            rest, _ = process.communicate()
            server.join(LIMIT)
            if not arrived or server.failure or server.is_alive() or process.returncode != 0:
                raise Wrong(f"our end: {server.failure!r}; the client ended with {process.returncode}:\n"
                            + (output + rest).decode(errors="replace"))
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        check_path(case, relay, "server")


def check_path(case, relay, our_role):
    """The datagrams were lost that had to be, and ours kept to the MTU."""
    expect("lost datagrams", {"client": int(case.lossy), "server": int(case.lossy)}, relay.lost)
    if case.mtu and relay.longest[our_role] > case.mtu:
        raise Wrong(f"a datagram of {relay.longest[our_role]} bytes")


def attempt(peer, case):
    """Why the case failed, or None."""
    try:
        (with_server if case.role == SERVER else with_client)(peer, case)
    except Exception as error:  # pylint: disable=broad-except # Each case counts.
        return f"{type(error).__name__}: {error}"
    return None


def try_everything(peer):
    """Tries one implementation; returns its line of the table, and how many cases passed and failed."""
    peer.prepare()
    line = table.Line(peer.name, peer.version(), peer.remark)
    possible = []
    for case in all_cases():
        reason = peer.unable(case)
        if reason:
            line.add(case, reason=reason)
        else:
            possible.append(case)
    failures = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for case, failure in zip(possible, pool.map(lambda case: attempt(peer, case), possible)):
            line.add(case, works=failure is None)
            print(f"{'not ok' if failure else 'ok'} - {peer.name} {case}", flush=True)
            if failure:
                failures += 1
                print("\n".join("# " + each for each in failure.splitlines()), flush=True)
    return line, len(possible) - failures, failures


def main():
    document, *words = sys.argv[1:]
    update = "--update" in words
    names = [word for word in words if word != "--update"]
    lines, passed, failed, skipped = [], 0, 0, False
    for peer in IMPLEMENTATIONS:
        if names and peer.name not in names:
            continue
        missing = peer.missing()
        if missing:
            print(f"# skip {peer.name}: {missing} is not installed")
            skipped = True
            continue
        line, more_passed, more_failed = try_everything(peer)
        lines.append(line)
        passed += more_passed
        failed += more_failed
    if update and (skipped or names):
        sys.exit("error: the table needs all implementations")
    if update:
        table.write(document, lines)
    elif not names:
        differences = table.differences(document, lines)
        print(f"{'not ok' if differences else 'ok'} - {os.path.basename(document)} says so")
        print("".join(f"# {each}\n" for each in differences), end="")
        passed, failed = passed + (not differences), failed + bool(differences)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
