"""What a bundle refuses to be installed from; that it installs is tested without a network."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from cpuwatch.settings import ROOT


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    """The tool, which is no module of the package: it runs where that is not yet installed."""
    spec = importlib.util.spec_from_file_location("bundle", ROOT / "tools" / "bundle.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def parts(tmp_path: Path, bundle: ModuleType) -> Path:
    """The folder of a bundle with one wheel, which is none."""
    folder = tmp_path / bundle.TOP / bundle.PARTS
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"wheel")
    _contents(folder, bundle, bundle.here())
    return folder


def _contents(folder: Path, bundle: ModuleType, made_for: dict[str, str]) -> None:
    (wheel,) = (folder / "wheels").iterdir()
    sums = {f"wheels/{wheel.name}": hashlib.sha256(wheel.read_bytes()).hexdigest()}
    (folder / bundle.CONTENTS).write_text(json.dumps({"for": made_for, "sha256": sums}))


def test_what_is_no_bundle_is_refused(tmp_path: Path, bundle: ModuleType) -> None:
    with pytest.raises(bundle.BundleError, match="does not exist: check where"):
        bundle.install(tmp_path / "gone.tar")
    with pytest.raises(bundle.BundleError, match="is no bundle: give the archive that"):
        bundle.install(tmp_path)
    (tmp_path / "other.tar").write_text("no archive at all")
    with pytest.raises(bundle.BundleError, match="is no whole archive: copy it again"):
        bundle.install(tmp_path / "other.tar")
    with tarfile.open(tmp_path / "others.tar", "w") as packed:
        packed.add(tmp_path / "other.tar", "other.tar")
    with pytest.raises(bundle.BundleError, match="is no bundle"):
        bundle.install(tmp_path / "others.tar")


@pytest.mark.parametrize(
    "other", [{"platform": "macosx-11.0-arm64"}, {"python": "3.9"}], ids=["platform", "python"]
)
def test_one_for_other_machines_says_for_which(
    parts: Path, bundle: ModuleType, other: dict[str, str]
) -> None:
    _contents(parts, bundle, bundle.here() | other)
    with pytest.raises(bundle.BundleError, match="was made for ") as refused:
        bundle.install(parts)
    assert next(iter(other.values())) in str(refused.value)
    assert "make one on such a machine with 'make bundle'" in str(refused.value)


def test_a_damaged_one_is_refused(parts: Path, tmp_path: Path, bundle: ModuleType) -> None:
    (wheel,) = (parts / "wheels").iterdir()
    wheel.write_bytes(b"whee!")
    with pytest.raises(bundle.BundleError, match=f"is damaged: wheels/{wheel.name}"):
        bundle.install(parts)
    wheel.unlink()
    with pytest.raises(bundle.BundleError, match="is damaged"):
        bundle.install(parts)


def test_half_an_archive_is_refused(
    parts: Path, tmp_path: Path, bundle: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    installed = []
    monkeypatch.setattr(bundle, "pip", lambda *_, **__: installed.append(size))
    monkeypatch.setattr(bundle, "take_jars", lambda _: None)
    archive = tmp_path / "whole.tar"
    with tarfile.open(archive, "w") as packed:
        packed.add(parts.parent, parts.parent.name)
    with tarfile.open(archive) as packed:
        end = max(one.offset_data + one.size for one in packed)
    whole = archive.read_bytes()
    for size in (*range(0, end, 100), end - 1, len(whole)):
        archive.write_bytes(whole[:size])
        if size < end:
            with pytest.raises(bundle.BundleError):
                bundle.install(archive)
        else:
            bundle.install(archive)
    assert installed == [len(whole)]
    assert list((tmp_path / ".venv").iterdir()) == []


def test_nothing_is_unpacked_beside_its_folder(
    tmp_path: Path, bundle: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    (tmp_path / "bad").write_text("bad")
    prefix = f"{bundle.TOP}/{bundle.PARTS}/"
    for name in (f"{prefix}../../../../escaped", f"{prefix}link"):
        with tarfile.open(tmp_path / "bad.tar", "w") as packed:
            member = packed.gettarinfo(tmp_path / "bad", name)
            if name.endswith("link"):
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                packed.addfile(member)
            else:
                with (tmp_path / "bad").open("rb") as content:
                    packed.addfile(member, content)
        with pytest.raises(bundle.BundleError, match="is no whole archive"):
            bundle.install(tmp_path / "bad.tar")
    assert not (tmp_path / ".venv" / "escaped").exists()
    assert not (tmp_path / "escaped").exists()
