"""How Kafka lets us in: by TLS, by name and password, by a certificate; ours by the stack's key.

Three clients have to know: librdkafka here; Kafka's clients in Java, within Flink, whose options
stand in the SQL of a table; and Flink's processes themselves, which take the password from a file,
since it must not stand in SQL, where notebooks, logs and Flink's own page show it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cpuwatch import certificates, files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import keys

#: In the folder of keys: the client's key and certificate as Java wants them, in one file.
KEYSTORE = "kafka-client.pem"

#: In the folder of keys: name and password, for Flink's processes.
JAAS = "kafka.jaas"

#: In the jar of Flink's connector Kafka's classes have other names.
SHADED = "org.apache.flink.kafka.shaded."

_LOGIN = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def protocol(config: Settings) -> str | None:
    """Kafka's word for how it is spoken to; None if nothing is set, and it is spoken to plainly."""
    if not config.outside("kafka"):
        return "SSL" if config.kafka_closed else None
    if config.kafka_security_protocol:
        return config.kafka_security_protocol
    if config.kafka_sasl_username:
        return "SASL_SSL"
    if config.kafka_ssl_ca or config.kafka_ssl_certificate:
        return "SSL"
    return None


def client_options(config: Settings) -> dict[str, str]:
    """The options of a client here, in librdkafka's names."""
    spoken = protocol(config)
    if spoken is None:
        return {}
    found: dict[str, str | Path | None] = {"security.protocol": spoken}
    if config.kafka_closed:
        names = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
        found |= dict.fromkeys(names, config.keys / keys.PEM)
    elif spoken.endswith("SSL"):
        found |= {
            "ssl.ca.location": config.kafka_ssl_ca,
            "ssl.certificate.location": config.kafka_ssl_certificate,
            "ssl.key.location": config.kafka_ssl_key or config.kafka_ssl_certificate,
        }
    if spoken.startswith("SASL"):
        password = config.kafka_sasl_password
        found |= {
            "sasl.mechanism": config.kafka_sasl_mechanism,
            "sasl.username": config.kafka_sasl_username,
            "sasl.password": password.get_secret_value() if password else None,
        }
    return {name: str(value) for name, value in found.items() if value is not None}


def table_options(config: Settings) -> dict[str, str]:
    """The options of a table on that Kafka, without what is secret."""
    spoken = protocol(config)
    if spoken is None:
        return {}
    found: dict[str, str | Path] = {"security.protocol": spoken}
    if config.kafka_closed:
        found |= keys.kafka_options(_from_flink(config, keys.PEM))
    elif spoken.endswith("SSL"):
        if config.kafka_ssl_ca:
            found |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": config.kafka_ssl_ca}
        if config.kafka_ssl_certificate:
            store = _from_flink(config, KEYSTORE)
            found |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": store}
    if spoken.startswith("SASL"):
        found["sasl.mechanism"] = config.kafka_sasl_mechanism
    return {f"properties.{name}": str(value) for name, value in found.items()}


def prepare(config: Settings) -> list[str]:
    """Write what Flink's processes read, each file for its owner alone.

    Returns
    -------
    list of str
        Options for their Java.

    Raises
    ------
    CpuwatchError
        If a file that settings name cannot be read.
    """
    spoken = protocol(config) or ""
    files.folder(config.keys)
    if config.outside("kafka") and spoken.endswith("SSL") and config.kafka_ssl_certificate:
        try:
            certificates.refuse_outdated(config.kafka_ssl_certificate)
            text = certificates.for_java(config.kafka_ssl_certificate, config.kafka_ssl_key)
        except ValueError as error:  # files that have changed since settings were read
            raise CpuwatchError(f"Kafka's certificate cannot be used: {error}.") from error
        files.write(config.keys / KEYSTORE, text, private=True)
    if not spoken.startswith("SASL") or config.outside("flink"):
        return []
    files.write(config.keys / JAAS, _jaas(config), private=True)
    return [f"-Djava.security.auth.login.config={_from_flink(config, JAAS)}"]


def check_closed(config: Settings) -> None:
    """See whether the embedded Kafka can be as closed as it is asked to be.

    Raises
    ------
    CpuwatchError
        If it was made open, or an outside Flink would have to have our key.
    """
    if config.kafka_asked_to_close and not config.kafka_closed:
        raise CpuwatchError(
            "CPUWATCH_KAFKA_SECURITY_PROTOCOL=SSL asks for an embedded Kafka that is closed, and"
            " this one was made open, as its jobs know it: 'cpuwatch down --wipe' and 'cpuwatch up'"
            " make one anew, without its data; or unset CPUWATCH_KAFKA_SECURITY_PROTOCOL."
        )
    if config.kafka_closed and config.outside("flink"):
        raise CpuwatchError(
            "The embedded Kafka is closed, and lets in who has this stack's key alone, which the"
            " outside Flink of CPUWATCH_FLINK has not: take Kafka from outside, too, with"
            " CPUWATCH_KAFKA; or let it be made open: 'cpuwatch down --wipe' forgets this one and"
            " its data, and without CPUWATCH_KAFKA_SECURITY_PROTOCOL 'cpuwatch up' makes another."
        )


def _from_flink(config: Settings, name: str) -> str:
    """A file in the folder of keys, as it is called from where Flink's processes run.

    By a relative path, which no name of a folder above can spoil.
    """
    return os.path.relpath(config.keys / name, config.state / "flink")


def _jaas(config: Settings) -> str:
    password = config.kafka_sasl_password
    kind = config.kafka_sasl_mechanism.partition("-")[0]
    return (
        f"KafkaClient {{\n  {SHADED}{_LOGIN[kind]} required\n"
        f"    username={_quoted(config.kafka_sasl_username or '')}\n"
        f"    password={_quoted(password.get_secret_value() if password else '')};\n}};\n"
    )


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
