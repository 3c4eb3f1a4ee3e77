"""Where each service and its files are, by what is set."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from cpuwatch import pgaddress
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings.values import Values

# Half a second to import, of each command: only who connects by it, or reads an outside
# PostgreSQL's address, needs it.
if TYPE_CHECKING:
    from sqlalchemy.engine import URL


#: In the embedded Kafka's folder, from its making on, if it was made closed.
MADE_CLOSED = "closed"


class Settings(Values):
    """What is set, and what follows from it.

    A service that is not set is embedded: its address stands in `services.json` in the state
    folder.
    """

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
    def kafka_closed(self) -> bool:
        """Whether the embedded Kafka lets in who has this stack's key alone.

        As is set when it is made, and from then on as it was made: jobs know it so.
        """
        if self.kafka is not None:
            return False
        folder = self.state / "kafka"
        if not (folder / "data" / "meta.properties").exists():
            return self.kafka_asked_to_close
        # Each of the two is enough: whatever is lost, one that was made closed is never open.
        if (folder / MADE_CLOSED).exists():
            return True
        with suppress(OSError):
            text = (folder / "server.properties").read_text("utf-8", errors="replace")
            if found := re.search(r"^listeners=(\w+):", text, re.MULTILINE):
                return found[1] == "SSL"
        return self.kafka_asked_to_close

    @property
    def kafka_asked_to_close(self) -> bool:
        """Whether it is asked to do that."""
        return self.kafka is None and self.kafka_security_protocol == "SSL"

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
                url.database, pgaddress.for_libpq(url.query),  # such as ?sslmode=require
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
        options = pgaddress.for_java(self._postgres_options, self._postgres_key)
        query = urlencode({"user": url.username, **options, **own}, quote_via=quote)
        database = quote(url.database or "", safe="")
        return f"jdbc:postgresql://{self.postgres_for_flink}/{database}?{query}"

    @property
    def _postgres_options(self) -> Mapping[str, str | tuple[str, ...]]:
        from sqlalchemy.engine import make_url

        return make_url(self.postgres.get_secret_value()).query if self.postgres else {}

    @property
    def postgres_key(self) -> Path | None:
        """The key of our own certificate for PostgreSQL, as it is named, if it asks for one."""
        named = pgaddress.for_libpq(self._postgres_options).get("sslkey")
        return Path(named) if named else None

    @property
    def _postgres_key(self) -> str | None:
        """Where Flink's driver finds it: a Flink of others has to have it in its form by itself."""
        return (
            None if self.flink else os.path.relpath(self.keys / pgaddress.KEY, self.state / "flink")
        )

    @property
    def pgpass(self) -> Path:
        """The 0600 file that PostgreSQL's clients, JDBC among them, take passwords from."""
        return self.state / "pgpass"
