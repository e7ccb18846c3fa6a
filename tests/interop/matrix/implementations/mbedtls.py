"""mbedTLS, by a program of our own."""

from foreign import Compiled


class MbedTLS(Compiled):
    name = "mbedTLS"
    packages = ("libmbedtls-dev",)
    source = "mbedtls.c"
    # It has no file for pkg-config.
    links = ("-lmbedtls", "-lmbedx509", "-lmbedcrypto")
