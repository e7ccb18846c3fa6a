"""NSS, by a program of our own."""

import os
import subprocess

from cases import PSK, pki
from foreign import Compiled


class NSS(Compiled):
    name = "NSS"
    packages = ("libnss3-dev", "libnss3-tools")
    source = "nss.c"
    libraries = ("nss",)
    remark = "NSS has no public function that sets its MTU."

    def prepare(self):
        super().prepare()
        # Each certificate in a database of its own: NSS gives nicknames to subjects.
        for name in ("rsa", "ecdsa", "client"):
            directory = pki(f"nss-{name}")
            container = os.path.join(directory, "container.p12")
            os.makedirs(directory)
            call(directory, "certutil", "-N", "--empty-password")
            call(directory, "certutil", "-A", "-n", "ca", "-t", "CT,C,C", "-i", pki("ca.pem"))
            subprocess.run(["openssl", "pkcs12", "-export", "-name", name, "-in", pki(f"{name}.pem"), "-inkey",
                            pki(f"{name}.key"), "-passout", "pass:", "-out", container], check=True)
            call(directory, "pk12util", "-i", container, "-K", "", "-W", "")

    def unable(self, case):
        if case.credential == PSK:
            return "NSS has pre-shared keys with TLS 1.3 alone."
        return None


def call(directory, program, *arguments):
    """Changes a database."""
    subprocess.run([program, "-d", f"sql:{directory}", *arguments], check=True, capture_output=True)
