"""The picture in README and docs is page 1 as it is drawn today. `AEX_WRITE_PICTURE=1` draws it anew."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from drill.report.pdf import page_one_png
from tests.report import samples

PICTURE = Path(__file__).parents[2] / "docs/report-page-1.png"


def pixels(png: bytes) -> tuple[bytes, bytes]:
    """Header and filtered rows of a PNG."""
    at, rows = 8, b""
    header = png[16:29]
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            rows += png[at + 8 : at + 8 + length]
        at += 12 + length
    return header, zlib.decompress(rows)


def test_the_picture_is_page_one_as_it_is_drawn_today() -> None:
    drawn = page_one_png(samples.pictured())
    if os.environ.get("AEX_WRITE_PICTURE"):
        PICTURE.write_bytes(drawn)
    (header, now), (filed, then) = pixels(drawn), pixels(PICTURE.read_bytes())
    stale = "run: AEX_WRITE_PICTURE=1 pytest tests/report/test_picture.py"
    assert header == filed, stale
    # Processors may round a pixel of an edge differently; another layout moves thousands.
    assert sum(a != b for a, b in zip(now, then, strict=True)) < len(now) // 500, stale
