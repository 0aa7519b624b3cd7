"""The docket: one drill's folder in the evidence store, and its orders to the witnesses and their words."""

from __future__ import annotations

import gzip
import json
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import msgspec

from drill import clock
from drill.aws import drill_lock, evidence_store
from drill.aws.chain_store import ChainStore, Place
from drill.aws.evidence_store import Artifact, EvidenceExistsError, Retention
from drill.aws.signing_key import signing_key
from drill.aws.time_stamp import authority
from drill.core.events import Event
from drill.core.evidence import Evidence, assemble
from drill.core.evidence.artifact import of_attempt, parts
from drill.core.evidence.canonical import sha256
from drill.core.evidence.manifest import Entry, Manifest, manifest
from drill.core.evidence.pseudonym import Pseudonyms
from drill.core.plan import Plan
from drill.settings import Settings
from engine.storage import AlreadyExistsError, Store, open_store

COMPRESS_BYTES = 262_144
PSEUDONYM_KEY = "house/pseudonym-key"  # in the journal's bucket: in the house, away from the evidence
# What is said of an earlier drill that nobody judged: nothing is known, nothing is zero.
UNJUDGED: Mapping[str, Any] = {
    "recovery_time_ns": None, "technical_ns": None, "orders_lost": None, "symbols_ok": None, "rules": (),
}  # fmt: skip
Sessions = Callable[[str], Any]  # region name -> boto3.Session


class NotRegistered(LookupError):
    """The drill has no registration, so it has no plan."""


class Docket:
    """What a step of a drill reads and writes. Documents and events are written once, never edited.

    `sessions` gives a boto3.Session for a region; nothing here knows Airflow. `attempt` is the number of the step's
    try: from the second on, a document that an earlier try wrote otherwise is written as `<name>@<attempt>` beside it,
    and readers get the highest attempt.
    """

    def __init__(self, drill: str, settings: Settings, sessions: Sessions, *, attempt: int = 1) -> None:
        self.drill = drill
        self.attempt = attempt
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
        """Write an artifact under the drill's folder, once and locked. The same content again is no error.

        Raises EvidenceExistsError where this attempt wrote something else under the name.
        """
        if self.attempt > 1:
            stem, _, _ = parts(name)
            earlier = self._newest(stem)
            if earlier is not None and self._evidence.get(earlier) != content:
                name = of_attempt(name, self.attempt)
        evidence_store.put(
            self.home,
            self.settings.evidence_bucket,
            self.drill,
            name,
            content,
            retention=self._retention(),
            region=self.settings.dr_region,
        )

    def _retention(self) -> Retention:
        until_ns = clock.now_ns() + self.settings.lock_minutes * 60_000_000_000
        return Retention(mode=self.settings.lock_mode, until_ns=until_ns)

    def file(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a raw document of the evidence: `raw/<name>.json`, compressed where it is large.

        Members leave no trace of who they are: their numbers are replaced by keyed pseudonyms.
        """
        content = json.dumps(self.pseudonyms.conceal(document), separators=(",", ":")).encode()
        if len(content) > COMPRESS_BYTES:
            self.put(f"raw/{name}.json.gz", gzip.compress(content, compresslevel=3, mtime=0))
        else:
            self.put(f"raw/{name}.json", content)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """The members' pseudonyms; their key lies with the journal and is drawn once."""
        store = self.journal()
        if not store.exists(PSEUDONYM_KEY):
            with suppress(AlreadyExistsError):  # another step was first: its key is everybody's
                store.put(PSEUDONYM_KEY, secrets.token_bytes(32), if_absent=True)
        return Pseudonyms(store.get(PSEUDONYM_KEY))

    def document(self, name: str) -> Any:
        """A raw document as its last attempt wrote it, or None where it was not written."""
        there = self._newest(f"raw/{name}", (".json", ".json.gz"))
        if there is None:
            return None
        content = self._evidence.get(there)
        return json.loads(gzip.decompress(content) if there.endswith(".gz") else content)

    def find(self, name: str) -> bytes | None:
        """Any artifact of the drill's folder as its last attempt wrote it, or None."""
        stem, _, suffix = parts(name)
        there = self._newest(stem, (suffix,))
        return None if there is None else self._evidence.get(there)

    def stored(self, name: str) -> bytes:
        """The artifact of exactly this name; raises NotFoundError where there is none."""
        return self._evidence.get(name)

    def sealed(self, entry: Entry) -> bytes:
        """The artifact in the version that was sealed, whatever was put over it since.

        Raises EvidenceDamagedError where its hash is another.
        """
        key = f"{evidence_store.PREFIX}{self.drill}/{entry.name}"
        artifact = Artifact(key=key, sha256=entry.sha256, size=entry.size, version=entry.version_id)
        bucket, region = self.settings.evidence_bucket, self.settings.dr_region
        return evidence_store.get(self.home, bucket, artifact, region=region)

    def _newest(self, stem: str, suffixes: tuple[str, ...] = ()) -> str | None:
        """The name under which the last attempt wrote `stem`, among these suffixes (none: whatever they are)."""
        tried: dict[int, str] = {}
        for entry in self._evidence.list(stem):
            found, attempt, suffix = parts(entry.key)
            if found == stem and (not suffixes or suffix in suffixes):
                tried[attempt] = entry.key
        return tried[max(tried)] if tried else None

    def names(self) -> list[str]:
        """Names of all artifacts, without reading them."""
        return [entry.key for entry in self._evidence.list()]

    def artifacts(self) -> dict[str, Artifact]:
        """Every artifact by name, in its newest version."""
        prefix = f"{evidence_store.PREFIX}{self.drill}/"
        found: dict[str, Artifact] = {}
        for artifact in self.versions():
            found.setdefault(artifact.key.removeprefix(prefix), artifact)
        return found

    def versions(self) -> list[Artifact]:
        """Every stored version of every artifact."""
        return evidence_store.listing(
            self.home, self.settings.evidence_bucket, self.drill, region=self.settings.dr_region
        )

    def manifest(self) -> Manifest:
        """Every artifact filed so far with the hash of what lies in the store."""
        entries = (
            Entry(name=name, sha256=sha256(self._evidence.get(name)), size=artifact.size, version_id=artifact.version)
            for name, artifact in self.artifacts().items()
        )
        return manifest(self.drill, entries)

    def chain(self) -> ChainStore:
        """The chain of all drills' records, and its anchor in the other region."""
        settings = self.settings
        home = Place(self.home, settings.evidence_bucket, settings.dr_region, self._retention)
        away = Place(
            self.sessions(settings.anchor_region), settings.anchor_bucket, settings.anchor_region, self._retention
        )
        return ChainStore(
            home,
            away,
            lambda: signing_key(self.home, settings.dr_region, settings.signing_key),
            by=socket.gethostname(),
            stamp=authority(settings.tsa_url) if settings.tsa_url else None,
        )

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
        registered = json.loads(every.get(registration))
        past = {
            "drill_id": drill,
            "at_ns": registered["registered_ns"],
            "versions": registered["versions"],
            "configuration": registered.get("configuration"),
        }
        if not every.exists(f"{drill}/outcome.json"):
            return {**past, **UNJUDGED, "outcome": "MISSING"}
        outcome = json.loads(every.get(f"{drill}/outcome.json"))
        if not every.exists(f"{drill}/verdict.json"):
            return {**past, **UNJUDGED, "outcome": outcome["outcome"]}
        verdict = json.loads(every.get(f"{drill}/verdict.json"))
        point = verdict["recovery_point"]
        return {
            **past,
            "outcome": verdict["outcome"],
            "recovery_time_ns": verdict["times"]["impact_ns"],
            "technical_ns": verdict["times"]["technical_ns"],
            "orders_lost": point["lost_orders"] if point else None,
            "symbols_ok": verdict["symbols_ok"],
            "rules": sorted({one["rule"] for one in verdict["rulings"] if one["outcome"] == verdict["outcome"]}),
        }

    def plan(self) -> Plan:
        """The registered plan; raises NotRegistered for a drill that was never registered."""
        registration = self.document("registration")
        if registration is None:
            msg = f"drill {self.drill}: not registered; its register step must end first"
            raise NotRegistered(msg)
        return msgspec.convert(registration["plan"], Plan)

    def rejected(self) -> bool:
        """Whether the drill was refused at registration: another one held the lock."""
        return any("-register-reject-" in name for name in self.names())

    def aborted(self) -> str | None:
        """Why the drill is to stop, or None."""
        if not self._evidence.exists("abort.json"):  # asked all the time: no listing
            return None
        return str(json.loads(self._evidence.get("abort.json"))["reason"])

    def abort(self, reason: str) -> None:
        """Ask every step of this drill to stop; teardown, verdict and report still happen. The first reason stands."""
        with suppress(EvidenceExistsError):
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

    def inject(self, phase: str, faults: tuple[str, ...]) -> None:
        """Order faults of the catalogue, with what an injector must know to find the drill's site."""
        plan = self.plan()
        self.order(
            f"inject-{phase}",
            {
                "faults": list(faults),
                "phase": phase,
                "site": plan.site,
                "region": plan.dr_region,
                "journal": self.settings.journal_bucket,
                "evidence": self.settings.evidence_bucket,
                "from_epoch": plan.from_epoch,
                "epoch": plan.epoch,
                "symbols": list(plan.symbols),
                "captures": (self.document("acked-primary") or {}).get("captures", ""),
            },
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
