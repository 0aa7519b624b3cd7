"""The saboteur: the hidden negative control on a test symbol. Faults on request are witness.injections'.

What it did is kept in a folder of its own until it is revealed: the drill must catch it without being told. It changes
only the world (objects); the account of it, `reveal.json`, is written when everything has been validated.
"""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from witness import clock
from witness.bucket import ObjectClient, Order, WitnessBucket, list_all, persist
from witness.nonce import Nonce
from witness.sabotage import KINDS, Change, Target, eligible
from witness.stored_object import StoredObject, UnreadableObjectError, unpack

CONTROL = "control"
LOG = logging.getLogger(__name__)


class NothingToHitError(LookupError):
    """No stored object is fit for the sabotage that was ordered: names symbols and prefix."""


@dataclass(frozen=True, slots=True)
class Hunt:
    """Where a drill's saboteur may look, and the secret that decides."""

    drill: str
    nonce: Nonce
    bucket: str
    prefix: str
    tests: tuple[str, ...]
    points: Mapping[str, int]
    """Recovery point by symbol (inclusive): later commands are nobody's business, so damage there proves nothing."""


class Saboteur:
    """Obeys `sabotage.json`, `restore.json` and `close.json`.

    Args:
        bucket: where orders come from and words go.
        client: gives the S3 client for CONTROL, with a role of its own.
        state: folder that survives a restart; holds originals and the account of what was done.
        faults: the accounts of a drill's faults on request, with what stands in a teardown's way taken back: they are
            revealed beside the control.
    """

    def __init__(
        self,
        bucket: WitnessBucket,
        client: Callable[[str], ObjectClient],
        state: Path,
        faults: Callable[[str], list[dict[str, Any]]] = lambda _: [],
    ) -> None:
        self._bucket = bucket
        self._client = client
        self._state = state
        self._faults = faults

    def sabotage(self, order: Order) -> None:
        """Apply what the armed plan asks for; the word tells only how much."""
        if self._bucket.said(f"{order.drill}/sabotage.json"):
            return
        key = f"orders/{order.drill}/arm.json"
        arm = msgspec.json.decode(self._bucket.read(key)) if key in self._bucket.marks() else {}
        plan: dict[str, Any] = {**arm, **order.body}
        account = self._load(order.drill) or {"nonce": plan["nonce"], CONTROL: None}
        self._forget_half_done(order.drill, account)
        hunt = Hunt(order.drill, Nonce(plan["nonce"]), *journal_of(plan), tuple(plan["test_symbols"]), points_of(plan))
        if plan.get("control") and not account[CONTROL]:
            account[CONTROL] = self._control(hunt)
            self._save(order.drill, account)
        word = {"applied": int(bool(account[CONTROL])), "at_ns": str(clock.now_ns())}
        self._bucket.say(f"{order.drill}/sabotage.json", word)

    def show_truth(self, drill: str) -> dict[str, Any]:
        """Bring the control's true version back before anything is validated: whoever looks now must miss it.

        Raises NothingToHitError where no control was applied.
        """
        account = self._load(drill)
        control = account[CONTROL] if account else None
        if not control:
            raise NothingToHitError(f"drill {drill}: no control was applied, so there is nothing to be blind to")
        self._undo(drill, control)
        return {"symbol": control["symbol"], "object": control["object"]}

    def restore(self, order: Order) -> None:
        """Bring the control's true version back (objects that faults hit stay), then reveal."""
        if self._bucket.said(f"{order.drill}/restore.json"):
            return
        account = self._load(order.drill) or self._untouched(order.drill)
        control, restored = account[CONTROL], 0
        if control:
            persist(lambda: self._undo(order.drill, control), "restore")
            control["restored_ns"], restored = str(clock.now_ns()), 1
            self._save(order.drill, account)
        faults = [{name: value for name, value in one.items() if name != "order"} for one in self._faults(order.drill)]
        self._bucket.say(f"{order.drill}/reveal.json", {**account, "faults": faults})
        self._bucket.say(f"{order.drill}/restore.json", {"restored": restored, "at_ns": str(clock.now_ns())})

    def _untouched(self, drill: str) -> dict[str, Any]:
        """The account of a drill that ended before its sabotage: the nonce is revealed all the same."""
        key = f"orders/{drill}/arm.json"
        armed = msgspec.json.decode(self._bucket.read(key)) if key in self._bucket.marks() else {}
        return {"nonce": armed.get("nonce"), CONTROL: None}

    def _control(self, hunt: Hunt) -> dict[str, Any]:
        kind = hunt.nonce.choose("control/kind", sorted(KINDS))
        symbols = hunt.nonce.shuffled("control/symbol", sorted(hunt.tests))
        return {"kind": kind, **self._hit(hunt, symbols, kind, CONTROL)}

    def _hit(self, hunt: Hunt, symbols: list[str], kind: str, label: str) -> dict[str, Any]:
        """Hit the first of `symbols` that has an object to hit; returns the account of it."""
        client = self._client(CONTROL)
        for symbol in symbols:
            stored_objects = read_objects(client, hunt.bucket, hunt.prefix, symbol)
            fit = eligible([one for one in stored_objects if within(one, hunt.points.get(symbol))])
            if not fit:
                continue
            victim = hunt.nonce.choose(f"{label}/object", sorted(fit, key=lambda stored: min(stored.seqs)))
            stored, _ = get(client, hunt.bucket, victim.key)
            foreign = self._foreign(client, hunt, symbols, symbol) if kind == "swap" else None
            change = KINDS[kind](Target(victim, stored, foreign, hunt.nonce, label))
            return {"symbol": symbol, **self._apply(hunt.drill, client, hunt.bucket, change, label)}
        where = f"s3://{hunt.bucket}/{hunt.prefix}"
        raise NothingToHitError(f"{where}: no object with neighbours before and after in {symbols}")

    @staticmethod
    def _foreign(client: ObjectClient, hunt: Hunt, symbols: list[str], symbol: str) -> StoredObject | None:
        for other in symbols:
            if other != symbol:
                for stored in read_objects(client, hunt.bucket, hunt.prefix, other):
                    return stored
        return None

    def _apply(self, drill: str, client: ObjectClient, bucket: str, change: Change, label: str) -> dict[str, Any]:
        before = find(client, bucket, change.key)
        if before:
            self._write(self._original(drill, label), before[0])
        intent = {
            "bucket": bucket,
            "object": change.key,
            "version_added": None,
            "sha256_before": hashlib.sha256(before[0]).hexdigest() if before else None,
        }
        self._write(self._intent(drill, label), msgspec.json.encode(intent))
        if change.content is None:
            answer = client.delete_object(Bucket=bucket, Key=change.key)
        else:
            answer = client.put_object(Bucket=bucket, Key=change.key, Body=change.content)
        return {
            **intent,
            "action": "delete" if change.content is None else "put",
            "version_before": before[1] if before else None,
            "version_added": answer.get("VersionId"),
            "at_ns": str(clock.now_ns()),
            **change.account,
        }

    def _forget_half_done(self, drill: str, account: dict[str, Any]) -> None:
        """A kill may have fallen between an act and its account: take the act back, so that it is done once."""
        path = self._intent(drill, CONTROL)
        intent = msgspec.json.decode(path.read_bytes()) if path.exists() else None
        if intent and intent["object"] != (account[CONTROL] or {}).get("object"):
            self._undo(drill, intent)

    def _undo(self, drill: str, done: dict[str, Any], label: str = CONTROL) -> None:
        """Remove the version that was added (delete marker or bytes); where that is not enough, put the original."""
        client, bucket, key = self._client(CONTROL), done["bucket"], done["object"]
        if done["version_added"]:
            try:
                client.delete_object(Bucket=bucket, Key=key, VersionId=done["version_added"])
            except Exception as error:  # noqa: BLE001 - a role that may not delete versions restores by putting
                LOG.warning("restore %s: version %s stays: %s", key, done["version_added"], error)
        present = find(client, bucket, key)
        if done["sha256_before"] is None:
            if present:
                client.delete_object(Bucket=bucket, Key=key)
            return
        if not present or hashlib.sha256(present[0]).hexdigest() != done["sha256_before"]:
            client.put_object(Bucket=bucket, Key=key, Body=self._original(drill, label).read_bytes())
        if hashlib.sha256(get(client, bucket, key)[0]).hexdigest() != done["sha256_before"]:
            raise RuntimeError(f"s3://{bucket}/{key} does not have its original bytes back")

    def _original(self, drill: str, label: str) -> Path:
        return self._state / f"{drill}-{label}.original"

    def _intent(self, drill: str, label: str) -> Path:
        return self._state / f"{drill}-{label}.intent"

    def _load(self, drill: str) -> dict[str, Any] | None:
        path = self._state / f"{drill}.json"
        if not path.exists():
            return None
        account: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        return account

    def _save(self, drill: str, account: dict[str, Any]) -> None:
        self._write(self._state / f"{drill}.json", msgspec.json.encode(account))

    def _write(self, path: Path, content: bytes) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, path)  # noqa: PTH105 - Path.replace says the same; the atomic rename is the point


def points_of(plan: dict[str, Any]) -> dict[str, int]:
    """The recovery points of a planned exercise; none for a loss."""
    return {str(symbol): int(seq) for symbol, seq in plan.get("recovery_points", {}).items()}


def within(stored: StoredObject, point: int | None) -> bool:
    """Whether all of an object's commands lie at or below the recovery point."""
    return point is None or max(stored.seqs) <= point


def journal_of(plan: dict[str, Any]) -> tuple[str, str]:
    """Bucket and prefix of the journal's epoch: `s3://bucket/journal/epoch=1/`, or a bucket and `from_epoch`."""
    uri = urllib.parse.urlsplit(str(plan["journal"]))
    if uri.scheme != "s3" or not uri.netloc:
        raise ValueError(f"journal {plan['journal']!r}: expected s3://bucket/journal/epoch=N/")
    path = uri.path.strip("/")
    if "epoch=" not in path:
        path = f"{path or 'journal'}/epoch={int(plan['from_epoch'])}"
    return uri.netloc, path + "/"


def read_objects(client: ObjectClient, bucket: str, prefix: str, symbol: str) -> Iterator[StoredObject]:
    """A symbol's readable objects with at least one command, in no order."""
    for entry in list_all(client, bucket, f"{prefix}symbol={symbol}/"):
        try:
            stored = unpack(entry["Key"], get(client, bucket, entry["Key"])[0])
        except UnreadableObjectError as error:
            LOG.warning("left alone: %s", error)
            continue
        if stored.seqs:
            yield stored


def get(client: ObjectClient, bucket: str, key: str) -> tuple[bytes, str | None]:
    """Content and version id of an object."""
    answer = client.get_object(Bucket=bucket, Key=key)
    return answer["Body"].read(), answer.get("VersionId")


def find(client: ObjectClient, bucket: str, key: str) -> tuple[bytes, str | None] | None:
    """The same, or None when there is no such object now."""
    if any(entry["Key"] == key for entry in list_all(client, bucket, key)):
        return get(client, bucket, key)
    return None
