"""What is measured, and what is to be reached.

A Work is what one program does in one go; a Row of the table compares figures of works.
"""

import dataclasses

ALL = ("ossl", "gnutls", "floor")
BACKENDS = ("ossl", "gnutls")
OPENSSL = ("ossl", "floor")
SIZES = (64, 256, 1200, 8192, 16000)
LOSSES = (1, 10, 30)


@dataclasses.dataclass(frozen=True)
class Work:
    """`command` goes to the program; `fewer` replaces it for glib-networking, which takes far longer."""

    name: str
    group: str
    command: tuple
    runners: tuple = ALL
    fewer: tuple = None
    before: str = None
    # At most so many rounds.
    rounds: int = None
    # How often in a round.
    times: int = 1


@dataclasses.dataclass(frozen=True)
class Row:
    """Our figure of a work, and the figure it is held against, with the factor that is to be reached.

    `against` is (runner, work, figure); without it `factor` is the limit itself, in the figure's unit.
    """

    title: str
    work: str
    figure: str
    unit: str
    factor: float
    against: tuple = None


def count(size, batch):
    """How many messages: enough for the clock, and not too many bytes."""
    return 64000 if size <= 1200 else 16000 if size <= 8192 else 8000


def data_works():
    works = []
    for size in SIZES:
        for batch in (1, 32):
            numbers = (size, batch, count(size, batch))
            kind = f"{size}-{batch}"
            # GnuTLS refuses what exceeds the path's MTU.
            who = ALL if size <= 1200 else OPENSSL
            works.append(Work(f"send-{kind}", "send", ("send", *numbers), who))
            works.append(Work(f"receive-{kind}", "receive", ("receive", *numbers), who))
            if batch > 1:
                works.append(
                    Work(f"send-segmented-{kind}", "send", ("send-segmented", *numbers), ("floor",))
                )
                works.append(
                    Work(
                        f"receive-merged-{kind}",
                        "receive",
                        ("receive-merged", *numbers),
                        ("floor",),
                    )
                )
                works.append(
                    Work(
                        f"receive-offload-{kind}",
                        "receive",
                        ("receive-offload", *numbers),
                        ("ossl",),
                    )
                )
    return works


def ping_pong_works():
    works = []
    for size in (64, 1200):
        works.append(Work(f"ping-pong-{size}", "ping-pong", ("ping-pong", size, 8000)))
        works.append(
            Work(f"ping-pong-loop-{size}", "ping-pong", ("ping-pong-loop", size, 8000), BACKENDS)
        )
    return works


WORKS = [
    Work(
        "handshake-async", "handshake", ("handshake-async", 6, 64), fewer=("handshake-async", 1, 64)
    ),
    Work("handshake-sync", "handshake", ("handshake-sync", 200), fewer=("handshake-sync", 10)),
    Work("resumed", "resumed", ("resumed", 200), OPENSSL),
    *data_works(),
    *ping_pong_works(),
    Work("fresh", "fresh", ("fresh",), (*ALL, "floor-gio"), times=10),
    Work("threads", "threads", ("threads", 64), BACKENDS, rounds=2),
    Work("silent", "silent", ("silent", 64), BACKENDS),
    Work("memory", "memory", ("memory", 1000), fewer=("memory", 100), rounds=2),
    Work("memory-released", "memory", ("memory-released", 1000), ("floor",), rounds=2),
    Work("loop", "loop", ("loop", 10000, 200), BACKENDS, fewer=("loop", 1000, 500), rounds=1),
    *(
        Work(f"loss-{loss}", "loss", ("loss", 40), before=f"loss {loss} ROUND", rounds=3)
        for loss in LOSSES
    ),
]
GROUPS = list(dict.fromkeys(work.group for work in WORKS))


def floor(work, figure="cpu"):
    return ("floor", work, figure)


ROWS = [
    Row(
        "Verified handshake, 64 at once, asynchronous",
        "handshake-async",
        "cpu",
        "ms",
        1.15,
        floor("handshake-async"),
    ),
    Row(
        "Verified handshake, blocking, one at a time",
        "handshake-sync",
        "cpu",
        "ms",
        1.15,
        floor("handshake-sync"),
    ),
    Row(
        "The same, wall clock",
        "handshake-sync",
        "wall",
        "ms",
        1.15,
        floor("handshake-sync", "wall"),
    ),
    Row(
        "Resumed handshake, against a full one",
        "resumed",
        "cpu",
        "ms",
        0.4,
        ("ossl", "handshake-sync", "cpu"),
    ),
    Row(
        "Send 1200 B, 32 a call, against GSO",
        "send-1200-32",
        "cpu",
        "us",
        1.15,
        floor("send-segmented-1200-32"),
    ),
    Row(
        "Send 64 B, 32 a call, against GSO",
        "send-64-32",
        "cpu",
        "us",
        1.15,
        floor("send-segmented-64-32"),
    ),
    Row("Send 1200 B, one a call", "send-1200-1", "cpu", "us", 1.1, floor("send-1200-1")),
    Row(
        "Receive 1200 B, 32 a call, against recvmmsg",
        "receive-1200-32",
        "cpu",
        "us",
        1.1,
        floor("receive-1200-32"),
    ),
    Row(
        "Receive 64 B, 32 a call, against recvmmsg",
        "receive-64-32",
        "cpu",
        "us",
        1.1,
        floor("receive-64-32"),
    ),
    Row(
        "Receive 1200 B, 32 a call, offload on, against GRO",
        "receive-offload-1200-32",
        "cpu",
        "us",
        1.15,
        floor("receive-merged-1200-32"),
    ),
    Row(
        "Receive 64 B, 32 a call, offload on, against GRO",
        "receive-offload-64-32",
        "cpu",
        "us",
        1.15,
        floor("receive-merged-64-32"),
    ),
    Row(
        "Receive 1200 B, one a call, busy sender",
        "receive-1200-1",
        "cpu",
        "us",
        1.0,
        floor("receive-1200-1"),
    ),
    Row(
        "Receive 64 B, one a call, busy sender",
        "receive-64-1",
        "cpu",
        "us",
        1.0,
        floor("receive-64-1"),
    ),
    Row("Send 16,000 B, 32 a call", "send-16000-32", "cpu", "us", 1.1, floor("send-16000-32")),
    Row(
        "Receive 16,000 B, 32 a call",
        "receive-16000-32",
        "cpu",
        "us",
        1.1,
        floor("receive-16000-32"),
    ),
    Row("Ping-pong 64 B, blocking", "ping-pong-64", "cpu", "us", 1.1, floor("ping-pong-64")),
    Row(
        "Ping-pong 64 B, main loop, against GnuTLS",
        "ping-pong-loop-64",
        "cpu",
        "us",
        1.0,
        ("gnutls", "ping-pong-loop-64", "cpu"),
    ),
    Row(
        "Fresh process to first verified handshake, wall clock",
        "fresh",
        "process",
        "ms",
        1.25,
        floor("fresh", "process"),
    ),
    Row(
        "The same, against OpenSSL alone in a process that has loaded GIO",
        "fresh",
        "process",
        "ms",
        1.25,
        ("floor-gio", "fresh", "process"),
    ),
    Row("Threads added by 64 asynchronous handshakes", "threads", "threads", "", 0),
    Row("Descriptors beyond the sockets", "threads", "descriptors", "", 0),
    Row(
        "One live server among 64 silent ones, against a lone handshake",
        "silent",
        "wall",
        "ms",
        2,
        ("ossl", "silent", "alone"),
    ),
    Row("Threads added by that", "silent", "threads", "", 0),
    Row("Resident memory per idle connection", "memory", "bytes", "kB", 48),
    Row(
        "Idle iteration with 10,000 connections, against plain sockets",
        "loop",
        "cpu",
        "us",
        1.5,
        ("ossl", "loop", "plain"),
    ),
    Row("Handshakes at 10 % loss, 95th percentile", "loss-10", "95th", "s", 1.5),
    Row("Handshakes at 30 % loss, 95th percentile", "loss-30", "95th", "s", 7.5),
    Row("Of 120 such handshakes failed", "loss-30", "failures", "", 0),
]

SCALES = {"us": 1e6, "ms": 1e3, "s": 1, "kB": 1e-3, "": 1}
