"""The address of others' PostgreSQL, as libpq has it, for libpq and for Java's driver.

Both read most of its options by other names, or in another form: what one of them would not know,
or would take for something else, is put into its words here, or refused.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

# Half a second to import: only who reads an outside PostgreSQL's address needs it.
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

#: In the folder of keys: the key of our own certificate, in the form that Java's driver reads.
KEY = "postgres-client.pk8"

_FORM = "write it as postgresql://user:password@host:port/database"

#: What an address says before its "?", and what would say it from a file that libpq alone reads.
_SAID = {"host", "hostaddr", "port", "user", "dbname", "password", "service", "passfile"}

#: Several hosts with their ports, which SQLAlchemy does not take for an address.
_SEVERAL = re.compile(r"@[\w.:\[\]-]+(?:,[\w.:\[\]-]+)+(?:[/?]|$)")

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

#: Options that name files.
_FILES = ("sslrootcert", "sslcert", "sslkey")

#: Those that Java's driver knows, by its names.
_JAVA = {
    "sslmode": "sslmode",
    "options": "options",
    "application_name": "ApplicationName",
    "connect_timeout": "connectTimeout",
    "channel_binding": "channelBinding",
    "gssencmode": "gssEncMode",
    "sslnegotiation": "sslNegotiation",
    "target_session_attrs": "targetServerType",
    **{name: name for name in _FILES},
}
_TARGETS = {
    "any": "any",
    "primary": "primary",
    "read-write": "primary",
    "read-only": "secondary",
    "standby": "secondary",
    "prefer-standby": "preferSecondary",
}

#: Instead of a file of authorities: those whom the machine trusts.
_SYSTEM = "system"
_JAVAS_OWN = "org.postgresql.ssl.DefaultJavaSSLFactory"


def bare(text: str) -> str:
    """An address without what pages put around it: blanks, quotes, `psql` before it."""
    return re.sub(r"^(?:psql\s+)?(['\"]?)(.*)\1$", r"\2", text.strip())


def refuse(text: str) -> None:
    """Raise ValueError unless it is an address that both can use; the value stands in no error."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    if "://" not in text and re.match(r"\w+\s*=", text):
        raise ValueError(f"these are names and values: {_FORM}")
    try:
        url: URL | None = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        url = None
    if "," in (url.host or "") if url is not None else _SEVERAL.search(text):
        raise ValueError("it names several hosts: name one, that takes writes")
    if url is not None and (
        not url.host or re.match("/|%2f", url.host, re.IGNORECASE) or "host" in url.query
    ):
        raise ValueError(
            f"its host is missing, or a socket, which Flink's driver does not know: {_FORM}"
        )
    good = (
        url is not None
        and url.drivername.partition("+")[0] in ("postgresql", "postgres")
        and url.username and url.database
        and (url.port is None or 0 < url.port < 65536)
        # The host stands as it is in JDBC's address, and so in SQL.
        and re.fullmatch(r"[^\s:,/'\"\\$;?#@&%]+|[0-9a-fA-F:.]+", str(url.host))
        # What stands before the '?' already, or in a file of ours.
        and not _SAID.intersection(url.query)
    )  # fmt: skip
    if not good or url is None:
        raise ValueError(_FORM)
    _refuse_options(url.query)


def _refuse_options(query: Mapping[str, str | tuple[str, ...]]) -> None:
    for name, value in query.items():
        if not _is_known(name):
            shown = f"'{name}'" if re.fullmatch(r"\w{1,30}", name) else "one"
            raise ValueError(
                f"of its options PostgreSQL's clients do not know {shown}: take it out"
            )
        if not isinstance(value, str):
            raise ValueError(f"its option '{name}' stands there twice")
        if name in _FILES:
            _path(value)
    if not re.fullmatch(r"-?[0-9]{1,9}", str(query.get("connect_timeout", 0))):
        raise ValueError("its connect_timeout is no number of seconds")
    if query.get("target_session_attrs", "any") not in _TARGETS:
        raise ValueError(f"its target_session_attrs is none of {', '.join(_TARGETS)}")
    mode = query.get("sslmode", MODES[-1])
    if mode not in MODES:
        raise ValueError(f"its sslmode is none of {', '.join(MODES)}")
    if "sslpassword" in query:
        raise ValueError(
            "a password of a key would be shown in SQL; 'openssl pkey -in own.key -out plain.key'"
            " takes it off"
        )
    if query.get("sslrootcert") == _SYSTEM:
        if mode != MODES[-1]:
            raise ValueError("sslrootcert=system goes with sslmode=verify-full alone")
        if _authorities() is None:
            raise ValueError(
                "this machine has no file of whom it trusts: name one instead of sslrootcert=system"
            )


def _is_known(name: str) -> bool:
    """Whether the libpq that comes with psycopg2 knows an option."""
    import psycopg2
    from psycopg2.extensions import parse_dsn

    try:
        parse_dsn(f"{name}=1")
    except psycopg2.ProgrammingError:
        return False
    return re.fullmatch(r"\w+", name) is not None


def _authorities() -> str | None:
    """The file of those whom this machine trusts: the libpq of psycopg2 has another's path."""
    known = ssl.get_default_verify_paths().cafile
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
             "/etc/ssl/cert.pem")  # fmt: skip
    return known or next((one for one in usual if Path(one).is_file()), None)


def _path(text: str) -> str:
    try:
        return text if text == _SYSTEM else str(Path(text).expanduser().absolute())
    except RuntimeError:
        raise ValueError("there is no home folder that its '~' would name") from None


def for_libpq(query: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    """Its options, for psycopg2."""
    found = {name: _path(str(one)) if name in _FILES else str(one) for name, one in query.items()}
    if found.get("sslrootcert") == _SYSTEM:
        found |= {"sslrootcert": _authorities() or _SYSTEM, "sslmode": MODES[-1]}
    return found


def for_java(query: Mapping[str, str | tuple[str, ...]], key: str | None) -> dict[str, str]:
    """Its options, for Java's driver; those that it has no word for are left out.

    Parameters
    ----------
    query
        By libpq's names.
    key
        Where the key of our own certificate is in Java's form; None if that is as it is named.
    """
    given = {name: _path(str(one)) if name in _FILES else str(one) for name, one in query.items()}
    found = {_JAVA[name]: one for name, one in given.items() if name in _JAVA}
    if "targetServerType" in found:
        found["targetServerType"] = _TARGETS[found["targetServerType"]]
    if found.get("sslrootcert") == _SYSTEM:
        del found["sslrootcert"]
        found |= {"sslmode": MODES[-1], "sslfactory": _JAVAS_OWN}
    if "sslkey" in found and key is not None:
        found["sslkey"] = key
    return found
