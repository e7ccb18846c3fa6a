"""What extensions allow authorities and end entities to do, except for name constraints."""

import der
from corpus import (
    ACCEPT, EITHER, GENERIC_ERROR, INTERMEDIATE, MALFORMED, ROOT, UNKNOWN_CA, below, case)
from pki import (
    ANY_PURPOSE, CERT_SIGN, CLIENT, CODE, CRL_SIGN, DIGITAL_SIGNATURE, EMAIL, HOST,
    KEY_ENCIPHERMENT, OCSP, SERVER, alternative_names, authority_key, basic_constraints, ca,
    common_name, dns, extended_key_usage, extension, key, key_usage, leaf, policies, subject_key)

UNKNOWN = "1.3.6.1.4.1.55555.1"
SGC = "2.16.840.1.113730.4.1"


def path_lengths():
    def chain(name, expected, *lengths, anchor_length=None):
        """A root, then one intermediate for each length, then an end entity."""
        root = ca("Length root", length=anchor_length)
        path = [root]
        for number, length in enumerate(lengths):
            path.append(ca(f"Length {number}", path[-1], length=length))
        case(f"path-length/{name}", expected, [leaf(path[-1]), *reversed(path[1:])], [root])

    chain("root-0", ACCEPT, anchor_length=0)
    chain("root-0-and-intermediate", GENERIC_ERROR, None, anchor_length=0)
    chain("root-1-and-intermediate", ACCEPT, None, anchor_length=1)
    chain("root-1-and-two", GENERIC_ERROR, None, None, anchor_length=1)
    chain("intermediate-0", ACCEPT, 0)
    chain("intermediate-0-above-another", GENERIC_ERROR, 0, None)
    chain("intermediate-1-above-another", ACCEPT, 1, None)
    chain("decreasing", ACCEPT, 2, 1, 0)
    chain("increasing", GENERIC_ERROR, 1, 2, 3)
    chain("increasing-but-enough", ACCEPT, 2, 5)
    chain("huge", ACCEPT, 2**31 - 1)
    chain("beyond-32-bits", ACCEPT, 2**33)
    chain("beyond-64-bits", ACCEPT, 2**70)
    chain("negative", UNKNOWN_CA, -1)
    # Self-issued intermediates do not count (RFC 5280, 6.1.4 (l)).
    root = ca("Rolling", length=0)
    rolled = ca("Rolling", root)
    case("path-length/self-issued-does-not-count", ACCEPT,
         [leaf(rolled, extra=[authority_key(rolled.key.identifier)]), rolled], [root])
    after = ca("After", rolled)
    case("path-length/after-a-self-issued", GENERIC_ERROR, [leaf(after), after, rolled], [root])
    end = leaf(tight := ca("Tight", ROOT, length=0), basic=[basic_constraints(True)],
               usage=(DIGITAL_SIGNATURE, CERT_SIGN))
    case("path-length/end-entity-may-be-an-authority", ACCEPT, [end, tight])
    below(MALFORMED, "path-length/without-being-an-authority", ca(
        "Not", ROOT, basic=[extension("2.5.29.19", der.sequence(der.integer(1)), True)]))
    below(GENERIC_ERROR, "path-length/without-sign-usage", ca(
        "Unsigned", ROOT, length=1, usage=(DIGITAL_SIGNATURE,)))


def authorities():
    below(GENERIC_ERROR, "authority/not-one", ca("Not", ROOT, basic=[basic_constraints(False)]))
    below(GENERIC_ERROR, "authority/without-basic-constraints", ca("Plain", ROOT, basic=()))
    below(GENERIC_ERROR, "authority/without-any-extension",
          ca("Empty", ROOT, basic=(), usage=(), identifiers=False))
    below(ACCEPT, "authority/basic-constraints-not-critical",
          ca("Mild", ROOT, basic=[basic_constraints(True, critical=False)]))
    below(GENERIC_ERROR, "authority/end-entity-signs", leaf(ROOT, subject=common_name("another")))
    below(UNKNOWN_CA, "authority/two-basic-constraints",
          ca("Twice", ROOT, basic=[basic_constraints(True), basic_constraints(False)]))
    below(GENERIC_ERROR, "authority/version-1",
          ca("Version 1", ROOT, basic=(), usage=(), identifiers=False, version=1))
    old = ca("Old root", basic=(), usage=(), identifiers=False, version=1)
    case("authority/anchor-of-version-1", ACCEPT, [leaf(old)], [old])
    case("authority/anchor-of-version-1-presented", ACCEPT, [leaf(old), old], [old])
    case("authority/anchor-of-version-1-above-another", ACCEPT,
         [leaf(new := ca("New", old)), new], [old])
    plain = ca("Plain root", basic=(), usage=())
    case("authority/anchor-without-basic-constraints", UNKNOWN_CA, [leaf(plain)], [plain])
    signer = ca("Signer root", basic=())
    case("authority/anchor-with-sign-usage-only", ACCEPT, [leaf(signer)], [signer])
    case("authority/anchor-is-not-one", UNKNOWN_CA,
         [leaf(no := ca("No root", basic=[basic_constraints(False)]))], [no])
    case("authority/leaf-is-one", ACCEPT, [leaf(ROOT, basic=[basic_constraints(True)])])
    case("authority/leaf-says-it-is-not", ACCEPT, [leaf(ROOT, basic=[basic_constraints(False)])])
    case("authority/false-is-written-out", EITHER, [leaf(ROOT, basic=[
        extension("2.5.29.19", der.sequence(der.boolean(False)), True)])])
    case("authority/leaf-is-self-issued", ACCEPT, [leaf(ROOT, subject=ROOT.subject)])


def key_usages():
    below(ACCEPT, "key-usage/authority-has-none", ca("Free", ROOT, usage=()))
    below(GENERIC_ERROR, "key-usage/authority-must-not-sign", ca(
        "Listing", ROOT, usage=(CRL_SIGN,)))
    below(ACCEPT, "key-usage/authority-signs-only", ca("Signs", ROOT, usage=(CERT_SIGN,)))
    below(ACCEPT, "key-usage/authority-not-critical", ca(
        "Mild", ROOT, usage=(), extra=[key_usage(CERT_SIGN, critical=False)]))
    below(GENERIC_ERROR, "key-usage/authority-must-not-sign-not-critical", ca(
        "Mild", ROOT, usage=(), extra=[key_usage(CRL_SIGN, critical=False)]))
    root = ca("Anchored", usage=(CRL_SIGN,))
    case("key-usage/anchor-must-not-sign", UNKNOWN_CA, [leaf(root)], [root])
    case("key-usage/leaf-has-none", ACCEPT, [leaf(ROOT, usage=())])
    case("key-usage/leaf-signs-certificates-only", GENERIC_ERROR, [leaf(ROOT, usage=(CERT_SIGN,))])
    case("key-usage/leaf-lists-only", GENERIC_ERROR, [leaf(ROOT, usage=(CRL_SIGN,))])
    case("key-usage/leaf-enciphers-only", ACCEPT,
         [leaf(ROOT, usage=(KEY_ENCIPHERMENT,), own_key=key("rsa2048"))])
    case("key-usage/leaf-agrees-only", ACCEPT, [leaf(ROOT, usage=(4,))])
    case("key-usage/leaf-does-not-repudiate", GENERIC_ERROR, [leaf(ROOT, usage=(1,))])
    case("key-usage/leaf-all", ACCEPT, [leaf(ROOT, usage=range(7))])
    case("key-usage/leaf-beyond-the-eighth", ACCEPT, [leaf(ROOT, usage=(0, 4, 8))])
    case("key-usage/leaf-empty", MALFORMED,
         [leaf(ROOT, usage=(), extra=[extension("2.5.29.15", der.bits(b""), True)])])
    case("key-usage/leaf-twice", MALFORMED,
         [leaf(ROOT, extra=[key_usage(DIGITAL_SIGNATURE)])])
    case("key-usage/leaf-is-an-octet-string", MALFORMED,
         [leaf(ROOT, usage=(), extra=[extension("2.5.29.15", der.octets(b"\xa0"), True)])])
    case("key-usage/client-agrees-only", GENERIC_ERROR,
         [leaf(ROOT, usage=(KEY_ENCIPHERMENT,), purposes=[CLIENT], own_key=key("rsa2048"))],
         purpose=CLIENT)


def purposes():
    def end(name, expected, *given, purpose=SERVER, critical=False):
        extra = [extended_key_usage(*given, critical=critical)] if given else []
        case(f"purpose/{name}", expected, [leaf(ROOT, purposes=(), extra=extra)], purpose=purpose)

    end("none-for-server", ACCEPT)
    end("none-for-client", ACCEPT, purpose=CLIENT)
    end("server-for-client", GENERIC_ERROR, SERVER, purpose=CLIENT)
    end("client-for-server", GENERIC_ERROR, CLIENT)
    end("client-for-client", ACCEPT, CLIENT, purpose=CLIENT)
    end("both-for-server", ACCEPT, CLIENT, SERVER)
    end("both-for-client", ACCEPT, SERVER, CLIENT, purpose=CLIENT)
    end("any-for-server", EITHER, ANY_PURPOSE)
    end("any-and-server", ACCEPT, ANY_PURPOSE, SERVER)
    end("any-for-client", EITHER, ANY_PURPOSE, purpose=CLIENT)
    end("email-for-server", GENERIC_ERROR, EMAIL)
    end("code-for-server", GENERIC_ERROR, CODE)
    end("ocsp-for-server", GENERIC_ERROR, OCSP)
    end("sgc-for-server", GENERIC_ERROR, SGC)
    end("unknown-for-server", GENERIC_ERROR, UNKNOWN)
    end("unknown-and-server", ACCEPT, UNKNOWN, SERVER)
    end("server-critical", ACCEPT, SERVER, critical=True)
    end("client-critical-for-server", GENERIC_ERROR, CLIENT, critical=True)
    end("code-for-code", ACCEPT, CODE, purpose=CODE)
    end("server-for-code", GENERIC_ERROR, SERVER, purpose=CODE)
    end("email-for-email", ACCEPT, EMAIL, purpose=EMAIL)
    end("unknown-for-unknown", ACCEPT, UNKNOWN, purpose=UNKNOWN)
    end("any-for-unknown", ACCEPT, ANY_PURPOSE, purpose=UNKNOWN)
    end("none-for-unknown", ACCEPT, purpose=UNKNOWN)
    case("purpose/empty", MALFORMED, [leaf(ROOT, purposes=(), extra=[extended_key_usage()])])
    case("purpose/anchor-leaf-for-client", GENERIC_ERROR, [alone := leaf()], [alone],
         purpose=CLIENT)
    case("purpose/anchor-leaf-for-server", ACCEPT, [alone], [alone])


def nested_purposes():
    def nested(name, expected, *given, purpose=SERVER, leaf_purposes=(SERVER,), critical=False):
        extra = [extended_key_usage(*given, critical=critical)]
        authority = ca("Purposeful", ROOT, extra=extra)
        case(f"nested-purpose/{name}", expected,
             [leaf(authority, purposes=leaf_purposes), authority], purpose=purpose)

    nested("server", ACCEPT, SERVER)
    nested("server-critical", ACCEPT, SERVER, critical=True)
    nested("client", GENERIC_ERROR, CLIENT)
    nested("both", ACCEPT, CLIENT, SERVER)
    nested("any", EITHER, ANY_PURPOSE)
    nested("any-and-client", EITHER, ANY_PURPOSE, CLIENT)
    nested("email", GENERIC_ERROR, EMAIL)
    nested("code", GENERIC_ERROR, CODE)
    nested("unknown", GENERIC_ERROR, UNKNOWN)
    nested("client-for-client", ACCEPT, CLIENT, purpose=CLIENT, leaf_purposes=[CLIENT])
    nested("server-for-client", GENERIC_ERROR, SERVER, purpose=CLIENT, leaf_purposes=[CLIENT])
    nested("server-above-free-leaf", ACCEPT, SERVER, leaf_purposes=())
    nested("client-above-free-leaf", GENERIC_ERROR, CLIENT, leaf_purposes=())
    nested("server-for-code", GENERIC_ERROR, SERVER, purpose=CODE, leaf_purposes=[CODE])
    nested("code-for-code", ACCEPT, CODE, purpose=CODE, leaf_purposes=[CODE])
    root = ca("Client root", extra=[extended_key_usage(CLIENT)])
    case("nested-purpose/anchor-for-clients-only", GENERIC_ERROR, [leaf(root)], [root])
    top = ca("Client top", ROOT, extra=[extended_key_usage(CLIENT)])
    middle = ca("Below", top, extra=[extended_key_usage(SERVER)])
    case("nested-purpose/at-the-second-level", GENERIC_ERROR, [leaf(middle), middle, top])


def criticality():
    value = der.sequence()
    case("critical/unknown-in-leaf", GENERIC_ERROR,
         [leaf(ROOT, extra=[extension(UNKNOWN, value, True)])])
    case("critical/unknown-in-leaf-not", ACCEPT, [leaf(ROOT, extra=[extension(UNKNOWN, value)])])
    below(GENERIC_ERROR, "critical/unknown-in-intermediate",
          ca("Strange", ROOT, extra=[extension(UNKNOWN, value, True)]))
    below(ACCEPT, "critical/unknown-in-intermediate-not",
          ca("Strange", ROOT, extra=[extension(UNKNOWN, value)]))
    strange = ca("Strange root", extra=[extension(UNKNOWN, value, True)])
    case("critical/unknown-in-anchor", GENERIC_ERROR, [leaf(strange)], [strange])
    case("critical/unknown-in-anchor-and-leaf", GENERIC_ERROR,
         [leaf(strange, extra=[extension(UNKNOWN, value, True)])], [strange])
    case("critical/names", ACCEPT, [leaf(ROOT, san_critical=True)])
    case("critical/names-and-empty-subject", ACCEPT,
         [leaf(ROOT, subject=der.sequence(), san_critical=True)])
    case("critical/empty-subject-and-names-not", ACCEPT, [leaf(ROOT, subject=der.sequence())])
    below(EITHER, "critical/empty-subject-of-an-authority",
          ca(issuer=ROOT, subject=der.sequence()))
    case("critical/policies", ACCEPT,
         [leaf(ROOT, extra=[policies("2.23.140.1.2.1", critical=True)])])
    case("critical/policies-not", ACCEPT, [leaf(ROOT, extra=[policies("2.23.140.1.2.1")])])
    required = extension("2.5.29.36", der.sequence(der.implicit(0, b"\0")), True)
    below(GENERIC_ERROR, "critical/explicit-policy-required", ca("Policed", ROOT,
                                                              extra=[required]))
    inhibited = extension("2.5.29.54", der.integer(0), True)
    below(ACCEPT, "critical/inhibit-any-policy", ca("Inhibiting", ROOT, extra=[inhibited]))
    case("critical/poison-of-certificate-transparency", GENERIC_ERROR, [leaf(ROOT, extra=[
        extension("1.3.6.1.4.1.11129.2.4.3", der.NULL, True)])])
    case("critical/must-staple-not", ACCEPT, [leaf(ROOT, extra=[
        extension("1.3.6.1.5.5.7.1.24", der.sequence(der.integer(5)))])])
    case("critical/netscape-type-client", EITHER, [leaf(ROOT, extra=[
        extension("2.16.840.1.113730.1.1", der.bits(b"\x80", 7))])])
    case("critical/netscape-type-server", ACCEPT, [leaf(ROOT, extra=[
        extension("2.16.840.1.113730.1.1", der.bits(b"\x40", 6))])])
    case("critical/subject-key-twice", MALFORMED,
         [leaf(ROOT, extra=[subject_key(b"a"), subject_key(b"a")])])
    case("critical/unknown-twice", EITHER,
         [leaf(ROOT, extra=[extension(UNKNOWN, value), extension(UNKNOWN, value)])])
    case("critical/names-twice", MALFORMED,
         [leaf(ROOT, extra=[alternative_names(dns("other.example"))])])
    case("critical/many-extensions", ACCEPT, [leaf(ROOT, extra=[
        extension(f"{UNKNOWN}.{number}", value) for number in range(100)])])
    case("critical/version-3-without-extensions", ACCEPT, [leaf(
        ROOT, (), usage=(), purposes=(), subject=common_name(HOST))], identity=None)
    case("critical/version-1-leaf", ACCEPT, [leaf(
        ROOT, (), usage=(), purposes=(), subject=common_name(HOST), version=1)], identity=None)
    case("critical/version-1-leaf-with-hint", ACCEPT, [leaf(
        INTERMEDIATE, (), usage=(), purposes=(), version=1), INTERMEDIATE], identity=None)


for group in [path_lengths, authorities, key_usages, purposes, nested_purposes, criticality]:
    group()
