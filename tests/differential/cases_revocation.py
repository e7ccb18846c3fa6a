"""Certificate revocation lists beside the anchors (RFC 5280, section 5)."""

import der
from corpus import (
    ACCEPT, EITHER, EXPIRED, GENERIC_ERROR, INTERMEDIATE, LEAF, MALFORMED, REVOKED, ROOT, case)
from pki import (
    CERT_SIGN, DAY, NOW, ca, common_name, directory, extension, leaf, new_key, revocation_list)

OTHER_ROOT = ca("Other list root")
# Of the root and the intermediate, with nobody on them.
ROOT_LIST = revocation_list(ROOT)
EMPTY = [ROOT_LIST, revocation_list(INTERMEDIATE)]
CHAIN = [LEAF, INTERMEDIATE]


def verdicts():
    case("revocation/nobody", ACCEPT, CHAIN, crls=EMPTY)
    case("revocation/leaf", REVOKED, CHAIN,
         crls=[ROOT_LIST, revocation_list(INTERMEDIATE, LEAF.serial)])
    case("revocation/intermediate", REVOKED, CHAIN,
         crls=[revocation_list(ROOT, INTERMEDIATE.serial), EMPTY[1]])
    case("revocation/leaf-and-intermediate", REVOKED, CHAIN, crls=[
        revocation_list(ROOT, INTERMEDIATE.serial), revocation_list(INTERMEDIATE, LEAF.serial)])
    case("revocation/other-serial", ACCEPT, CHAIN,
         crls=[ROOT_LIST, revocation_list(INTERMEDIATE, 1, 2, 3)])
    case("revocation/among-1000", REVOKED, CHAIN, crls=[
        ROOT_LIST, revocation_list(INTERMEDIATE, *range(50_000, 51_000), LEAF.serial)])
    direct = leaf(ROOT)
    case("revocation/below-the-root", REVOKED, [direct],
         crls=[revocation_list(ROOT, direct.serial)])
    case("revocation/same-serial-of-another-authority", ACCEPT, CHAIN,
         [ROOT, OTHER_ROOT], crls=[*EMPTY, revocation_list(OTHER_ROOT, LEAF.serial)])
    old = leaf(ROOT, end=NOW - DAY)
    case("revocation/revoked-and-expired", f"{EXPIRED} {REVOKED}", [old],
         crls=[revocation_list(ROOT, old.serial)])
    case("revocation/sha512", REVOKED, [direct],
         crls=[revocation_list(ROOT, direct.serial, digest="sha512")])
    case("revocation/without-next-update", REVOKED, [direct],
         crls=[revocation_list(ROOT, direct.serial, end=False)])
    hold = extension("2.5.29.21", der.enumerated(6))
    case("revocation/on-hold", REVOKED, [direct],
         crls=[revocation_list(ROOT, direct.serial, entry_extensions=[hold])])
    case("revocation/leaf-is-the-anchor", EITHER, CHAIN, [LEAF],
         crls=[revocation_list(INTERMEDIATE, LEAF.serial)])


def missing_lists():
    """Only what a list says counts: an authority without a list has revoked nothing."""
    case("revocation/only-of-the-root", ACCEPT, CHAIN, crls=[ROOT_LIST])
    case("revocation/only-of-the-intermediate", ACCEPT, CHAIN, crls=EMPTY[1:])
    case("revocation/leaf-without-list-of-the-root", REVOKED, CHAIN,
         crls=[revocation_list(INTERMEDIATE, LEAF.serial)])
    case("revocation/only-of-a-stranger", ACCEPT, CHAIN, crls=[revocation_list(OTHER_ROOT, 1)])


def doubtful_lists():
    """A list that its authority did not sign, or that is outdated, leaves open who is revoked."""
    serial = LEAF.serial
    case("revocation/list-outdated", f"{GENERIC_ERROR} {REVOKED}", CHAIN, crls=[
        ROOT_LIST, revocation_list(INTERMEDIATE, serial, begin=NOW - 9 * DAY, end=NOW - DAY)])
    case("revocation/list-outdated-and-empty", GENERIC_ERROR, CHAIN, crls=[
        ROOT_LIST, revocation_list(INTERMEDIATE, begin=NOW - 9 * DAY, end=NOW - DAY)])
    case("revocation/list-bad-signature", MALFORMED, CHAIN,
         crls=[ROOT_LIST, revocation_list(INTERMEDIATE, serial, garble=True)])
    case("revocation/list-by-another-key", ACCEPT, CHAIN,
         crls=[ROOT_LIST, revocation_list(INTERMEDIATE, serial, sign_with=new_key())])
    silent = ca("Silent", ROOT, usage=(CERT_SIGN,))
    end = leaf(silent)
    case("revocation/authority-must-not-list", MALFORMED, [end, silent],
         crls=[ROOT_LIST, revocation_list(silent, end.serial)])
    unknown = extension("1.3.6.1.4.1.55555.6", der.NULL, critical=True)
    case("revocation/list-with-unknown-critical", MALFORMED, CHAIN,
         crls=[ROOT_LIST, revocation_list(INTERMEDIATE, serial, extensions=[unknown])])
    newer = revocation_list(INTERMEDIATE, serial, number=2, begin=NOW - DAY / 2)
    case("revocation/newer-list-revokes", REVOKED, CHAIN, crls=[*EMPTY, newer])
    case("revocation/newer-list-revokes-first", REVOKED, CHAIN, crls=[newer, *EMPTY])
    authorities_only = extension("2.5.29.28", der.sequence(der.implicit(2, b"\xff")), True)
    case("revocation/list-of-authorities-only", ACCEPT, CHAIN, crls=[
        *EMPTY, revocation_list(INTERMEDIATE, serial, extensions=[authorities_only])])
    delta = extension("2.5.29.27", der.integer(1), critical=True)
    case("revocation/delta-list", EITHER, CHAIN, crls=[
        *EMPTY, revocation_list(INTERMEDIATE, serial, number=2, extensions=[delta])])
    indirect = extension("2.5.29.28", der.sequence(der.implicit(4, b"\xff")), True)
    other_issuer = extension("2.5.29.29", der.sequence(directory(OTHER_ROOT.subject)), True)
    case("revocation/indirect-list-about-another-authority", EITHER, CHAIN, crls=[
        *EMPTY, revocation_list(INTERMEDIATE, serial, extensions=[indirect],
                                entry_extensions=[other_issuer])])
    removed = extension("2.5.29.21", der.enumerated(8))
    case("revocation/removed-from-the-list", EITHER, CHAIN, crls=[
        ROOT_LIST, revocation_list(INTERMEDIATE, serial, entry_extensions=[removed])])
    foreign = revocation_list(OTHER_ROOT, serial, issuer_name=common_name("Intermediate"))
    case("revocation/list-of-an-impostor", ACCEPT, CHAIN, crls=[*EMPTY, foreign])


for group in [verdicts, missing_lists, doubtful_lists]:
    group()
