"""Exported keying material (RFC 5705)."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from ends import ends, established, meet  # noqa: E402
from support import Failure  # noqa: E402

LABEL = "EXPERIMENTAL gio-ossl"
RESERVED = ("client finished", "server finished", "master secret", "key expansion",
            "extended master secret")


class Exporter(unittest.TestCase):
    def test_material_is_equal_and_depends_on_the_context(self):
        client, server = established()
        seen = set()
        for context in (None, b"", b"context"):
            context = None if context is None else GLib.Bytes.new(context)
            ours = client.export_keying_material(LABEL, context, 40).get_data()
            theirs = server.export_keying_material(LABEL, context, 40).get_data()
            self.assertEqual(ours, theirs)
            self.assertEqual(len(ours), 40)
            seen.add(ours)
        self.assertEqual(len(seen), 3)

    def test_wrong_values_are_invalid_arguments(self):
        client, _ = established()
        context = GLib.Bytes.new(bytes(1000))
        wrong = [(label, None, 16) for label in ("", *RESERVED)]
        wrong += [(LABEL, None, 0), (LABEL, None, 8161), (LABEL, context, 16)]
        for arguments in wrong:
            with self.subTest(label=arguments[0], length=arguments[2]), \
                    Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
                client.export_keying_material(*arguments)

    def test_wrong_types_are_refused(self):
        client, _ = established()
        for arguments in ((None, None, 16), (1, None, 16), (LABEL, "context", 16),
                          (LABEL, 1, 16), (LABEL, None, "16"), (LABEL, None, None), (LABEL,)):
            with self.subTest(arguments=arguments), self.assertRaises(TypeError):
                client.export_keying_material(*arguments)
        with self.assertRaises(TypeError):
            GioOssl.DtlsConnection.export_keying_material(Gio.Cancellable(), LABEL, None, 16)
        with self.assertRaises(OverflowError):
            client.export_keying_material(LABEL, None, -1)

    def test_material_at_the_wrong_time(self):
        client, server = ends()
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_CONNECTED):
            client.export_keying_material(LABEL, None, 16)
        meet(client, server)
        client.close(None)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
            client.export_keying_material(LABEL, None, 16)


if __name__ == "__main__":
    unittest.main()
