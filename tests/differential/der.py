"""DER, written by hand: a library would refuse to make most of what the cases need."""

import base64


def tlv(tag, *contents):
    """One element, with the shortest length."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def long_form(tag, *contents):
    """One element whose length takes more octets than it needs: BER, and not DER."""
    content = b"".join(contents)
    return bytes([tag, 0x84]) + len(content).to_bytes(4, "big") + content


def indefinite(tag, *contents):
    """One element of indefinite length: BER, and not DER."""
    return bytes([tag, 0x80]) + b"".join(contents) + b"\0\0"


def sequence(*contents):
    return tlv(0x30, *contents)


def set_of(*contents):
    return tlv(0x31, *contents)


def explicit(number, *contents):
    return tlv(0xA0 | number, *contents)


def implicit(number, *contents):
    return tlv(0x80 | number, *contents)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def enumerated(value):
    return tlv(0x0A, bytes([value]))


def boolean(value, true=0xFF):
    return tlv(0x01, bytes([true if value else 0]))


NULL = tlv(0x05)


def octets(content):
    return tlv(0x04, content)


def bits(content, unused=0):
    return tlv(0x03, bytes([unused]), content)


def named_bits(*numbers):
    """A bit string of flags, without trailing zero bits."""
    if not numbers:
        return bits(b"")
    size = max(numbers) + 1
    value = sum(1 << (size - 1 - number) for number in numbers)
    unused = -size % 8
    return bits((value << unused).to_bytes((size + unused) // 8, "big"), unused)


def oid(dotted):
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = b""
    for arc in [first * 40 + second, *rest]:
        octet = [arc & 0x7F]
        while arc := arc >> 7:
            octet.append(0x80 | arc & 0x7F)
        content += bytes(reversed(octet))
    return tlv(0x06, content)


def utf8(text):
    return tlv(0x0C, text.encode())


def printable(text):
    return tlv(0x13, text.encode("ascii"))


def ia5(text):
    return tlv(0x16, text.encode("ascii"))


def time(moment):
    """UTCTime before 2050 and GeneralizedTime from then on (RFC 5280, 4.1.2.5)."""
    return utc_time(moment) if 1950 <= moment.year < 2050 else generalized_time(moment)


def utc_time(moment):
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def generalized_time(moment):
    return tlv(0x18, f"{moment.year:04}{moment:%m%d%H%M%S}Z".encode())


def pem(label, der):
    text = base64.b64encode(der).decode()
    lines = [text[start:start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
