"""Whom a certificate is for (RFC 6125 and RFC 9525, RFC 5280 section 4.2.1.6)."""

import der
from corpus import ACCEPT, BAD_IDENTITY, EITHER, MALFORMED, ROOT, case
from pki import (
    COMMON_NAME, HOST, ORGANISATION, common_name, directory, dns, email, ip, leaf, name,
    other_name, uri)


def identity(label, expected, names, wanted=HOST, **fields):
    """One end entity below the shared root, looked at as `wanted`."""
    case(f"identity/{label}", expected, [leaf(ROOT, names, **fields)], identity=wanted)


def plain_names():
    identity("same", ACCEPT, [dns(HOST)])
    identity("other", BAD_IDENTITY, [dns("elsewhere.example")])
    identity("child", BAD_IDENTITY, [dns("example.com")])
    identity("parent", BAD_IDENTITY, [dns("a.server.example.com")])
    identity("suffix", BAD_IDENTITY, [dns("ver.example.com")])
    identity("prefix", BAD_IDENTITY, [dns("server.example.co")])
    identity("upper-case-name", ACCEPT, [dns("SERVER.Example.COM")])
    identity("upper-case-wanted", ACCEPT, [dns(HOST)], "Server.EXAMPLE.com")
    identity("second-of-two", ACCEPT, [dns("a.example"), dns(HOST)])
    identity("last-of-1000", ACCEPT, [*(dns(f"h{i}.example.net") for i in range(999)), dns(HOST)])
    identity("none-of-1000", BAD_IDENTITY, [dns(f"h{i}.example.net") for i in range(1000)])
    identity("nobody-wanted", ACCEPT, [dns("elsewhere.example")], None)
    identity("single-label", ACCEPT, [dns("localhost")], "localhost")
    identity("single-label-other", BAD_IDENTITY, [dns("localhost")], "localhos")
    identity("underscore", ACCEPT, [dns("a_b.example.com")], "a_b.example.com")
    identity("underscore-first", ACCEPT, [dns("_sip.example.com")], "_sip.example.com")
    identity("hyphens", ACCEPT, [dns("a--b.example.com")], "a--b.example.com")
    identity("digits", ACCEPT, [dns("1.2.example.com")], "1.2.example.com")
    long_label = "a" * 63
    identity("longest-label", ACCEPT, [dns(f"{long_label}.example")], f"{long_label}.example")
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    identity("longest-name", ACCEPT, [dns(longest)], longest)
    too_long = ".".join(["a" * 63] * 4 + ["b" * 10])
    identity("too-long-name", BAD_IDENTITY, [dns(too_long)], too_long)
    identity("service", ACCEPT, [dns(HOST)], f"service:{HOST}")
    identity("service-other", BAD_IDENTITY, [dns("a.example.com")], f"service:{HOST}")
    identity("dots-doubled", BAD_IDENTITY, [dns("server..example.com")])
    identity("dot-first", BAD_IDENTITY, [dns(".example.com")])
    identity("name-with-blank", BAD_IDENTITY, [dns(" server.example.com")])
    identity("name-with-newline", BAD_IDENTITY, [dns("server.example.com\n")])
    identity("name-with-port", BAD_IDENTITY, [dns("server.example.com:443")])
    identity("empty-name", BAD_IDENTITY, [dns("")])
    identity("trailing-dot-wanted", ACCEPT, [dns(HOST)], f"{HOST}.")
    identity("trailing-dots-wanted", BAD_IDENTITY, [dns(HOST)], f"{HOST}..")
    identity("trailing-dot-in-both", BAD_IDENTITY, [dns(f"{HOST}.")], f"{HOST}.")
    identity("trailing-dot-in-name", BAD_IDENTITY, [dns(f"{HOST}.")])


def embedded():
    identity("nul-after", BAD_IDENTITY, [dns(b"server.example.com\0.attacker.example")])
    identity("nul-last", BAD_IDENTITY, [dns(b"server.example.com\0")])
    identity("nul-before", BAD_IDENTITY, [dns(b"\0server.example.com")])
    identity("nul-and-good", ACCEPT, [dns(b"a\0b"), dns(HOST)])
    identity("nul-in-common-name", BAD_IDENTITY, (),
             subject=common_name("server.example.com\0.attacker.example"))
    identity("nul-in-wildcard", BAD_IDENTITY, [dns(b"*.example.com\0.attacker.example")])
    identity("utf8-in-name", BAD_IDENTITY, [dns("bücher.example")], "bücher.example")
    identity("not-ascii-and-good", ACCEPT, [dns(b"\xff\xfe"), dns(HOST)])


def wildcards():
    def star(label, expected, pattern, wanted=HOST):
        identity(f"wildcard-{label}", expected, [dns(pattern)], wanted)

    star("one-label", ACCEPT, "*.example.com")
    star("upper-case", ACCEPT, "*.EXAMPLE.com")
    star("two-labels", BAD_IDENTITY, "*.example.com", "a.b.example.com")
    star("no-label", BAD_IDENTITY, "*.example.com", "example.com")
    star("empty-label", BAD_IDENTITY, "*.example.com", ".example.com")
    star("other-domain", BAD_IDENTITY, "*.example.net")
    star("prefix", BAD_IDENTITY, "ser*.example.com")
    star("suffix", BAD_IDENTITY, "*ver.example.com")
    star("inside", BAD_IDENTITY, "se*er.example.com")
    star("twice", BAD_IDENTITY, "**.example.com")
    star("in-two-labels", BAD_IDENTITY, "*.*.com")
    star("second-label", BAD_IDENTITY, "server.*.com")
    star("last-label", BAD_IDENTITY, "server.example.*")
    star("alone", BAD_IDENTITY, "*", "localhost")
    star("alone-for-many-labels", BAD_IDENTITY, "*")
    star("top-level", BAD_IDENTITY, "*.com", "example.com")
    star("without-dot", BAD_IDENTITY, "*example.com", "example.com")
    star("trailing-dot", BAD_IDENTITY, "*.example.com.")
    star("wanted-trailing-dot", ACCEPT, "*.example.com", f"{HOST}.")
    star("a-label", ACCEPT, "*.example.com", "xn--bcher-kva.example.com")
    star("inside-a-label", BAD_IDENTITY, "xn--b*.example.com", "xn--bcher-kva.example.com")
    star("deep", ACCEPT, "*.a.b.example.com", "x.a.b.example.com")
    star("below-a-label-domain", ACCEPT, "*.xn--bcher-kva.example", "www.bücher.example")
    star("wanted-literally", BAD_IDENTITY, "server.example.com", "*.example.com")
    star("wanted-hyphen-first", ACCEPT, "*.example.com", "-a.example.com")
    star("wanted-underscore", EITHER, "*.example.com", "_a.example.com")
    star("for-address", BAD_IDENTITY, "*.0.2.1", "192.0.2.1")
    identity("wildcard-common-name", EITHER, (), subject=common_name("*.example.com"))
    identity("wildcard-common-name-partial", BAD_IDENTITY, (),
             subject=common_name("ser*.example.com"))


def international():
    identity("a-label", ACCEPT, [dns("xn--bcher-kva.example")], "bücher.example")
    identity("a-label-wanted", ACCEPT, [dns("xn--bcher-kva.example")], "xn--bcher-kva.example")
    identity("a-label-upper-case", ACCEPT, [dns("XN--BCHER-KVA.example")], "bücher.example")
    identity("u-label-upper-case", ACCEPT, [dns("xn--bcher-kva.example")], "BÜCHER.example")
    identity("u-label-other", BAD_IDENTITY, [dns("xn--bcher-kva.example")], "bucher.example")
    identity("u-label-ideographic-dot", ACCEPT, [dns("xn--bcher-kva.example")], "bücher。example")
    # "ss" by IDNA of 2003, and a label of its own by IDNA of 2008.
    identity("u-label-sharp-s-is-ss", EITHER, [dns("strasse.example")], "straße.example")
    identity("u-label-sharp-s", EITHER, [dns("xn--strae-oqa.example")], "straße.example")
    identity("u-label-top", ACCEPT, [dns("example.xn--p1ai")], "example.рф")


def addresses():
    identity("address-same", ACCEPT, [ip("192.0.2.1")], "192.0.2.1")
    identity("address-other", BAD_IDENTITY, [ip("192.0.2.2")], "192.0.2.1")
    identity("address-second", ACCEPT, [dns(HOST), ip("192.0.2.1")], "192.0.2.1")
    identity("address-socket", ACCEPT, [ip("192.0.2.1")], "socket:192.0.2.1")
    identity("address-socket-other", BAD_IDENTITY, [ip("192.0.2.2")], "socket:192.0.2.1")
    identity("address-v6", ACCEPT, [ip("2001:db8::1")], "2001:db8::1")
    identity("address-v6-long-form", ACCEPT, [ip("2001:db8::1")], "2001:0DB8:0:0:0:0:0:1")
    identity("address-v6-socket", ACCEPT, [ip("2001:db8::1")], "socket:2001:db8::1")
    identity("address-v6-other", BAD_IDENTITY, [ip("2001:db8::2")], "2001:db8::1")
    identity("address-v4-mapped", BAD_IDENTITY, [ip("::ffff:192.0.2.1")], "192.0.2.1")
    identity("address-v4-for-mapped", BAD_IDENTITY, [ip("192.0.2.1")], "::ffff:192.0.2.1")
    identity("address-as-dns-name", BAD_IDENTITY, [dns("192.0.2.1")], "192.0.2.1")
    identity("address-v6-as-dns-name", BAD_IDENTITY, [dns("2001:db8::1")], "2001:db8::1")
    identity("address-as-text", BAD_IDENTITY, [der.implicit(7, b"192.0.2.1")], "192.0.2.1")
    identity("address-as-common-name", BAD_IDENTITY, (), "192.0.2.1",
             subject=common_name("192.0.2.1"))
    identity("address-v6-as-common-name", BAD_IDENTITY, (), "2001:db8::1",
             subject=common_name("2001:db8::1"))
    identity("address-in-uri", BAD_IDENTITY, [uri("https://192.0.2.1/")], "192.0.2.1")
    identity("address-wanted-host-given", BAD_IDENTITY, [dns(HOST)], "192.0.2.1")
    identity("address-given-host-wanted", BAD_IDENTITY, [ip("192.0.2.1")])
    identity("address-of-five-octets", BAD_IDENTITY, [der.implicit(7, b"\xc0\0\2\1\0")],
             "192.0.2.1")
    identity("address-with-mask", BAD_IDENTITY, [ip("192.0.2.0/24")], "192.0.2.1")
    identity("address-empty", BAD_IDENTITY, [der.implicit(7)], "192.0.2.1")
    identity("address-zero", ACCEPT, [ip("0.0.0.0")], "0.0.0.0")


def common_names():
    subject = common_name(HOST)
    identity("common-name-only", ACCEPT, (), subject=subject)
    identity("common-name-only-other", BAD_IDENTITY, (), subject=common_name("a.example"))
    identity("common-name-beside-dns-name", BAD_IDENTITY, [dns("a.example")], subject=subject)
    identity("common-name-beside-email", ACCEPT, [email("a@example.com")], subject=subject)
    identity("common-name-beside-address", ACCEPT, [ip("192.0.2.1")], subject=subject)
    identity("common-name-last-of-two", ACCEPT, (), subject=name(
        (COMMON_NAME, "a.example"), (COMMON_NAME, HOST)))
    identity("common-name-not-the-organisation", BAD_IDENTITY, (),
             subject=name((ORGANISATION, HOST)))
    identity("common-name-upper-case", ACCEPT, (), subject=common_name(HOST.upper()))
    identity("common-name-bmp", EITHER, (), subject=name(
        (COMMON_NAME, der.tlv(0x1E, HOST.encode("utf-16-be")))))
    identity("common-name-printable", ACCEPT, (), subject=name(
        (COMMON_NAME, der.printable(HOST))))
    identity("common-name-for-international", ACCEPT, (), "bücher.example",
             subject=common_name("xn--bcher-kva.example"))
    identity("common-name-with-words", BAD_IDENTITY, (), subject=common_name(f"Host {HOST}"))
    identity("common-name-trailing-dot", BAD_IDENTITY, (), subject=common_name(f"{HOST}."))


def other_kinds():
    identity("kind-email", BAD_IDENTITY, [email(HOST)])
    identity("kind-uri", BAD_IDENTITY, [uri(f"https://{HOST}/")])
    identity("kind-directory", BAD_IDENTITY, [directory(common_name(HOST))])
    service = other_name("1.3.6.1.5.5.7.8.7", der.ia5(f"_sip.{HOST}"))
    identity("kind-service", BAD_IDENTITY, [service])
    identity("kind-service-beside-dns-name", ACCEPT, [service, dns(HOST)])
    identity("kind-registered", BAD_IDENTITY, [der.implicit(8, b"\x2a\x03")])
    identity("kind-all-and-good", ACCEPT, [
        email("a@example.com"), uri("https://a.example/"), directory(common_name("a")), service,
        ip("192.0.2.1"), dns(HOST)])
    identity("kind-of-utf8", MALFORMED, [der.utf8(HOST)])
    case("identity/no-names-empty-subject", BAD_IDENTITY,
         [leaf(ROOT, (), subject=der.sequence())])
    case("identity/alternatives-empty", BAD_IDENTITY, [leaf(
        ROOT, (), extra=[der.sequence(der.oid("2.5.29.17"), der.octets(der.sequence()))])])


for group in [plain_names, embedded, wildcards, international, addresses, common_names,
              other_kinds]:
    group()
