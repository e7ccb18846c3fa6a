"""Authorities, certificates and revocation lists of any shape, proper or not."""

import datetime
import functools
import hashlib
import ipaddress
import itertools

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import der

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
YEAR = 365 * DAY

SERVER = "1.3.6.1.5.5.7.3.1"
CLIENT = "1.3.6.1.5.5.7.3.2"
CODE = "1.3.6.1.5.5.7.3.3"
EMAIL = "1.3.6.1.5.5.7.3.4"
OCSP = "1.3.6.1.5.5.7.3.9"
ANY_PURPOSE = "2.5.29.37.0"

DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, CERT_SIGN, CRL_SIGN = 0, 2, 5, 6

COMMON_NAME, ORGANISATION, COUNTRY = "2.5.4.3", "2.5.4.10", "2.5.4.6"
EMAIL_ADDRESS = "1.2.840.113549.1.9.1"

SERIALS = itertools.count(1000)


class Key:
    """A private key and the algorithm it signs with."""

    def __init__(self, private):
        self.private = private
        self.spki = private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @functools.cached_property
    def identifier(self):
        return hashlib.sha1(self.spki).digest()

    def algorithm(self, digest):
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return der.sequence(der.oid("1.3.101.112"))
        if isinstance(self.private, ed448.Ed448PrivateKey):
            return der.sequence(der.oid("1.3.101.113"))
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return der.sequence(der.oid(ECDSA[digest]))
        if digest.startswith("pss-"):
            return pss_algorithm(digest.removeprefix("pss-"))
        return der.sequence(der.oid(RSA[digest]), der.NULL)

    def sign(self, data, digest):
        if isinstance(self.private, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)):
            return self.private.sign(data)
        algorithm = DIGESTS[digest.removeprefix("pss-")]()
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(algorithm))
        if digest.startswith("pss-"):
            scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            return self.private.sign(data, scheme, algorithm)
        return self.private.sign(data, padding.PKCS1v15(), algorithm)


DIGESTS = {"md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224,
           "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
ECDSA = {"sha1": "1.2.840.10045.4.1", "sha224": "1.2.840.10045.4.3.1",
         "sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3",
         "sha512": "1.2.840.10045.4.3.4"}
RSA = {"md5": "1.2.840.113549.1.1.4", "sha1": "1.2.840.113549.1.1.5",
       "sha224": "1.2.840.113549.1.1.14", "sha256": "1.2.840.113549.1.1.11",
       "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}
HASH_OIDS = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1",
             "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3"}


def pss_algorithm(digest):
    hashing = der.sequence(der.oid(HASH_OIDS[digest]), der.NULL)
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), hashing)
    parameters = der.sequence(
        der.explicit(0, hashing), der.explicit(1, mask),
        der.explicit(2, der.integer(DIGESTS[digest].digest_size)))
    return der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)


@functools.cache
def key(kind="p256", number=0):
    """A key that every case may share; another number is another key."""
    del number
    if kind.startswith("rsa"):
        return Key(rsa.generate_private_key(65537, int(kind.removeprefix("rsa"))))
    curves = {"p192": ec.SECP192R1, "p224": ec.SECP224R1, "p256": ec.SECP256R1,
              "p384": ec.SECP384R1, "p521": ec.SECP521R1, "k256": ec.SECP256K1,
              "brainpool256": ec.BrainpoolP256R1}
    if kind in curves:
        return Key(ec.generate_private_key(curves[kind]()))
    kinds = {"ed25519": ed25519.Ed25519PrivateKey, "ed448": ed448.Ed448PrivateKey}
    return Key(kinds[kind].generate())


def new_key():
    """A key that nobody else has."""
    return key("p256", next(SERIALS))


def name(*attributes):
    """A distinguished name of (type, text) or (type, encoded value) attributes."""
    return der.sequence(*(
        der.set_of(der.sequence(der.oid(kind), der.utf8(value) if isinstance(value, str)
                                else value))
        for kind, value in attributes))


def common_name(text):
    return name((COMMON_NAME, text))


# General names (RFC 5280, 4.2.1.6).

def dns(text):
    return der.implicit(2, text.encode() if isinstance(text, str) else text)


def email(text):
    return der.implicit(1, text.encode())


def uri(text):
    return der.implicit(6, text.encode())


def ip(text):
    """An address, or a network where name constraints want one."""
    if "/" in text:
        network = ipaddress.ip_network(text)
        return der.implicit(7, network.network_address.packed, network.netmask.packed)
    return der.implicit(7, ipaddress.ip_address(text).packed)


def directory(encoded):
    return der.explicit(4, encoded)


def other_name(kind, value):
    return der.explicit(0, der.oid(kind), der.explicit(0, value))


# Extensions.

def extension(kind, value, critical=False):
    flag = der.boolean(True) if critical else b""
    return der.sequence(der.oid(kind), flag, der.octets(value))


def basic_constraints(is_ca, length=None, critical=True):
    content = der.boolean(True) if is_ca else b""
    if length is not None:
        content += der.integer(length)
    return extension("2.5.29.19", der.sequence(content), critical)


def key_usage(*usages, critical=True):
    return extension("2.5.29.15", der.named_bits(*usages), critical)


def extended_key_usage(*purposes, critical=False):
    return extension("2.5.29.37", der.sequence(*map(der.oid, purposes)), critical)


def alternative_names(*names, critical=False):
    return extension("2.5.29.17", der.sequence(*names), critical)


def subject_key(identifier, critical=False):
    return extension("2.5.29.14", der.octets(identifier), critical)


def authority_key(identifier=None, issuer=None, serial=None, critical=False):
    content = der.implicit(0, identifier) if identifier is not None else b""
    if issuer is not None:
        content += der.explicit(1, directory(issuer))
    if serial is not None:
        content += b"\x82" + der.integer(serial)[1:]
    return extension("2.5.29.35", der.sequence(content), critical)


def name_constraints(permitted=(), excluded=(), critical=True):
    content = b""
    for number, names in enumerate([permitted, excluded]):
        if names:
            content += der.explicit(number, *map(der.sequence, names))
    return extension("2.5.29.30", der.sequence(content), critical)


def policies(*kinds, critical=False):
    return extension("2.5.29.32", der.sequence(*(der.sequence(der.oid(kind)) for kind in kinds)),
                     critical)


class Certificate:
    """An encoded certificate, and of an authority the key that it signs with."""

    def __init__(self, encoded, subject, own_key, serial):
        self.encoded, self.subject, self.key, self.serial = encoded, subject, own_key, serial

    @property
    def pem(self):
        return der.pem("CERTIFICATE", self.encoded)

    def changed(self, change):
        """The same object around other bytes."""
        return Certificate(change(self.encoded), self.subject, self.key, self.serial)


def certificate(subject, issuer=None, *, own_key=None, extensions=(), version=3, serial=None,
                begin=None, end=None, digest="sha256", inner=None, outer=None, spki=None,
                issuer_name=None, validity=None, sign_with=None, garble=False,
                change_body=lambda body: body, wrap=der.tlv):
    """Signs a certificate: `issuer` is a Certificate, or None for a self-signed one.

    `inner` and `outer` replace the two signature algorithms, `validity` the encoded times,
    `change_body` the encoded TBSCertificate, and `wrap` makes the outermost element.
    """
    own_key = own_key or key()
    signer = sign_with or (issuer.key if issuer else own_key)
    serial = next(SERIALS) if serial is None else serial
    algorithm = signer.algorithm(digest)
    body = der.sequence(
        der.explicit(0, der.integer(version - 1)) if version > 1 else b"",
        serial if isinstance(serial, bytes) else der.integer(serial),
        inner or algorithm,
        issuer_name or (issuer.subject if issuer else subject),
        validity or der.sequence(der.time(begin or NOW - YEAR), der.time(end or NOW + 10 * YEAR)),
        subject, spki or own_key.spki,
        der.explicit(3, der.sequence(*extensions)) if extensions else b"")
    body = change_body(body)
    signature = signer.sign(body, digest)
    if garble:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    encoded = wrap(0x30, body, outer or algorithm, der.bits(signature))
    return Certificate(encoded, subject, own_key, serial)


def ca(text="Root", issuer=None, *, length=None, usage=(CERT_SIGN, CRL_SIGN), basic=None,
       identifiers=True, extra=(), subject=None, **fields):
    """An authority; self-signed without an issuer. `basic=()` leaves the constraints out."""
    own_key = fields.pop("own_key", None) or new_key()
    extensions = [basic_constraints(True, length)] if basic is None else list(basic)
    if usage:
        extensions.append(key_usage(*usage))
    if identifiers:
        extensions.append(subject_key(own_key.identifier))
        extensions.append(authority_key((issuer.key if issuer else own_key).identifier))
    return certificate(subject or common_name(text), issuer, own_key=own_key,
                       extensions=[*extensions, *extra], **fields)


HOST = "server.example.com"


def leaf(issuer=None, names=None, *, subject=None, usage=(DIGITAL_SIGNATURE,),
         purposes=(SERVER,), extra=(), basic=(), san_critical=False, **fields):
    """An end entity for HOST; self-signed without an issuer. `names=()` leaves them out."""
    names = [dns(HOST)] if names is None else names
    extensions = list(basic)
    if usage:
        extensions.append(key_usage(*usage))
    if purposes:
        extensions.append(extended_key_usage(*purposes))
    if names:
        extensions.append(alternative_names(*names, critical=san_critical))
    return certificate(common_name("end entity") if subject is None else subject, issuer,
                       extensions=[*extensions, *extra], **fields)


def revocation_list(issuer, *serials, begin=None, end=None, digest="sha256", sign_with=None,
                    garble=False, extensions=(), entry_extensions=(), issuer_name=None,
                    number=1):
    """A CRL (RFC 5280, 5) in PEM; `end=False` leaves nextUpdate out."""
    signer = sign_with or issuer.key
    algorithm = signer.algorithm(digest)
    revoked = [
        der.sequence(der.integer(serial), der.time(NOW - 2 * DAY),
                     der.sequence(*entry_extensions) if entry_extensions else b"")
        for serial in serials]
    standard = [extension("2.5.29.20", der.integer(number)),
                authority_key(signer.identifier)]
    body = der.sequence(
        der.integer(1), algorithm, issuer_name or issuer.subject,
        der.time(begin or NOW - DAY), b"" if end is False else der.time(end or NOW + YEAR),
        der.sequence(*revoked) if revoked else b"",
        der.explicit(0, der.sequence(*standard, *extensions)))
    signature = signer.sign(body, digest)
    if garble:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return der.pem("X509 CRL", der.sequence(body, algorithm, der.bits(signature)))
