"""Any GIO backend's judgement: a program that knows nothing but GIO.

judge_gio CASES-FOLDER, with GIO_USE_TLS and GIO_MODULE_DIR set. Prints a line for each case: its
name, and "accept", "malformed" or the flags, sorted.
"""

import json
import pathlib
import re
import sys

from gi.repository import Gio, GLib, GObject

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


def certificate(pem, issuer):
    kind = Gio.TlsBackend.get_default().get_certificate_type()
    made = GObject.new(kind, certificate_pem=pem, issuer=issuer)
    made.init(None)
    return made


def chain(place):
    """The end entity, linked to the hints in the order in which they were presented."""
    text = (place / "leaf.pem").read_text() + (place / "hints.pem").read_text()
    issuer = None
    for block in reversed(BLOCK.findall(text)):
        issuer = certificate(block, issuer)
    return issuer


def connectable(identity):
    if identity is None:
        return None
    kind, _, host = identity.partition(":")
    if kind == "service":
        return Gio.NetworkService.new("sip", "udp", host)
    if kind == "socket":
        return Gio.InetSocketAddress.new(Gio.InetAddress.new_from_string(host), 443)
    return Gio.NetworkAddress.new(identity, 443)


def judge(case):
    place = pathlib.Path(case["folder"])
    try:
        presented = chain(place)
    except GLib.Error as error:
        assert error.matches(Gio.tls_error_quark(), Gio.TlsError.BAD_CERTIFICATE), error
        return "malformed"
    database = Gio.TlsFileDatabase.new(str(place / "database.pem"))
    flags = database.verify_chain(presented, case["purpose"], connectable(case["identity"]),
                                  None, Gio.TlsDatabaseVerifyFlags.NONE, None)
    return " ".join(sorted(flag.upper() for flag in nicks(flags))) or "accept"


def nicks(flags):
    names = {"unknown_ca": 1, "bad_identity": 2, "not_activated": 4, "expired": 8, "revoked": 16,
             "insecure": 32, "generic_error": 64}
    return [name for name, bit in names.items() if int(flags) & bit]


for each in json.loads((pathlib.Path(sys.argv[1]) / "cases.json").read_text()):
    print(each["name"], judge(each), sep="\t")
