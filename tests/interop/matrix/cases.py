"""What is tried with each implementation, and the names of the files and keys for it."""

import dataclasses
import itertools
import os

PKI = os.environ["GIO_OSSL_TEST_PKI"]
# Where implementations put the programs that they compile.
WORK = os.environ["GIO_OSSL_TEST_WORK"]

SERVER, CLIENT = ROLES = ("server", "client")
RSA, ECDSA, CLIENT_CERTIFICATE, PSK = CREDENTIALS = ("RSA", "ECDSA", "client certificate", "PSK")

IDENTITY = "server.example.com"
WRONG_IDENTITY = "wrong.example.com"
PSK_IDENTITY = "sensor"
PSK_KEY = "aKeyOfBothSides"
PSK_HEX = PSK_KEY.encode().hex()
SMALL_MTU = 512

# One line: some programs send what they read by lines. gnutls-serv reads into 254 bytes.
MESSAGE = b"marker " + b"0123456789" * 20 + b"\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """One association; the role is the other implementation's."""

    role: str
    credential: str
    mtu: int = 0
    lossy: bool = False
    identity: str = IDENTITY

    def __str__(self):
        words = [f"as {self.role}", self.credential]
        if self.mtu:
            words.append(f"MTU {self.mtu}")
        if self.lossy:
            words.append("first datagrams lost")
        if self.refused:
            words.append("wrong identity is refused")
        return ", ".join(words)

    @property
    def refused(self):
        """Whether our client must refuse the server."""
        return self.identity != IDENTITY

    @property
    def server_files(self):
        """The certificate and the key of whoever is the server."""
        return pki("rsa.pem" if self.credential == RSA else "ecdsa.pem"), \
            pki("rsa.key" if self.credential == RSA else "ecdsa.key")


def pki(name):
    """The path of a file of the PKI."""
    return os.path.join(PKI, name)


def all_cases():
    """Every association to try with one implementation."""
    product = itertools.product(ROLES, CREDENTIALS, (0, SMALL_MTU), (False, True))
    return [*(Case(*each) for each in product), Case(SERVER, ECDSA, identity=WRONG_IDENTITY)]
