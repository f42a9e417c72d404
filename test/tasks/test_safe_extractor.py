"""Unpacking of archives that come from somewhere else."""

from __future__ import annotations

import io
import tarfile

import pytest
from luigi.safe_extractor import SafeExtractor


def member(name, kind=tarfile.REGTYPE, link="", text=b"text"):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = link
    info.size = len(text) if kind == tarfile.REGTYPE else 0
    return info, text if kind == tarfile.REGTYPE else b""


def archive(path, *members, mode="w"):
    with tarfile.open(path, mode) as tar:
        for info, text in members:
            tar.addfile(info, io.BytesIO(text))
    return str(path)


@pytest.fixture(params=["standard filter", "without the standard filter"])
def _filters(request, monkeypatch):
    if request.param.startswith("without"):
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        # what an old Python does without being asked
        monkeypatch.setattr(
            tarfile.TarFile, "extraction_filter", staticmethod(lambda info, path: info), False
        )


pytestmark = pytest.mark.usefixtures("_filters")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_extracts(tmp_path, mode):
    path = archive(
        tmp_path / "a.tar",
        member("dir", tarfile.DIRTYPE),
        member("dir/file"),
        member("link", tarfile.SYMTYPE, "dir/file"),
        member("hard", tarfile.LNKTYPE, "dir/file"),
        mode=mode,
    )
    SafeExtractor(str(tmp_path / "out")).safe_extract(path)
    for name in ("dir/file", "link", "hard"):
        assert (tmp_path / "out" / name).read_text() == "text"


def test_extracts_what_is_asked_for(tmp_path):
    path = archive(tmp_path / "a.tar", member("one"), member("two"))
    with tarfile.open(path) as tar:
        wanted = [tar.getmember("two")]
    SafeExtractor(tmp_path / "out").safe_extract(path, members=wanted, numeric_owner=True)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["two"]


def test_the_current_directory_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SafeExtractor().safe_extract(archive(tmp_path / "a.tar", member("one")))
    assert (tmp_path / "one").read_text() == "text"


@pytest.mark.parametrize(
    "members",
    [
        [member("../escaped")],
        [member("/absolute/escaped")],
        [member("../out-other/escaped")],
        [member("link", tarfile.SYMTYPE, ".."), member("link/escaped")],
        [member("link", tarfile.SYMTYPE, "/etc")],
        [member("hard", tarfile.LNKTYPE, "../a.tar")],
        [member("a", tarfile.SYMTYPE, "."), member("a/b", tarfile.SYMTYPE, "..")],
        [member("device", tarfile.CHRTYPE)],
        [member("pipe", tarfile.FIFOTYPE)],
    ],
)
def test_refuses_what_leads_out_before_extracting_anything(tmp_path, members):
    (tmp_path / "out-other").mkdir()
    (tmp_path / "out").mkdir()
    before = sorted(tmp_path.rglob("*"))
    path = archive(tmp_path / "a.tar", member("good"), *members)
    with pytest.raises(RuntimeError, match=r"^Attempted Path Traversal in Tar File$"):
        SafeExtractor(str(tmp_path / "out")).safe_extract(path)
    left = [entry for entry in sorted(tmp_path.rglob("*")) if entry not in before]
    escaped = [entry for entry in left if entry.name in ("escaped", "device", "pipe")]
    assert not escaped
    assert not [entry for entry in left if "out-other" in entry.parts]


def test_is_within_directory(tmp_path):
    within = SafeExtractor._is_within_directory
    assert within(str(tmp_path), str(tmp_path / "a" / ".." / "b"))
    assert not within(str(tmp_path / "out"), str(tmp_path / "out-other"))
    assert not within(str(tmp_path / "out"), str(tmp_path / "out" / ".." / ".."))
