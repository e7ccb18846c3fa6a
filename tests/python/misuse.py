"""What the tests of misuse share: the states that a connection can be in, outcomes, and the log."""

import gc
import os
import re
import sys
import tempfile
import unittest
import warnings
import xml.etree.ElementTree as ElementTree

import gi

gi.require_version("GioOssl", "1")

from gi.repository import Gio, GioOssl, GLib  # noqa: E402

from ends import established, udp_pair  # noqa: E402
from support import IDENTITY, configured, pki  # noqa: E402

STATES = ("fresh", "begun", "established", "closed")
CLASSES = {"client": GioOssl.DtlsClientConnection, "server": GioOssl.DtlsServerConnection}
ROLES = tuple(CLASSES)
GIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gir", "GioOssl-1.gir")
CORE = "{http://www.gtk.org/introspection/core/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"

# A message of GLib's log, and the last line of a traceback.
MESSAGE = re.compile(r"^\([^)]*:\d+\): (\S+-[A-Z]+) \*\*: [0-9:.]+: (.*)$")
EXCEPTION = re.compile(r"^(\w+(?:Error|Exception): .*)$")


def promised():
    """The names of all that the committed namespace can do, such as `DtlsConnection.send()`."""
    namespace = ElementTree.parse(GIR).getroot().find(CORE + "namespace")
    names = {f"{function.get('name')}()" for function in namespace.findall(CORE + "function")}
    for kind in (*namespace.findall(CORE + "class"), *namespace.findall(CORE + "record")):
        owner = kind.get("name")
        for callable_ in ("method", "constructor", "function"):
            names |= {f"{owner}.{it.get('name')}()" for it in kind.findall(CORE + callable_)}
        names |= {f"{owner}:{it.get('name')}" for it in kind.findall(CORE + "property")}
        names |= {f"{owner}::{it.get('name')}" for it in kind.findall(GLIB + "signal")}
    return names


def assert_test_exists(case, name):
    """A test that shows the right use, as `file.Class.test_name`, is there to be run."""
    module, kind, method = name.split(".")
    loaded = getattr(getattr(__import__(module), kind), method)
    case.assertTrue(callable(loaded) and method.startswith("test_"), name)


def fresh(role):
    """A connection made by plain GIO, and the socket of the other side, which is silent."""
    near, far = udp_pair()
    if role == "client":
        identity = Gio.NetworkAddress.new(IDENTITY, 4433)
        return configured(Gio.DtlsClientConnection.new(near, identity)), far
    certificate = Gio.TlsCertificate.new_from_files(pki("ecdsa.pem"), pki("ecdsa.key"))
    return Gio.DtlsServerConnection.new(near, certificate), far


def begin(connection):
    """Takes the first step of a handshake whose other side is silent."""
    assert outcome(lambda: connection.receive_bytes(1, 0, None)) == "WOULD_BLOCK"


def in_state(role, state):
    """A connection of this role in this state, and its other side."""
    if state in ("fresh", "begun"):
        connection, other = fresh(role)
        if state == "begun":
            begin(connection)
        return connection, other
    client, server = established()
    connection, other = (client, server) if role == "client" else (server, client)
    if state == "closed":
        connection.close(None)
    return connection, other


def outcome(call):
    """What a call answers, or the name of its failure: GIO's, or Python's."""
    try:
        return call()
    except GLib.Error as error:
        for domain, codes in ((Gio.io_error_quark(), Gio.IOErrorEnum),
                              (Gio.tls_error_quark(), Gio.TlsError)):
            if error.matches(domain, error.code):
                return codes(error.code).value_nick.upper().replace("-", "_")
        raise
    except (TypeError, ValueError, OverflowError) as error:
        return type(error).__name__


class Journal:
    """Notes what a block logs, through GLib or as a Python warning, and which exceptions handlers
    raise. A critical message does not end the process meanwhile."""

    def __init__(self):
        self.lines = []

    def __enter__(self):
        sys.stderr.flush()
        self._file = tempfile.TemporaryFile("w+b")
        self._stderr = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        self._fatal = GLib.log_set_always_fatal(GLib.LogLevelFlags.LEVEL_ERROR)
        self._warnings = warnings.catch_warnings(record=True)
        self._caught = self._warnings.__enter__()
        warnings.simplefilter("always")
        # PyGObject's own, with Python 3.14.
        warnings.filterwarnings("ignore", "'asyncio.get_event_loop_policy'", DeprecationWarning)
        return self

    def __exit__(self, *reason):
        self._warnings.__exit__(*reason)
        GLib.log_set_always_fatal(self._fatal)
        sys.stderr.flush()
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        self._file.seek(0)
        for line in self._file.read().decode().splitlines():
            if found := MESSAGE.match(line):
                self.lines.append(f"{found[1]}: {found[2]}")
            elif found := EXCEPTION.match(line):
                self.lines.append(found[1])
        self._file.close()
        self.lines += [str(caught.message) for caught in self._caught]


class Case(unittest.TestCase):
    """A test that looks at outcomes, and at everything that is logged on the way."""

    def assert_outcome(self, call, expected, logged=()):
        """The call answers `expected`: a failure's name, a value, or a type that it has."""
        with Journal() as journal:
            got = outcome(call)
        if isinstance(expected, type):
            self.assertIsInstance(got, expected)
        else:
            self.assertEqual(got, expected)
        self.assertEqual(journal.lines, list(logged))

    def assert_let_go(self, connection):
        """Nobody but the caller refers to the connection: pass it as a list of one."""
        gone = []
        connection[0].weak_ref(lambda: gone.append(True))
        self.assertEqual(connection[0].__grefcount__, 1)
        connection.clear()
        gc.collect()
        self.assertEqual(gone, [True])

    def assert_fails(self, code, text, call):
        """The call fails with this code of GIO's, and its message contains the text."""
        with self.assertRaises(GLib.Error) as caught:
            call()
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), code), caught.exception)
        self.assertIn(text, caught.exception.message)
