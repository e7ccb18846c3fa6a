"""GioOssl.DtlsConnection.get_statistics()."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import GioOssl  # noqa: E402

from support import PATIENCE, gio_client, peer, udp_socket_to, unused_udp_port  # noqa: E402


class Statistics(unittest.TestCase):
    def test_a_session_is_counted(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.send(b"hello", PATIENCE, None)
            self.assertEqual(client.receive_bytes(100, PATIENCE, None).get_data(), b"hello")
            statistics = client.get_statistics()
            self.assertIsInstance(statistics, GioOssl.Statistics)
            self.assertEqual(statistics.messages_sent, 1)
            self.assertEqual(statistics.bytes_sent, 5)
            self.assertEqual(statistics.messages_received, 1)
            self.assertEqual(statistics.bytes_received, 5)
            self.assertGreater(statistics.handshake_microseconds, 0)
            self.assertEqual(statistics.copy().bytes_sent, 5)

    def test_all_is_zero_before_the_handshake(self):
        statistics = gio_client(unused_udp_port()).get_statistics()
        names = [name for name in dir(statistics) if name.startswith(("messages", "bytes", "handshake",
                                                                      "flights", "dropped"))]
        self.assertEqual(len(names), 11)
        self.assertEqual({getattr(statistics, name) for name in names}, {0})

    def test_only_a_connection_has_them(self):
        with self.assertRaises(TypeError):
            GioOssl.DtlsConnection.get_statistics(udp_socket_to(unused_udp_port()))


if __name__ == "__main__":
    unittest.main()
