"""Keys for SRTP (RFC 5764)."""

import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib, GObject  # noqa: E402

from ends import ends, established, meet, udp_pair  # noqa: E402
from support import Failure, gio_client, peer  # noqa: E402

AEAD = "SRTP_AEAD_AES_128_GCM"
LENGTHS = {
    "SRTP_AES128_CM_HMAC_SHA1_80": (16, 14),
    "SRTP_AES128_CM_HMAC_SHA1_32": (16, 14),
    "SRTP_AEAD_AES_128_GCM": (16, 12),
    "SRTP_AEAD_AES_256_GCM": (32, 12),
}


def keys(connection):
    """The exported keys as bytes."""
    return [part.get_data() for part in connection.export_srtp_keys()]


class Keys(unittest.TestCase):
    def test_keys_cross_for_each_profile(self):
        for profile, lengths in LENGTHS.items():
            with self.subTest(profile=profile):
                client, server = ends()
                client.props.srtp_profiles = [profile]
                server.props.srtp_profiles = list(LENGTHS)
                meet(client, server)
                ours, theirs = keys(client), keys(server)
                self.assertEqual(ours[:2], theirs[2:])
                self.assertEqual(ours[2:], theirs[:2])
                self.assertNotEqual(ours[0], ours[2])
                self.assertEqual([len(part) for part in ours], [*lengths, *lengths])

    def test_openssls_names_are_understood(self):
        client, server = ends()
        client.props.srtp_profiles = ["SRTP_AES128_CM_SHA1_80"]
        server.props.srtp_profiles = ["SRTP_AES128_CM_HMAC_SHA1_80"]
        meet(client, server)
        self.assertEqual(client.props.srtp_profiles, ["SRTP_AES128_CM_SHA1_80"])
        self.assertEqual(client.props.negotiated_srtp_profile, "SRTP_AES128_CM_HMAC_SHA1_80")

    def test_peer_without_srtp_leaves_no_keys(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.props.srtp_profiles = [AEAD]
            client.handshake(None)
            self.assertIsNone(client.props.negotiated_srtp_profile)
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_SUPPORTED):
                client.export_srtp_keys()
            client.close(None)

    def test_keys_at_the_wrong_time(self):
        client, server = ends()
        client.props.srtp_profiles = server.props.srtp_profiles = [AEAD]
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.NOT_CONNECTED):
            client.export_srtp_keys()
        meet(client, server)
        client.close(None)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CLOSED):
            client.export_srtp_keys()

    def test_keys_take_no_arguments(self):
        client, _ = ends()
        with self.assertRaises(TypeError):
            client.export_srtp_keys(1)
        with self.assertRaises(TypeError):
            GioOssl.DtlsConnection.export_srtp_keys(Gio.Cancellable())


class Profiles(unittest.TestCase):
    def test_default_is_none(self):
        client, server = ends()
        for end in (client, server):
            self.assertFalse(end.props.srtp_profiles)
            self.assertIsNone(end.props.negotiated_srtp_profile)

    def test_negotiated_profile_is_announced_once(self):
        client, server = ends()
        client.props.srtp_profiles = server.props.srtp_profiles = [AEAD]
        news = []
        client.connect("notify::negotiated-srtp-profile",
                       lambda it, _: news.append(it.props.negotiated_srtp_profile))
        meet(client, server)
        self.assertEqual(news, [AEAD])

    def test_list_may_be_emptied(self):
        client, server = ends()
        client.props.srtp_profiles = [AEAD]
        for nothing in ([], None):
            client.props.srtp_profiles = nothing
            self.assertFalse(client.props.srtp_profiles)
        server.props.srtp_profiles = [AEAD]
        meet(client, server)
        self.assertIsNone(server.props.negotiated_srtp_profile)

    def test_wrong_types_are_refused(self):
        client, _ = ends()
        for wrong in (1, [1], object()):
            with self.subTest(wrong=wrong), self.assertRaises(TypeError):
                client.props.srtp_profiles = wrong

    def test_unknown_profile_fails_handshake_and_initialisation(self):
        client, _ = ends()
        client.props.srtp_profiles = [AEAD, "SRTP_FANCY"]
        with self.assertRaisesRegex(GLib.Error, "srtp-profiles.*SRTP_FANCY") as caught:
            client.handshake(None)
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(),
                                                 Gio.IOErrorEnum.INVALID_ARGUMENT))
        unmade = GObject.new(GioOssl.DtlsClientConnection, base_socket=udp_pair()[0],
                             srtp_profiles=["SRTP_FANCY"])
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.INVALID_ARGUMENT):
            unmade.init(None)

    def test_profiles_are_fixed_once_the_handshake_has_begun(self):
        client, _ = established()
        client.props.srtp_profiles = [AEAD]
        self.assertFalse(client.props.srtp_profiles)

    def test_negotiated_profile_cannot_be_written(self):
        client, _ = ends()
        with self.assertRaises(TypeError):
            client.props.negotiated_srtp_profile = AEAD


if __name__ == "__main__":
    unittest.main()
