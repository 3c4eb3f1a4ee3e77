"""What a value may be: each check gives it as it counts, or says what to write instead."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError, ValidationInfo

from cpuwatch import certificates, pasted, pgaddress
from cpuwatch.settings.folders import ROOT
from cpuwatch.words import shorten

#: The longest prefix: with it, a topic's name is still far below Kafka's 249 characters, and a
#: schema's below PostgreSQL's 63.
_LONGEST_PREFIX = 30

#: The schema of all in PostgreSQL, which is nobody's prefix.
_ALL = "public"

#: Letters that are no other letter with a mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})

#: Ends of lines, other controls (a tab does no harm), and what is no text in UTF-8.
_CONTROL = r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"

#: What a state folder's name cannot have in it, and why. All else is kept away from the tools
#: that could not bear it: by relative paths, links, and files instead of arguments.
_UNBEARABLE = {
    r"[\n-\r\x85\u2028\u2029]": "a line break in its name, which would end a line of Flink's"
    " configuration",
    ":": "a ':' in its name, which would part it in two in Java's class path",
    r"\\": "a '\\' in its name, which Flink would take for a '/'",
    _CONTROL: "an unprintable character in its name, or one that is not UTF-8, which Java cannot"
    " open",
}

#: A longer path is not repeated, in characters.
_LONGEST_SHOWN = 120

#: What Kafka calls the ways in.
_WORDS = {
    "kafka_security_protocol": ("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"),
    "kafka_sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
}

#: How many partitions a topic may have.
MOST_PARTITIONS = 512

#: How many workers a job may have, and partitions a topic.
_MOST = {"parallelism": 32, "partitions": MOST_PARTITIONS}


def seconds(value: Any, number: Callable[[Any], float]) -> float:
    """A number of seconds that may lie between two checkpoints."""
    try:
        seconds = number(value)
    except ValidationError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise ValueError("write a number of seconds between 0.1 and 600, such as 2 or 0.5")
    return seconds


def count(value: Any, number: Callable[[Any], Any], info: ValidationInfo) -> int | None:
    """A number of workers or partitions."""
    most = _MOST[str(info.field_name)]
    try:
        count = number(value)
    except ValidationError:
        count = 0
    if count is None:
        return None
    if not 1 <= count <= most:
        raise ValueError(f"write a whole number from 1 to {most}, such as 4")
    return int(count)


def absolute(value: Path) -> Path:
    """A folder's whole path."""
    if re.match(r"[\s$%'\"\u2018-\u201e\u00ab\u00bb]", str(value)):
        # A shell's business, which nobody has done, or a quote of a text program's.
        raise ValueError(
            "write the folder's whole path, beginning with '/', without quotes or a variable"
        )
    try:
        whole = value.expanduser().absolute()
    except RuntimeError:
        raise ValueError("there is no home folder that its '~' would name") from None
    _refuse_what_is_no_folder(whole)
    return whole


def bearable(value: Path) -> Path:
    """A folder whose name the tools that work in it can bear."""
    for found, reason in _UNBEARABLE.items():
        if re.search(found, str(value)):
            raise ValueError(
                f"{_shown(value)} has {reason}; set CPUWATCH_STATE to a folder without it,"
                " for example /var/tmp/cpuwatch"
            )
    return value


def of_its_own(value: Path) -> Path:
    """A folder in which nothing is that must not be wiped."""
    # It is closed to everybody else, and wiped.
    real = Path(os.path.realpath(value))
    for what, precious in {"your home": "~", "the checkout": str(ROOT)}.items():
        place = Path(os.path.realpath(os.path.expanduser(precious)))
        if real in (place, *place.parents):
            raise ValueError(
                f"{_shown(value)} is {what}, or holds it, and 'cpuwatch down --wipe' would"
                " delete that; set CPUWATCH_STATE to a folder of its own, for example"
                " /var/tmp/cpuwatch"
            )
    return value


def one_line(value: Any, info: ValidationInfo) -> Any:
    """A text on one line."""
    if value is None:
        return None
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if info.field_name == "postgres":
        text = unquote(text)  # in an address it may stand as %0A
    if re.search(_CONTROL, text):
        # The value may be a password: say nothing of it.
        raise ValueError(
            "there is a line break or another unprintable character in it, which no file of"
            " passwords and no header can hold; write it anew, on one line"
        )
    return value


def token(value: SecretStr | None) -> SecretStr | None:
    """A token of Slack."""
    if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError(
            "a token is letters, digits and signs without a blank; copy it again from Slack"
        )
    return value


def whole_login(value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """A password for Kafka, where a name goes with it."""
    name = info.data.get("kafka_sasl_username")
    asked = (info.data.get("kafka_security_protocol") or "").startswith("SASL")
    if info.data.get("kafka") is None or not (name or value or asked):
        return value
    if not name:
        raise ValueError("CPUWATCH_KAFKA_SASL_USERNAME, which goes with it, is not set")
    if not value:
        raise ValueError("it is not set, and CPUWATCH_KAFKA_SASL_USERNAME is")
    return value


def known_word(value: str | None, info: ValidationInfo) -> str | None:
    """One of the words that Kafka has for a way in."""
    known = _WORDS[str(info.field_name)]
    if value is not None and value.upper() not in known:
        raise ValueError(f"write one of {', '.join(known)}")
    return value and value.upper()


def pem(value: Path | None) -> Path | None:
    """A file that can be read."""
    if value is None:
        return None
    if "-----BEGIN" in str(value):
        raise ValueError("write the path of a file that holds it, and not what is in that file")
    try:
        whole = value.expanduser().absolute()
        if re.search(rf"['$]|{_CONTROL}", str(whole)):
            raise ValueError("its path has a quote, a '$' or a control character in it")
        readable = whole.is_file() and os.access(whole, os.R_OK)
    except RuntimeError:
        raise ValueError("there is no home folder that its '~' would name") from None
    except OSError:  # a name that is too long for any file
        readable = False
    if not readable:
        # What is so long may be a key itself, which nobody should see.
        name = _shown(whole) if len(str(value)) <= _LONGEST_SHOWN else "of that name"
        raise ValueError(f"there is no file {name} that can be read")
    return whole


def authorities(value: Path | None) -> Path | None:
    """A file with certificates of authorities."""
    if value is not None:
        certificates.refuse_authorities(value)
    return value


def certificate(value: Path | None) -> Path | None:
    """A file with a certificate of one's own."""
    if value is not None:
        certificates.refuse_certificate(value)
    return value


def fitting_key(value: Path | None, info: ValidationInfo) -> Path | None:
    """The file with the key of a certificate; the certificate's own, where none is named."""
    its = f"{str(info.field_name).removesuffix('_key')}_certificate"
    if its in info.data:  # one that cannot be used is told already
        certificates.refuse_key(info.data[its], value)
    return value


def one_word(value: str | None) -> str | None:
    """A prefix, as `naming` puts it before names."""
    if value is None:
        return None
    if value == _ALL:
        raise ValueError(f"'{_ALL}' is the schema of all in PostgreSQL; take another one")
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value) and len(value) <= _LONGEST_PREFIX:
        return value
    raise ValueError(
        f"a prefix is at most {_LONGEST_PREFIX} small letters and digits, with single hyphens"
        f" between them, such as {_as_prefix(value)}"
    )


def channel(value: str | None) -> str | None:
    """A channel of Slack."""
    if value is not None and not re.fullmatch(r"#?[\w.-]+", value):
        raise ValueError(
            "a channel is one word, without blanks and quotes; best its id (C…), which stands"
            " at the bottom of its details in Slack"
        )
    return value


def rest_address(value: str | None) -> str | None:
    """The address of Flink's REST interface."""
    if value is None:
        return None
    value = (value if "://" in value else f"http://{value}").rstrip("/")
    try:
        parts = urlsplit(value)
        good = re.fullmatch(r"https?://[^\s/?#@'\"\\]+", value) and parts.hostname and parts.port
    except ValueError:  # a port that is no number
        good = False
    if not good:
        raise ValueError("write it as http://host:port or https://host:port")
    return value


def servers(value: str | None, info: ValidationInfo) -> str | None:
    """Bootstrap servers, also as a provider's page shows them."""
    if value is None:
        return None
    found, protocol = pasted.servers(value)
    spoken = info.data.get("kafka_security_protocol", protocol)  # not there yet, or not usable
    if info.field_name != "kafka" and protocol not in (None, spoken):
        raise ValueError(
            f"it says {protocol}, and Flink speaks to Kafka as we do: CPUWATCH_KAFKA says how, or"
            " CPUWATCH_KAFKA_SECURITY_PROTOCOL"
        )
    return found


def host_and_port(value: str | None) -> str | None:
    """One server, `host:port`."""
    if value is None:
        return None
    try:
        return pasted.server(value)
    except ValueError:
        raise ValueError("write it as host:port") from None


def postgres_url(value: SecretStr | None) -> SecretStr | None:
    """The address of a database."""
    if value is None:
        return None
    text = pgaddress.bare(value.get_secret_value())
    pgaddress.refuse(text)
    return SecretStr(text)


def _shown(path: Path) -> str:
    """A path on one line, as it can be printed on any terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(path))


def _refuse_what_is_no_folder(path: Path) -> None:
    """Raise ValueError if there is, or can be, no folder of that name."""
    for one in (path, *path.parents):
        try:
            kind = one.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue  # what is above it tells
        except PermissionError:
            return  # whoever wants to write there is told
        except OSError as error:
            name = shorten(_shown(path), 60)
            raise ValueError(f"{name} cannot be a folder ({error.strerror})") from None
        if not stat.S_ISDIR(kind):
            raise ValueError(f"{_shown(one)} is no folder")
        return


def _as_prefix(name: str) -> str:
    """A prefix that somebody may have meant."""
    letters = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_PREFIX].strip("-")
    return f"{words}-1" if words == _ALL else words or "anna"
