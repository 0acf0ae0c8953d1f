"""The fields in which proxies name their clients: Forwarded and X-Forwarded-For.

Both list the hops from the client to the last proxy but one.  The client can write the left part.
So hops are read from the right, where the proxy next to us has written, and only as far as the
caller asks.  A hop that is no address is None: `unknown`, an obfuscated identifier (RFC 7239
section 6), or malformed text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address

_OWS = " \t"
_TCHAR = "!#$%&'*+.^_`|~0-9A-Za-z-"
_PART = re.compile(  # RFC 7239 section 4
    rf"[ \t]*(?:(?P<name>[{_TCHAR}]+)="
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|'
    rf"(?P<bare>[][:{_TCHAR}]+))"  # colons and brackets should be quoted, but not all proxies do
    r"|(?P<separator>[;,]))[ \t]*"
)
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 7239 section 6: an IPv6 address "is always enclosed in square brackets" there.  In
# X-Forwarded-For, which nothing specifies, it mostly is not.
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9A-Za-z._-]+)?|([0-9.]+)(?::[0-9A-Za-z._-]+)?")


def forwarded_hops(field_lines: Sequence[str]) -> Iterator[Address | None]:
    """Yield the hops of Forwarded, the last first; a line that is malformed is one hop, None."""
    for line in reversed(field_lines):
        elements = _elements(line.strip(_OWS))
        if elements is None:
            yield None
            continue
        for element in reversed(elements):
            yield parse_node(element.get("for", ""))


def x_forwarded_for_hops(field_lines: Sequence[str]) -> Iterator[Address | None]:
    """Yield the hops of X-Forwarded-For, the last first."""
    for line in reversed(field_lines):
        rest: str | None = line
        while rest is not None:
            before, comma, node = rest.rpartition(",")
            rest = before if comma else None
            if node.strip(_OWS):  # RFC 9110 section 5.6.1.2: empty list members are not counted
                yield parse_node(node.strip(_OWS))


def parse_node(text: str) -> Address | None:
    """Read an address, with or without a port; None for anything else."""
    match = _WITH_PORT.fullmatch(text)
    try:
        return plain(ip_address((match[1] or match[2]) if match else text))
    except ValueError:
        return None


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped address holds; else the address itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _elements(line: str) -> Sequence[Mapping[str, str]] | None:
    """Return the parameters of each forwarded-element of a line; None where it is malformed."""
    elements: list[dict[str, str]] = [{}]
    position, after_pair = 0, False
    while position < len(line):
        part = _PART.match(line, position)
        if part is None or (part["name"] and after_pair):
            return None
        position, after_pair = part.end(), bool(part["name"])
        if part["name"]:
            name, quoted = part["name"].lower(), part["quoted"]
            if name in elements[-1]:  # RFC 7239 section 4: not "more than once"
                return None
            value = part["bare"] if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            elements[-1][name] = value
        elif part["separator"] == ",":
            elements.append({})
    return [element for element in elements if element]
