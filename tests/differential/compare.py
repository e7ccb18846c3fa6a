"""Holds our verdicts to what is right, and the others' to the explanations in docs/trust.md.

compare CASES-FOLDER: there is JUDGE.tsv of every judge. Fails at each verdict of ours that is
wrong, at each disagreement that the page does not explain, and at each explanation of the page that
explains nothing. With --list it prints what the page has to explain, and nothing else.
"""

import fnmatch
import json
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "trust.md"
OURS = "gio-ossl"
OTHERS = ["openssl", "certtool", "glib-networking", "webpki"]
# The other judge that says more than yes or no.
FLAGS = "glib-networking's flags"
EITHER, MALFORMED, NOT_ASKED = "either", "malformed", "n/a"
ROW = re.compile(r"\| (?P<judges>[^|]+) \| (?P<verdict>[^|]+) \| (?P<cases>`[^|]+`) \| [^|]+ \|")


class Failures:
    def __init__(self):
        self.count = 0

    def add(self, text):
        self.count += 1
        print(f"not ok - {text}")


def verdicts(folder, judge):
    lines = (folder / f"{judge}.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def yes_or_no(verdict):
    return verdict if verdict in {"accept", NOT_ASKED} else "refuse"


def is_right(expected, verdict):
    if expected == EITHER:
        return True
    if expected == MALFORMED:
        return verdict == MALFORMED or "GENERIC_ERROR" in verdict.split()
    return sorted(expected.split()) == sorted(verdict.split())


def flags_beyond(right, verdict):
    """Which flags a refusal lacks or has too many, if both are refusals with flags."""
    if {right, verdict} & {"accept", MALFORMED}:
        return ""
    right, has = set(right.split()), set(verdict.split())
    return " ".join([f"-{flag}" for flag in sorted(right - has)]
                    + [f"+{flag}" for flag in sorted(has - right)])


def differences(cases, folder):
    """(judge, case) to the verdict that the page has to explain.

    Ours is compared with what is right, flag by flag; the others' with the same or, where that is
    open, with ours.
    """
    ours = verdicts(folder, OURS)
    found = {(OURS, name): ours[name] for name, expected in cases.items()
             if not is_right(expected, ours[name])}
    for judge in OTHERS:
        theirs = verdicts(folder, judge)
        for name, expected in cases.items():
            right = yes_or_no(ours[name] if expected == EITHER else expected)
            if yes_or_no(theirs[name]) not in {right, NOT_ASKED}:
                found[judge, name] = yes_or_no(theirs[name])
    theirs = verdicts(folder, "glib-networking")
    for name, expected in cases.items():
        beyond = flags_beyond(ours[name] if expected == EITHER else expected, theirs[name])
        if beyond:
            found[FLAGS, name] = beyond
    return found


def explanations(text, cases, failures):
    """(judge, case) to the verdict that the page explains."""
    explained = {}
    for row in ROW.finditer(text):
        judges, patterns = row["judges"].split(", "), re.findall(r"`([^`]+)`", row["cases"])
        for pattern in patterns:
            names = fnmatch.filter(cases, pattern)
            if not names:
                failures.add(f"{PAGE.name}: there is no case {pattern}")
            for key in ((judge, name) for judge in judges for name in names):
                if key in explained:
                    failures.add(f"{PAGE.name}: {key[0]}, {key[1]} is explained twice")
                explained[key] = row["verdict"]
    return explained


def summary(cases, folder, found):
    for judge in [OURS, *OTHERS]:
        answers = [yes_or_no(verdict) for verdict in verdicts(folder, judge).values()]
        differing = sum(key[0] == judge for key in found)
        asked = len(answers) - answers.count(NOT_ASKED)
        what = "not right" if judge == OURS else "otherwise than ours or right"
        print(f"{judge}: {asked} cases, {answers.count('accept')} accepted, "
              f"{answers.count('refuse')} refused, {differing} {what}")
    flags = sum(key[0] == FLAGS for key in found)
    print(f"{FLAGS}: {flags} refusals with others")
    print(f"{len(cases)} cases, {sum(value == EITHER for value in cases.values())} of them open")


def main(folder, only_list):
    index = json.loads((folder / "cases.json").read_text())
    cases = {case["name"]: case["expected"] for case in index}
    found = differences(cases, folder)
    if only_list:
        for (judge, name), verdict in found.items():
            print(judge, name, verdict, sep="\t")
        return 0
    failures = Failures()
    explained = explanations(PAGE.read_text(), cases, failures)
    for (judge, name), verdict in found.items():
        if explained.get((judge, name)) != verdict:
            right = f", and right is: {cases[name]}" if judge == OURS else ""
            failures.add(f"{judge} says {verdict} of {name}{right}: unexplained")
    for (judge, name), verdict in explained.items():
        if (judge, name) not in found:
            failures.add(f"{PAGE.name}: {judge} does not say {verdict} of {name} any more")
    summary(cases, folder, found)
    print(f"{max(len(cases) - failures.count, 0)} passed, {failures.count} failed")
    return 1 if failures.count else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--list" in sys.argv))
