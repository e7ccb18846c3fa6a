"""The peers themselves: what the other tests take for granted."""

import socket
import unittest
from unittest import mock

import support
import peers


class Readiness(unittest.TestCase):
    def test_a_port_that_somebody_else_has_bound_is_not_the_servers(self):
        free = peers.free_udp_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            taken = other.getsockname()[1]
            with mock.patch.object(peers, "free_udp_port", side_effect=[taken, free]):
                with support.peer("openssl", "ecdsa") as server:
                    self.assertEqual(server.port, free)


if __name__ == "__main__":
    unittest.main()
