"""libcoap's programs over OpenSSL and over GnuTLS, which speak CoAP (RFC 7252) and nothing else."""

from cases import CLIENT, CLIENT_CERTIFICATE, MESSAGE, PSK, PSK_IDENTITY, PSK_KEY, pki
from foreign import Implementation, upstream

# A confirmable GET of the root, and the beginning of its answer: Content, with the same message ID and token.
GET = bytes.fromhex("4101123401")
CONTENT = bytes.fromhex("6145123401")


class Libcoap(Implementation):
    packages = ("libcoap3-bin",)
    message = GET
    remark = "Its messages are a CoAP request and the answer. The programs have no option for their MTU."

    def __init__(self, library, name):
        self._library = library
        self.name = f"libcoap over {name}"

    def version(self):
        library = {"openssl": "openssl", "gnutls": "libgnutls30"}[self._library]
        return f"{super().version()}, {upstream(library)}"

    def unable(self, case):
        if (self._library == "gnutls" and case.role == CLIENT and case.credential == CLIENT_CERTIFICATE
                and case.mtu and case.lossy):
            return ("Not with 512 bytes and loss: libcoap throws a datagram away when GnuTLS has not taken all records "
                    "of the one before, and that is the ServerHello each time. GnuTLS itself can do it.")
        return None

    def server(self, case, port):
        # DTLS has the port after the one that is named.
        command = ["stdbuf", "-oL", f"coap-server-{self._library}", "-v", "7", "-A", "127.0.0.1", "-p", str(port - 1)]
        if case.credential == PSK:
            return [*command, "-k", PSK_KEY, "-h", ""]
        certificate, key = case.server_files
        command += ["-c", certificate, "-j", key]
        return [*command, "-C", pki("ca.pem")] if case.credential == CLIENT_CERTIFICATE else [*command, "-n"]

    def client(self, case, port):
        command = [f"coap-client-{self._library}", "-B", "10"]
        if case.credential == PSK:
            command += ["-u", PSK_IDENTITY, "-k", PSK_KEY]
        else:
            command += ["-C", pki("ca.pem")]
        if case.credential == CLIENT_CERTIFICATE:
            command += ["-c", pki("client.pem"), "-j", pki("client.key")]
        return [*command, f"coaps://127.0.0.1:{port}/hello"]

    def is_answer(self, received):
        return received.startswith(CONTENT)

    def answer(self, message):
        """Content with the message ID and token of the request."""
        token = message[4:4 + (message[0] & 0x0f)]
        return bytes([0x60 | len(token), CONTENT[1]]) + message[2:4] + token + b"\xff" + MESSAGE.strip()
