"""The values that may be set, by environment or in `.env`, and where each is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cpuwatch import envfile, pasted
from cpuwatch.settings import checks
from cpuwatch.settings.folders import ROOT, default_state

#: How what `.env` says comes from where it is read to where it is looked at.
_FROM_FILE = "from_file"


class _EnvFile(EnvSettingsSource):
    """What `.env` says, read by us: who writes it so that it cannot be read hears a sentence."""

    def __init__(self, of: type[BaseSettings], found: dict[str, str | None]) -> None:
        self._found = {name.lower(): value for name, value in found.items()}
        super().__init__(of)

    def _load_env_vars(self) -> dict[str, str | None]:
        return self._found


class Values(BaseSettings):
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
    kafka_sasl_password: SecretStr | None = Field(default=None, validate_default=True)
    #: Files in PEM: who vouches for the servers, if that is nobody known; our own certificate, and
    #: its key, unless both are in one.
    kafka_ssl_ca: Path | None = None
    kafka_ssl_certificate: Path | None = None
    kafka_ssl_key: Path | None = Field(default=None, validate_default=True)
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
    flink_ssl_key: Path | None = Field(default=None, validate_default=True)
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
    #: there are workers, but no more than four: the fleet's hosts fill no more.
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

    @model_validator(mode="before")
    @classmethod
    def _how_it_is_spoken_to(cls, found: dict[str, Any]) -> dict[str, Any]:
        """An address as a provider shows it may say that as well."""
        said = found.get("kafka")
        if not said or found.get("kafka_security_protocol"):
            return found
        try:
            return {**found, "kafka_security_protocol": pasted.servers(said)[1]}
        except ValueError:
            return found  # the address is told about by itself

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any, info: ValidationInfo) -> Any:
        # An empty variable in the environment takes back what .env says.
        if value == "" and info.field_name is not None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value

    _seconds = field_validator("checkpoints", mode="wrap")(checks.seconds)
    _count = field_validator("parallelism", "partitions", mode="wrap")(checks.count)
    _absolute = field_validator("state", "cache")(checks.absolute)
    _bearable = field_validator("state")(checks.bearable)
    _of_its_own = field_validator("state")(checks.of_its_own)
    _one_line = field_validator(
        "kafka", "kafka_sasl_username", "kafka_sasl_password", "postgres", "password", "flink",
        "flink_token", "slack_bot_token", "slack_channel",
    )(checks.one_line)  # fmt: skip
    _token = field_validator("slack_bot_token")(checks.token)
    _known_word = field_validator("kafka_security_protocol", "kafka_sasl_mechanism")(
        checks.known_word
    )
    _pem = field_validator(
        "kafka_ssl_ca", "kafka_ssl_certificate", "kafka_ssl_key",
        "flink_ssl_ca", "flink_ssl_certificate", "flink_ssl_key",
    )(checks.pem)  # fmt: skip
    _whole_login = field_validator("kafka_sasl_password")(checks.whole_login)
    _authorities = field_validator("kafka_ssl_ca", "flink_ssl_ca")(checks.authorities)
    _certificate = field_validator("kafka_ssl_certificate", "flink_ssl_certificate")(
        checks.certificate
    )
    _fitting_key = field_validator("kafka_ssl_key", "flink_ssl_key")(checks.fitting_key)
    _one_word = field_validator("prefix")(checks.one_word)
    _channel = field_validator("slack_channel")(checks.channel)
    _rest_address = field_validator("flink")(checks.rest_address)
    _servers = field_validator("kafka", "kafka_from_flink")(checks.servers)
    _host_and_port = field_validator("postgres_from_flink")(checks.host_and_port)
    _postgres_url = field_validator("postgres")(checks.postgres_url)
