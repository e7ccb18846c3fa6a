"""wolfSSL, by a program of our own."""

from cases import CLIENT, PSK
from foreign import Compiled


class WolfSSL(Compiled):
    name = "wolfSSL"
    packages = ("libwolfssl-dev",)
    source = "wolfssl.c"
    libraries = ("wolfssl",)
    remark = "Debian's build has no function that sets its MTU."

    def unable(self, case):
        if case.role == CLIENT and case.credential != PSK and case.mtu and case.lossy:
            return ("Not with 512 bytes and loss: wolfSSL puts fragments together wrongly that overlap, as repeated "
                    "ones may (RFC 6347, section 4.2.3). It fails with OpenSSL's own server as well.")
        return None
