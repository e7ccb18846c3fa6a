"""Keying material and keys for SRTP are the peer's."""

import unittest

from partners import Listener, TalkingServer, client_of, gnutls_client, openssl_client
from support import peer

SRTP_LABEL = "EXTRACTOR-dtls_srtp"
# Our names and OpenSSL's, with the bytes of a key and of a salt.
PROFILES = (
    ("SRTP_AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_80", 16, 14),
    ("SRTP_AES128_CM_HMAC_SHA1_32", "SRTP_AES128_CM_SHA1_32", 16, 14),
    ("SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM", 16, 12),
    ("SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_256_GCM", 32, 12),
)
# GnuTLS 3.7 has no AEAD profiles.
GNUTLS_PROFILES = PROFILES[:2]
MATERIALS = (("EXPERIMENTAL gio-ossl", 20), ("EXPERIMENTAL gio-ossl", 200), ("EXPORTER_x", 1))
OPENSSLS = r"Keying material: ([0-9A-F]+)"
GNUTLSS = r"Key material: ([0-9a-f]+)"


def openssl_options(label, length):
    return ["-keymatexport", label, "-keymatexportlen", str(length)]


def gnutls_options(label, length):
    return [f"--keymatexport={label}", f"--keymatexportsize={length}"]


def material(connection, label, length):
    return connection.export_keying_material(label, None, length).get_data()


def block(connection, is_client):
    """The keys and salts of SRTP in the order of RFC 5764, section 4.2."""
    sent = connection.export_srtp_keys()
    key, salt, other_key, other_salt = (part.get_data() for part in sent)
    if is_client:
        return key + other_key + salt + other_salt
    return other_key + key + other_salt + salt


def printed(found):
    return bytes.fromhex(found[1])


class Clients(unittest.TestCase):
    """Our client and other servers."""

    def test_material_is_openssls(self):
        for label, length in MATERIALS:
            with self.subTest(label=label, length=length), \
                    TalkingServer(*openssl_options(label, length)) as server:
                client = client_of(server.port)
                client.handshake(None)
                theirs = printed(server.wait_for_log(OPENSSLS))
                self.assertEqual(len(theirs), length)
                self.assertEqual(material(client, label, length), theirs)

    def test_srtp_keys_are_openssls(self):
        for ours, theirs, key, salt in PROFILES:
            size = 2 * (key + salt)
            with self.subTest(profile=ours), TalkingServer(
                    "-use_srtp", theirs, *openssl_options(SRTP_LABEL, size)) as server:
                client = client_of(server.port, srtp_profiles=[name for name, *_ in PROFILES])
                client.handshake(None)
                self.assertEqual(client.props.negotiated_srtp_profile, ours)
                keys = printed(server.wait_for_log(OPENSSLS))
                self.assertEqual(block(client, True), keys)
                self.assertEqual(material(client, SRTP_LABEL, size), keys)

    def test_profile_is_gnutlss(self):
        for name, *_ in GNUTLS_PROFILES:
            with self.subTest(profile=name), peer("gnutls", "ecdsa", [
                    "--disable-client-cert", f"--srtp-profiles={name}"]) as server:
                client = client_of(server.port, srtp_profiles=[it for it, *_ in PROFILES])
                client.handshake(None)
                self.assertEqual(client.props.negotiated_srtp_profile, name)


class Servers(unittest.TestCase):
    """Our server and other clients."""

    def session(self, make_client, profiles, pattern):
        """Our server after the handshake, and the material that its client has printed."""
        listener = Listener()
        with make_client(listener.port) as client:
            server = listener.accept()
            server.props.srtp_profiles = profiles
            server.handshake(None)
            return server, printed(client.wait_for(pattern))

    def test_material_is_openssls(self):
        for label, length in MATERIALS:
            with self.subTest(label=label, length=length):
                server, theirs = self.session(
                    lambda port: openssl_client(port, *openssl_options(label, length)),
                    None, OPENSSLS)
                self.assertEqual(len(theirs), length)
                self.assertEqual(material(server, label, length), theirs)

    def test_material_is_gnutlss(self):
        for label, length in MATERIALS:
            with self.subTest(label=label, length=length):
                server, theirs = self.session(
                    lambda port: gnutls_client(port, *gnutls_options(label, length)),
                    None, GNUTLSS)
                self.assertEqual(len(theirs), length)
                self.assertEqual(material(server, label, length), theirs)

    def test_srtp_keys_are_openssls(self):
        for ours, theirs, key, salt in PROFILES:
            options = openssl_options(SRTP_LABEL, 2 * (key + salt))
            with self.subTest(profile=ours):
                server, keys = self.session(
                    lambda port: openssl_client(port, "-use_srtp", theirs, *options),
                    [name for name, *_ in PROFILES], OPENSSLS)
                self.assertEqual(server.props.negotiated_srtp_profile, ours)
                self.assertEqual(block(server, False), keys)

    def test_srtp_keys_are_gnutlss(self):
        for name, _, key, salt in GNUTLS_PROFILES:
            options = gnutls_options(SRTP_LABEL, 2 * (key + salt))
            with self.subTest(profile=name):
                server, keys = self.session(
                    lambda port: gnutls_client(port, f"--srtp-profiles={name}", *options),
                    [it for it, *_ in PROFILES], GNUTLSS)
                self.assertEqual(server.props.negotiated_srtp_profile, name)
                self.assertEqual(block(server, False), keys)


if __name__ == "__main__":
    unittest.main()
