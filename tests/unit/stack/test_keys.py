"""The key of a stack's Flink, in the two forms that Java and Python read."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from cpuwatch import files
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


@pytest.mark.parametrize("name", [keys.PEM, keys.PKCS12])
@pytest.mark.parametrize("left", ["nothing", "half", "zeros", "missing"])
def test_a_key_that_a_power_loss_has_spoilt_is_made_anew(
    tmp_path: Path, name: str, left: str
) -> None:
    keys.make(tmp_path)
    before = {one: (tmp_path / one).read_bytes() for one in (keys.PEM, keys.PKCS12)}
    keys.make(tmp_path)
    assert before == {one: (tmp_path / one).read_bytes() for one in before}
    size = len(before[name])
    spoilt = {"nothing": b"", "half": before[name][: size // 2], "zeros": bytes(size)}
    if left == "missing":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(spoilt[left])
    keys.make(tmp_path)
    keys.context(tmp_path)
    found = pkcs12.load_pkcs12((tmp_path / keys.PKCS12).read_bytes(), keys.PASSWORD.encode())
    pem = x509.load_pem_x509_certificate((tmp_path / keys.PEM).read_bytes())
    assert found.cert is not None and found.cert.certificate == pem


def test_a_key_that_is_made_anew_half_way_is_made_anew_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make(tmp_path)
    (tmp_path / keys.PKCS12).write_bytes(b"")
    write = files.write

    def killed(path: Path, content: bytes, private: bool = False) -> None:
        write(path, content, private)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", killed)
        with pytest.raises(InterruptedError):
            keys.make(tmp_path)
    keys.make(tmp_path)
    found = pkcs12.load_pkcs12((tmp_path / keys.PKCS12).read_bytes(), keys.PASSWORD.encode())
    pem = x509.load_pem_x509_certificate((tmp_path / keys.PEM).read_bytes())
    assert found.cert is not None and found.cert.certificate == pem
