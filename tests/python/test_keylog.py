"""The key log: the signal, and the file that SSLKEYLOGFILE names."""

import os
import stat
import subprocess
import sys
import tempfile
import unittest

import gi

gi.require_version("GioOssl", "1")

from gi.repository import GioOssl, GObject  # noqa: E402

from ends import ends, established, meet  # noqa: E402

LINE = r"^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$"
SCRIPT = """
from ends import ends, meet
client, server = ends()
client.connect("keylog", lambda _, line: print(line))
meet(client, server)
"""


class Signal(unittest.TestCase):
    def test_both_ends_announce_the_same_line(self):
        client, server = ends()
        ours, theirs = [], []
        client.connect("keylog", lambda it, line: ours.append((it, line)))
        server.connect("keylog", lambda it, line: theirs.append((it, line)))
        meet(client, server)
        self.assertEqual(len(ours), 1)
        self.assertEqual(ours[0][0], client)
        self.assertRegex(ours[0][1], LINE)
        self.assertEqual(theirs, [(server, ours[0][1])])

    def test_handler_that_comes_too_late_hears_nothing(self):
        client, _ = established()
        lines = []
        client.connect("keylog", lambda _, line: lines.append(line))
        client.send(b"hello", -1, None)
        self.assertEqual(lines, [])

    def test_signal_has_one_string(self):
        signal = GObject.signal_query("keylog", GioOssl.DtlsConnection)
        self.assertEqual([kind.name for kind in signal.param_types], ["gchararray"])
        self.assertEqual(signal.return_type.name, "void")

    def test_wrong_arguments_are_refused(self):
        client, _ = ends()
        for wrong in ((), ("a", "b")):
            with self.subTest(wrong=wrong), self.assertRaises(TypeError):
                client.emit("keylog", *wrong)
        with self.assertRaises(TypeError):
            client.connect("keylog", "not callable")


class File(unittest.TestCase):
    def run_script(self, name):
        here = os.path.dirname(os.path.abspath(__file__))
        result = subprocess.run([sys.executable, "-c", SCRIPT], cwd=here,
                                env=dict(os.environ, SSLKEYLOGFILE=name),
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_lines_are_appended_to_a_file_of_the_owner(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "keys")
            printed = [self.run_script(name).stdout for _ in range(2)]
            with open(name, encoding="ascii") as file:
                # Each end writes the line.
                self.assertEqual(file.read(), "".join(2 * line for line in printed))
            self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), 0o600)

    def test_file_that_cannot_be_opened_is_a_warning(self):
        result = self.run_script("/nonexistent/keys")
        self.assertRegex(result.stdout.strip(), LINE)
        self.assertEqual(result.stderr.count("/nonexistent/keys"), 1)
        self.assertIn("GioOssl-WARNING", result.stderr)


if __name__ == "__main__":
    unittest.main()
