"""Files with certificates and keys that settings name: looked at before anybody needs them.

Three read them: OpenSSL, for Python and librdkafka; the clients of Kafka and PostgreSQL in Java,
which take a key in PKCS#8 alone; and Flink's own client, for which we make stores. What one of them
could not use is refused here, in half a sentence, with the command that makes of it what all can.
"""

from __future__ import annotations

import datetime
import re
import shlex
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

# A third of a second to import: only who has such files needs it.
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509 import Certificate

#: More than any list of authorities, in bytes.
_LARGEST = 16 * 1024**2

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_KEY = re.compile(rb"-----BEGIN ((?:\w+ )*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_LOCKED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")

#: How stores of Java's begin: JKS, and JCEKS.
_OF_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")

#: How DER begins, and what stands next in a PKCS12 store: its version, 3.
_DER = b"\x30"
_PKCS12 = re.compile(rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03", re.DOTALL)


def refuse_authorities(path: Path) -> None:
    """Raise ValueError unless certificates stand in a file, as all can read them."""
    content = _content(path)
    if content.startswith(_OF_JAVA):
        raise ValueError(
            f"{path} is a store of Java's; 'keytool -list -rfc -keystore {_word(path)} > ca.pem'"
            " makes of it the PEM that is wanted here"
        )
    if _PKCS12.match(content):
        raise ValueError(
            f"{path} is a PKCS12 store; 'openssl pkcs12 -in {_word(path)} -nokeys -out ca.pem'"
            " makes of it the PEM that is wanted here"
        )
    _refuse_what_is_no_certificate(path, content)
    try:
        # Not by `cryptography`, which is stricter than need be about lists that systems have.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(_by_openssl(path, error)) from None


def refuse_certificate(path: Path) -> None:
    """Raise ValueError unless a certificate of ours stands in a file."""
    content = _content(path)
    _refuse_store(path, content)
    _certificates(path, content)


def refuse_outdated(path: Path) -> None:
    """Raise ValueError unless a certificate of ours counts today.

    Whoever goes on with what runs, or stops it, is not asked.
    """
    first = _certificates(path, _content(path))[0]
    now = datetime.datetime.now(datetime.timezone.utc)
    if (end := first.not_valid_after_utc) < now:
        raise ValueError(f"the certificate in {path} ended on {end:%Y-%m-%d}: get a new one")
    if (begin := first.not_valid_before_utc) > now:
        raise ValueError(
            f"the certificate in {path} begins on {begin:%Y-%m-%d}: set this machine's clock"
            " right, or wait"
        )


def refuse_key(certificate: Path | None, key: Path | None) -> None:
    """Raise ValueError unless a certificate of ours, if there is one, has its key.

    Parameters
    ----------
    certificate
        The file with it, and with those who vouch for it, if there are any.
    key
        The file with its key; the same, if it is not given.
    """
    if certificate is None:
        if key is None:
            return
        raise ValueError("its certificate is not set: the variable that ends in _CERTIFICATE")
    own(certificate, key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
    except ssl.SSLError as error:  # what is around what we read
        raise ValueError(_by_openssl(key or certificate, error)) from None


def _by_openssl(path: Path, error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason.endswith(("_TOO_SMALL", "_TOO_WEAK")):
        return f"OpenSSL takes what is in {path} for too weak ({reason}): ask for a longer key"
    shown = f" ({reason})" if reason else ""
    return f"{path} cannot be read by OpenSSL{shown}: write it anew, as plain text"


def own(
    certificate: Path, key: Path | None
) -> tuple[list[Certificate], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]:
    """A certificate of ours with those who vouch for it, and its key.

    Raises
    ------
    ValueError
        If there is none, or they do not belong together.
    """
    from cryptography.exceptions import UnsupportedAlgorithm

    content = _content(certificate)
    _refuse_store(certificate, content)
    chain = _certificates(certificate, content)
    found = _key(certificate if key is None else key, key is None)
    try:
        fits = [one.public_key() == found.public_key() for one in chain]
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            f"a certificate in {certificate} has a key that is neither RSA nor EC, and Java's"
            " clients read no other"
        ) from None
    if not any(fits):
        raise ValueError(
            f"the key in {key or certificate} is not that of the certificate in {certificate}:"
            " name the two that were made together"
        )
    if not fits[0]:
        raise ValueError(
            f"in {certificate} another certificate stands before the key's own: put that one first"
        )
    return chain, found


def for_java(certificate: Path, key: Path | None) -> str:
    """Both in one text in PEM, the key in the one form that Kafka's clients in Java read.

    Raises
    ------
    ValueError
        As `own` does.
    """
    from cryptography.hazmat.primitives import serialization

    chain, found = own(certificate, key)
    pem = serialization.Encoding.PEM
    plain = found.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join([plain, *(one.public_bytes(pem) for one in chain)]).decode("ascii")


def der(path: Path) -> bytes:
    """A key as PostgreSQL's driver in Java reads it.

    Raises
    ------
    ValueError
        If there is none that can be used.
    """
    from cryptography.hazmat.primitives import serialization

    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(_key(path, False).private_bytes(serialization.Encoding.DER, pkcs8, plain))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None


def _is_der(content: bytes) -> bool:
    """Whether it is no text: in one its first byte would be the digit 0."""
    return content.startswith(_DER) and b"-----BEGIN" not in content


def _word(path: Path) -> str:
    return shlex.quote(str(path))


def _refuse_store(path: Path, content: bytes) -> None:
    """Raise ValueError if a file holds certificate and key, and no PEM."""
    store, first = _word(path), ""
    if content.startswith(_OF_JAVA):
        first = (
            f"'keytool -importkeystore -srckeystore {store} -destkeystore own.p12 -deststoretype"
            " PKCS12' and then "
        )
        store = "own.p12"
    elif not _PKCS12.match(content):
        return
    kind = "store of Java's" if first else "PKCS12 store"
    raise ValueError(
        f"{path} is a {kind}; {first}'openssl pkcs12 -in {store} -nodes -out own.pem' makes of it"
        " the PEM that is wanted here, which holds certificate and key"
    )


def _refuse_what_is_no_certificate(path: Path, content: bytes) -> None:
    if _is_der(content):
        raise ValueError(
            f"{path} is DER; 'openssl x509 -inform der -in {_word(path)} -out own.pem' makes of it"
            " the PEM that is wanted here"
        )
    if _CERTIFICATE not in content:
        what = "a key and no certificate" if _KEY.search(content) else "no certificate in PEM"
        raise ValueError(
            f"there is {what} in {path}: name the file with '{_CERTIFICATE.decode()}' in it"
        )


def _certificates(path: Path, content: bytes) -> list[Certificate]:
    from cryptography import x509

    _refuse_what_is_no_certificate(path, content)
    try:
        return x509.load_pem_x509_certificates(content)
    except (ValueError, x509.InvalidVersion):
        raise ValueError(
            f"a certificate in {path} cannot be read: it may be cut off, or not quite PEM"
        ) from None


def _key(path: Path, is_for_both: bool) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _content(path)
    _refuse_store(path, content)
    if _is_der(content):
        raise ValueError(
            f"{path} is DER; 'openssl pkey -inform der -in {_word(path)} -out own.key' makes of it"
            " the PEM that is wanted here"
        )
    if _LOCKED.search(content):
        raise ValueError(
            f"the key in {path} has a password, for which nobody asks here; 'openssl pkey -in"
            f" {_word(path)} -out own.key' asks for it, and writes the key without"
        )
    block = _KEY.search(content)
    if block is not None and block[1] == b"OPENSSH PRIVATE KEY":
        raise ValueError(
            f"the key in {path} is one of OpenSSH's: name the one that was made with the"
            " certificate"
        )
    if block is None:
        why = "it is not set, and " if is_for_both else ""
        raise ValueError(f"{why}there is no key in PEM in {path}: name the file with it")
    try:
        found = load_pem_private_key(block[0] + b"\n", None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(
            f"the key in {path} cannot be read: it may be cut off, or not quite PEM"
        ) from None
    if not isinstance(found, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise ValueError(
            f"the key in {path} is neither RSA nor EC, and Java's clients read no other"
        )
    return found
