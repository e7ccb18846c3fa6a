"""The table of docs/interop.md."""

from cases import CREDENTIALS, ROLES

INTRODUCTION = """\
# Interoperability

Independent implementations of DTLS 1.2 in both roles, each in a process of its own. `tests/interop/matrix/run PREFIX`
tries all of it against what is installed in PREFIX, and compares the outcome with this file; `--update` writes the file.

"yes" stands for four associations, less what a note excludes: with the default MTU and with one of 512 bytes, which is
the peer's as well where it can be set, each on a path that loses nothing and on one that loses the first datagram of each
direction. Each has a handshake in which both ends verify what they are shown, a message there and back, and a close that
the other end notices. With a client certificate, the server asks for one and demands it. "Refused" is a server with a
certificate for another name, which our client must refuse.

"""
REFUSED = "refused"
WORDS = {"client certificate": "client cert."}


class Line:
    """What works with one implementation."""

    def __init__(self, name, version, remark):
        self.name = name
        self.version = version
        self.remark = remark
        self._works = {}
        self._reasons = {}

    def add(self, case, works=None, reason=None):
        """What a case has come to, or why it is impossible."""
        column = REFUSED if case.refused else (case.role, case.credential)
        self._works.setdefault(column, [])
        if reason is None:
            self._works[column].append(works)
        else:
            reasons = self._reasons.setdefault(column, [])
            if reason not in reasons:
                reasons.append(reason)

    def cells(self, note):
        """The cells after name and version; `note` numbers the reasons."""
        cells = []
        for column in COLUMNS:
            works = self._works[column]
            word = "—" if not works else "yes" if all(works) else "**fails**"
            cells.append(" ".join([word, *(f"[^{note(reason)}]" for reason in self._reasons.get(column, ()))]))
        return cells


COLUMNS = [*((role, credential) for role in ROLES for credential in CREDENTIALS), REFUSED]


def render(lines):
    """The whole document."""
    notes = []

    def note(reason):
        if reason not in notes:
            notes.append(reason)
        return notes.index(reason) + 1

    heads = [column if column == REFUSED else f"{column[0]}, {WORDS.get(column[1], column[1])}" for column in COLUMNS]
    rows = [["peer", "version", *heads], ["---"] * (len(heads) + 2)]
    for line in lines:
        name = f"{line.name} [^{note(line.remark)}]" if line.remark else line.name
        rows.append([name, line.version, *line.cells(note)])
    text = INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return text + "".join(f"\n[^{number}]: {reason}\n" for number, reason in enumerate(notes, 1))


def write(path, lines):
    """Writes the document."""
    with open(path, "w", encoding="utf-8") as document:
        document.write(render(lines))


def outcomes(text):
    """What a document says of each implementation but its version, with the reasons in the place of their numbers."""
    notes, rows = {}, {}
    for line in text.splitlines():
        if line.startswith("[^"):
            number, _, reason = line.partition(": ")
            notes[number] = reason
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] != "peer" and cells[0] != "---":
            del cells[1]
            row = " | ".join(cells)
            for number, reason in notes.items():
                row = row.replace(number, f"({reason})")
            rows[cells[0].partition(" [^")[0]] = row
    return rows


def differences(path, lines):
    """What the document says otherwise than these lines; versions and implementations that were skipped do not count."""
    with open(path, encoding="utf-8") as document:
        written = outcomes(document.read())
    return [f"{row}\n# in the document: {written.get(name)}"
            for name, row in outcomes(render(lines)).items() if written.get(name) != row]
