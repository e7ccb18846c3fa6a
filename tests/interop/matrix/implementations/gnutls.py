"""GnuTLS's command-line programs."""

import os

from cases import CLIENT_CERTIFICATE, IDENTITY, PSK, PSK_HEX, PSK_IDENTITY, WORK, pki
from foreign import Implementation, upstream

PASSWORDS = os.path.join(WORK, "gnutls-psk.txt")
PRIORITY = "NORMAL:-VERS-ALL:+VERS-DTLS1.2"


class GnuTLS(Implementation):
    name = "GnuTLS"
    packages = ("gnutls-bin",)
    logs_close = "EOF"
    remark = "`gnutls-serv` does not answer a close; its log tells that it noticed."

    def prepare(self):
        with open(PASSWORDS, "w", encoding="ascii") as file:
            file.write(f"{PSK_IDENTITY}:{PSK_HEX}\n")

    def version(self):
        return upstream("libgnutls30")

    def server(self, case, port):
        command = ["stdbuf", "-oL", "gnutls-serv", "--udp", "--echo", "--port", str(port), *mtu(case)]
        if case.credential == PSK:
            return [*command, "--pskpasswd", PASSWORDS, "--priority", f"{PRIORITY}:-KX-ALL:+ECDHE-PSK"]
        certificate, key = case.server_files
        command += ["--x509certfile", certificate, "--x509keyfile", key]
        if case.credential == CLIENT_CERTIFICATE:
            return [*command, "--require-client-cert", "--verify-client-cert", "--x509cafile", pki("ca.pem")]
        return [*command, "--disable-client-cert"]

    def client(self, case, port):
        command = ["gnutls-cli", "--udp", "--port", str(port), *mtu(case), "127.0.0.1"]
        if case.credential == PSK:
            # Debian 12's gnutls-cli crashes after other key exchanges with a key.
            return [*command, "--pskusername", PSK_IDENTITY, "--pskkey", PSK_HEX,
                    "--priority", f"{PRIORITY}:-KX-ALL:+PSK"]
        command += ["--x509cafile", pki("ca.pem"), f"--verify-hostname={IDENTITY}", "--priority", PRIORITY]
        if case.credential == CLIENT_CERTIFICATE:
            command += ["--x509certfile", pki("client.pem"), "--x509keyfile", pki("client.key")]
        return command


def mtu(case):
    return [f"--mtu={case.mtu}"] if case.mtu else []
