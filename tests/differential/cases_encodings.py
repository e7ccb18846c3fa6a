"""Algorithms, keys, serial numbers, and encodings that are not DER."""

import der
from corpus import (
    ACCEPT, EITHER, EXPIRED, GENERIC_ERROR, INSECURE, INTERMEDIATE, LEAF, MALFORMED, ROOT, RSA_ROOT,
    UNKNOWN_CA, case)
from pki import (
    DAY, DIGITAL_SIGNATURE, NOW, alternative_names, basic_constraints, ca,
    certificate, common_name, dns, extension, key, key_usage, leaf, name, HOST)


# OpenSSL breaks off at a key that it cannot read: no authority has been looked for.
UNREADABLE_KEY = f"{GENERIC_ERROR} {INSECURE} {UNKNOWN_CA}"


def digests():
    for digest in ["sha224", "sha256", "sha384", "sha512", "pss-sha256", "pss-sha384",
                   "pss-sha512"]:
        case(f"digest/rsa-{digest}", ACCEPT, [leaf(RSA_ROOT, digest=digest)], [RSA_ROOT])
    for digest in ["md5", "sha1", "pss-sha1"]:
        case(f"digest/rsa-{digest}", INSECURE, [leaf(RSA_ROOT, digest=digest)], [RSA_ROOT])
    for digest in ["sha224", "sha256", "sha384", "sha512"]:
        case(f"digest/ecdsa-{digest}", ACCEPT, [leaf(ROOT, digest=digest)])
    case("digest/ecdsa-sha1", INSECURE, [leaf(ROOT, digest="sha1")])
    for digest in ["md5", "sha1"]:
        root = ca("Old digest root", own_key=key("rsa2048"), digest=digest)
        case(f"digest/anchor-{digest}", ACCEPT, [leaf(root)], [root])
        case(f"digest/anchor-{digest}-presented", ACCEPT, [leaf(root), root], [root])
        middle = ca("Old digest", RSA_ROOT, digest=digest)
        case(f"digest/intermediate-{digest}", INSECURE, [leaf(middle), middle], [RSA_ROOT])
        case(f"digest/intermediate-{digest}-is-the-anchor", ACCEPT, [leaf(middle), middle],
             [middle])
        alone = leaf(own_key=key("rsa2048"), digest=digest)
        case(f"digest/leaf-{digest}-is-the-anchor", ACCEPT, [alone], [alone])
    case("digest/md5-and-expired", f"{EXPIRED} {INSECURE}",
         [leaf(RSA_ROOT, digest="md5", end=NOW - DAY)], [RSA_ROOT])
    case("digest/sha1-and-bad-signature", f"{GENERIC_ERROR} {INSECURE}",
         [leaf(RSA_ROOT, digest="sha1", garble=True)], [RSA_ROOT])


def keys():
    for kind in ["rsa2048", "rsa2056", "rsa3072", "p224", "p256", "p384", "p521", "ed25519",
                 "ed448", "k256", "brainpool256"]:
        signer = key(kind, 1)
        case(f"key/leaf-{kind}", ACCEPT, [leaf(ROOT, own_key=signer)])
        root = ca(f"Root {kind}", own_key=signer)
        case(f"key/anchor-{kind}", ACCEPT, [leaf(root)], [root])
        middle = ca(f"Middle {kind}", ROOT, own_key=signer)
        case(f"key/intermediate-{kind}", ACCEPT, [leaf(middle), middle])
    signer = key("rsa2048", 1)
    pss = der.sequence(der.sequence(der.oid("1.2.840.113549.1.1.10")),
                       signer.spki[signer.spki.index(b"\x03\x82"):])
    case("key/leaf-rsa-pss", ACCEPT, [leaf(ROOT, spki=pss)])
    root = ca("Root of PSS", own_key=signer, spki=pss, digest="pss-sha256", identifiers=False)
    case("key/anchor-rsa-pss", ACCEPT, [leaf(root, digest="pss-sha256")], [root])
    case("key/anchor-rsa-pss-signs-otherwise", UNKNOWN_CA, [leaf(root)], [root])
    for kind in ["rsa512", "rsa1024", "rsa1536", "p192"]:
        signer = key(kind, 1)
        case(f"key/leaf-{kind}", INSECURE, [leaf(ROOT, own_key=signer)])
        root = ca(f"Root {kind}", own_key=signer)
        case(f"key/anchor-{kind}", INSECURE, [leaf(root)], [root])
        middle = ca(f"Middle {kind}", ROOT, own_key=signer)
        case(f"key/intermediate-{kind}", INSECURE, [leaf(middle), middle])
    # Of 2040 bits some say that their strength is 112 bits, and others that 2048 are needed.
    case("key/leaf-rsa2040", EITHER, [leaf(ROOT, own_key=key("rsa2040"))])
    unknown = der.sequence(der.sequence(der.oid("1.3.6.1.4.1.55555.3")), der.bits(b"key"))
    case("key/leaf-of-unknown-kind", UNREADABLE_KEY, [leaf(ROOT, spki=unknown)])
    case("key/leaf-off-the-curve", UNREADABLE_KEY, [leaf(ROOT, spki=der.sequence(
        der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7")),
        der.bits(b"\4" + b"\1" * 64)))])
    case("key/leaf-garbled-rsa", UNREADABLE_KEY, [leaf(ROOT, spki=der.sequence(
        der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL), der.bits(b"garbage")))])


def serials():
    for label, expected, value in [
            ("zero", ACCEPT, 0), ("one", ACCEPT, 1), ("negative", ACCEPT, -5),
            ("20-octets", ACCEPT, 2**159 - 1), ("21-octets", ACCEPT, 2**160),
            ("100-octets", ACCEPT, 2**799)]:
        case(f"serial/{label}", expected, [leaf(ROOT, serial=value)])
    padded = der.tlv(0x02, b"\0\0\1")
    case("serial/padded", MALFORMED, [leaf(ROOT, serial=padded)])
    case("serial/empty", MALFORMED, [leaf(ROOT, serial=der.tlv(0x02))])
    case("serial/octet-string", MALFORMED, [leaf(ROOT, serial=der.octets(b"\1"))])
    case("serial/the-same-for-all", ACCEPT, [
        leaf(middle := ca("Serial", ROOT, serial=7), serial=7), middle])
    authority = ca("Zero", ROOT, serial=0)
    case("serial/zero-of-an-authority", ACCEPT, [leaf(authority), authority])


def algorithms():
    other = ROOT.key.algorithm("sha384")
    case("algorithm/inner-and-outer-differ", MALFORMED, [leaf(ROOT, inner=other)])
    case("algorithm/outer-is-another-digest", MALFORMED, [leaf(ROOT, outer=other)])
    case("algorithm/both-are-another-digest", GENERIC_ERROR,
         [leaf(ROOT, inner=other, outer=other)])
    unknown = der.sequence(der.oid("1.3.6.1.4.1.55555.4"))
    case("algorithm/unknown", f"{INSECURE} {UNKNOWN_CA}",
         [leaf(ROOT, inner=unknown, outer=unknown)])
    rsa = der.sequence(der.oid("1.2.840.113549.1.1.11"), der.NULL)
    case("algorithm/of-another-kind-of-key", UNKNOWN_CA, [leaf(ROOT, inner=rsa, outer=rsa)])
    absent = der.sequence(der.oid("1.2.840.113549.1.1.11"))
    case("algorithm/rsa-without-parameters", ACCEPT,
         [leaf(RSA_ROOT, inner=absent, outer=absent)], [RSA_ROOT])
    null = der.sequence(der.oid("1.2.840.10045.4.3.2"), der.NULL)
    case("algorithm/ecdsa-with-null", EITHER, [leaf(ROOT, inner=null, outer=null)])


def encodings():
    def changed(label, expected, change, certificate_=None, hints=(INTERMEDIATE,)):
        case(f"encoding/{label}", expected, [(certificate_ or LEAF).changed(change), *hints])

    changed("trailing-octet", MALFORMED, lambda encoded: encoded + b"\0")
    changed("truncated", MALFORMED, lambda encoded: encoded[:-1])
    changed("first-half", MALFORMED, lambda encoded: encoded[:len(encoded) // 2])
    changed("empty", MALFORMED, lambda _: b"")
    changed("null", MALFORMED, lambda _: der.NULL)
    changed("empty-sequence", MALFORMED, lambda _: der.sequence())
    changed("wrong-tag", MALFORMED, lambda encoded: b"\x31" + encoded[1:])
    changed("twice", MALFORMED, lambda encoded: encoded + encoded)
    changed("text", MALFORMED, lambda _: b"This is no certificate at all.")
    changed("nested-sequences", MALFORMED, lambda _: b"\x30\x80" * 500 + b"\0\0" * 500)
    changed("huge-length", MALFORMED, lambda encoded: b"\x30\x84\x7f\xff\xff\xff" + encoded[4:])
    changed("length-of-lengths", MALFORMED, lambda encoded: b"\x30\xff" + encoded[2:])
    changed("in-an-explicit-tag", MALFORMED, lambda encoded: der.explicit(0, encoded))
    case("encoding/long-length", EITHER, [leaf(ROOT, wrap=der.long_form)])
    case("encoding/indefinite-length", EITHER, [leaf(ROOT, wrap=der.indefinite)])
    case("encoding/hint-truncated", MALFORMED,
         [LEAF, INTERMEDIATE.changed(lambda encoded: encoded[:-1])])

    def bodied(label, expected, change):
        case(f"encoding/{label}", expected, [leaf(ROOT, change_body=change)])

    def body_with(*more):
        return lambda body: der.sequence(content_of(body), *more)

    bodied("body-with-more", MALFORMED, body_with(der.integer(1)))
    bodied("body-in-long-length", EITHER, lambda body: der.long_form(0x30, content_of(body)))
    bodied("issuer-identifier", MALFORMED, body_with(der.implicit(1, b"\0ab")))
    case("encoding/version-2", ACCEPT,
         [leaf(ROOT, (), usage=(), purposes=(), version=2)], identity=None)
    case("encoding/version-4", EITHER, [leaf(ROOT, version=4)])
    case("encoding/version-100", EITHER, [leaf(ROOT, version=100)])
    case("encoding/version-1-with-extensions", EITHER, [leaf(ROOT, version=1)])
    case("encoding/version-2-with-extensions", EITHER, [leaf(ROOT, version=2)])
    case("encoding/version-1-written-out", EITHER, [leaf(
        ROOT, (), usage=(), purposes=(),
        change_body=lambda body: der.sequence(der.explicit(0, der.integer(0)),
                                              content_of(body)[5:]))], identity=None)
    case("encoding/extensions-empty", EITHER, [certificate(
        common_name("nothing"), ROOT, change_body=body_with(der.explicit(3, der.sequence())))],
         identity=None)
    true_is_one = der.sequence(
        der.oid("2.5.29.19"), der.octets(der.sequence(der.boolean(True, true=1))))
    case("encoding/true-is-one", EITHER, [leaf(
        odd := ca("Odd", ROOT, basic=[true_is_one])), odd])
    critical_is_one = der.sequence(der.oid("2.5.29.17"), der.boolean(True, true=1),
                                   der.octets(der.sequence(dns(HOST))))
    case("encoding/critical-is-one", EITHER, [leaf(ROOT, (), extra=[critical_is_one])])
    critical_is_false = der.sequence(der.oid("2.5.29.17"), der.boolean(False),
                                     der.octets(der.sequence(dns(HOST))))
    case("encoding/critical-false-written-out", EITHER,
         [leaf(ROOT, (), extra=[critical_is_false])])


def content_of(element):
    """What is inside of a sequence."""
    size = element[1]
    return element[2:] if size < 0x80 else element[2 + (size & 0x7F):]


def extensions():
    def garbled(label, kind, expected=MALFORMED, value=b"\xff\xff", critical=False, **fields):
        case(f"garbled/{label}", expected,
             [leaf(ROOT, extra=[extension(kind, value, critical)], **fields)])

    garbled("basic-constraints", "2.5.29.19")
    garbled("basic-constraints-with-more", "2.5.29.19", EITHER,
            value=der.sequence(der.boolean(True)) + b"\0")
    garbled("key-usage", "2.5.29.15", usage=())
    garbled("extended-key-usage", "2.5.29.37", purposes=())
    garbled("alternative-names", "2.5.29.17", names=())
    garbled("alternative-names-with-more", "2.5.29.17", EITHER, names=(),
            value=der.sequence(dns(HOST)) + b"\0")
    garbled("name-constraints", "2.5.29.30")
    garbled("subject-key", "2.5.29.14")
    garbled("authority-key", "2.5.29.35")
    garbled("distribution-points", "2.5.29.31")
    garbled("policies", "2.5.29.32", EITHER)
    garbled("authority-information", "1.3.6.1.5.5.7.1.1", ACCEPT)
    garbled("unknown", "1.3.6.1.4.1.55555.5", ACCEPT)
    authority = ca("Garbled names", ROOT, extra=[extension("2.5.29.30", b"\xff\xff", True)])
    case("garbled/name-constraints-of-an-authority", UNKNOWN_CA, [leaf(authority), authority])
    authority = ca("Garbled constraints", ROOT, basic=[extension("2.5.29.19", b"\xff", True)])
    case("garbled/basic-constraints-of-an-authority", UNKNOWN_CA, [leaf(authority), authority])


def subjects():
    case("subject/of-half-a-megabyte", ACCEPT, [leaf(ROOT, subject=common_name("x" * 2**19))])
    case("subject/many-attributes", ACCEPT, [leaf(ROOT, subject=name(
        *[("2.5.4.11", f"unit {number}") for number in range(200)]))])
    case("subject/bad-utf8", MALFORMED, [leaf(ROOT, subject=name(
        ("2.5.4.3", der.tlv(0x0C, b"\xff\xfe\xfd"))))])
    latin = ca(subject=name(("2.5.4.10", der.tlv(0x14, "Bücher".encode("latin-1")))))
    case("subject/teletex", ACCEPT, [leaf(latin)], [latin])
    first = ca(subject=name(("2.5.4.10", "Some  Name")))
    same = name(("2.5.4.10", der.printable("some name")))
    case("subject/issuer-differs-by-case-and-type", ACCEPT,
         [leaf(first, issuer_name=same)], [first])
    other = name(("2.5.4.10", "Some Other Name"))
    case("subject/issuer-has-another-name", UNKNOWN_CA, [leaf(first, issuer_name=other)], [first])
    several = ca(subject=der.sequence(der.set_of(
        der.sequence(der.oid("2.5.4.10"), der.utf8("a")),
        der.sequence(der.oid("2.5.4.11"), der.utf8("b")))))
    case("subject/several-in-one-set", ACCEPT, [leaf(several)], [several])
    case("subject/issuer-empty", UNKNOWN_CA, [leaf(ROOT, issuer_name=der.sequence())])
    minimal = certificate(common_name(HOST), ROOT, extensions=[
        basic_constraints(False), key_usage(DIGITAL_SIGNATURE), alternative_names(dns(HOST))])
    case("subject/minimal", ACCEPT, [minimal])


for group in [digests, keys, serials, algorithms, encodings, extensions, subjects]:
    group()
