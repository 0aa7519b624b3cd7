"""Faults of stored journals: F01 to F06, F10, F17, F27. Each returns the account of what it did."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import google_crc32c
from blake3 import blake3

from witness.injections.scene import Account, Scene, UnsupportedError
from witness.sabotage import KINDS, Target, eligible, twin_key
from witness.saboteur import NothingToHitError
from witness.stored_changes import account_of
from witness.stored_object import COMMAND_BYTES, HEADER, TRAILER, StoredObject, UnreadableObjectError, pack, unpack

CHECKPOINT = struct.Struct("<Q32s")
FIRST_SEQ, CHECKPOINTS, PREVIOUS = 6, 8, 11
"""Places of these fields in a frame's header (witness.stored_object.HEADER)."""
TAIL_FRAMES = 4  # a second of group commits and more: something in it was acknowledged
MOVED = 2


def _objects(scene: Scene, symbol: str, prefix: str = "") -> list[StoredObject]:
    """A symbol's objects with commands, by their first seq."""
    found = []
    for key in scene.objects.keys(scene.journal, f"{prefix or scene.prefix}symbol={symbol}/"):
        try:
            stored = unpack(key, scene.objects.read(scene.journal, key))
        except UnreadableObjectError:
            continue  # the damage of another fault of the same drill
        if stored.seqs:
            found.append(stored)
    return sorted(found, key=lambda one: min(one.seqs))


def _place(symbol: str, stored: StoredObject) -> Account:
    return {
        "symbol": symbol,
        "object": stored.key,
        "first_seq": min(stored.seqs),
        "last_seq": max(stored.seqs),
        "frames": len(stored.frames),
    }


def _victim(scene: Scene, label: str) -> tuple[str, StoredObject]:
    """A symbol and one of its objects in the middle, as the nonce draws them."""
    for symbol in scene.shuffled(f"{label}/symbol"):
        fit = eligible(_objects(scene, symbol))
        if fit:
            return symbol, scene.nonce.choose(f"{label}/object", fit)
    raise NothingToHitError(f"s3://{scene.journal}/{scene.prefix}: no object with neighbours before and after")


def sabotaged(label: str, kind: str) -> Callable[[Scene], Account]:
    """A fault that is one of the kinds of sabotage, done to a real symbol."""

    def act(scene: Scene) -> Account:
        symbol, victim = _victim(scene, label)
        stored = scene.objects.read(scene.journal, victim.key)
        change = KINDS[kind](Target(victim, stored, None, scene.nonce, label))
        if change.content is None:
            scene.objects.delete(scene.journal, change.key)
        else:
            scene.objects.put(scene.journal, change.key, change.content)
        return {**_place(symbol, victim), "kind": kind, "object": change.key, **change.account}

    return act


def lose_tail(scene: Scene) -> Account:
    """F02: the last objects of a symbol are gone; no gap shows it, only who was acknowledged knows."""
    for symbol in scene.shuffled("F02/symbol"):
        stored = _objects(scene, symbol)
        taken: list[StoredObject] = []
        while len(stored) > MOVED and sum(len(one.frames) for one in taken) < TAIL_FRAMES:
            taken.append(stored.pop())
        kept = {seq for one in stored for seq in one.seqs}
        lost = {seq for one in taken for seq in one.seqs} - kept
        if lost and min(lost) > max(kept, default=0):
            for one in taken:
                scene.objects.delete(scene.journal, one.key)
            keys = [one.key for one in taken]
            return {"symbol": symbol, **account_of(keys), "first_seq": min(lost), "last_seq": max(lost)}
    raise NothingToHitError(f"s3://{scene.journal}/{scene.prefix}: no symbol has a tail to lose")


def duplicate(scene: Scene) -> Account:
    """F03: an object stands twice."""
    symbol, victim = _victim(scene, "F03")
    copy = twin_key(victim.key)
    scene.objects.put(scene.journal, copy, scene.objects.read(scene.journal, victim.key))
    return {**_place(symbol, victim), "copy": copy}


def disorder(scene: Scene) -> Account:
    """F05: the first object goes under a later hour and the last under an earlier one: neither lists in its turn."""
    for symbol in scene.shuffled("F05/symbol"):
        stored = _objects(scene, symbol)
        if len(stored) > MOVED:
            moved = {stored[0].key: _at_hour(stored[0].key, +1), stored[-1].key: _at_hour(stored[-1].key, -1)}
            for key, to in moved.items():
                scene.objects.move(scene.journal, key, to)
            return {"symbol": symbol, **account_of(list(moved)), "moved_to": list(moved.values())}
    raise NothingToHitError(f"s3://{scene.journal}/{scene.prefix}: no symbol has three objects")


def _at_hour(key: str, hours: int) -> str:
    """The key under a wrong hour, `.../2026/11/20/19/name` -> `.../2026/11/20/20/name`, within the day."""
    folder, name = key.rsplit("/", 1)
    day, hour = folder.rsplit("/", 1)
    return f"{day}/{min(max(int(hour) + hours, 0), 23):02d}/{'z' if hours > 0 else '0'}-{name}"


def diverge(scene: Scene) -> Account:
    """F10: from some checkpoint on the primary's digests are of another book; frames are chained anew, and hold."""
    for symbol in scene.shuffled("F10/symbol"):
        stored = _objects(scene, symbol)
        frames = {frame.first_seq: (one, frame) for one in stored for frame in one.frames if frame.count}
        marked = [first for first, (one, frame) in sorted(frames.items()) if _fields(one, frame)[CHECKPOINTS]]
        if len(marked) > MOVED and sum(len(one.frames) for one in stored) == len(frames):
            return _diverge(scene, symbol, frames, marked[len(marked) // 2])
    raise NothingToHitError(f"s3://{scene.journal}/{scene.prefix}: no symbol has enough checkpoints")


def _diverge(scene: Scene, symbol: str, frames: dict[int, tuple[StoredObject, Any]], since: int) -> Account:
    """Rewrite every frame from `since` on, and take away the snapshots that the journal would no longer vouch for."""
    images: dict[str, bytearray] = {}
    previous: bytes | None = None
    for _, (stored, frame) in sorted(item for item in frames.items() if item[0] >= since):
        content = images.setdefault(stored.key, bytearray(stored.content))
        image = _rewritten(bytes(content[frame.offset : frame.offset + frame.size]), previous)
        content[frame.offset : frame.offset + frame.size] = image
        previous = blake3(image).digest()
    for key, content in images.items():
        scene.objects.put(scene.journal, key, pack(bytes(content)))
    for key in scene.objects.keys(scene.journal, f"snapshots/epoch={scene.from_epoch}/symbol={symbol}/"):
        if int(key.rpartition("/")[2].partition(".")[0]) >= since:
            scene.objects.delete(scene.journal, key)
    return {"symbol": symbol, **account_of(sorted(images)), "first_seq": since}


def _rewritten(image: bytes, previous: bytes | None) -> bytes:
    """A frame with other digests in its checkpoints, chained to `previous` (None: as it was), with a good checksum."""
    fields = list(HEADER.unpack_from(image))
    fields[PREVIOUS] = fields[PREVIOUS] if previous is None else previous
    commands_end = HEADER.size + fields[7] * COMMAND_BYTES
    marks = image[commands_end : -TRAILER.size]
    others = b"".join(CHECKPOINT.pack(seq, blake3(digest).digest()) for seq, digest in CHECKPOINT.iter_unpack(marks))
    body = HEADER.pack(*fields) + image[HEADER.size : commands_end] + others
    return body + TRAILER.pack(google_crc32c.value(body))


def _fields(stored: StoredObject, frame: Any) -> tuple[Any, ...]:
    return HEADER.unpack_from(stored.content, frame.offset)


def exchange(scene: Scene) -> Account:
    """F17: every object of a symbol lies in another's folder, and the other way round."""
    symbol, other = scene.shuffled("F17/symbol")[:2]
    folders = {name: f"{scene.prefix}symbol={name}/" for name in (symbol, other)}
    keys = {name: scene.objects.keys(scene.journal, folder) for name, folder in folders.items()}
    for name, into in ((symbol, other), (other, symbol)):
        for key in keys[name]:
            scene.objects.move(scene.journal, key, folders[into] + key.removeprefix(folders[name]))
    return {"symbol": symbol, "other": other, **account_of([*keys[symbol], *keys[other]])}


def zombie(scene: Scene) -> Account:
    """F27: a frame of the epoch before, above the seq at which its successor began, as Firehose may deliver it late."""
    for epoch in range(scene.from_epoch - 1, 0, -1):
        for symbol in scene.shuffled("F27/symbol"):
            stored = _objects(scene, symbol, f"journal/epoch={epoch}/")
            written = ((frame.first_seq, one, frame) for one in stored for frame in one.frames if frame.count)
            last = max(written, key=lambda found: found[0], default=None)
            if last is not None:
                return _late(scene, symbol, epoch, *last[1:])
    raise UnsupportedError("the exchange trades in its first epoch: there is no fenced primary to write")


def _late(scene: Scene, symbol: str, epoch: int, stored: StoredObject, frame: Any) -> Account:
    """Store the frame that follows `frame` beside it."""
    late = _successor(stored.content[frame.offset : frame.offset + frame.size], frame.count)
    key = f"{stored.key.rpartition('/')[0]}/matching-engine-{symbol}-late.gz"
    scene.objects.put(scene.journal, key, pack(late))
    return {"symbol": symbol, "object": key, "frames": 1, "epoch": epoch, "first_seq": frame.last_seq + 1}


def _successor(image: bytes, count: int) -> bytes:
    """The frame that the same engine might have written next: the same commands at the next seqs, chained."""
    fields = list(HEADER.unpack_from(image))
    commands = image[HEADER.size : HEADER.size + count * COMMAND_BYTES]
    fields[FIRST_SEQ] += count
    fields[CHECKPOINTS] = 0
    fields[10] = len(commands)
    fields[PREVIOUS] = blake3(image).digest()
    body = HEADER.pack(*fields) + commands
    return body + TRAILER.pack(google_crc32c.value(body))
