"""Erlang's ssl, by a script of our own."""

import os

from foreign import HERE, Program


class Erlang(Program):
    name = "Erlang ssl"
    packages = ("erlang-ssl", "erlang-base")
    program = ("escript", os.path.join(HERE, "erlang.escript"))
    remark = "Erlang's ssl has no option for its MTU."
