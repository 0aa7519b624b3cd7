"""The docket: one drill's folder in the evidence store, and its orders to the witnesses and their words."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from drill import clock
from drill.aws import drill_lock, evidence_store
from drill.aws.evidence_store import Artifact, Retention
from drill.core.events import Event
from drill.core.evidence import Evidence, assemble
from drill.core.plan import Plan
from drill.settings import Settings
from engine.storage import Store, open_store

COMPRESS_BYTES = 262_144
Sessions = Callable[[str], Any]  # region name -> boto3.Session


class NotRegistered(LookupError):
    """The drill has no registration, so it has no plan."""


class Docket:
    """What a step of a drill reads and writes. Documents and events are written once, never edited.

    `sessions` gives a boto3.Session for a region; nothing here knows Airflow.
    """

    def __init__(self, drill: str, settings: Settings, sessions: Sessions) -> None:
        self.drill = drill
        self.settings = settings
        self.sessions = sessions
        self.home = sessions(settings.dr_region)
        self._witness = open_store(f"s3://{settings.witness_bucket}/", session=self.home)
        self._evidence = open_store(f"s3://{settings.evidence_bucket}/drills/{drill}/", session=self.home)

    def journal(self) -> Store:
        """The journal bucket (frames, control records, what recovering engines wrote)."""
        return open_store(f"s3://{self.settings.journal_bucket}/", session=self.home)

    def event(self, step: str, name: str, *, attempt: int = 1, by: str = "", **data: Any) -> Event:
        """Record that something happened now."""
        event = Event(
            drill=self.drill,
            step=step,
            name=name,
            at_ns=str(clock.now_ns()),
            mono_ns=str(clock.mono_ns()),
            by=by or f"{socket.gethostname()}",
            attempt=attempt,
            data=data,
        )
        self.put(event.key, msgspec.json.encode(event))
        return event

    def put(self, name: str, content: bytes) -> None:
        """Write an artifact under the drill's folder, locked."""
        until_ns = clock.now_ns() + self.settings.lock_minutes * 60_000_000_000
        evidence_store.put(
            self.home,
            self.settings.evidence_bucket,
            self.drill,
            name,
            content,
            retention=Retention(mode=self.settings.lock_mode, until_ns=until_ns),
            region=self.settings.dr_region,
        )

    def file(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a raw document of the evidence: `raw/<name>.json`, compressed where it is large."""
        content = json.dumps(document, separators=(",", ":")).encode()
        if len(content) > COMPRESS_BYTES:
            self.put(f"raw/{name}.json.gz", gzip.compress(content, compresslevel=3, mtime=0))
        else:
            self.put(f"raw/{name}.json", content)

    def document(self, name: str) -> Any:
        """A raw document, or None where it was not written."""
        content = self.find(f"raw/{name}.json")
        if content is not None:
            return json.loads(content)
        packed = self.find(f"raw/{name}.json.gz")
        return None if packed is None else json.loads(gzip.decompress(packed))

    def find(self, name: str) -> bytes | None:
        """Any artifact of the drill's folder, or None."""
        return self._evidence.get(name) if self._evidence.exists(name) else None

    def names(self) -> list[str]:
        """Names of all artifacts, without reading them."""
        return [entry.key for entry in self._evidence.list()]

    def artifacts(self) -> dict[str, Artifact]:
        """Every artifact by name, in its newest version."""
        prefix = f"{evidence_store.PREFIX}{self.drill}/"
        found: dict[str, Artifact] = {}
        for artifact in evidence_store.listing(
            self.home, self.settings.evidence_bucket, self.drill, region=self.settings.dr_region
        ):
            found.setdefault(artifact.key.removeprefix(prefix), artifact)
        return found

    def evidence(self, *, leave_out: tuple[str, ...] = ()) -> Evidence:
        """All raw evidence, as the verdict wants it; `leave_out` names large documents that are not needed."""
        kept = ("events/", "raw/")
        skipped = tuple(f"raw/{name}.json" for name in leave_out)
        wanted = [name for name in self.names() if name.startswith(kept) and not (skipped and name.startswith(skipped))]
        return assemble({name: self._evidence.get(name) for name in wanted})

    def earlier(self, most: int) -> list[dict[str, Any]]:
        """The `most` newest other drills, oldest first: id, when, outcome (MISSING where none was filed), time."""
        every = open_store(f"s3://{self.settings.evidence_bucket}/drills/", session=self.home)
        ids = sorted({entry.key.split("/", 1)[0] for entry in every.list()} - {self.drill})
        found = [past for past in (self._past(every, drill) for drill in ids) if past is not None]
        return sorted(found, key=lambda past: int(past["at_ns"]))[-most:]

    @staticmethod
    def _past(every: Store, drill: str) -> dict[str, Any] | None:
        registration = f"{drill}/raw/registration.json"
        if not every.exists(registration):
            return None
        verdict = f"{drill}/verdict.json"
        judged = json.loads(every.get(verdict)) if every.exists(f"{drill}/outcome.json") else None
        return {
            "drill_id": drill,
            "at_ns": json.loads(every.get(registration))["registered_ns"],
            "outcome": judged["outcome"] if judged else "MISSING",
            "recovery_time_ns": judged["times"]["impact_ns"] if judged else None,
        }

    def plan(self) -> Plan:
        """The registered plan; raises NotRegistered for a drill that was never registered."""
        registration = self.document("registration")
        if registration is None:
            msg = f"drill {self.drill}: not registered; its register step must end first"
            raise NotRegistered(msg)
        return msgspec.convert(registration["plan"], Plan)

    def aborted(self) -> str | None:
        """Why the drill is to stop, or None."""
        content = self.find("abort.json")
        return None if content is None else str(json.loads(content)["reason"])

    def abort(self, reason: str) -> None:
        """Ask every step of this drill to stop; teardown, verdict and report still happen."""
        self.put("abort.json", json.dumps({"reason": reason, "at_ns": str(clock.now_ns())}).encode())

    def outcome(self) -> str | None:
        """The outcome that was filed, or None while there is none."""
        content = self.find("outcome.json")
        return None if content is None else str(json.loads(content)["outcome"])

    def take_lock(self) -> drill_lock.Lease | None:
        """Take the drill lock; returns a dead drill's ended lease that was taken over. Raises LockHeldError."""
        return drill_lock.take(self.home, self.settings.journal_bucket, self.settings.dr_region, self.drill)

    def keep_lock(self) -> str | None:
        """Renew the drill lock. None while it is ours, else why the drill must stop: whoever holds it may build now."""
        now = drill_lock.renew(self.home, self.settings.journal_bucket, self.settings.dr_region, self.drill)
        return None if now is None else f"the drill lock was lost; it is held by {now.drill}"

    def free_lock(self) -> bool:
        """Free the drill lock if it is this drill's own; says whether it was."""
        return drill_lock.release(self.home, self.settings.journal_bucket, self.settings.dr_region, self.drill)

    def order(self, verb: str, body: Mapping[str, Any] | None = None) -> None:
        """Give the witnesses an order (`orders/<drill>/<verb>.json`)."""
        self._witness.put(
            f"orders/{self.drill}/{verb}.json", json.dumps({"drill": self.drill, **(body or {})}).encode()
        )

    def word(self, path: str) -> Any:
        """What a witness said (`words/<path>`), or None."""
        key = f"words/{path}"
        return json.loads(self._witness.get(key)) if self._witness.exists(key) else None

    def words(self, prefix: str) -> dict[str, Any]:
        """Everything that witnesses said under `words/<prefix>`, by key, oldest first."""
        found = sorted(entry.key for entry in self._witness.list(f"words/{prefix}"))
        return {key: json.loads(self._witness.get(key)) for key in found}

    def witness_store(self) -> Store:
        """The witness bucket itself (captures)."""
        return self._witness
