"""Certificates and keys in the forms that people have: taken by all who read them, or refused."""

from __future__ import annotations

import datetime
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from java_parts import java

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import access, flink, flinkaccess, jars, kafka

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
AUTHORITY = ec.generate_private_key(ec.SECP256R1())
TODAY = datetime.datetime.now(datetime.timezone.utc)
BEGIN = "-----BEGIN CERTIFICATE-----"


def certificate(
    key: Any, name: str = "anna", days: int = 1, number: int | None = None
) -> x509.Certificate:
    """One that begins two days before it ends, in so many days."""
    names = [
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, "authority")
    ]
    end = TODAY + datetime.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(number or x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=2))
        .not_valid_after(end)
        .sign(AUTHORITY, hashes.SHA256())
    )


def pem(key: Any, days: int = 1) -> bytes:
    return certificate(key, days=days).public_bytes(Encoding.PEM)


def private(
    key: Any,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encoding: Encoding = Encoding.PEM,
    password: bytes | None = None,
) -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return bytes(key.private_bytes(encoding, form, lock))


OLD = PrivateFormat.TraditionalOpenSSL
CA = certificate(AUTHORITY, "authority").public_bytes(Encoding.PEM)
STORE = pkcs12.serialize_key_and_certificates(
    b"anna", RSA, certificate(RSA), None, BestAvailableEncryption(b"hush")
)
#: What a file of EC keys begins with, as openssl writes it.
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

Given = Callable[..., Settings]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Given]:
    """The settings with these files."""

    def make(service: str = "KAFKA", **contents: bytes) -> Settings:
        monkeypatch.setenv("CPUWATCH_KAFKA", "broker.example:9092")
        monkeypatch.setenv("CPUWATCH_FLINK", "https://127.0.0.1:1")
        monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            monkeypatch.setenv(f"CPUWATCH_{service}_SSL_{name.upper()}", str(tmp_path / name))
        settings.cache_clear()
        return settings()

    yield make
    settings.cache_clear()


TAKEN = {
    "PKCS#8": (pem(RSA), private(RSA)),
    "PKCS#1": (pem(RSA), private(RSA, OLD)),
    "PKCS#8 of EC": (pem(EC), private(EC)),
    "SEC1": (pem(EC), private(EC, OLD)),
    "SEC1 below its parameters": (pem(EC), PARAMETERS + private(EC, OLD)),
    "a chain": (pem(RSA) + CA, private(RSA)),
    "both in one file": (pem(RSA) + private(RSA, OLD) + CA, None),
    "both in one file, the key first": (private(EC, OLD) + pem(EC), None),
    "ends of lines of Windows": (
        pem(RSA).replace(b"\n", b"\r\n"), private(RSA, OLD).replace(b"\n", b"\r\n"),
    ),
    "remarks": (b"Bag Attributes\n" + pem(RSA), b"Key Attributes: <none>\n" + private(RSA)),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Any]]:
    """The store that Kafka's client within Flink makes of a file."""
    found = jars.fetch(Settings().cache, {"flink"}, show=False)["flink"]
    own = [*found, *(flink.HOME / "lib").glob("*.jar")]
    with java(own, tmp_path_factory.mktemp("java")) as machine:

        def load(path: Path) -> Any:
            name = f"{access.SHADED}org.apache.kafka.common.security.ssl.DefaultSslEngineFactory"
            made = getattr(machine.jvm, name)()
            made.configure(
                {
                    "ssl.protocol": "TLSv1.3",
                    "ssl.enabled.protocols": ["TLSv1.3"],
                    "ssl.cipher.suites": [],
                    "ssl.keystore.type": "PEM",
                    "ssl.keystore.location": str(path),
                }
            )
            return made.keystore()

        yield load


@pytest.mark.parametrize(("own", "key"), TAKEN.values(), ids=TAKEN)
def test_a_key_in_any_usual_form_is_read_by_each_client_of_kafka(
    given: Given, engine: Callable[[Path], Any], own: bytes, key: bytes | None
) -> None:
    config = given(certificate=own, **({} if key is None else {"key": key}))
    options = access.client_options(config)
    AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0, **options}, logger=kafka.QUIET)
    access.prepare(config)
    store = engine(config.keys / access.KEYSTORE)
    alias = store.aliases().nextElement()
    assert len(store.getCertificateChain(alias)) == own.count(BEGIN.encode())
    assert (config.keys / access.KEYSTORE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("own", "key"), TAKEN.values(), ids=TAKEN)
def test_so_it_is_by_each_client_of_flink(given: Given, own: bytes, key: bytes | None) -> None:
    config = given("FLINK", certificate=own, **({} if key is None else {"key": key}))
    flinkaccess.client_options(config)
    content = (config.keys / flinkaccess.OWN).read_bytes()
    found = pkcs12.load_pkcs12(content, flinkaccess.keys.PASSWORD.encode())
    assert found.key is not None and found.cert is not None
    assert found.cert.certificate.public_key() == found.key.public_key()
    assert 1 + len(found.additional_certs) == own.count(BEGIN.encode())


REFUSED: dict[str, tuple[dict[str, bytes], str, str]] = {
    "a password": (
        {"certificate": pem(RSA), "key": private(RSA, password=b"hush")},
        "KEY", "has a password, for which nobody asks here; 'openssl pkey -in ",
    ),
    "a password of the older kind": (
        {"certificate": pem(RSA), "key": private(RSA, OLD, password=b"hush")},
        "KEY", "'openssl pkey -in ",
    ),
    "PKCS12": ({"certificate": STORE}, "CERTIFICATE", "'openssl pkcs12 -in "),
    "PKCS12 for both": (
        {"certificate": STORE, "key": STORE}, "CERTIFICATE", " -nodes -out own.pem'",
    ),
    "PKCS12 for the key": ({"certificate": pem(RSA), "key": STORE}, "KEY", "'openssl pkcs12 -in "),
    "JKS": (
        {"certificate": b"\xfe\xed\xfe\xed\0\0\0\2"},
        "CERTIFICATE", "'keytool -importkeystore -srckeystore ",
    ),
    "DER": (
        {"certificate": certificate(RSA).public_bytes(Encoding.DER)},
        "CERTIFICATE", "'openssl x509 -inform der -in ",
    ),
    "DER for the key": (
        {"certificate": pem(RSA), "key": private(RSA, encoding=Encoding.DER)},
        "KEY", "'openssl pkey -inform der -in ",
    ),
    "another key": ({"certificate": pem(RSA), "key": private(EC)}, "KEY", "is not that of the"),
    "the authority first": (
        {"certificate": CA + pem(RSA), "key": private(RSA)}, "KEY", "put that one first",
    ),
    "one for the other": ({"certificate": private(RSA)}, "CERTIFICATE", "a key and no certificate"),
    "no key": ({"certificate": pem(RSA)}, "KEY", "it is not set, and there is no key in PEM"),
    "no certificate": ({"key": private(RSA)}, "KEY", "its certificate is not set"),
    "a key of OpenSSH's": (
        {
            "certificate": pem(RSA),
            "key": RSA.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        },
        "KEY", "one of OpenSSH's",
    ),
    "half a file": ({"certificate": pem(RSA)[:400]}, "CERTIFICATE", "cannot be read"),
    "half a key": (
        {"certificate": pem(RSA), "key": private(RSA)[:400]}, "KEY", "there is no key in PEM",
    ),
    "a spoilt key": (
        {"certificate": pem(RSA), "key": private(RSA).replace(b"M", b"", 1)},
        "KEY", "cannot be read",
    ),
    "an empty file": ({"certificate": b""}, "CERTIFICATE", "there is no certificate in PEM"),
    "UTF-16": (
        {"certificate": pem(RSA).decode().encode("utf-16")},
        "CERTIFICATE", "there is no certificate in PEM",
    ),
    "a curve that Java's client does not know": (
        {
            "certificate": pem(ed := ed25519.Ed25519PrivateKey.generate()),
            "key": private(ed),
        },
        "KEY", "neither RSA nor EC",
    ),
    "no authority": ({"ca": private(RSA)}, "CA", "a key and no certificate"),
    "PKCS12 of authorities": ({"ca": STORE}, "CA", " -nokeys -out ca.pem'"),
    "JKS of authorities": (
        {"ca": b"\xfe\xed\xfe\xed\0\0\0\2"}, "CA", "'keytool -list -rfc -keystore ",
    ),
    "DER of an authority": (
        {"ca": certificate(AUTHORITY).public_bytes(Encoding.DER)}, "CA", "'openssl x509 -inform",
    ),
}  # fmt: skip


@pytest.mark.parametrize("service", ["KAFKA", "FLINK"])
@pytest.mark.parametrize(("contents", "variable", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_in_a_sentence_with_what_to_do(
    given: Given, service: str, contents: dict[str, bytes], variable: str, said: str
) -> None:
    with pytest.raises(CpuwatchError) as caught:
        given(service, **contents)
    told = str(caught.value)
    assert said in told
    assert told.startswith(f"CPUWATCH_{service}_SSL_{variable} in the environment or .env is not")
    assert "\n" not in told and len(told) < 700


def test_a_list_of_authorities_with_remarks_is_taken(given: Given, tmp_path: Path) -> None:
    # Lists of systems have authorities with a number below zero, of which `cryptography` warns.
    odd = bytearray(certificate(AUTHORITY, "authority", number=1 << 40).public_bytes(Encoding.DER))
    odd[odd.index(b"\x02\x06\x01\0\0\0\0\0") + 2] = 0x80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = given(ca=b"# Some authority\n" + CA + ssl.DER_cert_to_PEM_cert(odd).encode())
    assert access.client_options(config)["ssl.ca.location"] == str(tmp_path / "ca")


@pytest.mark.parametrize(("end", "said"), [(-1, " ended on 2"), (3, " begins on 2")])
def test_one_that_does_not_count_today_is_told_when_it_is_needed(
    given: Given, end: int, said: str
) -> None:
    # What runs can be stopped: settings are read.
    for service, use in (("KAFKA", access.prepare), ("FLINK", flinkaccess.client_options)):
        config = given(service, certificate=pem(RSA, end), key=private(RSA))
        with pytest.raises(CpuwatchError, match=said):
            use(config)


def test_text_that_begins_with_a_zero_is_no_der(given: Given) -> None:
    given(certificate=b"0 s:CN=x\n" + pem(RSA), key=b"0 key\n" + private(RSA))


def test_files_that_change_after_the_start_are_told(given: Given, tmp_path: Path) -> None:
    config = given(certificate=pem(RSA), key=private(RSA))
    (tmp_path / "key").write_bytes(private(EC))
    with pytest.raises(CpuwatchError, match="is not that of the certificate"):
        access.prepare(config)
