"""Erlang's ssl, by a script of our own."""

import os

from cases import SERVER
from foreign import HERE, Program


class Erlang(Program):
    name = "Erlang ssl"
    packages = ("erlang-ssl", "erlang-base")
    program = ("escript", os.path.join(HERE, "erlang.escript"))
    remark = "Erlang's ssl has no option for its MTU."

    def unable(self, case):
        if case.role == SERVER and case.lossy:
            return ("Not with loss: Erlang's server leaves ClientHellos without an answer once its HelloVerifyRequest "
                    "is lost (RFC 6347, section 4.2.1). It fails with OpenSSL's client as well.")
        return None
