"""Certificates and databases through PyGObject and plain GIO."""

import datetime
import hashlib
import ipaddress
import os
import shutil
import tempfile
import unittest

from gi.repository import Gio, GLib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support import Failure

Flags = Gio.TlsCertificateFlags
SERVER = "1.3.6.1.5.5.7.3.1"
CLIENT = "1.3.6.1.5.5.7.3.2"
NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)
HOST = "server.example"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, TRADITIONAL = (serialization.PrivateFormat.PKCS8,
                      serialization.PrivateFormat.TraditionalOpenSSL)
PLAIN = serialization.NoEncryption()


class Issued:
    """A certificate, its key, and how GIO reads it."""

    def __init__(self, name, issuer=None, key=None, begin=-DAY, end=30 * DAY, alternatives=(),
                 usages=(), digest=hashes.SHA256(), signer=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (x509.CertificateBuilder().subject_name(self.name)
                   .issuer_name(issuer.name if issuer else self.name)
                   .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(NOW + begin).not_valid_after(NOW + end))
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        else:
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        signer = signer or (issuer or self).key
        self.certificate = builder.sign(signer, digest)

    @property
    def pem(self):
        return self.certificate.public_bytes(PEM).decode()

    @property
    def der(self):
        return self.certificate.public_bytes(DER)

    def key_pem(self, form=PKCS8, encryption=PLAIN):
        return self.key.private_bytes(PEM, form, encryption).decode()

    def container(self, password, others=()):
        """A PKCS #12 container."""
        encryption = PLAIN if password is None else serialization.BestAvailableEncryption(password)
        return pkcs12.serialize_key_and_certificates(
            b"name", self.key, self.certificate, [one.certificate for one in others], encryption)

    def read(self, *issuers):
        """The certificate with its issuers, as GIO makes it."""
        return Gio.TlsCertificate.new_from_pem("".join(one.pem for one in (self, *issuers)), -1)


def leaf(issuer, name=HOST, **arguments):
    return Issued(name, issuer, alternatives=[x509.DNSName(HOST)], **arguments)


class Case(unittest.TestCase):
    """A test with a root, an intermediate, a leaf and a folder."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.root = Issued("Root")
        self.middle = Issued("Middle", self.root)
        self.leaf = leaf(self.middle)

    def write(self, name, contents):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(contents if isinstance(contents, bytes) else contents.encode())
        return path

    def database(self, *anchors):
        text = "".join(one.pem for one in anchors or [self.root])
        return Gio.TlsFileDatabase.new(self.write("anchors.pem", text))

    def refused(self, code=Gio.TlsError.BAD_CERTIFICATE):
        return Failure(self, Gio.tls_error_quark, code)


class Sources(Case):
    def test_text_is_read_by_this_backend(self):
        certificate = Gio.TlsCertificate.new_from_pem(self.leaf.pem, -1)
        self.assertEqual(type(certificate).__gtype__.name, "GioOsslCertificate")
        self.assertTrue(certificate.is_same(self.leaf.read()))
        self.assertFalse(certificate.is_same(self.root.read()))

    def test_texts_and_files_become_chains(self):
        text = self.leaf.pem + self.middle.pem + self.root.pem
        names = ["CN=" + name for name in (HOST, "Middle", "Root")]
        for certificate in (Gio.TlsCertificate.new_from_pem(text, -1),
                            Gio.TlsCertificate.new_from_file(self.write("chain.pem", text))):
            seen = []
            while certificate:
                seen.append(certificate.get_subject_name())
                certificate = certificate.get_issuer()
            self.assertEqual(seen, names)
        listed = Gio.TlsCertificate.list_new_from_file(self.write("list.pem", text))
        self.assertEqual([one.get_subject_name() for one in listed], names)
        self.assertEqual(Gio.TlsCertificate.list_new_from_file(self.write("none.pem", "x")), [])

    def test_every_kind_of_key_is_read_and_comes_out_as_pkcs8(self):
        keys = [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1()),
                ed25519.Ed25519PrivateKey.generate()]
        for key in keys:
            forms = [PKCS8] if isinstance(key, ed25519.Ed25519PrivateKey) else [PKCS8, TRADITIONAL]
            digest = None if forms == [PKCS8] else hashes.SHA256()
            issued = Issued("Key", key=key, digest=digest)
            for form in forms:
                files = (self.write("own.pem", issued.pem),
                         self.write("own.key", issued.key_pem(form)))
                certificate = Gio.TlsCertificate.new_from_files(*files)
                self.assertEqual(certificate.props.private_key_pem, issued.key_pem())
                self.assertEqual(bytes(certificate.props.private_key),
                                 key.private_bytes(DER, PKCS8, PLAIN))

    def test_encrypted_keys_are_refused_without_asking(self):
        for form in PKCS8, TRADITIONAL:
            key = self.leaf.key_pem(form, serialization.BestAvailableEncryption(b"secret"))
            with self.refused():
                Gio.TlsCertificate.new_from_pem(self.leaf.pem + key, -1)

    def test_garbage_is_a_bad_certificate(self):
        block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        for text in ("", "garbage", block, self.leaf.pem[:200]):
            with self.refused():
                Gio.TlsCertificate.new_from_pem(text, -1)
            with self.refused():
                Gio.TlsCertificate.new_from_file(self.write("bad.pem", text))
        with self.refused():
            Gio.TlsCertificate.list_new_from_file(self.write("bad.pem", self.root.pem + block))
        with self.refused():
            Gio.TlsCertificate.new_from_files(
                self.write("own.pem", self.leaf.pem), self.write("bad.key", "garbage"))

    def test_containers_open_with_their_password(self):
        with_password = self.leaf.container(b"secret", [self.root, self.middle])
        certificate = Gio.TlsCertificate.new_from_pkcs12(with_password, "secret")
        self.assertEqual(bytes(certificate.props.certificate), self.leaf.der)
        self.assertEqual(certificate.props.private_key_pem, self.leaf.key_pem())
        issuer = certificate.get_issuer()
        self.assertEqual(issuer.get_subject_name(), "CN=Middle")
        self.assertEqual(issuer.get_issuer().get_subject_name(), "CN=Root")
        path = self.write("own.p12", with_password)
        again = Gio.TlsCertificate.new_from_file_with_password(path, "secret")
        self.assertTrue(again.is_same(certificate))

    def test_containers_need_their_password(self):
        container = self.leaf.container(b"secret")
        for password in "wrong", "", None:
            with self.refused(Gio.TlsError.BAD_CERTIFICATE_PASSWORD):
                Gio.TlsCertificate.new_from_pkcs12(container, password)
        with self.refused(Gio.TlsError.BAD_CERTIFICATE_PASSWORD):
            Gio.TlsCertificate.new_from_file(self.write("own.pfx", container))
        for garbage in b"", b"garbage", container[:100]:
            with self.refused():
                Gio.TlsCertificate.new_from_pkcs12(garbage, "secret")
        open_one = self.leaf.container(None)
        for password in None, "":
            certificate = Gio.TlsCertificate.new_from_pkcs12(open_one, password)
            self.assertEqual(bytes(certificate.props.certificate), self.leaf.der)

    def test_malformed_uri_of_a_token_is_refused(self):
        try:
            Gio.TlsCertificate.new_from_pkcs11_uris("pkcs11:object", None)
        except GLib.Error as error:
            self.assertTrue(error.matches(Gio.tls_error_quark(), Gio.TlsError.BAD_CERTIFICATE)
                            or error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_SUPPORTED))
        else:
            self.fail("taken")


class Fields(Case):
    def test_text_is_that_of_openssl(self):
        certificate = self.leaf.read()
        self.assertEqual(certificate.props.certificate_pem, self.leaf.pem)
        self.assertEqual(bytes(certificate.props.certificate), self.leaf.der)

    def test_certificate_without_a_key_has_none(self):
        certificate = self.leaf.read()
        # PyGObject has an empty list for no array.
        self.assertFalse(certificate.props.private_key)
        self.assertIsNone(certificate.props.private_key_pem)
        self.assertIsNone(certificate.props.pkcs11_uri)
        self.assertIsNone(certificate.props.private_key_pkcs11_uri)
        self.assertIsNone(certificate.get_issuer())

    def test_names_and_addresses_are_listed(self):
        wanted = [x509.DNSName("a.example"), x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
                  x509.DNSName("*.b.example"), x509.IPAddress(ipaddress.ip_address("2001:db8::1"))]
        certificate = Issued("x", self.root, alternatives=wanted).read()
        self.assertEqual(certificate.get_subject_name(), "CN=x")
        self.assertEqual(certificate.get_issuer_name(), "CN=Root")
        names = [name.get_data() for name in certificate.get_dns_names()]
        self.assertEqual(names, [b"a.example", b"*.b.example"])
        addresses = [address.to_string() for address in certificate.get_ip_addresses()]
        self.assertEqual(addresses, ["192.0.2.1", "2001:db8::1"])
        bare = self.root.read()
        self.assertEqual(list(bare.get_dns_names() or []), [])
        self.assertEqual(list(bare.get_ip_addresses() or []), [])

    def test_validity_is_in_utc(self):
        for end in 30 * DAY, datetime.datetime(2070, 1, 2, 3, 4, 5) - NOW:
            certificate = Issued("x", end=end).read()
            begin = certificate.get_not_valid_before()
            self.assertEqual(begin.to_unix(), int((NOW - DAY - datetime.datetime(1970, 1, 1))
                                                  .total_seconds()))
            after = certificate.get_not_valid_after()
            self.assertEqual(after.format("%Y-%m-%d %H:%M:%S"), str(NOW + end))
            self.assertEqual(after.get_utc_offset(), 0)


class Verdicts(Case):
    def judge(self, certificate, anchor=None, purpose=SERVER, host=None):
        """The flags of a database of the anchor, blocking and asynchronous."""
        identity = host and Gio.NetworkAddress.new(host, 443)
        arguments = (certificate, purpose, identity, None, Gio.TlsDatabaseVerifyFlags.NONE, None)
        database = self.database(*[anchor] if anchor else [])
        flags = database.verify_chain(*arguments)
        finished = []
        context = GLib.MainContext.default()
        database.verify_chain_async(*arguments, lambda source, result: finished.append(
            source.verify_chain_finish(result)))
        while not finished:
            context.iteration(True)
        self.assertEqual(finished, [flags])
        return flags

    def test_each_problem_has_its_flag(self):
        rows = [
            (Flags(0), self.leaf.read(self.middle)),
            (Flags.UNKNOWN_CA, self.leaf.read()),
            (Flags.UNKNOWN_CA, leaf(None).read()),
            (Flags.EXPIRED, leaf(self.root, end=-DAY / 2).read()),
            (Flags.NOT_ACTIVATED, leaf(self.root, begin=DAY).read()),
            (Flags.INSECURE, leaf(self.root, key=rsa.generate_private_key(65537, 1024)).read()),
            (Flags.GENERIC_ERROR, leaf(self.root, signer=self.middle.key).read()),
            (Flags.GENERIC_ERROR,
             leaf(self.root, usages=[ExtendedKeyUsageOID.CLIENT_AUTH]).read()),
        ]
        for number, (expected, certificate) in enumerate(rows):
            with self.subTest(number):
                self.assertEqual(self.judge(certificate, host=HOST), expected)
                self.assertEqual(self.judge(certificate, host="other.example"),
                                 expected | Flags.BAD_IDENTITY)

    def test_purpose_is_the_one_that_is_asked_for(self):
        certificate = leaf(self.root, usages=[ExtendedKeyUsageOID.CLIENT_AUTH]).read()
        self.assertEqual(self.judge(certificate, purpose=CLIENT), Flags(0))
        self.assertEqual(self.judge(certificate, purpose=SERVER), Flags.GENERIC_ERROR)

    def test_any_certificate_of_the_chain_can_be_the_anchor(self):
        chain = self.leaf.read(self.middle, self.root)
        for anchor in self.leaf, self.middle, self.root:
            self.assertEqual(self.judge(chain, anchor), Flags(0))
        self.assertEqual(self.judge(chain, Issued("Stranger")), Flags.UNKNOWN_CA)

    def test_certificate_verifies_itself_by_an_authority(self):
        chain = self.leaf.read(self.middle)
        good, bad = (Gio.NetworkAddress.new(host, 443) for host in (HOST, "other.example"))
        self.assertEqual(chain.verify(good, self.root.read()), Flags(0))
        self.assertEqual(chain.verify(bad, self.root.read()), Flags.BAD_IDENTITY)
        self.assertEqual(chain.verify(None, Issued("Stranger").read()), Flags.UNKNOWN_CA)
        self.assertEqual(chain.verify(None, None), Flags(0))
        expired = leaf(None, end=-DAY / 2).read()
        self.assertEqual(expired.verify(bad, None), Flags.EXPIRED | Flags.BAD_IDENTITY)

    def test_identities_of_all_kinds(self):
        address = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))
        names = [x509.DNSName("*.example.org"), x509.DNSName("xn--bcher-kva.example"), address]
        certificate = Issued("x", alternatives=names).read()
        socket = Gio.InetSocketAddress.new_from_string
        rows = [
            (True, Gio.NetworkAddress.new("a.example.org", 1)),
            (True, Gio.NetworkAddress.new("A.Example.ORG.", 1)),
            (True, Gio.NetworkAddress.new("bücher.example", 1)),
            (True, Gio.NetworkAddress.new("192.0.2.1", 1)),
            (True, Gio.NetworkService.new("sip", "udp", "a.example.org")),
            (True, socket("192.0.2.1", 1)),
            (False, Gio.NetworkAddress.new("a.b.example.org", 1)),
            (False, Gio.NetworkAddress.new("example.org", 1)),
            (False, Gio.NetworkAddress.new("a.example.org..", 1)),
            (False, Gio.NetworkAddress.new("192.0.2.2", 1)),
            (False, socket("192.0.2.2", 1)),
            (False, Gio.UnixSocketAddress.new("/nowhere")),
        ]
        for matches, identity in rows:
            expected = Flags(0) if matches else Flags.BAD_IDENTITY
            self.assertEqual(certificate.verify(identity, None), expected, identity.to_string())


class FileDatabases(Case):
    NONE = Gio.TlsDatabaseLookupFlags.NONE
    KEYPAIR = Gio.TlsDatabaseLookupFlags.KEYPAIR

    def ask(self, database, method, question, flags=NONE, cancellable=None):
        """What a look-up finds: the same blocking and asynchronous."""
        arguments = (question, None, flags, cancellable)
        outcomes = []

        def note(call, *arguments):
            try:
                outcomes.append(call(*arguments))
            except GLib.Error as error:
                outcomes.append(error)

        note(getattr(database, method), *arguments)
        getattr(database, method + "_async")(*arguments, lambda source, result: note(
            getattr(source, method + "_finish"), result))
        while len(outcomes) < 2:
            GLib.MainContext.default().iteration(True)
        plain = [[one.get_subject_name() for one in (
            outcome if isinstance(outcome, list) else [outcome] if outcome else [])]
            if not isinstance(outcome, GLib.Error) else (outcome.domain, outcome.code)
            for outcome in outcomes]
        self.assertEqual(plain[0], plain[1])
        if isinstance(outcomes[0], GLib.Error):
            raise outcomes[0]
        return plain[0]

    def test_handles_lead_back_to_their_certificates(self):
        database = self.database(self.root, self.middle)
        for one in self.root, self.middle:
            handle = database.create_certificate_handle(one.read())
            expected = GLib.filename_to_uri(database.props.anchors) + "#"
            self.assertEqual(handle, expected + hashlib.sha256(one.der).hexdigest())
            found = self.ask(database, "lookup_certificate_for_handle", handle)
            self.assertEqual(found, [one.read().get_subject_name()])
        self.assertIsNone(database.create_certificate_handle(self.leaf.read()))
        for handle in "", "file:///nowhere#00", handle + "0", handle.upper():
            self.assertEqual(self.ask(database, "lookup_certificate_for_handle", handle), [])
        self.assertEqual(
            self.ask(database, "lookup_certificate_for_handle", handle, self.KEYPAIR), [])

    def test_issuers_are_found(self):
        database = self.database(self.root, self.middle)
        method = "lookup_certificate_issuer"
        self.assertEqual(self.ask(database, method, self.leaf.read()), ["CN=Middle"])
        self.assertEqual(self.ask(database, method, self.middle.read()), ["CN=Root"])
        self.assertEqual(self.ask(database, method, self.leaf.read(), self.KEYPAIR), [])
        self.assertEqual(self.ask(database, method, leaf(Issued("Stranger")).read()), [])

    def test_certificates_of_an_issuer_are_found(self):
        database = self.database(self.root, self.middle, self.leaf)
        method = "lookup_certificates_issued_by"
        for issuer, expected in (self.root, ["CN=Root", "CN=Middle"]), (self.middle, ["CN=" + HOST]):
            self.assertEqual(self.ask(database, method, issuer.name.public_bytes()), expected)
        self.assertEqual(self.ask(database, method, self.leaf.name.public_bytes()), [])
        self.assertEqual(self.ask(database, method, b"garbage"), [])
        self.assertEqual(
            self.ask(database, method, self.root.name.public_bytes(), self.KEYPAIR), [])

    def test_cancelled_questions_are_errors(self):
        database = self.database()
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        questions = {
            "lookup_certificate_for_handle": database.create_certificate_handle(self.root.read()),
            "lookup_certificate_issuer": self.middle.read(),
            "lookup_certificates_issued_by": self.root.name.public_bytes(),
        }
        for method, question in questions.items():
            with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
                self.ask(database, method, question, cancellable=cancellable)
        with Failure(self, Gio.io_error_quark, Gio.IOErrorEnum.CANCELLED):
            database.verify_chain(self.root.read(), SERVER, None, None,
                                  Gio.TlsDatabaseVerifyFlags.NONE, cancellable)

    def test_files_without_certificates_are_refused(self):
        block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        paths = [self.write(f"{number}.pem", text)
                 for number, text in enumerate(["", "garbage", block, self.root.pem + block])]
        for path in *paths, self.folder, os.path.join(self.folder, "missing"):
            with self.refused(Gio.TlsError.MISC):
                Gio.TlsFileDatabase.new(path)

    def test_anchors_may_change_without_effect(self):
        database = self.database()
        path = database.props.anchors
        database.props.anchors = self.write("others.pem", Issued("Other").pem)
        self.assertNotEqual(database.props.anchors, path)
        handle = database.create_certificate_handle(self.root.read())
        self.assertTrue(handle.startswith("file:///"))
        self.assertEqual(database.verify_chain(
            self.middle.read(), SERVER, None, None, Gio.TlsDatabaseVerifyFlags.NONE, None), 0)


if __name__ == "__main__":
    unittest.main()
