"""One end by python-mbedtls, with PSK and CCM-8: mbedtls_end.py client|server PORT IDENTITY KEY

The client says "marker" and prints the answer; the server prints its port and echoes one message.
"""

import socket
import sys

from mbedtls import tls

SUITE = ["TLS-PSK-WITH-AES-128-CCM-8"]


def shake(end):
    """mbedTLS's own loop: what it wants is always a datagram."""
    while True:
        try:
            return end.do_handshake()
        except (tls.WantReadError, tls.WantWriteError):
            continue


def client(port, identity, key):
    configuration = tls.DTLSConfiguration(
        pre_shared_key=(identity, key), ciphers=SUITE, validate_certificates=False)
    base = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end = tls.ClientContext(configuration).wrap_socket(base, server_hostname=None)
    end.connect(("127.0.0.1", port))
    shake(end)
    end.send(b"marker")
    print("received", end.recv(100).decode(), flush=True)


def server(_, identity, key):
    configuration = tls.DTLSConfiguration(
        pre_shared_key_store={identity: key}, ciphers=SUITE, validate_certificates=False)
    base = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # accept() binds a second socket to the address of the first.
    base.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener = tls.ServerContext(configuration).wrap_socket(base)
    listener.bind(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    end, address = listener.accept()
    while True:
        end.setcookieparam(address[0].encode("ascii"))
        try:
            shake(end)
            break
        except tls.HelloVerifyRequest:
            end, address = end.accept()
    end.send(end.recv(100))
    sys.stdin.read()


ROLE, PORT, IDENTITY, KEY = sys.argv[1:]
{"client": client, "server": server}[ROLE](int(PORT), IDENTITY, KEY.encode())
