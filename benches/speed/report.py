"""The table of what was to be reached, and the part of docs/performance.md that this benchmark writes."""

import datetime
import pathlib
import platform
import re
import subprocess

import chart
from works import ROWS, SCALES, SIZES

HEADING = "## DTLS speed"
NAMES = {"ossl": "gio-ossl", "gnutls": "GnuTLS", "floor": "floor"}


def number(value, unit=""):
    if value is None:
        return "-"
    scaled = value * SCALES[unit]
    return f"{scaled:.0f}" if scaled >= 100 or scaled == int(scaled) else f"{scaled:.3g}"


def verdict(row, results):
    """Our figure in words, and whether the row is reached: None if that was not measured."""
    ours = results.value("ossl", row.work, row.figure)
    if ours is None:
        return "-", None
    shown = f"{number(ours, row.unit)} {row.unit}".strip()
    if not row.against:
        return shown, ours * SCALES[row.unit] <= row.factor
    ratio = results.ratio(("ossl", row.work, row.figure), row.against)
    if ratio is None:
        return shown, None
    return f"{shown}, {ratio:.2f} x", ratio <= row.factor


def goal(row):
    if not row.against:
        return f"<= {row.factor} {row.unit}".strip()
    names = {"ossl": "", "gnutls": " GnuTLS", "floor": " floor", "floor-gio": " floor"}
    return f"<= {row.factor} x{names[row.against[0]]}"


def table(results):
    """The rows whose works were done, as Markdown."""
    lines = [
        "| work | GnuTLS | floor or other limit | gio-ossl | to reach | reached |",
        "|---|---:|---:|---:|---|---|",
    ]
    for row in ROWS:
        if row.work not in results.rounds:
            continue
        shown, reached = verdict(row, results)
        against = results.value(*row.against) if row.against else None
        if row.against and row.against[0] == "gnutls":
            against = None
        lines.append(
            f"| {row.title} | {number(results.value('gnutls', row.work, row.figure), row.unit)} "
            f"| {number(against, row.unit)} | {shown} | {goal(row)} "
            f"| {'not measured' if reached is None else 'yes' if reached else '**no**'} |"
        )
    return "\n".join(lines)


def data_table(results, direction, columns):
    """All sizes of one direction; `columns` are titles, each with a runner and the prefix of its works."""
    lines = [
        f"| {direction}, us of CPU a message | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for size in SIZES:
        for batch in (1, 32):
            kind = f"{size}-{batch}"
            figures = [
                results.value(who, f"{prefix}-{kind}", "cpu") for who, prefix in columns.values()
            ]
            shown = " | ".join(number(figure, "us") for figure in figures)
            lines.append(f"| {size:,} B, {batch} a call | {shown} |")
    return "\n".join(lines)


SEND_COLUMNS = {
    "GnuTLS": ("gnutls", "send"),
    "gio-ossl": ("ossl", "send"),
    "floor": ("floor", "send"),
    "floor, GSO": ("floor", "send-segmented"),
}
RECEIVE_COLUMNS = {
    "GnuTLS": ("gnutls", "receive"),
    "gio-ossl": ("ossl", "receive"),
    "gio-ossl, receive-offload": ("ossl", "receive-offload"),
    "floor": ("floor", "receive"),
    "floor, GRO": ("floor", "receive-merged"),
}


def wall_table(results):
    """The wall clock of what waits for the peer."""
    lines = ["| wall clock | GnuTLS | gio-ossl | floor |", "|---|---:|---:|---:|"]
    for title, work, unit in (
        ("handshake, blocking, ms", "handshake-sync", "ms"),
        ("64 handshakes at once, ms", "handshake-async", "ms"),
        ("round trip of 64 B, blocking, us", "ping-pong-64", "us"),
        ("round trip of 64 B, main loop, us", "ping-pong-loop-64", "us"),
        ("round trip of 1,200 B, blocking, us", "ping-pong-1200", "us"),
        ("round trip of 1,200 B, main loop, us", "ping-pong-loop-1200", "us"),
    ):
        figures = [results.value(who, work, "wall") for who in ("gnutls", "ossl", "floor")]
        lines.append(f"| {title} | {' | '.join(number(figure, unit) for figure in figures)} |")
    for loss in (1, 10, 30):
        cells = []
        for who in ("gnutls", "ossl", "floor"):
            figures = [
                results.value(who, f"loss-{loss}", figure)
                for figure in ("median", "95th", "failures")
            ]
            cells.append(
                f"{number(figures[0], 'ms')} / {number(figures[1], 'ms')} ({number(figures[2])})"
            )
        lines.append(
            f"| handshake at {loss} % loss, ms: median / 95th percentile (failed) | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def version(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    processors = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    networking = version(["dpkg-query", "-W", "-f", "${Version}", "glib-networking"])
    openssl = " ".join(version(["openssl", "version"]).split()[:2])
    return (
        f"{datetime.date.today()}: {len(processors)} x {processors[0]}, "
        f"Linux {platform.release().split('-')[0]}, {openssl}, GLib {version(['pkg-config', '--modversion', 'glib-2.0'])},\n"
        f"glib-networking {networking}"
    )


INTRODUCTION = """`scripts/bench` compares DTLS with Debian's glib-networking (GnuTLS) and with the floor: the same work by
OpenSSL alone over plain sockets, in plain C, with sendmmsg, recvmmsg, and the kernel's offloads GSO and GRO. Backends are driven
by one C program through GIO's public functions. All of them talk to one OpenSSL server in another process, over the loopback
interface, by ECDHE-ECDSA-AES128-GCM-SHA256 and X25519. A figure is the client process's own CPU time, user and system, for
one unit, unless it says wall clock: the median of the rounds. The factors are medians of the factors in each round. Received
messages come in bursts that wait in the socket. A fresh process is also held against the floor in a process that has loaded GIO
and let it look for a backend, which is beyond gio-ossl. Of handshakes with loss, 40 run at once, each in a thread; the server loses
datagrams of both directions at random, from a seed.

{machine}; up to {rounds} interleaved rounds. The machine had other work to do: compare figures within a row only.
"""


INSTRUCTIONS = """`benches/speed/instructions check PREFIX` counts instructions, which repeat where times do not, and fails
when a handshake, or sending or receiving 1,000 messages, takes a tenth more of them than `instructions.txt` says.
"""


def section(results, rounds):
    parts = [
        f"{HEADING}\n",
        INTRODUCTION.format(machine=machine(), rounds=rounds),
        "![Send and receive](speed-data.svg)\n",
        "![Handshakes](speed-handshakes.svg)\n",
        table(results) + "\n",
        data_table(results, "send", SEND_COLUMNS) + "\n",
        data_table(results, "receive", RECEIVE_COLUMNS) + "\n",
        wall_table(results) + "\n",
        INSTRUCTIONS,
    ]
    return "\n".join(parts)


def write(results, rounds, docs):
    """Replaces the benchmark's part of performance.md, and draws the charts beside it."""
    page = docs / "performance.md"
    text = page.read_text()
    kept = re.sub(rf"^{HEADING}\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL).rstrip()
    page.write_text(f"{kept}\n\n{section(results, rounds)}")

    draw_data(results, docs / "speed-data.svg")
    draw_handshakes(results, docs / "speed-handshakes.svg")


def bars(results, title, unit, rows):
    """`rows` are labels, each with the works of gio-ossl, GnuTLS and the floor."""
    values = [
        (
            label,
            [
                (results.value(who, work, "cpu") or 0) * SCALES[unit]
                for who, work in zip(NAMES, works)
            ],
        )
        for label, works in rows
    ]
    return chart.bars(title, list(NAMES.values()), values)


def draw_data(results, path):
    rows = []
    for direction, offload in (("send", "segmented"), ("receive", "merged")):
        for size in (64, 1200):
            one, many = f"{direction}-{size}-1", f"{direction}-{size}-32"
            floor = f"{direction}-{offload}-{size}-32"
            rows.append((f"{direction} {size:,} B, one a call", [one] * 3))
            rows.append((f"{direction} {size:,} B, 32 a call", [many, many, floor]))
    title = "Client CPU a message, microseconds (floor of 32 a call: OpenSSL alone with GSO or GRO)"
    path.write_text(bars(results, title, "us", rows))


def draw_handshakes(results, path):
    rows = [
        ("blocking, one at a time", ["handshake-sync"] * 3),
        ("asynchronous, 64 at once", ["handshake-async"] * 3),
        ("resumed", ["resumed"] * 3),
    ]
    path.write_text(bars(results, "Client CPU a verified handshake, milliseconds", "ms", rows))
