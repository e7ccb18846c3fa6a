"""GioOssl.DtlsConnection.to_string()."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import GioOssl  # noqa: E402

from support import IDENTITY, gio_client, peer, udp_socket_to, unused_udp_port  # noqa: E402


class Description(unittest.TestCase):
    def test_a_session_is_described(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            self.assertEqual(client.to_string(), f"DTLS client of {IDENTITY}:4433, not connected yet")
            client.handshake(None)
            headline, *lines = client.to_string().splitlines()
            self.assertEqual(headline, f"DTLS client of {IDENTITY}:4433, DTLS 1.2")
            told = dict(line.split(":", 1) for line in lines)
            self.assertIn(client.get_ciphersuite_name(), told["cipher suite"])
            self.assertEqual(told["verification"].strip(), "no problem was found")

    def test_only_a_connection_is_described(self):
        with self.assertRaises(TypeError):
            GioOssl.DtlsConnection.to_string(udp_socket_to(unused_udp_port()))


if __name__ == "__main__":
    unittest.main()
