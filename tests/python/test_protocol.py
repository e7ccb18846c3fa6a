"""Versions, suites, groups and signatures: chosen by property and environment, and told as facts.

The objects are those that plain GIO's constructors return.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from support import (IDENTITY, PATIENCE, Failure, Peer, gio_client, handshake_async,  # noqa: E402
                     peer, pki, udp_socket_to, unused_udp_port)

VERSION = Gio.TlsProtocolVersion
CHOICES = {
    "min-protocol-version": (VERSION.UNKNOWN, VERSION.DTLS_1_0),
    "max-protocol-version": (VERSION.UNKNOWN, VERSION.DTLS_1_2),
    "cipher-list": (None, "ECDHE+AESGCM"),
    "groups": (None, "X25519:P-256"),
    "signature-algorithms": (None, "ECDSA+SHA256:rsa_pss_rsae_sha256"),
}
FACTS = {"group": None, "signature-scheme": None, "cipher-bits": 0}
# property: (value, what the message says of it)
BAD = {
    "min-protocol-version": (VERSION.TLS_1_2, "TLS1.2, which is no version of DTLS"),
    "max-protocol-version": (VERSION.DTLS_1_0, "DTLS1.0, and older"),
    "cipher-list": ("HIGH:NONSENSE", '"NONSENSE"'),
    "groups": ("X25519:NONSENSE", '"NONSENSE"'),
    "signature-algorithms": ("ECDSA+SHA256:NONSENSE", '"NONSENSE"'),
}


def facts(client):
    return tuple(client.get_property(name) for name in FACTS)


def server_connection():
    certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
    return Gio.DtlsServerConnection.new(udp_socket_to(unused_udp_port()), certificate)


class Properties(unittest.TestCase):
    def ends(self):
        yield gio_client(unused_udp_port())
        yield server_connection()

    def test_defaults(self):
        for end in self.ends():
            for name, (default, _) in CHOICES.items():
                self.assertEqual(end.get_property(name), default, name)
            for name, default in FACTS.items():
                self.assertEqual(end.get_property(name), default, name)

    def test_values_are_kept_and_announced(self):
        for end in self.ends():
            for name, (default, value) in CHOICES.items():
                with self.subTest(name):
                    seen = []
                    end.connect("notify::" + name, lambda it, spec: seen.append(spec.name))
                    end.set_property(name, value)
                    self.assertEqual(end.get_property(name), value)
                    end.set_property(name, default)
                    self.assertEqual(end.get_property(name), default)
                    self.assertEqual(seen, [name, name])

    def test_values_of_another_type_are_refused(self):
        for end in self.ends():
            for name, (default, _) in CHOICES.items():
                with self.subTest(name), self.assertRaises(TypeError):
                    end.set_property(name, 1.5 if default is None else "DTLS1.2")
                self.assertEqual(end.get_property(name), default, name)

    def test_facts_cannot_be_written(self):
        for end in self.ends():
            for name in FACTS:
                with self.subTest(name), self.assertRaises(TypeError):
                    end.set_property(name, 1)

    def test_bad_value_fails_the_construction(self):
        for kind in (type(gio_client(unused_udp_port())), type(server_connection())):
            for name, (value, part) in BAD.items():
                with self.subTest(name):
                    base = udp_socket_to(unused_udp_port())
                    end = kind(**{"base_socket": base, name.replace("-", "_"): value})
                    with self.assertRaises(GLib.Error) as raised:
                        end.init(None)
                    self.assert_names(raised.exception, name, part)

    def test_bad_value_fails_the_handshake(self):
        for name, (value, part) in BAD.items():
            for shake in (lambda it: it.handshake(None), handshake_async):
                for end in self.ends():
                    with self.subTest(name), self.assertRaises(GLib.Error) as raised:
                        end.set_property(name, value)
                        shake(end)
                    self.assert_names(raised.exception, name, part)

    def assert_names(self, error, name, part):
        self.assertTrue(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_ARGUMENT))
        self.assertIn(name, error.message)
        self.assertIn(part, error.message)

    def test_values_stay_once_the_handshake_has_begun(self):
        with peer("openssl", "ecdsa") as server:
            client = gio_client(server.port)
            client.handshake(None)
            for name, (default, value) in CHOICES.items():
                client.set_property(name, value)
                self.assertEqual(client.get_property(name), default, name)

    def test_facts_are_announced_once_and_stay(self):
        with peer("openssl", "rsa") as server:
            client = gio_client(server.port)
            client.set_property("cipher-list", "ECDHE-RSA-CHACHA20-POLY1305")
            client.set_property("groups", "P-384")
            client.set_property("signature-algorithms", "RSA+SHA512:ECDSA+SHA256")
            seen = []
            for name in FACTS:
                client.connect("notify::" + name, lambda it, spec: seen.append((spec.name, facts(it))))
            handshake_async(client)
            expected = ("secp384r1", "rsa_pkcs1_sha512", 256)
            self.assertEqual(seen, [(name, expected) for name in FACTS])
            client.close(None)
            self.assertEqual(facts(client), expected)


class Servers(unittest.TestCase):
    """What we call it, and what others do."""

    def test_openssl_server_traces_the_same(self):
        for credential, choices in (
                ("ecdsa", {}),
                ("rsa", {}),
                ("rsa", {"groups": "P-521", "signature-algorithms": "RSA+SHA384:ECDSA+SHA256"}),
                ("ecdsa", {"groups": "X448:P-256", "cipher-list": "ECDHE+CHACHA20"}),
                ("ecdsa", {"groups": "P-256", "signature-algorithms": "ECDSA+SHA512:ECDSA+SHA256"})):
            with self.subTest(credential, **choices), tempfile.NamedTemporaryFile("r") as trace, \
                    peer("openssl", credential, ["-trace", "-msgfile", trace.name]) as server:
                client = gio_client(server.port)
                self.assertIsInstance(client, GioOssl.DtlsConnection)
                for name, value in choices.items():
                    client.set_property(name, value)
                client.handshake(None)
                text = self.traced(trace, client)
                group, scheme, bits = facts(client)
                traced = re.search(r"named_curve: (\S+)", text).group(1)
                self.assertEqual(traced.replace("ecdh_", ""), group)
                self.assertEqual(re.search(r"Signature Algorithm: (\S+)", text).group(1), scheme)
                self.assertEqual(bits, 256)

    def traced(self, trace, client):
        """The trace from the server's signature on. It is written out when it has got long enough, to
        which each message adds something."""
        text = ""
        while "ClientKeyExchange" not in text:
            client.send(b"message", PATIENCE, None)
            client.receive_bytes(100, PATIENCE, None)
            text += trace.read()
        return text[text.index("ServerKeyExchange"):]

    def test_gnutls_server_logs_the_same(self):
        for credential, choices, group, signature, expected in (
                ("ecdsa", {"groups": "P-256"}, "SECP256R1", "ECDSA-SHA256",
                 ("secp256r1", "ecdsa_secp256r1_sha256", 256)),
                ("ecdsa", {"groups": "X25519:P-256",
                           "signature-algorithms": "ECDSA+SHA384:ECDSA+SHA256",
                           "cipher-list": "AESGCM+AES128"},
                 "X25519", "ECDSA-SHA384", ("x25519", "ecdsa_secp384r1_sha384", 128)),
                ("rsa", {"groups": "P-384",
                         "signature-algorithms": "rsa_pss_rsae_sha256:ECDSA+SHA256"},
                 "SECP384R1", "RSA-PSS-RSAE-SHA256", ("secp384r1", "rsa_pss_rsae_sha256", 256)),
                # It logs the group only where the client has named it.
                ("rsa", {"cipher-list": "DHE-RSA-AES128-GCM-SHA256",
                         "signature-algorithms": "RSA+SHA256:ECDSA+SHA256"},
                 None, "RSA-SHA256", ("ffdhe2048", "rsa_pkcs1_sha256", 128))):
            options = ["--disable-client-cert", "-d", "4"]
            with self.subTest(expected), peer("gnutls", credential, options) as server:
                client = gio_client(server.port)
                for name, value in choices.items():
                    client.set_property(name, value)
                client.handshake(None)
                self.assertEqual(facts(client), expected)
                if group is not None:
                    server.wait_for_log(f"HSK.*Selected group {group} ")
                server.wait_for_log(f"signing TLS 1.2 handshake data: using {signature}\n")

    def test_signatures_that_only_gnutls_makes_are_told(self):
        for kind, scheme in ((["ed25519"], "ed25519"), (["ed448"], "ed448"),
                             (["rsa-pss"], "rsa_pss_pss_sha256")):
            with self.subTest(scheme), tempfile.TemporaryDirectory() as folder:
                key, certificate = (os.path.join(folder, name) for name in ("key", "certificate"))
                subprocess.run(
                    ["openssl", "req", "-x509", "-nodes", "-newkey", *kind, "-keyout", key,
                     "-out", certificate, "-subj", "/CN=x", "-addext", "subjectAltName=DNS:" + IDENTITY],
                    check=True, capture_output=True)
                with Peer("gnutls", certificate, key) as server:
                    client = gio_client(server.port)
                    client.set_database(Gio.TlsFileDatabase.new(certificate))
                    if scheme.startswith("rsa"):
                        client.set_property("signature-algorithms", scheme)
                    client.handshake(None)
                    self.assertEqual(client.get_property("signature-scheme"), scheme)

    def test_short_tags_are_spoken_with_gnutls_when_they_are_named(self):
        priority = "NORMAL:-CIPHER-ALL:+AES-128-CCM-8"
        options = ["--disable-client-cert", "--priority", priority]
        with peer("gnutls", "ecdsa", options) as server:
            client = gio_client(server.port)
            # From 3.2 on OpenSSL has short tags at level 0 alone.
            client.set_property("cipher-list", "ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
            client.handshake(None)
            self.assertEqual(client.get_ciphersuite_name(), "ECDHE-ECDSA-AES128-CCM8")
            # OpenSSL counts the tag's from 3.2 on.
            self.assertIn(client.get_property("cipher-bits"), (128, 64))
            client.close(None)

    def test_nothing_in_common_is_a_failure_of_the_protocol(self):
        with peer("openssl", "ecdsa", ["-groups", "P-256"]) as server:
            client = gio_client(server.port)
            client.set_property("groups", "X25519")
            with Failure(self, Gio.tls_error_quark, Gio.TlsError.MISC):
                client.handshake(None)


# A program that knows plain GIO alone: it prints the suite, or the error.
PROGRAM = """
import sys
from gi.repository import Gio, GLib
sock = Gio.Socket.new(Gio.SocketFamily.IPV4, Gio.SocketType.DATAGRAM, Gio.SocketProtocol.UDP)
sock.connect(Gio.InetSocketAddress.new_from_string("127.0.0.1", int(sys.argv[1])), None)
try:
    client = Gio.DtlsClientConnection.new(sock, Gio.NetworkAddress.new(sys.argv[2], 4433))
    client.set_database(Gio.TlsFileDatabase.new(sys.argv[3]))
    client.handshake(None)
    print(client.get_ciphersuite_name())
except GLib.Error as error:
    print(error.domain, error.code, error.message)
"""


class Environment(unittest.TestCase):
    def run_with(self, port, **variables):
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(port), IDENTITY, pki("ca.pem")],
            env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(ran.stderr, "")
        return ran.stdout.strip()

    def test_unchanged_program_speaks_what_its_environment_says(self):
        suite = "ECDHE-RSA-AES128-GCM-SHA256"
        options = ["-cipher", suite, "-groups", "P-521", "-sigalgs", "RSA+SHA512"]
        same = {"GIO_OSSL_MIN_PROTOCOL_VERSION": "DTLS1.2", "GIO_OSSL_CIPHER_LIST": suite,
                "GIO_OSSL_MAX_PROTOCOL_VERSION": "DTLS1.2", "GIO_OSSL_GROUPS": "P-521",
                "GIO_OSSL_SIGNATURE_ALGORITHMS": "RSA+SHA512:ECDSA+SHA256"}
        for variables in ({}, same):
            with self.subTest(**variables), peer("openssl", "rsa", options) as server:
                self.assertEqual(self.run_with(server.port, **variables), suite)
        for name, other in (("GIO_OSSL_CIPHER_LIST", "ECDHE-RSA-CHACHA20-POLY1305"),
                            ("GIO_OSSL_GROUPS", "X25519"),
                            ("GIO_OSSL_SIGNATURE_ALGORITHMS", "RSA+SHA256:ECDSA+SHA256")):
            with self.subTest(name), peer("openssl", "rsa", options) as server:
                self.assertIn("handshake_failure", self.run_with(server.port, **{name: other}))

    def test_empty_variables_count_as_unset(self):
        with peer("openssl", "ecdsa") as server:
            said = self.run_with(server.port, GIO_OSSL_CIPHER_LIST="", GIO_OSSL_GROUPS="",
                                 GIO_OSSL_MAX_PROTOCOL_VERSION="")
            self.assertIn("ECDHE-ECDSA", said)

    def test_bad_variable_is_named_with_the_part_that_is_bad(self):
        for name, value, part in (
                ("GIO_OSSL_CIPHER_LIST", "HIGH:NONSENSE", '"NONSENSE"'),
                ("GIO_OSSL_CIPHER_LIST", "AES128-SHA", "leaves no cipher suite"),
                ("GIO_OSSL_GROUPS", "NONSENSE:X25519", '"NONSENSE"'),
                ("GIO_OSSL_SIGNATURE_ALGORITHMS", "NONSENSE+SHA256", '"NONSENSE+SHA256"'),
                ("GIO_OSSL_MIN_PROTOCOL_VERSION", "DTLS1.3", "DTLS1.3, and newer"),
                ("GIO_OSSL_MAX_PROTOCOL_VERSION", "TLS1.3", "TLS1.3, which is no version of DTLS")):
            with self.subTest(name, value=value):
                said = self.run_with(unused_udp_port(), **{name: value})
                code = int(Gio.IOErrorEnum.INVALID_ARGUMENT)
                self.assertTrue(said.startswith(f"g-io-error-quark {code} "), said)
                self.assertIn("environment variable " + name, said)
                self.assertIn(part, said)


if __name__ == "__main__":
    unittest.main()
