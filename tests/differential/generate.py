"""Writes every case into a folder of its own, and all of them into cases.json and cases.tsv.

generate FOLDER
"""

import importlib
import json
import pathlib
import sys

from gi.repository import GLib

from corpus import CASES

MODULES = ["paths", "dates", "extensions", "constraints", "names", "encodings", "revocation"]


def ascii_host(identity):
    """The identity for judges that know hosts in ASCII and nothing of GIO, as GLib converts it."""
    host = (identity or "").removeprefix("service:").removeprefix("socket:")
    return host if host.isascii() else GLib.hostname_to_ascii(host)


def write(case, place):
    place.mkdir(parents=True)
    anchors = "".join(anchor.pem for anchor in case.anchors)
    crls = "".join(case.crls)
    files = {
        "leaf.pem": case.chain[0].pem,
        "chain.pem": "".join(link.pem for link in case.chain),
        "hints.pem": "".join(hint.pem for hint in case.chain[1:]),
        "anchors.pem": anchors, "crls.pem": crls, "database.pem": anchors + crls,
    }
    for file, text in files.items():
        (place / file).write_text(text)


def main(folder):
    for module in MODULES:
        importlib.import_module(f"cases_{module}")
    index = []
    for number, case in enumerate(CASES.values()):
        place = folder / f"{number:03}"
        write(case, place)
        index.append({
            "name": case.name, "folder": str(place), "expected": case.expected,
            "identity": case.identity, "host": ascii_host(case.identity),
            "purpose": case.purpose, "crls": len(case.crls)})
    (folder / "cases.json").write_text(json.dumps(index, ensure_ascii=False, indent=1))
    columns = ["name", "folder", "host", "purpose"]
    (folder / "cases.tsv").write_text(
        "".join("\t".join(case[column] for column in columns) + "\n" for case in index))
    print(f"{len(index)} cases")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
