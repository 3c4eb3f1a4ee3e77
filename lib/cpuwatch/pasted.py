"""Addresses as providers' pages show them, and as people copy them."""

from __future__ import annotations

import re

#: One server of Kafka's. Java's clients insist on the port; a quote would end the string in SQL.
_SERVER = r"(?:\[[0-9a-fA-F:.]+\]|[^\s:,/'\"\\$;?#@&\[\]]+):([0-9]{1,5})"

#: What stands before a server on a page, and how Kafka calls that.
_SPOKEN = {
    "plaintext": "PLAINTEXT",
    "ssl": "SSL",
    "sasl_ssl": "SASL_SSL",
    "sasl_plaintext": "SASL_PLAINTEXT",
    "kafka": None,
    "kafka+ssl": "SSL",
}
_SCHEME = re.compile(r"([a-zA-Z][\w+.-]*)://")


def servers(text: str) -> tuple[str, str | None]:
    """Kafka's bootstrap servers, `host:port,host:port`, and how they are spoken to, if it is said.

    Quotes around them, blanks and semicolons between them, a comma at the end, and `SASL_SSL://`
    before them are what pages and other programs' files have.

    Raises
    ------
    ValueError
        If it cannot be what was meant; it says nothing of the text, which may be a secret.
    """
    bare = re.sub(r"^(['\"])(.*)\1$", r"\2", text.strip())
    found = [one for one in re.split(r"[\s,;]+", bare) if one]
    schemes = {one[1].lower() for one in map(_SCHEME.match, found) if one}
    if schemes & {"http", "https"}:
        raise ValueError(
            "that is the address of a page or a REST interface; take the one that is called"
            " bootstrap server, and write it as host:port"
        )
    if len(schemes) > 1 or not schemes <= _SPOKEN.keys():
        raise ValueError(
            "write it as host:port, without anything before it; CPUWATCH_KAFKA_SECURITY_PROTOCOL"
            " says how it is spoken to"
        )
    plain = [_SCHEME.sub("", one).removesuffix("/") for one in found]
    if not plain:
        raise ValueError("write it as host:port")
    return ",".join(map(server, plain)), _SPOKEN[schemes.pop()] if schemes else None


def server(text: str) -> str:
    """The text, which is a host and its port.

    Raises
    ------
    ValueError
        If it is not; it says nothing of the text.
    """
    fits = re.fullmatch(_SERVER, text)
    if fits and 0 < int(fits[1]) < 65536:
        return text
    if re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:.]+\]", text):
        raise ValueError(
            "its port is missing: write it as host:port (9092, if the provider names no other)"
        )
    if text.count(":") > 1 and re.fullmatch(r"[0-9a-fA-F:.]+", text):
        raise ValueError("write an address of IPv6 in brackets, as [::1]:9092")
    raise ValueError("write it as host:port, or several with commas between them")
