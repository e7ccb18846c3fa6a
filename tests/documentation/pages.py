"""Looks at the comments of the headers and at the HTML that was made of them: pages.py ROOT PREFIX"""

import html.parser
import pathlib
import re
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as ET

CORE = "{http://www.gtk.org/introspection/core/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"
DOCUMENTED = ("alias", "bitfield", "callback", "class", "constant", "constructor", "enumeration", "field", "function",
              "function-macro", "interface", "member", "method", "parameter", "property", "record", "return-value",
              "signal")
# The casts and checks of GObject's types.
UNDOCUMENTED = re.compile(r"(IS_)?[A-Z_]+(CONNECTION|CERTIFICATE|DATABASE)")


class Page(html.parser.HTMLParser):
    """The links and anchors of one page, and what is left of markup in its text."""

    def __init__(self, path):
        super().__init__()
        self.links = []
        self.anchors = set()
        self.leftovers = []
        self.code = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.add(attributes.get("id"))
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name) is not None]
        self.code += tag in ("pre", "code")

    def handle_endtag(self, tag):
        self.code -= tag in ("pre", "code")

    def handle_data(self, text):
        if not self.code:
            self.leftovers += re.findall(r"\[\w+@[^]]*\]|\[[^]]*\]\([^)]*\)|```|#G[A-Z]\w+|%G_\w+|&lt;", text)


class Report:
    failed = 0

    def __call__(self, name, complaints):
        complaints = sorted(set(complaints))
        print("not ok" if complaints else "ok", "-", name)
        for complaint in complaints:
            print(f"# {complaint}")
        self.failed += bool(complaints)


def dead_links(name, pages, output):
    for link in pages[name].links:
        address, fragment = urllib.parse.urldefrag(link)
        target = address or name
        if "://" in link:
            if not link.startswith("https://"):
                yield f"{link} is not secure"
        elif link.startswith("javascript:") or not link:
            yield f"{link!r} leads nowhere"
        elif not (output / target).is_file():
            yield f"{target} does not exist"
        elif fragment and target in pages and fragment not in pages[target].anchors:
            yield f"{link}: there is no such place"


def name_of(element, parents):
    names = []
    while element is not None and element.tag != f"{CORE}namespace":
        names.insert(0, element.get("name") or element.tag.removeprefix(CORE))
        element = parents.get(element)
    return ".".join(name for name in names if name != "parameters")


def undocumented(gir):
    tree = ET.parse(gir)
    parents = {child: parent for parent in tree.iter() for child in parent}
    for element in tree.iter():
        if element.tag.removeprefix(CORE) not in DOCUMENTED or element.find(f"{CORE}doc") is not None:
            continue
        name = name_of(element, parents)
        kind = element.find(f"{CORE}type")
        is_void = kind is not None and kind.get("name") == "none"
        is_cast = UNDOCUMENTED.fullmatch(name.split(".")[0])
        is_private = any(owner.get(f"{GLIB}is-gtype-struct-for") for owner in (element, parents[element]))
        if not (is_void or is_cast or is_private):
            yield f"{name} is not documented"


def unreached(pages):
    """What nobody finds by following links from the front page."""
    reached, left = set(), ["index.html"]
    while left:
        name = left.pop()
        if name in pages and name not in reached:
            reached.add(name)
            left += [urllib.parse.urldefrag(link)[0] for link in pages[name].links]
    return [f"{name} is linked from nowhere" for name in set(pages) - reached]


def main():
    root, prefix = map(pathlib.Path, sys.argv[1:])
    report = Report()
    gir = prefix / "share/gir-1.0/GioOssl-1.gir"
    report("every symbol has its documentation", undocumented(gir))
    check = subprocess.run(["gi-docgen", "check", "--quiet", "--fatal-warnings", "--config",
                            root / "docs/reference/gio-ossl.toml.in", gir], capture_output=True, text=True)
    report("gi-docgen finds nothing undocumented", (check.stdout + check.stderr).splitlines())

    output = prefix / "share/doc/gio-ossl-1"
    pages = {path.name: Page(path) for path in output.glob("*.html")}
    report("the pages are installed", [] if pages else [f"{output} has none: build with -Ddocs=true"])
    for name in sorted(pages):
        report(f"{name}: its links lead somewhere", dead_links(name, pages, output))
    report("no markup is left in the text", (f"{name}: {left}" for name, page in pages.items()
                                             for left in page.leftovers))
    report("every page is reached from the front page", unreached(pages))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
