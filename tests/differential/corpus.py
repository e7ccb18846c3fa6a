"""The list that the cases_*.py modules add to, and the authorities that most of them share."""

import dataclasses

from pki import HOST, SERVER, ca, key, leaf

ACCEPT = "accept"
# The standards leave it open, or speak only of who issues.
EITHER = "either"
# A certificate that cannot be read, or is refused by whoever reads it: GENERIC_ERROR is among the
# flags.
MALFORMED = "malformed"
UNKNOWN_CA, BAD_IDENTITY, NOT_ACTIVATED = "UNKNOWN_CA", "BAD_IDENTITY", "NOT_ACTIVATED"
EXPIRED, REVOKED, INSECURE, GENERIC_ERROR = "EXPIRED", "REVOKED", "INSECURE", "GENERIC_ERROR"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    # What is right by RFC 5280, 6125 and 9525: ACCEPT, EITHER, MALFORMED, or exactly these flags,
    # with blanks between.
    expected: str
    # The chain as it is presented: the end entity, and hints in any order.
    chain: list
    anchors: list
    # PEM of revocation lists.
    crls: list
    # A host name, an address, or None; with "service:" or "socket:" before it, another type of
    # GSocketConnectable.
    identity: str | None
    purpose: str


CASES = {}


def case(name, expected, chain, anchors=None, *, crls=(), identity=HOST, purpose=SERVER):
    """Adds a case. Without anchors it is the one root that the others share."""
    if name in CASES:
        raise ValueError(f"two cases {name}")
    anchors = [ROOT] if anchors is None else anchors
    CASES[name] = Case(name, expected, list(chain), list(anchors), list(crls), identity, purpose)


ROOT = ca("Root")
INTERMEDIATE = ca("Intermediate", ROOT)
LEAF = leaf(INTERMEDIATE)
RSA_ROOT = ca("RSA root", own_key=key("rsa2048"))


def below(expected, name, authority, *more, **fields):
    """A case whose one peculiarity is the authority above a proper end entity."""
    case(name, expected, [leaf(authority), authority, *more], **fields)
