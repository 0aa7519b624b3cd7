"""Kinds of sabotage: each turns one stored object of a symbol into something a validator must catch.

A kind gets the symbol's objects (sorted by seq), the one to hit and the nonce, and says what to store where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from witness.nonce import Nonce
from witness.stored_object import (
    HEADER,
    Frame,
    StoredObject,
    new_commands,
    pack,
    with_altered_price,
    with_flipped_bit,
)

TRUNCATE_TO = (3, 5)


@dataclass(frozen=True, slots=True)
class Change:
    """What to do to one key: `content` None deletes it. `account` tells, later, what was done."""

    key: str
    content: bytes | None
    account: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The object to hit, its stored bytes, and an object of another symbol (for a swap)."""

    victim: StoredObject
    stored: bytes
    foreign: StoredObject | None
    nonce: Nonce
    label: str


def delete_middle(target: Target) -> Change:
    """The object is gone."""
    return Change(target.victim.key, None, {})


def flip_bit(target: Target) -> Change:
    """One bit of a command's bytes is flipped; the frame's checksum is left as it was."""
    frame = _frame(target)
    at = frame.offset + HEADER.size + target.nonce.number(target.label + "/byte") % (frame.count * 48)
    bit = target.nonce.number(target.label + "/bit") % 8
    content = pack(with_flipped_bit(target.victim.content, at, bit))
    return Change(target.victim.key, content, {"offset": at, "bit": bit, "frame_first_seq": frame.first_seq})


def truncate(target: Target) -> Change:
    """The stored bytes end too early."""
    keep = len(target.stored) * TRUNCATE_TO[0] // TRUNCATE_TO[1]
    return Change(target.victim.key, target.stored[:keep], {"bytes_before": len(target.stored), "bytes_after": keep})


def conflict(target: Target) -> Change:
    """A further object repeats a frame with one price changed and a good checksum: two truths for one seq."""
    frame, index = _order(target)
    content = pack(with_altered_price(target.victim, frame, index))
    return Change(twin_key(target.victim.key), content, {"copy_of": target.victim.key, "seq": frame.first_seq + index})


def swap(target: Target) -> Change:
    """Another symbol's object takes the place of this one."""
    if target.foreign is None:
        raise ValueError(f"{target.label}: a swap needs an object of another test symbol")
    return Change(target.victim.key, pack(target.foreign.content), {"content_of": target.foreign.key})


def forge(target: Target) -> Change:
    """One order's price is changed in place and the checksum recomputed: only chain and checkpoints can tell."""
    frame, index = _order(target)
    content, end = target.victim.content, frame.offset + frame.size
    forged = content[: frame.offset] + with_altered_price(target.victim, frame, index) + content[end:]
    return Change(target.victim.key, pack(forged), {"seq": frame.first_seq + index, "price_ticks_added": 1})


KINDS: dict[str, Callable[[Target], Change]] = {
    "delete_middle": delete_middle,
    "flip_bit": flip_bit,
    "truncate": truncate,
    "conflict": conflict,
    "swap": swap,
    "forge": forge,
}


def twin_key(key: str) -> str:
    """A key beside `key`, in the same folder, that a delivery stream might have chosen."""
    stem, dot, suffix = key.rpartition(".")
    return f"{stem}-1.{suffix}" if dot and "/" not in suffix else f"{key}-1"


def eligible(objects: list[StoredObject]) -> list[StoredObject]:
    """Objects whose damage cannot go unseen: alone in carrying some commands, with neighbours before and after.

    Delivery is at least once, so an object whose commands all stand elsewhere too could be lost without harm.
    """
    owned = [stored for stored in objects if any(new_commands(stored, frame) for frame in stored.frames)]
    if not owned:
        return []
    carriers = Counter(seq for stored in objects for seq in stored.seqs)
    ends = {min(carriers), max(carriers)}
    return [
        stored for stored in owned if ends.isdisjoint(stored.seqs) and all(carriers[seq] == 1 for seq in stored.seqs)
    ]


def _frame(target: Target) -> Frame:
    """A frame with commands."""
    full = [frame for frame in target.victim.frames if frame.count]
    return target.nonce.choose(target.label + "/frame", full)


def _order(target: Target) -> tuple[Frame, int]:
    """A NEW command: its frame and index."""
    full = [frame for frame in target.victim.frames if new_commands(target.victim, frame)]
    frame = target.nonce.choose(target.label + "/frame", full)
    return frame, target.nonce.choose(target.label + "/command", new_commands(target.victim, frame))
