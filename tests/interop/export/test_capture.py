"""A capture of a session is read with its key log."""

import os
import select
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from ends import meet
from partners import Listener, TalkingServer, client_of
from support import PATIENCE

QUESTION = b"What the client says\n"
ANSWER = b"What the server says\n"
# LINKTYPE_RAW: packets begin with their IP header.
RAW_IP = 101


class Relay:
    """Forwards datagrams between one client and a server, and keeps them; a context manager."""

    def __init__(self, server_port):
        self.datagrams = []
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", 0))
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.connect(("127.0.0.1", server_port))
        self._end, self._ended = socket.socketpair()
        # Where the client sends to, and where the server does.
        self.port = self._near.getsockname()[1]
        self.far_port = self._far.getsockname()[1]
        self._thread = threading.Thread(target=self._forward)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.close()
        self._thread.join()
        for sock in (self._near, self._far, self._ended):
            sock.close()

    def _forward(self):
        client = None
        while True:
            ready = select.select([self._near, self._far, self._ended], [], [])[0]
            if self._ended in ready:
                return
            if self._near in ready:
                datagram, client = self._near.recvfrom(65536)
                self.datagrams.append((True, datagram))
                self._far.send(datagram)
            if self._far in ready:
                datagram = self._far.recv(65536)
                self.datagrams.append((False, datagram))
                self._near.sendto(datagram, client)


def packet(datagram, source, destination):
    """The datagram with UDP and IPv4 headers, which have no checksums."""
    udp = struct.pack("!HHHH", source, destination, 8 + len(datagram), 0) + datagram
    local = socket.inet_aton("127.0.0.1")
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, local, local) + udp


def write_capture(path, datagrams):
    """Writes a capture file; the server's port is 4433, the client's 50000."""
    with open(path, "wb") as file:
        file.write(struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        for number, (to_server, datagram) in enumerate(datagrams):
            data = packet(datagram, *((50000, 4433) if to_server else (4433, 50000)))
            file.write(struct.pack("!IIII", number, 0, len(data), len(data)) + data)


def messages(capture, keys):
    """The messages that tshark finds in a capture with a key log."""
    result = subprocess.run(
        ["tshark", "-r", capture, "-o", f"tls.keylog_file:{keys}", "-d", "udp.port==4433,dtls",
         "-Y", "data", "-T", "fields", "-e", "udp.dstport", "-e", "data.data"],
        env=dict(os.environ, HOME=os.path.dirname(capture)),
        capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    return [(port == "4433", bytes.fromhex(data)) for port, data in rows]


class Capture(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.capture = os.path.join(folder.name, "capture.pcap")
        self.keys = os.path.join(folder.name, "keys")
        self.no_keys = os.path.join(folder.name, "no-keys")
        with open(self.no_keys, "w", encoding="ascii"):
            pass

    def assert_readable(self, datagrams):
        self.assertFalse(any(QUESTION in it or ANSWER in it for _, it in datagrams))
        write_capture(self.capture, datagrams)
        said = [(True, QUESTION), (False, ANSWER)]
        self.assertEqual(messages(self.capture, self.no_keys), [])
        for keys in (self.keys, os.environ["SSLKEYLOGFILE"]):
            self.assertEqual(messages(self.capture, keys), said)

    def keep_keys(self, connection):
        def keep(_, line):
            with open(self.keys, "a", encoding="ascii") as file:
                file.write(line + "\n")
        connection.connect("keylog", keep)

    def test_session_with_openssl_is_read(self):
        # tshark 4.0 cannot read ChaCha20-Poly1305 in DTLS, whoever speaks it.
        for cipher in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"):
            with self.subTest(cipher=cipher), TalkingServer("-cipher", cipher) as server, \
                    Relay(server.port) as relay:
                client = client_of(relay.port)
                self.keep_keys(client)
                client.send(QUESTION, PATIENCE, None)
                server.wait_for_log(QUESTION.decode().strip())
                server.say(ANSWER)
                self.assertEqual(client.receive_bytes(100, PATIENCE, None).get_data(), ANSWER)
                self.assertEqual(client.get_ciphersuite_name(), cipher)
                self.assert_readable(relay.datagrams)

    def test_session_of_our_own_ends_is_read(self):
        listener = Listener()
        with Relay(listener.port) as relay:
            client, server = client_of(relay.port), listener.serve(relay.far_port)
            self.keep_keys(server)
            meet(client, server)
            client.send(QUESTION, PATIENCE, None)
            self.assertEqual(server.receive_bytes(100, PATIENCE, None).get_data(), QUESTION)
            server.send(ANSWER, PATIENCE, None)
            self.assertEqual(client.receive_bytes(100, PATIENCE, None).get_data(), ANSWER)
            self.assert_readable(relay.datagrams)


if __name__ == "__main__":
    unittest.main()
