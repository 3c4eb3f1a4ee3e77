"""Others' Kafka lets us not in: what librdkafka says of it, what that means, and what to do."""

from __future__ import annotations

import re

from cpuwatch.settings import Settings
from cpuwatch.stack import failures

#: The first that fits counts: what TLS says stands before what may be said of any silence.
_STEPS = [
    (
        r"certificate verify failed",
        "Nobody whom this machine trusts has signed its certificate, or that is for another host"
        " than CPUWATCH_KAFKA names: CPUWATCH_KAFKA_SSL_CA names a file with who did.",
    ),
    (
        r"alert (certificate|bad certificate|unknown|decrypt|access|handshake|unsupported)"
        r"|SSL alert number (40|4[2-9]|5[01]|116)",
        "It wants a certificate of ours, or another one: name one that it knows in"
        " CPUWATCH_KAFKA_SSL_CERTIFICATE, and its key in …_KEY.",
    ),
    (
        r"PLAINTEXT broker listener|wrong version number|packet length too long",
        "No TLS is spoken at that port: take its port for TLS, or set"
        " CPUWATCH_KAFKA_SECURITY_PROTOCOL to SASL_PLAINTEXT, or PLAINTEXT if it asks for no name.",
    ),
    (
        r"Invalid response size 12134861",  # the letters "HTT"
        "That is a web server: take the address that is called bootstrap server.",
    ),
    (
        r"security\.protocol|SSL listener|Invalid response size 3525",
        "It hung up, as one does that wants TLS, or a name: set CPUWATCH_KAFKA_SECURITY_PROTOCOL as"
        " whoever runs it says, SASL_SSL for most providers, or take its port for that.",
    ),
    (
        r"SASL mechanism:|mechanism handshake failed",
        "Set CPUWATCH_KAFKA_SASL_MECHANISM to one that it knows: PLAIN, SCRAM-SHA-256 or"
        " SCRAM-SHA-512.",
    ),
    (
        r"[Aa]uthentication (failed|error)|[Ii]nvalid (credentials|username)",
        "It knows no such name with that password: copy CPUWATCH_KAFKA_SASL_USERNAME and"
        " …_PASSWORD anew, and see that CPUWATCH_KAFKA_SASL_MECHANISM is theirs.",
    ),
    (
        r"authorization failed",
        "It knows us, and does not allow this: ask whoever runs it for the rights that"
        " docs/outside-services.md lists.",
    ),
    (
        r"Failed to resolve",
        "This machine knows no such host: look at the network, and compare CPUWATCH_KAFKA with what"
        " whoever runs it says.",
    ),
    (
        r"timed out|took longer|transport failure|unreachable|no route",
        "Nothing comes back: it may be down, or a firewall, or a provider's list of addresses that"
        " may come in, keeps this machine out.",
    ),
]  # fmt: skip
_KNOWN = [(re.compile(pattern, re.IGNORECASE), step) for pattern, step in _STEPS]


def reason(said: str) -> str:
    """What librdkafka says, without what it puts around it."""
    # Its own address comes first, and how long that took, last.
    bare = re.sub(r"^(\w+://)?\S+/(\w+): ", "", said)
    return re.sub(r" \(after \d+ms.*?\)", "", bare).strip(" .")


def step(config: Settings, said: str) -> str | None:
    """What it means, and what to do, in a sentence; None where nothing more is known."""
    if not config.outside("kafka"):
        return None
    return next((step for pattern, step in _KNOWN if pattern.search(said)), None)


def remedy(config: Settings, said: str = "") -> str:
    """The same for whatever was said, and whoever runs Kafka."""
    if config.outside("kafka"):
        return step(config, said) or failures.theirs("kafka")
    return failures.remedy(config.state)
