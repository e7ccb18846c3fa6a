"""From which hints and to which anchors a path is found."""

from corpus import (
    ACCEPT, EITHER, EXPIRED, GENERIC_ERROR, INTERMEDIATE, LEAF, NOT_ACTIVATED, ROOT,
    UNKNOWN_CA, case)
from pki import DAY, NOW, YEAR, authority_key, ca, key, leaf, new_key, subject_key

OTHER_ROOT = ca("Other root")
SECOND = ca("Second", INTERMEDIATE)
THIRD = ca("Third", SECOND)
DEEP = leaf(THIRD)


def hints():
    case("path/root-issued", ACCEPT, [leaf(ROOT)])
    case("path/proper", ACCEPT, [LEAF, INTERMEDIATE])
    case("path/with-root", ACCEPT, [LEAF, INTERMEDIATE, ROOT])
    case("path/hint-missing", UNKNOWN_CA, [LEAF])
    case("path/other-anchor", UNKNOWN_CA, [LEAF, INTERMEDIATE], [OTHER_ROOT])
    case("path/other-anchor-with-root", UNKNOWN_CA, [LEAF, INTERMEDIATE, ROOT], [OTHER_ROOT])
    case("path/many-anchors", ACCEPT, [LEAF, INTERMEDIATE],
         [OTHER_ROOT, *(ca(f"Anchor {number}") for number in range(20)), ROOT])
    case("path/anchor-twice", ACCEPT, [LEAF, INTERMEDIATE], [ROOT, ROOT])
    case("path/deep", ACCEPT, [DEEP, THIRD, SECOND, INTERMEDIATE])
    case("path/deep-reversed", ACCEPT, [DEEP, INTERMEDIATE, SECOND, THIRD])
    case("path/deep-reversed-with-root", ACCEPT, [DEEP, ROOT, INTERMEDIATE, SECOND, THIRD])
    case("path/deep-shuffled", ACCEPT, [DEEP, SECOND, INTERMEDIATE, THIRD])
    case("path/deep-gap", UNKNOWN_CA, [DEEP, THIRD, INTERMEDIATE])
    case("path/hints-twice", ACCEPT, [DEEP, THIRD, THIRD, SECOND, INTERMEDIATE, SECOND])
    case("path/leaf-twice", ACCEPT, [LEAF, LEAF, INTERMEDIATE])
    case("path/superfluous-authority", ACCEPT, [LEAF, OTHER_ROOT, INTERMEDIATE])
    case("path/superfluous-leaf", ACCEPT, [LEAF, leaf(OTHER_ROOT), INTERMEDIATE])
    case("path/superfluous-leaf-of-the-same-authority", ACCEPT,
         [LEAF, leaf(INTERMEDIATE), INTERMEDIATE])
    case("path/superfluous-expired", ACCEPT,
         [LEAF, ca("Old", OTHER_ROOT, end=NOW - DAY), INTERMEDIATE])
    case("path/only-the-root-as-hint", UNKNOWN_CA, [LEAF, ROOT])
    case("path/root-first", ACCEPT, [LEAF, ROOT, INTERMEDIATE])
    strangers = [ca(f"Stranger {number}", OTHER_ROOT) for number in range(40)]
    case("path/forty-superfluous", EITHER, [LEAF, *strangers, INTERMEDIATE])
    case("path/forty-superfluous-after", ACCEPT, [LEAF, INTERMEDIATE, *strangers])
    case("path/hint-is-of-a-foreign-root", ACCEPT,
         [leaf(ROOT), ca("Root", own_key=new_key())])
    authorities = [ROOT]
    for number in range(12):
        authorities.append(ca(f"Level {number}", authorities[-1]))
    case("path/twelve-levels", ACCEPT, [leaf(authorities[-1]), *reversed(authorities[1:])])
    case("path/twelve-levels-reversed", ACCEPT, [leaf(authorities[-1]), *authorities[1:]])


def anchors():
    case("anchor/intermediate", ACCEPT, [LEAF, INTERMEDIATE], [INTERMEDIATE])
    case("anchor/intermediate-not-presented", ACCEPT, [LEAF], [INTERMEDIATE])
    case("anchor/intermediate-and-root-presented", ACCEPT, [LEAF, INTERMEDIATE, ROOT],
         [INTERMEDIATE])
    case("anchor/intermediate-in-the-middle", ACCEPT, [DEEP, THIRD, SECOND, INTERMEDIATE],
         [SECOND])
    case("anchor/leaf", ACCEPT, [LEAF], [LEAF])
    case("anchor/leaf-with-hints", ACCEPT, [LEAF, INTERMEDIATE], [LEAF])
    case("anchor/leaf-expired", EXPIRED, [old := leaf(ROOT, end=NOW - DAY)], [old])
    case("anchor/leaf-self-signed", ACCEPT, [alone := leaf()], [alone])
    case("anchor/leaf-self-signed-expired", EXPIRED, [old := leaf(end=NOW - DAY)], [old])
    case("anchor/leaf-self-signed-not-yet", NOT_ACTIVATED, [new := leaf(begin=NOW + DAY)], [new])
    case("anchor/another-leaf", UNKNOWN_CA, [LEAF], [leaf(INTERMEDIATE)])
    case("anchor/self-signed-of-the-same-name", UNKNOWN_CA,
         [leaf(own_key=new_key())], [leaf(own_key=new_key())])
    case("anchor/self-signed-not-there", UNKNOWN_CA, [leaf()])
    case("anchor/self-signed-authority-as-leaf-not-there", f"{GENERIC_ERROR} {UNKNOWN_CA}",
         [ca("Self")], identity=None)
    case("anchor/leaf-signs", UNKNOWN_CA, [leaf(LEAF)], [LEAF])
    case("anchor/self-signed-leaf-signs", UNKNOWN_CA, [leaf(alone)], [alone])
    case("anchor/root-expired", EXPIRED, [leaf(old := ca("Old", end=NOW - DAY))], [old])
    case("anchor/root-not-yet", NOT_ACTIVATED, [leaf(new := ca("New", begin=NOW + DAY))], [new])
    case("anchor/intermediate-under-an-expired-root", ACCEPT,
         [leaf(middle := ca("Middle", old)), middle, old], [middle])


def cross_signing():
    own = new_key()
    new_root = ca("New root", own_key=own)
    cross = ca("New root", OTHER_ROOT, own_key=own)
    old_cross = ca("New root", OTHER_ROOT, own_key=own, end=NOW - DAY)
    middle = ca("Cross middle", new_root)
    end = leaf(middle)
    case("cross/old-root-trusted", ACCEPT, [end, middle, cross], [OTHER_ROOT])
    case("cross/new-root-trusted", ACCEPT, [end, middle, cross], [new_root])
    case("cross/both-trusted", ACCEPT, [end, middle, cross], [OTHER_ROOT, new_root])
    case("cross/expired-but-new-root-trusted", ACCEPT, [end, middle, old_cross], [new_root])
    case("cross/expired-and-both-trusted", ACCEPT, [end, middle, old_cross],
         [OTHER_ROOT, new_root])
    case("cross/expired-and-old-root-trusted", EXPIRED, [end, middle, old_cross], [OTHER_ROOT])
    case("cross/expired-before-the-good-one", ACCEPT, [end, middle, old_cross, cross],
         [OTHER_ROOT])
    case("cross/good-one-before-the-expired", ACCEPT, [end, middle, cross, old_cross],
         [OTHER_ROOT])
    expired_root = ca("Expired root", own_key=(root_key := new_key()), end=NOW - DAY)
    renewed_root = ca("Expired root", own_key=root_key)
    case("cross/root-renewed", ACCEPT, [leaf(expired_root), expired_root],
         [expired_root, renewed_root])
    case("cross/root-renewed-first", ACCEPT, [leaf(expired_root), expired_root],
         [renewed_root, expired_root])
    case("cross/self-signed-root-among-hints", ACCEPT, [end, middle, new_root, cross],
         [OTHER_ROOT])
    unknown = ca("Unknown root")
    unknown_cross = ca("New root", unknown, own_key=own)
    case("cross/first-leads-nowhere", ACCEPT, [end, middle, unknown_cross, cross], [OTHER_ROOT])
    case("cross/second-leads-nowhere", ACCEPT, [end, middle, cross, unknown_cross], [OTHER_ROOT])
    case("cross/only-nowhere", UNKNOWN_CA, [end, middle, unknown_cross], [OTHER_ROOT])
    middle_again = ca("Cross middle", OTHER_ROOT, own_key=middle.key)
    case("cross/intermediate-of-two-roots", ACCEPT, [end, middle, middle_again], [OTHER_ROOT])
    case("cross/intermediate-of-two-roots-reversed", ACCEPT, [end, middle_again, middle],
         [OTHER_ROOT])
    bad_cross = ca("New root", OTHER_ROOT, own_key=own, usage=(0,))
    case("cross/first-must-not-sign", ACCEPT, [end, middle, bad_cross, cross], [OTHER_ROOT])
    garbled = ca("New root", OTHER_ROOT, own_key=own, garble=True)
    case("cross/first-has-a-bad-signature", ACCEPT, [end, middle, garbled, cross], [OTHER_ROOT])


def cycles():
    one_key, two_key = new_key(), new_key()
    two = ca("Two", own_key=two_key)
    one = ca("One", two, own_key=one_key)
    two = ca("Two", one, own_key=two_key)
    end = leaf(one)
    case("cycle/two-authorities", UNKNOWN_CA, [end, one, two])
    case("cycle/two-authorities-many-times", UNKNOWN_CA, [end, *[one, two] * 4])
    exit_two = ca("Two", ROOT, own_key=two_key)
    case("cycle/with-an-exit", ACCEPT, [end, one, exit_two])
    case("cycle/with-an-exit-after-the-cycle", ACCEPT, [end, one, two, exit_two])
    case("cycle/with-an-exit-before-the-cycle", ACCEPT, [end, one, exit_two, two])
    # Each authority is certified by each of the next layer, and the last layer by nobody.
    layers = [[new_key() for _ in range(4)] for _ in range(7)]
    mesh = [
        ca(f"Layer {number}", ca(f"Layer {number + 1}", own_key=upper), own_key=lower)
        for number, (below, above) in enumerate(zip(layers, layers[1:]))
        for lower in below for upper in above]
    bottom = ca("Layer 0", own_key=layers[0][0])
    case("cycle/mesh-without-exit", UNKNOWN_CA, [leaf(bottom), *mesh])
    case("cycle/mesh-without-exit-first-31", UNKNOWN_CA, [leaf(bottom), *mesh[:31]])
    rest = [link for position, link in enumerate(mesh) if position % 16 < 5]
    case("cycle/mesh-of-thirty", UNKNOWN_CA, [leaf(bottom), *rest])
    same = [ca("Same", own_key=new_key(), identifiers=False) for _ in range(6)]
    chain = [ca("Same", same[0], own_key=one_key, identifiers=False)]
    case("cycle/one-name-for-all", UNKNOWN_CA,
         [leaf(chain[0]), *chain, *same])


def twins():
    """Authorities of one name, each with its own key."""
    first, second = (ca("Twin", own_key=new_key()) for _ in range(2))
    case("twin/first", ACCEPT, [leaf(first)], [first, second])
    case("twin/second", ACCEPT, [leaf(second)], [first, second])
    with_key = [authority_key(second.key.identifier)]
    case("twin/second-by-identifier", ACCEPT, [leaf(second, extra=with_key)], [first, second])
    case("twin/first-by-identifier", ACCEPT,
         [leaf(first, extra=[authority_key(first.key.identifier)])], [first, second])
    case("twin/impostor", GENERIC_ERROR, [leaf(second)], [first])
    case("twin/impostor-by-identifier", UNKNOWN_CA, [leaf(second, extra=with_key)], [first])
    case("twin/impostor-presented", UNKNOWN_CA, [leaf(second, extra=with_key), second], [first])
    one, two = (ca("Twin below", ROOT, own_key=new_key()) for _ in range(2))
    case("twin/hint-first", ACCEPT, [leaf(one), one, two])
    case("twin/hint-second", ACCEPT, [leaf(two), one, two])
    identified = leaf(two, extra=[authority_key(two.key.identifier)])
    case("twin/hint-second-by-identifier", ACCEPT, [identified, one, two])
    case("twin/hint-wrong", GENERIC_ERROR, [leaf(two), one])
    old = ca("Twin", own_key=first.key, end=NOW - DAY)
    case("twin/one-expired", ACCEPT, [leaf(first)], [old, first])
    crowd = [ca("Crowd", own_key=new_key(), identifiers=False) for _ in range(30)]
    case("twin/last-of-30", ACCEPT, [leaf(crowd[-1])], crowd)
    case("twin/first-of-30", ACCEPT, [leaf(crowd[0])], crowd)
    hinted = [ca("Hinted crowd", ROOT, own_key=new_key(), identifiers=False) for _ in range(30)]
    case("twin/hint-last-of-30", ACCEPT, [leaf(hinted[-1]), *hinted])
    case("twin/hint-first-of-30", ACCEPT, [leaf(hinted[0]), *hinted])
    rolling = ca("Rolling twin", own_key=new_key())
    rolled = ca("Rolling twin", rolling, own_key=new_key())
    case("twin/rolled-over", ACCEPT, [leaf(rolled), rolled], [rolling])
    identified = leaf(rolled, extra=[authority_key(rolled.key.identifier)])
    case("twin/rolled-over-by-identifier", ACCEPT, [identified, rolled], [rolling])
    plain = [ca("Plain twin", own_key=new_key(), identifiers=False) for _ in range(3)]
    case("twin/without-identifiers", ACCEPT, [leaf(plain[2])], plain)


def identifiers():
    other = new_key()
    case("identifier/authority-mismatch", UNKNOWN_CA,
         [leaf(ROOT, extra=[authority_key(other.identifier)])])
    case("identifier/authority-mismatch-of-a-hint", UNKNOWN_CA,
         [leaf(INTERMEDIATE, extra=[authority_key(other.identifier)]), INTERMEDIATE])
    case("identifier/issuer-and-serial", ACCEPT,
         [leaf(ROOT, extra=[authority_key(ROOT.key.identifier, ROOT.subject, ROOT.serial)])])
    case("identifier/serial-mismatch", UNKNOWN_CA,
         [leaf(ROOT, extra=[authority_key(ROOT.key.identifier, ROOT.subject, 7)])])
    case("identifier/no-authority", ACCEPT, [leaf(INTERMEDIATE), INTERMEDIATE])
    bare = ca("Bare", identifiers=False)
    case("identifier/none-at-all", ACCEPT, [leaf(bare)], [bare])
    case("identifier/authority-without-subject", ACCEPT,
         [leaf(bare, extra=[authority_key(bare.key.identifier)])], [bare])
    unusual = ca("Unusual", identifiers=False, extra=[subject_key(b"any octets will do")])
    case("identifier/not-a-digest", ACCEPT,
         [leaf(unusual, extra=[authority_key(b"any octets will do")])], [unusual])
    case("identifier/empty", ACCEPT, [leaf(ROOT, extra=[subject_key(b"")])])
    case("identifier/critical-subject", EITHER,
         [leaf(ROOT, extra=[subject_key(key().identifier, critical=True)])])
    case("identifier/subject-repeats", ACCEPT,
         [leaf(ROOT, extra=[subject_key(ROOT.key.identifier)])])


def signatures():
    case("signature/leaf", GENERIC_ERROR, [leaf(INTERMEDIATE, garble=True), INTERMEDIATE])
    bad = ca("Garbled", ROOT, garble=True)
    case("signature/intermediate", GENERIC_ERROR, [leaf(bad), bad])
    bad_root = ca("Garbled root", garble=True)
    case("signature/anchor", ACCEPT, [leaf(bad_root)], [bad_root])
    case("signature/anchor-presented", ACCEPT, [leaf(bad_root), bad_root], [bad_root])
    case("signature/anchor-is-the-leaf", ACCEPT, [own := leaf(garble=True)], [own])
    case("signature/leaf-by-another-key", GENERIC_ERROR, [leaf(ROOT, sign_with=new_key())])
    case("signature/leaf-by-itself", GENERIC_ERROR, [leaf(ROOT, sign_with=key())])
    case("signature/authority-of-the-anchors-name", GENERIC_ERROR,
         [leaf(fake := ca("Root", own_key=new_key(), identifiers=False))])
    case("signature/authority-of-the-anchors-name-presented", GENERIC_ERROR, [leaf(fake), fake])
    case("signature/leaf-and-unknown", UNKNOWN_CA, [leaf(OTHER_ROOT, garble=True)])
    case("signature/leaf-and-expired", f"{EXPIRED} {GENERIC_ERROR}",
         [leaf(ROOT, garble=True, end=NOW - YEAR / 2)])


for group in [hints, anchors, cross_signing, cycles, twins, identifiers, signatures]:
    group()
