"""A bundle comes from somebody else: names that lead elsewhere, sizes that explode and foreign entries are refused."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from drill.core.evidence import raw
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.bundle import MOST_BYTES, read_bundle, read_file, write_bundle
from drill.core.evidence.manifest import safe
from drill.core.evidence.raw import OversizedDocument, assemble


def crafted(*entries: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "a//b", "C:\\x", "a\\b", "a/./b", "a\x00b", "ä", "", "a/", "con fusion"],
)
def test_names_that_lead_elsewhere_are_refused(name):
    assert not safe(name)
    if name and "\x00" not in name:
        with pytest.raises(BrokenLink, match=r"zip: entry .* has a name"):
            read_bundle(crafted((name, b"x")))


def test_compressed_entries_are_refused_before_they_are_inflated():
    with pytest.raises(BrokenLink, match="is compressed; a bundle only stores"):
        read_bundle(crafted(("drill.json", b"0" * 10_000_000), method=zipfile.ZIP_DEFLATED))


def test_a_file_larger_than_any_bundle_is_not_read(tmp_path):
    with (tmp_path / "b.zip").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(BrokenLink, match="a bundle has at most"):
        read_file(tmp_path / "b.zip")


def test_a_document_that_would_not_stay_within_memory_is_refused(monkeypatch):
    monkeypatch.setattr(raw, "DOCUMENT_BYTES", 1000)
    assert assemble({"raw/a.json.gz": gzip.compress(b"1" * 1000)}).documents["a"] > 0
    with pytest.raises(OversizedDocument, match="unpacks to more than 1000"):
        assemble({"raw/a.json.gz": gzip.compress(b"1" * 1001)})


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", crafted(), crafted(("drill.json", b"{}"))])
def test_what_is_no_bundle_is_broken(content):
    with pytest.raises(BrokenLink):
        read_bundle(content)


def test_foreign_entries_and_doubles_are_refused(record):
    parts = read_bundle(record.bundle())
    assert write_bundle(parts) == record.bundle()
    with zipfile.ZipFile(io.BytesIO(record.bundle())) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with pytest.raises(BrokenLink):
        read_bundle(crafted(*entries, ("extra.txt", b"x")))
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = crafted(*entries, entries[0])
    with pytest.raises(BrokenLink, match="stand twice"):
        read_bundle(doubled)
