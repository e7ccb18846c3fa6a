"""GioOssl.DtlsConnection:mtu and :max-payload, also against other implementations."""

import select
import socket
import threading
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GObject  # noqa: E402

from support import PATIENCE, gio_client, peer, pki, unused_udp_port  # noqa: E402

OVERHEAD = 37  # of AES-GCM: header, nonce and tag


class Relay:
    """Stands between a client and a server, and notes how long the client's datagrams are."""

    def __init__(self, port):
        self.lengths = []
        self._near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._near.bind(("127.0.0.1", 0))
        self._far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._far.connect(("127.0.0.1", port))
        self._stop, self._stopped = socket.socketpair()
        self.port = self._near.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        for sock in (self._near, self._far, self._stopped):
            sock.close()

    def _run(self):
        client = None
        while True:
            ready, _, _ = select.select([self._near, self._far, self._stopped], [], [])
            if self._stopped in ready:
                return
            if self._near in ready:
                datagram, client = self._near.recvfrom(65536)
                self.lengths.append(len(datagram))
                self._far.send(datagram)
            if self._far in ready:
                self._near.sendto(self._far.recv(65536), client)


def demanding(name, mtu):
    """A server with this MTU that wants a client certificate."""
    options = {
        "openssl": ["-mtu", str(mtu), "-Verify", "3", "-CAfile", pki("ca.pem")],
        "gnutls": ["--mtu", str(mtu), "--require-client-cert", "--x509cafile", pki("ca.pem")],
    }
    return peer(name, "rsa", options[name])


class Path(unittest.TestCase):
    def test_every_flight_keeps_to_the_mtu_with_other_implementations(self):
        for name in ("openssl", "gnutls"):
            for mtu in (256, 512, 1400):
                with self.subTest(peer=name, mtu=mtu), demanding(name, mtu) as server, \
                        Relay(server.port) as relay:
                    client = gio_client(relay.port)
                    client.set_certificate(
                        Gio.TlsCertificate.new_from_files(pki("client.pem"), pki("client.key")))
                    client.props.mtu = mtu
                    self.assertTrue(client.handshake(None))
                    self.assertLessEqual(max(relay.lengths), mtu)
                    self.assertEqual(client.props.mtu, mtu)
                    size = client.props.max_payload
                    self.assertEqual(client.send(bytes(size), PATIENCE, None), size)
                    received = 0
                    while received < size:
                        received += client.receive_bytes(1400, PATIENCE, None).get_size()
                    self.assertEqual(max(relay.lengths), mtu)

    def test_payload_is_notified_when_the_mtu_changes(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.handshake(None)
            seen = []
            client.connect("notify::max-payload", lambda it, _: seen.append(it.props.max_payload))
            client.connect("notify::mtu", lambda it, _: seen.append(it.props.mtu))
            client.set_property("mtu", 512)
            self.assertCountEqual(seen, [512, 512 - OVERHEAD])

    def test_defaults_are_zero(self):
        client = gio_client(unused_udp_port())
        self.assertEqual((client.props.mtu, client.props.max_payload), (0, 0))

    def test_connected_socket_knows_the_mtu(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.handshake(None)
            self.assertGreater(client.props.mtu, 1400)

    def test_wrong_types_and_values_are_refused(self):
        client = gio_client(unused_udp_port())
        with self.assertRaises(TypeError):
            client.props.mtu = "1400"
        for value in (-1, 1 << 32):
            with self.assertRaises(OverflowError):
                client.props.mtu = value
        with self.assertRaises(TypeError):
            client.props.max_payload = 1
        spec = GioOssl.DtlsConnection.find_property("mtu")
        self.assertEqual((spec.minimum, spec.maximum), (0, 65507))
        self.assertFalse(GioOssl.DtlsConnection.find_property("max-payload").flags
                         & GObject.ParamFlags.WRITABLE)
        client.props.mtu = 1
        self.assertEqual(client.props.mtu, 256)


if __name__ == "__main__":
    unittest.main()
