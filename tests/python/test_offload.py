"""GioOssl.DtlsConnection:send-offload and :receive-offload."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import GioOssl, GLib  # noqa: E402

from ends import established  # noqa: E402
from support import PATIENCE  # noqa: E402


class Offload(unittest.TestCase):
    def test_messages_are_the_same_with_and_without(self):
        batch = [bytes([number]) * 200 for number in range(32)]
        for on in (True, False):
            client, server = established()
            for end in (client, server):
                end.props.send_offload = end.props.receive_offload = on
                self.assertEqual((end.props.send_offload, end.props.receive_offload), (on, on))
            messages = [GLib.Bytes.new(message) for message in batch]
            self.assertEqual(client.send_many(messages, PATIENCE, None), len(batch))
            received = []
            while len(received) < len(batch):
                received += server.receive_many(64, 1000, PATIENCE, None)
            self.assertEqual([message.get_data() for message in received], batch)
            for end in (client, server):
                end.close(None)

    def test_defaults(self):
        for name, default in (("send-offload", True), ("receive-offload", False)):
            self.assertEqual(GioOssl.DtlsConnection.find_property(name).default_value, default)


if __name__ == "__main__":
    unittest.main()
