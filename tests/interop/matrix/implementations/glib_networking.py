"""The GnuTLS backend of glib-networking, by a program of our own in plain GIO."""

import subprocess

from cases import PSK
from foreign import Compiled


class GlibNetworking(Compiled):
    name = "glib-networking"
    packages = ("glib-networking",)
    source = "glib_networking.c"
    libraries = ("gio-2.0",)
    remark = "GIO has no property for the MTU."

    def environment(self):
        modules = subprocess.run(["pkg-config", "--variable=giomoduledir", "gio-2.0"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        return {"GIO_USE_TLS": "gnutls", "GIO_MODULE_DIR": modules}

    def unable(self, case):
        if case.credential == PSK:
            return "GIO has no interface for pre-shared keys."
        return None
