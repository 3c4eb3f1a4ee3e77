"""The key by which the parts of this stack's Flink, its Kafka where that is closed, and we, know
each other.

One key and one certificate that vouches for itself: whoever holds the key belongs to the stack,
on either side of a connection. It is made once, and is its owner's alone.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from functools import lru_cache
from pathlib import Path

from cpuwatch import files

#: For Python and ZooKeeper: the key and its certificate.
PEM = "flink.pem"

#: The same for Flink.
PKCS12 = "flink.p12"

#: Java wants one. It guards nothing: that only its owner can read the file does.
PASSWORD = "cpuwatch"

#: How a store begins, in DER.
_SEQUENCE = 0x30

#: The newest TLS, and what goes with it; by itself Flink speaks the one before. Java has AES by
#: the processor's own instructions only in what its second compiler has made, which most of our
#: Java never gets to: without it ChaCha20 is three times as fast, and it is as safe.
TLS_1_3 = {
    "security.ssl.protocol": "TLSv1.3",
    "security.ssl.algorithms": "TLS_CHACHA20_POLY1305_SHA256,TLS_AES_128_GCM_SHA256"
    ",TLS_AES_256_GCM_SHA384",
}
_PROTOCOL, _CIPHERS = TLS_1_3.values()

#: A laptop's clock may be wrong on the day of the first start.
_FROM = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
_UNTIL = datetime.datetime(2050, 1, 1, tzinfo=datetime.timezone.utc)


def make(folder: Path) -> None:
    """Make the key, unless it is there and whole.

    Parameters
    ----------
    folder
        Where its two files are; made if it is not there, for its owner alone.
    """
    files.folder(folder)
    if _is_whole(folder):
        return
    # A third of a second to import, which most starts can spare.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs12
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cpuwatch")])
    both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
        .sign(key, hashes.SHA256())
    )
    # One round of the password's hash: it guards nothing, and Java opens the file again for each
    # job, and for each connection that it is going to make.
    sealed = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD.encode())
    )
    java = pkcs12.serialize_key_and_certificates(b"flink", key, certificate, None, sealed)
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / PEM).unlink(missing_ok=True)
    files.write(folder / PKCS12, _without_mac(java), private=True)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    files.write(folder / PEM, plain + pem, private=True)  # the last one: both are there


def _is_whole(folder: Path) -> bool:
    """Whether both files are there, and hold what a power loss would have left out."""
    try:
        pem, store = (folder / PEM).read_bytes(), (folder / PKCS12).read_bytes()
    except FileNotFoundError:
        return False
    ends = len(store) > 1 and store[0] == _SEQUENCE and _content(store, 0)[1] == len(store)
    return ends and pem.endswith(b"-----END CERTIFICATE-----\n")


def _without_mac(pkcs12: bytes) -> bytes:
    """A store without the hash of all of it, for which the password is hashed 2,048 times.

    It is an option of the format, and the library always writes it. Java takes a store without.
    """
    start, end = _content(pkcs12, 0)
    version_ends = _content(pkcs12, start)[1]
    kept = pkcs12[start : _content(pkcs12, version_ends)[1]]
    assert end == len(pkcs12) and len(kept) > 0x7F
    size = len(kept).to_bytes(2, "big").lstrip(b"\0")
    return bytes([pkcs12[0], 0x80 | len(size)]) + size + kept


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element of DER begins that stands there, and where it ends."""
    size, at = der[at + 1], at + 2
    if size & 0x80:
        size, at = int.from_bytes(der[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
    return at, at + size


def flink_options(folder: Path | str) -> dict[str, str]:
    """The options by which a part of Flink shows the key, and asks others for it.

    Parameters
    ----------
    folder
        As given to `make`, or how that is called from where the part runs.
    """
    store = f"{folder}/{PKCS12}"
    options = {
        **TLS_1_3,
        "security.ssl.rest.authentication-enabled": "true",
    }
    for part in ("rest", "internal"):
        options |= {
            f"security.ssl.{part}.enabled": "true",
            f"security.ssl.{part}.keystore": store,
            f"security.ssl.{part}.keystore-password": PASSWORD,
            f"security.ssl.{part}.keystore-type": "PKCS12",
            f"security.ssl.{part}.key-password": PASSWORD,
            f"security.ssl.{part}.truststore": store,
            f"security.ssl.{part}.truststore-password": PASSWORD,
            f"security.ssl.{part}.truststore-type": "PKCS12",
        }
    return options


def zookeeper_options(folder: Path | str) -> dict[str, str]:
    """The options by which ZooKeeper, and who asks it, show the key, and ask for it.

    Parameters
    ----------
    folder
        As for `flink_options`.
    """
    store = f"{folder}/{PEM}"
    return {
        "ssl.protocol": _PROTOCOL,
        "ssl.ciphersuites": _CIPHERS,
        "ssl.keyStore.location": store,
        "ssl.trustStore.location": store,
    }


def kafka_options(pem: str) -> dict[str, str]:
    """The options by which Kafka's broker, and its clients in Java, show the key, and ask for it.

    Parameters
    ----------
    pem
        The file of that name, as it is called from where the part runs.
    """
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pem,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": pem,
        "ssl.enabled.protocols": _PROTOCOL,
        "ssl.cipher.suites": _CIPHERS,
    }


def context(folder: Path) -> ssl.SSLContext:
    """What Python needs to be let in by this stack's Flink.

    Raises
    ------
    OSError
        If there is no key yet.
    """
    pem = folder / PEM
    return _context(pem, pem.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _context(pem: Path, _changed: int) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(pem))
    made.load_cert_chain(pem)
    return made
