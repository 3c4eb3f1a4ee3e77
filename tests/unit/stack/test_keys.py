"""The key of a stack's Flink, in the two forms that Java and Python read."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from cpuwatch.stack import keys


def test_both_forms_hold_the_same_key_and_java_s_none_that_takes_long_to_open(
    tmp_path: Path,
) -> None:
    keys.make(tmp_path)
    store, pem = ((tmp_path / name).read_bytes() for name in (keys.PKCS12, keys.PEM))
    found = pkcs12.load_pkcs12(store, keys.PASSWORD.encode())
    assert found.cert is not None
    assert found.cert.certificate == x509.load_pem_x509_certificate(pem)
    # The hash of the whole store, which Java takes 2,048 rounds to check, each time.
    assert b"\x02\x02\x08\x00" not in store[-8:]
    ends = [(tmp_path / name).stat().st_mode & 0o777 for name in (keys.PKCS12, keys.PEM)]
    assert ends == [0o600, 0o600]
