"""Name constraints (RFC 5280, 4.2.1.10)."""

import der
from corpus import ACCEPT, EITHER, GENERIC_ERROR, MALFORMED, ROOT, case
from pki import (
    COMMON_NAME, COUNTRY, EMAIL_ADDRESS, HOST, ORGANISATION, ca, directory, dns, email, ip, leaf,
    name, name_constraints, other_name, uri)


def constrained(label, expected, names=None, *, permitted=(), excluded=(), identity=HOST,
                subject=None, critical=True):
    """An end entity with these names, below an authority with these constraints."""
    authority = ca("Constrained", ROOT, extra=[name_constraints(permitted, excluded, critical)])
    case(f"constraints/{label}", expected,
         [leaf(authority, names, subject=subject or name((ORGANISATION, "Example"))), authority],
         identity=identity)


def dns_names():
    for place, good in [("permitted", True), ("excluded", False)]:
        inside, outside = (ACCEPT, GENERIC_ERROR) if good else (GENERIC_ERROR, ACCEPT)

        def domain(label, expected, base, names=None, place=place, **more):
            constrained(f"dns-{label}-{place}", expected, names, **{place: [dns(base)]}, **more)

        domain("same", inside, HOST)
        domain("parent", inside, "example.com")
        domain("top", inside, "com")
        domain("child", outside, "child.server.example.com")
        domain("sibling", outside, "other.example.com")
        domain("suffix-inside-a-label", outside, "ver.example.com")
        domain("case", inside, "EXAMPLE.com")
        domain("empty", inside, "")
        domain("one-of-two", GENERIC_ERROR, "example.com", [dns(HOST), dns("www.example.net")])
        domain("not-critical", inside, "example.com", critical=False)
        domain("no-names-of-the-kind", ACCEPT, "example.net", [ip("192.0.2.1")],
               identity="192.0.2.1")
        domain("wildcard-below", inside, "example.com", [dns("*.example.com")])
        domain("wildcard-sibling", outside, "other.net", [dns("*.example.com")])
    # RFC 5280 does not say what a wildcard stands for (4.2.1.6); it must not stand for an excluded name.
    for wanted in [HOST, "secret.example.com"]:
        constrained(f"dns-wildcard-around-excluded-for-{wanted.split('.')[0]}", GENERIC_ERROR,
                    [dns("*.example.com")], excluded=[dns("secret.example.com")], identity=wanted)
    constrained("dns-leading-dot-permitted", ACCEPT, permitted=[dns(".example.com")])
    constrained("dns-leading-dot-same-permitted", GENERIC_ERROR, [dns("example.com")],
                permitted=[dns(".example.com")], identity="example.com")
    constrained("dns-leading-dot-excluded", GENERIC_ERROR, excluded=[dns(".example.com")])
    constrained("dns-two-permitted", ACCEPT, permitted=[dns("example.net"), dns("example.com")])
    constrained("dns-permitted-but-excluded", GENERIC_ERROR, permitted=[dns("example.com")],
                excluded=[dns(HOST)])
    constrained("dns-common-name-outside", GENERIC_ERROR, (), permitted=[dns("example.net")],
                subject=name((COMMON_NAME, HOST)))
    constrained("dns-common-name-excluded", GENERIC_ERROR, (), excluded=[dns("example.com")],
                subject=name((COMMON_NAME, HOST)))
    constrained("dns-common-name-inside", ACCEPT, (), permitted=[dns("example.com")],
                subject=name((COMMON_NAME, HOST)))
    constrained("dns-common-name-is-no-host", ACCEPT, permitted=[dns("example.com")],
                subject=name((COMMON_NAME, "A server of ours")))


def addresses():
    def network(label, expected, base, address="192.0.2.1", place="permitted"):
        constrained(f"ip-{label}-{place}", expected, [ip(address)], **{place: [ip(base)]},
                    identity=address)

    network("inside", ACCEPT, "192.0.2.0/24")
    network("outside", GENERIC_ERROR, "198.51.100.0/24")
    network("same", ACCEPT, "192.0.2.1/32")
    network("all", ACCEPT, "0.0.0.0/0")
    network("inside", GENERIC_ERROR, "192.0.2.0/24", place="excluded")
    network("outside", ACCEPT, "198.51.100.0/24", place="excluded")
    network("v6-inside", ACCEPT, "2001:db8::/32", "2001:db8::1")
    network("v6-outside", GENERIC_ERROR, "2001:db8:1::/48", "2001:db8::1")
    network("v6-inside", GENERIC_ERROR, "2001:db8::/32", "2001:db8::1", "excluded")
    network("v6-of-v4", GENERIC_ERROR, "2001:db8::/32", "192.0.2.1")
    network("v6-all", ACCEPT, "0.0.0.0/0", "2001:db8::1", "excluded")
    constrained("ip-does-not-concern-dns", ACCEPT, permitted=[ip("192.0.2.0/24")])
    constrained("ip-of-five-octets", MALFORMED, [ip("192.0.2.1")], identity="192.0.2.1",
                permitted=[der.implicit(7, b"\xc0\0\2\0\xff")])
    constrained("ip-with-a-holey-mask", EITHER, [ip("192.0.2.1")], identity="192.0.2.1",
                permitted=[der.implicit(7, b"\xc0\0\2\1\xff\0\xff\xff")])


def directories():
    example = name((COUNTRY, der.printable("XX")), (ORGANISATION, "Example"))
    inside = name((COUNTRY, der.printable("XX")), (ORGANISATION, "Example"),
                  (COMMON_NAME, "some one"))
    elsewhere = name((COUNTRY, der.printable("XX")), (ORGANISATION, "Elsewhere"))
    shouting = name((COUNTRY, der.printable("XX")), (ORGANISATION, "EXAMPLE"),
                    (COMMON_NAME, "some one"))
    for label, expected, subject, base, place in [
            ("inside", ACCEPT, inside, example, "permitted"),
            ("same", ACCEPT, example, example, "permitted"),
            ("outside", GENERIC_ERROR, elsewhere, example, "permitted"),
            ("above", GENERIC_ERROR, example, inside, "permitted"),
            ("case", ACCEPT, shouting, example, "permitted"),
            ("inside", GENERIC_ERROR, inside, example, "excluded"),
            ("outside", ACCEPT, elsewhere, example, "excluded"),
            ("case", GENERIC_ERROR, shouting, example, "excluded"),
            ("empty", ACCEPT, inside, der.sequence(), "permitted"),
            ("empty", GENERIC_ERROR, inside, der.sequence(), "excluded"),
    ]:
        constrained(f"directory-{label}-{place}", expected, subject=subject,
                    **{place: [directory(base)]})
    constrained("directory-name-in-the-alternatives", GENERIC_ERROR,
                [dns(HOST), directory(elsewhere)], subject=inside, permitted=[directory(example)])


def others():
    def mail(label, expected, base, address="user@mail.example.com", place="permitted", **more):
        constrained(f"email-{label}-{place}", expected, [dns(HOST), email(address)],
                    **{place: [email(base)]}, **more)

    mail("address", ACCEPT, "user@mail.example.com")
    mail("other-address", GENERIC_ERROR, "other@mail.example.com")
    mail("host", ACCEPT, "mail.example.com")
    mail("parent-without-dot", GENERIC_ERROR, "example.com")
    mail("domain", ACCEPT, ".example.com")
    mail("domain-is-the-host", GENERIC_ERROR, ".mail.example.com")
    mail("address", GENERIC_ERROR, "user@mail.example.com", place="excluded")
    mail("host", GENERIC_ERROR, "mail.example.com", place="excluded")
    mail("domain", GENERIC_ERROR, ".example.com", place="excluded")
    mail("other-host", ACCEPT, "other.example.com", place="excluded")
    mail("local-part-case", GENERIC_ERROR, "USER@mail.example.com")
    mail("host-case", ACCEPT, "MAIL.example.com")
    subject = name((ORGANISATION, "Example"), (EMAIL_ADDRESS, der.ia5("user@mail.example.com")))
    constrained("email-in-subject-outside", GENERIC_ERROR, subject=subject,
                permitted=[email("other.example.com")])
    constrained("email-in-subject-excluded", GENERIC_ERROR, subject=subject,
                excluded=[email("mail.example.com")])
    constrained("email-in-subject-inside", ACCEPT, subject=subject,
                permitted=[email("mail.example.com")])
    constrained("uri-inside", ACCEPT, [dns(HOST), uri("sip://host.example.com/")],
                permitted=[uri(".example.com")])
    constrained("uri-outside", GENERIC_ERROR, [dns(HOST), uri("sip://host.example.net/")],
                permitted=[uri(".example.com")])
    constrained("uri-excluded", GENERIC_ERROR, [dns(HOST), uri("sip://host.example.com/")],
                excluded=[uri("host.example.com")])
    kind = "1.3.6.1.4.1.55555.2"
    constrained("other-kind-not-present", ACCEPT, permitted=[other_name(kind, der.utf8("a"))])
    constrained("other-kind-present", GENERIC_ERROR, [dns(HOST), other_name(kind, der.utf8("a"))],
                permitted=[other_name(kind, der.utf8("b"))])
    constrained("nothing", EITHER)


def inheritance():
    top = ca("Permits com", ROOT, extra=[name_constraints([dns("example.com")])])
    wider = ca("Permits all", top, extra=[name_constraints([dns("")])])
    case("constraints/widened-inside", ACCEPT, [leaf(wider), wider, top])
    case("constraints/widened-outside", GENERIC_ERROR,
         [leaf(wider, [dns("a.example.net")]), wider, top], identity="a.example.net")
    disjoint = ca("Permits net", top, extra=[name_constraints([dns("example.net")])])
    case("constraints/disjoint", GENERIC_ERROR, [leaf(disjoint), disjoint, top])
    plain = ca("Says nothing", top)
    case("constraints/inherited", GENERIC_ERROR,
         [leaf(plain, [dns("a.example.net")]), plain, top], identity="a.example.net")
    anchor = ca("Permits com itself", extra=[name_constraints([dns("example.com")])])
    case("constraints/of-the-anchor-inside", ACCEPT, [leaf(anchor)], [anchor])
    case("constraints/of-the-anchor-outside", GENERIC_ERROR,
         [leaf(anchor, [dns("a.example.net")])], [anchor], identity="a.example.net")
    directories_only = ca("Directory", ROOT, extra=[name_constraints(
        [directory(name((ORGANISATION, "Example")))])])
    outside = ca("Elsewhere", directories_only)
    case("constraints/intermediate-outside", GENERIC_ERROR, [
        leaf(outside, subject=name((ORGANISATION, "Example"))), outside, directories_only])
    self_issued = ca("Self", ROOT, extra=[name_constraints(
        [directory(name((ORGANISATION, "Example")))])])
    rolled = ca("Self", self_issued)
    case("constraints/self-issued-intermediate-is-exempt", ACCEPT, [
        leaf(rolled, subject=name((ORGANISATION, "Example"))), rolled, self_issued])
    case("constraints/in-an-end-entity", ACCEPT,
         [leaf(ROOT, extra=[name_constraints([dns("example.net")])])])
    many = [dns(f"host{number}.example.net") for number in range(1000)]
    constrained("many-names", ACCEPT, [dns(HOST), *many],
                permitted=[dns("example.com"), dns("example.net")])


for group in [dns_names, addresses, directories, others, inheritance]:
    group()
