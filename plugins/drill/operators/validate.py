"""validate: Great Expectations over journal, books, trades and recovery point, against witnesses that are not us."""

from __future__ import annotations

import gzip
from functools import partial
from typing import Any

import msgspec

from drill.aws import control
from drill.core.plan import Plan
from drill.core.told import Place, Told, told
from drill.docket import Docket
from drill.operators.sabotage import recovery_points
from drill.operators.step import RedResult, Step
from drill.site_settings import ENVIRONMENTS
from engine.listing import instrument
from engine.storage import open_store


class ValidateOperator(Step):
    """Runs every declared suite on every symbol and files each result. Red on a symbol in scope stops the drill."""

    phase = "validate"

    def start(self, docket: Docket, context: Any) -> dict[str, Any]:  # noqa: ARG002
        """Validate in this process: not the engine's, not the triggerer's."""
        from expectations.source import Source  # noqa: PLC0415 - Great Expectations costs 6 s and 240 MB
        from expectations.validate import validate  # noqa: PLC0415

        plan, bucket = docket.plan(), docket.settings.journal_bucket
        starts = control.starts(docket.home, bucket, plan.from_epoch, region=docket.settings.dr_region)
        source = Source(
            journal_store_uri=f"s3://{bucket}/journal/epoch={plan.from_epoch}/",
            recovered_uri=f"s3://{bucket}/{plan.root}recovered/epoch={plan.epoch}/",
            captures_uri=f"s3://{docket.settings.witness_bucket}/{docket.document('acked-primary')['captures']}",
            symbols=(*plan.symbols, *plan.test_symbols),
            environment=ENVIRONMENTS["LIVE"],
            epoch=plan.from_epoch,
            checkpoint_every=docket.settings.checkpoint_every,
            recovery_points=recovery_points(docket),
            start_seqs={symbol: int(start["start_seq"]) for symbol, start in starts.items()},
            start_digests={symbol: str(start["start_digest"]) for symbol, start in starts.items()},
            snapshots_uri=f"s3://{bucket}/snapshots/",
            start_frames={symbol: str(start["start_frame"]) for symbol, start in starts.items()},
        )
        validation = validate(
            source, scope_symbols=plan.symbols, test_symbols=plan.test_symbols, heed=lambda: self.heed(docket)
        )
        found = document(validation.record(), plan)
        docket.file("validation", found)
        red = [check for check in found["checks"] if check["scope"] and not (check["evaluated"] and check["passed"])]
        self._second_opinion(docket, {check["symbol"] for check in red})
        if red:
            raise RedResult(f"{len(red)} checks are red, the first: {_place(red)}")
        return {"declared": found["declared"], "evaluated": found["evaluated"]}

    def _second_opinion(self, docket: Docket, differing: set[str]) -> None:
        """L4 for each symbol that differs, and in the weekly drill for a sample."""
        from drill.second_opinion import ask, sampled  # noqa: PLC0415 - the oracle is for few drills

        plan = docket.plan()
        sample = sampled(plan.symbols, plan.nonce_sha256) if plan.preset == "weekly" else ()
        opinions = {}
        place = f"s3://{docket.settings.journal_bucket}/"
        folders = ("journal/", "recovered/", f"{plan.root}recovered/")
        journal, lineage, recovered = (open_store(place + folder, session=docket.home) for folder in folders)
        for symbol in sorted({*differing, *sample}):
            self.heed(docket)
            found = ask(
                journal,
                lineage,
                recovered,
                symbol,
                from_epoch=plan.from_epoch,
                epoch=plan.epoch,
                told=partial(_told, docket, symbol),
            )
            opinions[symbol] = msgspec.to_builtins(found)
        if opinions:
            docket.file("oracle", {"symbols": opinions, "sample": list(sample)})


def _told(docket: Docket, symbol: str) -> dict[Place, Told]:
    """What members were told of a symbol's commands: from the captures that they handed over after the loss."""
    store, prefix = docket.witness_store(), docket.document("acked-primary")["captures"]
    names = (entry.key for entry in store.list(prefix))
    captures = {name.rpartition("/")[2]: store.get(name) for name in names if name.endswith(".gz")}
    files = {int(name.split(".")[0]): gzip.decompress(content) for name, content in captures.items()}
    return told(files, instrument(symbol).number)


def _place(red: list[dict[str, Any]]) -> str:
    """The first red check in one line, by preference one that names a gap: it is the cause of most others."""
    first = next((check for check in red if (check["first"] or {}).get("gap")), red[0])
    row = first["first"] or {}
    gap = row.get("gap")
    where = f"seq {gap[0]} to {gap[1]} missing" if gap else f"seq {row['seq']}" if "seq" in row else first["note"]
    return f"{first['symbol']} {first['expectation']}: {where}"


def document(record: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The validation as evidence: every result, and the facts that core compares with its own reading."""
    facts = record["facts"]
    scope = [fact for fact in facts if fact["scope"]]
    return {
        "declared": record["declared"],
        "evaluated": record["evaluated"],
        "checks": [{**result, "expectation": result["check"]} for result in record["results"]],
        "contiguous": {fact["symbol"]: int(fact["journal_seq"]) for fact in facts},
        "finished_ns": {fact["symbol"]: fact["finished_ns"] for fact in facts},
        "acknowledged": sum(int(fact["acked"]) for fact in scope),
        "lost": sum(len(fact["lost"]) for fact in scope),
        "lost_fills": [fill for fact in scope for fill in fact["lost_fills"]],
        "unacknowledged": [command for fact in scope for command in fact["unacknowledged"]],
        "above_checkpoint": sum(int(fact["above_checkpoint"]) for fact in scope),
        "captured_fills": sum(int(fact["captured_fills"]) for fact in scope),
        "recovered_fills": sum(int(fact["recovered_fills"]) for fact in scope),
        "journal": {fact["symbol"]: fact["journal"] for fact in facts},
        "errors": record["errors"],
        "members": record["members"],
        "started_ns": record["started_ns"],
        "scope": list(plan.symbols),
    }
