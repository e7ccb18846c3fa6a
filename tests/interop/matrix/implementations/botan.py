"""Botan's command-line program."""

import os

from cases import CLIENT_CERTIFICATE, PSK, SERVER, SMALL_MTU, WORK, pki
from foreign import Implementation

POLICY = os.path.join(WORK, "botan-policy.txt")


class Botan(Implementation):
    name = "Botan"
    packages = ("botan",)

    def prepare(self):
        with open(POLICY, "w", encoding="ascii") as file:
            file.write(f"dtls_default_mtu = {SMALL_MTU}\n")

    def unable(self, case):
        if case.credential in (CLIENT_CERTIFICATE, PSK):
            return "Botan's command-line program has no options for pre-shared keys and for certificates of clients."
        if case.role == SERVER and case.lossy:
            return ("Not with loss: Botan's server ends its handshake at a repeated ClientHello because of the record's "
                    "version, which it must not mind (RFC 5246, appendix E.1). It fails with OpenSSL's client as well.")
        return None

    def server(self, case, port):
        return ["botan", "tls_server", *case.server_files, f"--port={port}", "--type=udp", *policy(case)]

    def client(self, case, port):
        return ["stdbuf", "-o0", "botan", "tls_client", "127.0.0.1", f"--port={port}", "--type=udp", "--skip-system-cert-store",
                f"--trusted-cas={pki('ca.pem')}", *policy(case)]


def policy(case):
    return [f"--policy={POLICY}"] if case.mtu else []
