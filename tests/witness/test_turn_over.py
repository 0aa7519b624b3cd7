"""Captures that are turned over: the newest two files are the capture, and a copy on its way stays whole."""

from __future__ import annotations

import gzip
from pathlib import Path

from witness.capture import RECORD, Capture, Captures, pack


def record(number: int) -> bytes:
    return number.to_bytes(8, "little") * (RECORD.size // 8)


def keep(capture: Capture, *numbers: int) -> None:
    for number in numbers:
        capture.pending += record(number)


def content(capture: Capture) -> bytes:
    return gzip.decompress(pack(capture.extent()).content)


def test_the_newest_two_files_are_the_capture_and_a_third_is_left_for_copies(tmp_path: Path) -> None:
    capture = Capture(7, tmp_path)
    keep(capture, 1, 2)
    early = capture.extent()
    capture.turn_over()
    keep(capture, 3)
    assert content(capture) == record(1) + record(2) + record(3)
    assert capture.extent().records == 3
    capture.turn_over()
    keep(capture, 4)
    assert content(capture) == record(3) + record(4)
    assert gzip.decompress(pack(early).content) == record(1) + record(2)  # taken before: still readable
    capture.turn_over()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00007.1.bin", "00007.2.bin", "00007.3.bin"]


def test_a_house_that_starts_again_goes_on_with_both_files_and_cuts_a_torn_record(tmp_path: Path) -> None:
    first = Capture(7, tmp_path)
    keep(first, 1)
    first.turn_over()
    keep(first, 2)
    first.close()
    with first.path.open("ab") as torn:
        torn.write(b"torn")
    again = Capture(7, tmp_path)
    keep(again, 3)
    assert content(again) == record(1) + record(2) + record(3)


def test_all_members_are_turned_over_at_one_moment(tmp_path: Path) -> None:
    captures = Captures((1, 12), tmp_path)
    captures.turn_over()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00001.1.bin",
        "00001.bin",
        "00012.1.bin",
        "00012.bin",
    ]
    captures.close()
