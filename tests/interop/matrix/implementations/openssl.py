"""OpenSSL's command-line program."""

from cases import CLIENT_CERTIFICATE, IDENTITY, PSK, PSK_HEX, PSK_IDENTITY, pki
from foreign import Implementation


class OpenSSL(Implementation):
    name = "OpenSSL"
    packages = ("openssl",)
    echoes_by_streams = True

    def server(self, case, port):
        return ["openssl", "s_server", "-dtls1_2", "-quiet", "-state",
                "-accept", f"127.0.0.1:{port}", *mtu(case), *self._proof(case)]

    @staticmethod
    def _proof(case):
        if case.credential == PSK:
            return ["-nocert", "-psk", PSK_HEX, "-psk_identity", PSK_IDENTITY]
        certificate, key = case.server_files
        proof = ["-cert", certificate, "-key", key]
        if case.credential == CLIENT_CERTIFICATE:
            proof += ["-Verify", "2", "-verify_return_error", "-CAfile", pki("ca.pem")]
        return proof

    def client(self, case, port):
        command = ["openssl", "s_client", "-dtls1_2", "-quiet", "-no_ign_eof", "-timeout",
                   "-connect", f"127.0.0.1:{port}", *mtu(case)]
        if case.credential == PSK:
            return [*command, "-psk", PSK_HEX, "-psk_identity", PSK_IDENTITY]
        command += ["-CAfile", pki("ca.pem"), "-verify_return_error", "-verify_hostname", IDENTITY]
        if case.credential == CLIENT_CERTIFICATE:
            command += ["-cert", pki("client.pem"), "-key", pki("client.key")]
        return command


def mtu(case):
    return ["-mtu", str(case.mtu)] if case.mtu else []
