"""Where each service is: embedded by default, or an outside one by environment or .env."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cpuwatch import envfile
from cpuwatch.errors import CpuwatchError
from cpuwatch.words import shorten

# Half a second to import, of each command: only who connects by it, or reads an outside
# PostgreSQL's address, needs it.
if TYPE_CHECKING:
    from sqlalchemy.engine import URL

#: The checkout: the package is installed in place, so that a change to a file counts at once.
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"

#: Variables that are not called CPUWATCH_…
_OWN_NAMES = ("POSTGRES_PASSWORD", "SLACK_BOT_TOKEN", "SLACK_CHANNEL")


#: The longest prefix: with it, a topic's name is still far below Kafka's 249 characters, and a
#: schema's below PostgreSQL's 63.
_LONGEST_PREFIX = 30

#: The schema of all in PostgreSQL, which is nobody's prefix.
_ALL = "public"

#: Letters that are no other letter with a mark.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})

#: Where root's state folders are.
ROOTS_HOME = Path("/var/lib/cpuwatch")


def default_state(checkout: Path = ROOT) -> Path:
    """Where a checkout's services keep their data, if nobody says where.

    One folder a checkout, so that two checkouts on one machine do not disturb each other.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", checkout.name)[:20]
    whole = os.fsencode(checkout)
    name = f"{plain}-{hashlib.sha256(whole).hexdigest()[:8]}"
    if sys.platform != "win32" and os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and the user that it runs as instead
        # cannot enter root's home.
        return ROOTS_HOME / name
    # Not the system's own idea of such a folder: on macOS that is hidden from its user.
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "cpuwatch" / name


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


#: A longer path is not repeated, in characters.
_LONGEST_SHOWN = 120

#: What Kafka calls the ways in.
_WORDS = {
    "kafka_security_protocol": ("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"),
    "kafka_sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
}

#: What an address of PostgreSQL says before its "?", by the names that libpq has for it.
_SAID = {"host", "port", "user", "dbname", "password"}

#: How many workers a job may have, and partitions a topic.
_MOST = {"parallelism": 32, "partitions": 512}

#: How what `.env` says comes from where it is read to where it is looked at.
_FROM_FILE = "from_file"


class _EnvFile(EnvSettingsSource):
    """What `.env` says, read by us: who writes it so that it cannot be read hears a sentence."""

    def __init__(self, of: type[BaseSettings], found: dict[str, str | None]) -> None:
        self._found = {name.lower(): value for name, value in found.items()}
        super().__init__(of)

    def _load_env_vars(self) -> dict[str, str | None]:
        return self._found


class Settings(BaseSettings):
    """What may be set by environment or in the file `.env` of the checkout.

    A service that is not set here is embedded: `cpuwatch up` starts it, and its
    address stands in `services.json` in the state folder.
    """

    model_config = SettingsConfigDict(env_prefix="CPUWATCH_", extra="ignore")

    #: Outside Kafka: its bootstrap servers, `host:port`.
    kafka: str | None = None
    #: How it lets us in, by the names that Kafka has for it: PLAINTEXT, SSL, SASL_SSL or
    #: SASL_PLAINTEXT; by default as what is set below asks for.
    kafka_security_protocol: str | None = None
    #: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; a name (or an API key) and its password.
    kafka_sasl_mechanism: str = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    #: Files in PEM: who vouches for the servers, if that is nobody known; our own certificate, and
    #: its key.
    kafka_ssl_ca: Path | None = None
    kafka_ssl_certificate: Path | None = None
    kafka_ssl_key: Path | None = None
    #: Outside PostgreSQL: `postgresql://user:password@host:port/database`.
    postgres: SecretStr | None = None
    #: Its password, where the address above holds none: docker-compose.yml reads the
    #: same variable, so the password stands in .env once.
    password: SecretStr | None = Field(default=None, validation_alias="POSTGRES_PASSWORD")
    #: Outside Flink session cluster: its REST address, `http://host:port` or `https://host:port`.
    flink: str | None = None
    #: Behind TLS: who vouches for it, if that is nobody known, our own certificate, and its key, in
    #: PEM; and a token, for who asks for one.
    flink_ssl_ca: Path | None = None
    flink_ssl_certificate: Path | None = None
    flink_ssl_key: Path | None = None
    flink_token: SecretStr | None = None
    #: The same Kafka and PostgreSQL as the Flink cluster sees them (`host:port`),
    #: where that differs, as it does in containers.
    kafka_from_flink: str | None = None
    postgres_from_flink: str | None = None
    #: The real Slack, under the names that its own tools use: a bot's token, and the channel
    #: (better its id, C…, than its name). Without a token there is the stand-in.
    slack_bot_token: SecretStr | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    slack_channel: str | None = Field(default=None, validation_alias="SLACK_CHANNEL")
    #: Where the embedded services keep configuration, data and logs.
    state: Path = Field(default_factory=default_state)
    #: What stands before the names of all topics, jobs and tables, for those who share a Kafka, a
    #: Flink and a PostgreSQL with others: see `naming`.
    prefix: str | None = None
    #: Every how many seconds a job makes a checkpoint. A sink with exactly-once delivery shows its
    #: rows then, so an alert is about so much later; and each costs a laptop 25 to 50 ms of work.
    checkpoints: float = 1.0
    #: How many workers share a job's work. The embedded Flink has slots for so many when it starts.
    parallelism: int = 1
    #: How many partitions topics have that are made from now on; by default two, or as many as
    #: there are workers.
    partitions: int | None = None
    #: Where downloaded jars are kept; shared between checkouts.
    cache: Path = Field(default_factory=lambda: platformdirs.user_cache_path("cpuwatch"))

    def __init__(self, _env_file: Path = ROOT / ".env") -> None:
        found: dict[str, Any] = {_FROM_FILE: envfile.read(_env_file)}
        super().__init__(**found)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then `.env`."""
        assert isinstance(init_settings, InitSettingsSource), "as pydantic-settings has it"
        return env_settings, _EnvFile(settings_cls, init_settings.init_kwargs[_FROM_FILE])

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any, info: ValidationInfo) -> Any:
        # An empty variable in the environment takes back what .env says.
        if value == "" and info.field_name is not None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value

    @field_validator("checkpoints", mode="wrap")
    @classmethod
    def _seconds(cls, value: Any, number: Callable[[Any], float]) -> float:
        try:
            seconds = number(value)
        except ValidationError:
            seconds = 0.0
        if not 0.1 <= seconds <= 600:
            raise ValueError("write a number of seconds between 0.1 and 600, such as 2 or 0.5")
        return seconds

    @field_validator("parallelism", "partitions", mode="wrap")
    @classmethod
    def _count(cls, value: Any, number: Callable[[Any], Any], info: ValidationInfo) -> int | None:
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

    @field_validator("state", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
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

    @field_validator("state")
    @classmethod
    def _bearable(cls, value: Path) -> Path:
        for found, reason in _UNBEARABLE.items():
            if re.search(found, str(value)):
                raise ValueError(
                    f"{_shown(value)} has {reason}; set CPUWATCH_STATE to a folder without it,"
                    " for example /var/tmp/cpuwatch"
                )
        return value

    @field_validator("state")
    @classmethod
    def _of_its_own(cls, value: Path) -> Path:
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

    @field_validator(
        "kafka", "kafka_sasl_username", "kafka_sasl_password", "postgres", "password", "flink",
        "flink_token", "slack_bot_token", "slack_channel",
    )  # fmt: skip
    @classmethod
    def _one_line(cls, value: Any, info: ValidationInfo) -> Any:
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

    @field_validator("slack_bot_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError(
                "a token is letters, digits and signs without a blank; copy it again from Slack"
            )
        return value

    @field_validator("kafka_security_protocol", "kafka_sasl_mechanism")
    @classmethod
    def _known_word(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = _WORDS[str(info.field_name)]
        if value is not None and value.upper() not in known:
            raise ValueError(f"write one of {', '.join(known)}")
        return value and value.upper()

    @field_validator(
        "kafka_ssl_ca", "kafka_ssl_certificate", "kafka_ssl_key",
        "flink_ssl_ca", "flink_ssl_certificate", "flink_ssl_key",
    )  # fmt: skip
    @classmethod
    def _pem(cls, value: Path | None) -> Path | None:
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

    @field_validator("prefix")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
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

    @field_validator("slack_channel")
    @classmethod
    def _channel(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"#?[\w.-]+", value):
            raise ValueError(
                "a channel is one word, without blanks and quotes; best its id (C…), which stands"
                " at the bottom of its details in Slack"
            )
        return value

    @field_validator("flink")
    @classmethod
    def _rest_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = (value if "://" in value else f"http://{value}").rstrip("/")
        try:
            parts = urlsplit(value)
            good = (
                re.fullmatch(r"https?://[^\s/?#@'\"\\]+", value) and parts.hostname and parts.port
            )
        except ValueError:  # a port that is no number
            good = False
        if not good:
            raise ValueError("write it as http://host:port or https://host:port")
        return value

    @field_validator("kafka", "kafka_from_flink", "postgres_from_flink")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        # Java's clients insist on the port; a quote would end the string in the SQL.
        one = r"(\[[0-9a-fA-F:.]+\]|[^\s:,/'\"\\$;?#@&]+):[0-9]{1,5}"
        if value is None:
            return None
        ports = [int(port) for port in re.findall(r":([0-9]{1,5})(?:,|$)", value)]
        if not (re.fullmatch(f"{one}(,{one})*", value) and all(0 < p < 65536 for p in ports)):
            raise ValueError("write it as host:port")
        return value

    @field_validator("postgres")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url: URL | None = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):  # ValueError: a port that is no number
            url = None
        good = (
            url is not None
            and url.drivername.partition("+")[0] in ("postgresql", "postgres")
            and url.host and url.username and url.database
            # The host stands as it is in JDBC's address, and so in SQL.
            and re.fullmatch(r"[^\s:,/'\"\\$;?#@&%]+|[0-9a-fA-F:.]+", url.host)
            # What stands before the '?' already, or in a file of ours.
            and not _SAID.intersection(url.query)
        )  # fmt: skip
        if not good:
            # The value holds a password: never show it.
            raise ValueError("write it as postgresql://user:password@host:port/database")
        return value

    def outside(self, service: str) -> bool:
        """Whether somebody else runs `service` ('kafka', 'postgres', 'flink' or 'slack')."""
        if service == "slack":
            return self.slack_bot_token is not None
        if service == "flink_page":
            return self.flink is not None  # it shows its own
        # One that has no setting here is always embedded.
        return getattr(self, service, None) is not None

    @property
    def services_file(self) -> Path:
        """The record of the embedded services' ports, written by `cpuwatch up`."""
        return self.state / "services.json"

    @property
    def notes(self) -> Path:
        """What is kept of this attendee's work alone: a folder, one for each prefix."""
        return self.state / "prefixes" / self.prefix if self.prefix else self.state

    @property
    def client_folder(self) -> Path:
        """What PyFlink needs to submit jobs, written by `cpuwatch up`."""
        return self.state / "client"

    def embedded(self) -> dict[str, Any]:
        """The record in `services.json`; empty before the first `cpuwatch up`."""
        try:
            record = json.loads(self.services_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return record if isinstance(record, dict) else {}

    def port(self, name: str) -> int:
        """The embedded port called `name`, for example 'kafka' or 'flink_rest'."""
        try:
            return int(self.embedded()["ports"][name])
        except KeyError:
            raise CpuwatchError(
                "The stack has never been started here: run the notebook's first cell, or"
                " 'cpuwatch up' in a terminal."
            ) from None

    @property
    def kafka_address(self) -> str:
        """Kafka's bootstrap servers, for a client on this machine."""
        return self.kafka or f"127.0.0.1:{self.port('kafka')}"

    @property
    def flink_address(self) -> str:
        """The Flink cluster's REST address: `http://host:port`, the embedded one's `https://…`."""
        return self.flink or f"https://127.0.0.1:{self.port('flink_rest')}"

    @property
    def flink_page(self) -> str:
        """Where Flink's own web page is to be seen: the embedded one's through `flinkpage`."""
        return self.flink or f"http://127.0.0.1:{self.port('flink_page')}"

    @property
    def keys(self) -> Path:
        """The key that lets into the embedded Flink, and the token of its page."""
        return self.state / "keys"

    @property
    def postgres_address(self) -> str:
        """PostgreSQL's address as a reader sees it: no password, no driver."""
        if self.postgres is None:
            return f"postgresql://cpuwatch@{self.postgres_place}/cpuwatch"
        return self.postgres_url.render_as_string(hide_password=True).replace("+psycopg2", "")

    @property
    def slack_address(self) -> str:
        """Where the channel is to be seen: the real Slack, or the stand-in's page."""
        if self.outside("slack"):
            return f"https://slack.com, channel {self.slack_channel or '(none)'}"
        return f"http://127.0.0.1:{self.port('slack')}"

    @property
    def slack_folder(self) -> Path:
        """The stand-in's messages and secrets, and the notifier's own memory."""
        return self.state / "slack"

    @property
    def postgres_url(self) -> URL:
        """PostgreSQL's address without its password; that stands in `pgpass`."""
        from sqlalchemy.engine import URL, make_url

        if self.postgres is not None:
            url = make_url(self.postgres.get_secret_value())
            return URL.create(
                "postgresql+psycopg2", url.username, None, url.host, url.port or 5432,
                url.database, url.query,  # such as ?sslmode=require
            )  # fmt: skip
        return make_url(self.postgres_address).set(drivername="postgresql+psycopg2")

    @property
    def postgres_password(self) -> str | None:
        """The outside PostgreSQL's password; the embedded one's stands in `pgpass` alone."""
        if self.postgres is None:
            return None
        from sqlalchemy.engine import make_url

        own = make_url(self.postgres.get_secret_value()).password
        return own or (self.password.get_secret_value() if self.password else None)

    @property
    def kafka_for_flink(self) -> str:
        """Kafka's bootstrap servers, as the Flink cluster sees them."""
        # An embedded cluster runs here, and sees what we see.
        return (self.flink and self.kafka_from_flink) or self.kafka_address

    @property
    def postgres_place(self) -> str:
        """PostgreSQL's `host:port`, for a client on this machine."""
        if self.postgres is None:
            return f"127.0.0.1:{self.port('postgres')}"
        url = self.postgres_url
        host = f"[{url.host}]" if ":" in (url.host or "") else url.host  # of IPv6
        return f"{host}:{url.port}"

    @property
    def postgres_for_flink(self) -> str:
        """PostgreSQL's `host:port`, as the Flink cluster sees it."""
        return (self.flink and self.postgres_from_flink) or self.postgres_place

    @property
    def jdbc_url(self) -> str:
        """PostgreSQL's JDBC address, as the Flink cluster sees it, without its password."""
        url = self.postgres_url
        own = {} if self.prefix is None else {"currentSchema": self.prefix}
        query = urlencode({"user": url.username, **url.query, **own}, doseq=True, quote_via=quote)
        database = quote(url.database or "", safe="")
        return f"jdbc:postgresql://{self.postgres_for_flink}/{database}?{query}"

    @property
    def pgpass(self) -> Path:
        """The 0600 file that PostgreSQL's clients, JDBC among them, take passwords from."""
        return self.state / "pgpass"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises
    ------
    CpuwatchError
        If a variable has a value that cannot be used.
    """
    try:
        return Settings()
    except RuntimeError:
        raise CpuwatchError(
            "There is no home folder to keep data in: set HOME, or CPUWATCH_STATE and"
            " CPUWATCH_CACHE to folders by their whole paths."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0]).upper()
        name = place if place in _OWN_NAMES else f"CPUWATCH_{place}"
        reason = str(first["msg"]).removeprefix("Value error, ")
        if place in ("STATE", "CACHE") and (not first["input"] or isinstance(first["input"], Path)):
            # Nobody set it.
            home = f"XDG_{place}_HOME" if os.environ.get(f"XDG_{place}_HOME") else "HOME"
            raise CpuwatchError(
                f"The {place.lower()} folder that follows from {home} is not usable: {reason}. Set"
                f" CPUWATCH_{place} to a folder of your own."
            ) from None
        raise CpuwatchError(f"{name} in the environment or .env is not usable: {reason}.") from None
