"""PostgreSQL lets us not in, or refuses what it is asked: why, in its own words, and what to do."""

from __future__ import annotations

import re

from cpuwatch.settings import Settings
from cpuwatch.stack import failures

#: In its own words, or in those of a pool before it.
_FULL = re.compile(
    r"too many (clients|connections)|remaining connection slots|no more connections allowed",
    re.IGNORECASE,
)

#: It starts, ends or recovers.
_PASSING = "the database system is"

#: How the codes begin of errors by which a connection ends; others are answers to a statement.
_ENDS = ("08", "57P")

#: What whoever uses others' PostgreSQL can do about it; the first that fits counts.
_OTHERS = [
    (
        r"password authentication failed|no password supplied",
        "Look at the user and the password in CPUWATCH_POSTGRES, or POSTGRES_PASSWORD.",
    ),
    (
        r"certificate verify failed|does not match host name|root certificate file",
        "In CPUWATCH_POSTGRES sslrootcert has to name a file with who signed its certificate"
        " (sslrootcert=system: whom this machine trusts), and the host has to be the one in it.",
    ),
    (
        r"group or world access|not owned by",
        "Make the key that sslkey names your own, and let nobody else read it: chmod 600.",
    ),
    (
        r"does not support SSL",
        "No TLS is spoken at that port: take another, or sslmode=disable in CPUWATCH_POSTGRES.",
    ),
    (
        r"no encryption|SSL required|insecure|SSL off",
        "It wants TLS: add ?sslmode=require to CPUWATCH_POSTGRES, better ?sslmode=verify-full.",
    ),
    (r"unsupported startup parameter", "Take the provider's direct address, not its pooler's."),
    (
        r"could not translate host name|timeout expired|timed out",
        "Compare the host in CPUWATCH_POSTGRES with what whoever runs it says; a firewall, or a"
        " provider's list of addresses that may come in, may keep this machine out.",
    ),
]


def reason(error: BaseException) -> str:
    """What it says, on one line."""
    first = (str(error).strip() or "no reason given").splitlines()[0]
    return first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()


def is_full(said: str) -> bool:
    """Whether others have all its connections."""
    return _FULL.search(said) is not None


def what(said: str) -> str:
    """What is the matter, as the middle of a sentence."""
    return "takes no more connections" if is_full(said) else "does not answer"


def step(config: Settings, said: str) -> str | None:
    """What to do, as a sentence; None where nothing is known but that it does not answer."""
    if is_full(said):
        more = (
            "ask whoever runs it for more (max_connections)"
            if config.outside("postgres")
            else "close notebooks and programs that use it"
        )
        return f"Try again in a moment; if it stays so, {more}."
    if _PASSING in said:
        return "It is just starting or ending: try again in a moment."
    if not config.outside("postgres"):
        return None
    return next((step for found, step in _OTHERS if re.search(found, said, re.IGNORECASE)), None)


def sentence(config: Settings, error: BaseException) -> str:
    """All of it, for who needs PostgreSQL now."""
    said = reason(error)
    code = getattr(error, "pgcode", None)
    if code is not None and not code.startswith(_ENDS) and step(config, said) is None:
        return f"PostgreSQL answers, and refuses this ({said}): mend what it names, then try again."
    silent = (
        failures.theirs("postgres") if config.outside("postgres") else failures.remedy(config.state)
    )
    return f"PostgreSQL {what(said)} ({said}). {step(config, said) or silent}"
