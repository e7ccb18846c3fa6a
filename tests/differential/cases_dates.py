"""When certificates are valid, and several faults at once."""

import datetime
import itertools

import der
from corpus import (
    ACCEPT, BAD_IDENTITY, EXPIRED, GENERIC_ERROR, INSECURE, MALFORMED, NOT_ACTIVATED, ROOT,
    UNKNOWN_CA, case)
from pki import CLIENT, DAY, NOW, SERVER, YEAR, ca, dns, key, leaf

PAST = {"end": NOW - DAY}
FUTURE = {"begin": NOW + DAY}
UTC = datetime.timezone.utc


def levels():
    faults = {"valid": ({}, ""), "expired": (PAST, EXPIRED), "future": (FUTURE, NOT_ACTIVATED)}
    for root, middle, end in itertools.product(faults, repeat=3):
        flags = {faults[level][1] for level in [root, middle, end]} - {""}
        anchor = ca("Dated root", **faults[root][0])
        authority = ca("Dated intermediate", anchor, **faults[middle][0])
        case(f"dates/{root}-{middle}-{end}", " ".join(sorted(flags)) or ACCEPT,
             [leaf(authority, **faults[end][0]), authority], [anchor])


def moments():
    second = datetime.timedelta(seconds=1)
    case("moment/ended-a-second-ago", EXPIRED, [leaf(ROOT, end=NOW - second)])
    case("moment/begins-now", ACCEPT, [leaf(ROOT, begin=NOW)])
    for year in [2049, 2050, 2051, 2106, 2262, 2300, 9998]:
        case(f"moment/until-{year}", ACCEPT,
             [leaf(ROOT, end=datetime.datetime(year, 12, 31, tzinfo=UTC))])
    last = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    case("moment/without-end", ACCEPT, [leaf(ROOT, end=last)])
    case("moment/since-1950", ACCEPT, [leaf(ROOT, begin=datetime.datetime(1950, 1, 1))])
    case("moment/since-1970", ACCEPT, [leaf(ROOT, begin=datetime.datetime(1970, 1, 1))])
    case("moment/since-1900", ACCEPT, [leaf(ROOT, begin=datetime.datetime(1900, 1, 1))])
    case("moment/since-2051", NOT_ACTIVATED,
         [leaf(ROOT, begin=datetime.datetime(2051, 1, 1), end=last)])
    case("moment/ended-1951", EXPIRED,
         [leaf(ROOT, begin=datetime.datetime(1950, 1, 1), end=datetime.datetime(1951, 1, 1))])
    case("moment/ends-before-it-begins", f"{EXPIRED} {NOT_ACTIVATED}",
         [leaf(ROOT, begin=NOW + DAY, end=NOW - DAY)])
    case("moment/root-ends-before-the-leaf", ACCEPT,
         [leaf(short := ca("Short", end=NOW + DAY))], [short])
    case("moment/leaf-begins-before-the-root", ACCEPT,
         [leaf(young := ca("Young", begin=NOW - DAY), begin=NOW - YEAR)], [young])


def encodings():
    begin, end = der.utc_time(NOW - YEAR), der.utc_time(NOW + YEAR)

    def dated(name, expected, first, second):
        case(f"time/{name}", expected, [leaf(ROOT, validity=der.sequence(first, second))])

    dated("generalized-before-2050", ACCEPT, der.generalized_time(NOW - YEAR),
          der.generalized_time(NOW + YEAR))
    dated("utc-of-year-50-is-1950", EXPIRED, der.tlv(0x17, b"500101000000Z"),
          der.tlv(0x17, b"500102000000Z"))
    dated("utc-without-seconds", MALFORMED, der.tlv(0x17, b"2001010000Z"), end)
    dated("utc-with-offset", MALFORMED, der.tlv(0x17, b"200101000000+0100"), end)
    dated("utc-without-zone", MALFORMED, der.tlv(0x17, b"200101000000"), end)
    dated("generalized-with-fraction", MALFORMED, begin, der.tlv(0x18, b"20600101000000.5Z"))
    dated("generalized-with-offset", MALFORMED, begin, der.tlv(0x18, b"20600101000000+0100"))
    dated("month-13", MALFORMED, begin, der.tlv(0x17, b"491301000000Z"))
    dated("february-30", MALFORMED, begin, der.tlv(0x17, b"480230000000Z"))
    dated("letters", MALFORMED, begin, der.tlv(0x17, b"yymmddhhmmssZ"))
    dated("empty", MALFORMED, begin, der.tlv(0x17))
    dated("integer", MALFORMED, begin, der.integer(2_000_000_000))
    dated("leap-second", MALFORMED, begin, der.tlv(0x17, b"491231235960Z"))


# Faults that an end entity can have all at once, and the flag of each.
FAULTS = {
    "expired": EXPIRED, "identity": BAD_IDENTITY, "insecure": INSECURE,
    "purpose": GENERIC_ERROR, "unknown": UNKNOWN_CA,
}


def combinations():
    for count in range(2, len(FAULTS) + 1):
        for faults in itertools.combinations(FAULTS, count):
            anchor = ca("Root of several")
            fields = dict(PAST) if "expired" in faults else {}
            if "insecure" in faults:
                fields["own_key"] = key("rsa1024")
            end = leaf(anchor, [dns("elsewhere.example" if "identity" in faults
                                    else "server.example.com")],
                       purposes=[CLIENT if "purpose" in faults else SERVER], **fields)
            flags = sorted(FAULTS[fault] for fault in faults)
            case(f"several/{'-'.join(faults)}", " ".join(flags), [end],
                 [ca("Nobody")] if "unknown" in faults else [anchor])


for group in [levels, moments, encodings, combinations]:
    group()
