"""captures: the members hand over what they know was acknowledged before the loss, and core reads it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from typing import Any

from drill import clock
from drill.aws import control, journal_lag
from drill.core import captures
from drill.docket import Docket
from drill.operators.step import RedResult, Step, Wait
from engine.listing import instrument
from templates.settings import stream_name

HANDOVER_S = 60
JUDGED_NS = 300_000_000_000
WARM_UP_NS = 1_000_000_000  # members that resolve and connect at the start of an epoch are no measure of its speed


def read_captures(
    docket: Docket, word: dict[str, Any], epoch: int, starts: Mapping[str, int] | None = None
) -> captures.Captured:
    """The captures that a handover's word names, for one epoch and the symbols in scope; `starts` as core wants it.

    Each file must be there and unpack to the hash that was said: a member whose capture vanished would look as if it
    had never been promised anything. Raises RedResult naming the file.
    """
    plan = docket.plan()
    numbers = {instrument(symbol).number: symbol for symbol in plan.symbols}
    store = docket.witness_store()
    files = {}
    for name, said in word["files"].items():
        content = gzip.decompress(store.get(f"{word['prefix']}{name}"))
        if hashlib.sha256(content).hexdigest() != said["sha256"]:
            raise RedResult(f"capture {word['prefix']}{name}: its hash is not the one that the members said")
        files[int(name.split(".")[0])] = content
    if len(files) != int(word["members"]):
        raise RedResult(f"captures of {len(files)} members, the word says {word['members']}")
    return captures.read(files, epoch, numbers, starts)


def start_seqs(docket: Docket, epoch: int) -> dict[str, int]:
    """Symbol -> the last seq of the epochs before: what is acknowledged in this one belongs to its journal above it."""
    settings = docket.settings
    starts = control.starts(docket.home, settings.journal_bucket, epoch, region=settings.dr_region)
    return {symbol: int(start["start_seq"]) for symbol, start in starts.items()}


def document(captured: captures.Captured, performance: captures.Performance, prefix: str) -> dict[str, Any]:
    """What the captures come to: counts, first and last acknowledgements, load and latency."""
    import msgspec  # noqa: PLC0415 - one use

    return {
        "epoch": captured.epoch,
        "captures": prefix,
        "acknowledged": captured.acknowledged,
        "fills": captured.fills,
        "refused": captured.refused,
        "last_ack_ns": None if captured.last_ack_ns is None else str(captured.last_ack_ns),
        "first_ack_by_member": {str(member): str(at) for member, at in captured.first_ack_by_member.items()},
        "unanswered": len(captured.sent_unanswered),
        "learned": len(captured.learned),
        "ended": captured.ended,
        "performance": msgspec.to_builtins(performance),
    }


def _age_at_loss(docket: Docket) -> str | None:
    """How old the oldest confirmed and undelivered record was when the site was lost: where in its flush cycle it fell.

    From Firehose's own history; None where it has no point before the loss.
    """
    plan, settings = docket.plan(), docket.settings
    streams = [stream_name(symbol, plan.from_epoch) for symbol in plan.symbols]
    lost_ns = _lost_ns(docket)
    points = journal_lag.freshness(
        docket.home, streams, settings.dr_region, lost_ns, period_s=settings.metric_period_s
    ).values()
    ages = [point.age_ns for point in points if point is not None]
    return str(max(ages)) if ages else None


def _lag(docket: Docket) -> list[dict[str, Any]]:
    """The worst stream's lag from registration to now, by Firehose's own metric: the report draws it."""
    plan, settings = docket.plan(), docket.settings
    streams = [stream_name(symbol, plan.from_epoch) for symbol in plan.symbols]
    since_ns = int(docket.document("registration")["registered_ns"])
    points = journal_lag.series(
        docket.home, streams, settings.dr_region, since_ns, clock.now_ns(), period_s=settings.metric_period_s
    )
    return [
        {"at_ns": str(point.at_ns), "age_ns": str(point.age_ns), "stream": point.stream, "streams": point.streams}
        for point in points
    ]


def _lost_ns(docket: Docket) -> int:
    """The loss itself, not the last answer: an exchange that hung before it was lost must not look well.

    Of an exercise the registered moment, of a real loss the first heartbeat that the monitor missed.
    """
    plan = docket.plan()
    if plan.planned:
        return int(docket.document("registration")["moment_ns"])
    if plan.real:
        return int(docket.document("word-monitor")["first_missed_ns"])
    return int(docket.document("word-loss")["actual_ns"])


class CollectCapturesOperator(Step):
    """Orders the handover and files the acknowledged seqs of the lost epoch."""

    phase = "captures"

    def start(self, docket: Docket, context: Any) -> Wait:  # noqa: ARG002
        """Ask the members; they copy what their processes wrote up to now."""
        docket.order("handover", {"name": "loss"})
        return Wait("word_said", HANDOVER_S, {"word": "handover-loss"})

    def proceed(self, docket: Docket, then: str, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """Read every member's capture with core's own decoder."""
        plan = docket.plan()
        captured = read_captures(docket, found, plan.from_epoch, start_seqs(docket, plan.from_epoch))
        until_ns = _lost_ns(docket)
        # A production that runs for weeks is judged by the load of its last minutes, as the DR site is.
        judged = captures.within(captured, until_ns - JUDGED_NS, until_ns) if plan.planned or plan.real else captured
        performance = captures.performance(judged, until_ns=until_ns, warm_up_ns=WARM_UP_NS)
        summary = document(captured, performance, found["prefix"])
        age = None if plan.planned else _age_at_loss(docket)
        docket.file("acked-primary", {**summary, "age_at_loss_ns": age})
        docket.file("acked-seqs", {"acked": captured.acked})
        docket.file("journal-lag", {"points": _lag(docket)})
        return {
            "members": found["members"],
            "acknowledged": captured.acknowledged,
            "unanswered": len(captured.sent_unanswered),
        }
