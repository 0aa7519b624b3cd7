"""The smallest set-up in which a drill's own means judge a recovery: no AWS, no scheduler, nothing else left out.

An exchange trades into files; the engine's own replay recovers it, also from objects to which the catalogue's faults
were done; the validator, the oracle and the negative control judge that; the verdict judges a healthy record and
damaged ones. Prints what noticed something, or `nothing`.

    python -m tests.mutation.small_drill FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from drill.core.evidence import Evidence
from drill.core.verdict import judge
from drill.second_opinion import opinion
from engine.messages import Environment
from engine.replay import Comparison, recover
from engine.storage import open_store
from expectations.validate import validate
from expectations.validation import Validation
from oracle import OracleFrame, read_frames
from tests.core import worlds
from tests.expectations.exchange import CHECKPOINT_EVERY, FRAME_COMMANDS, SYMBOLS, TESTS, Exchange, write

COMMANDS = 420
FRAMES = 3  # in an object, as `tests.expectations.exchange` writes them
OBJECT = FRAMES * FRAME_COMMANDS
CUT = 40
UNKNOWN = {"digest": None, "fills": None}
"""What is not held against anything."""
CONTROL = TESTS[0]
NOTHING = "nothing"
SCOPE = "AAPL"


def recovered(exchange: Exchange) -> dict[str, dict[int, tuple[str, str]]]:
    """Have the engine recover every symbol from the files, as the DR site does; gives what it compared."""
    store = open_store(f"file://{exchange.root}/journal/")
    compared: dict[str, dict[int, tuple[str, str]]] = {}
    for symbol in SYMBOLS + TESTS:
        folder = exchange.root / "recovered" / symbol
        with (folder / "fills.bin").open("wb") as fills, (folder / "checkpoints.jsonl").open("wb") as checkpoints:
            met: list[Comparison] = []

            def note(comparison: Comparison, lines: object = checkpoints, met: list[Comparison] = met) -> None:
                lines.write(comparison.line())  # type: ignore[attr-defined]
                met.append(comparison)

            found = recover(
                store,
                symbol,
                environment=Environment.LIVE,
                now_ns=time.time_ns,
                on_fills=fills.write,
                on_checkpoint=note,
            )
        result = found.result(from_epoch=1, epoch=2, build="small drill")
        (folder / "result.json").write_text(json.dumps(result))
        compared[symbol] = {one.seq: (one.primary.hex(), one.recovered.hex()) for one in met}
    return compared


def found_in(journal: Path) -> dict[str, Any]:
    """What the engine says of SCOPE's journal in this folder; of damages the first, as kind, expected and found."""
    store = open_store(f"file://{journal}/")
    found = recover(
        store,
        SCOPE,
        environment=Environment.LIVE,
        now_ns=time.time_ns,
        on_fills=lambda _: None,
        on_checkpoint=lambda _: None,
    )
    told = found.result(from_epoch=1, epoch=2, build="small drill")
    damages = [(one.kind, one.expected, one.found) for one in found.account.damages[:1]]
    return {**told, "damages": damages}


def by_faults(exchange: Exchange, folder: Path) -> str:
    """FAIL, or a count: what is done to stored objects is not told as it was done, or costs what it must not cost."""
    traded = exchange.traded[SCOPE]
    whole = {
        "status": "recovered", "seq": COMMANDS, "highest_seq": COMMANDS, "commands": COMMANDS, "damages": [],
        "digest": traded.checkpoints[-1][1].hex(), "fills": len(traded.fills), "frames": len(traded.frames),
        "duplicates": 0, "refused": 0, "reorder_depth": 0, "checkpoints": len(traded.checkpoints), "disagreements": 0,
        "first_disagreement_seq": 0,
    }  # fmt: skip
    for done in FAULTS:
        journal = folder / done.__name__
        shutil.copytree(exchange.root / "journal", journal)
        must = whole | done(sorted((journal / f"symbol={SCOPE}").rglob("*.gz")))
        found = found_in(journal)
        wrong = [what for what, value in must.items() if value is not None and found[what] != value]
        if wrong:
            return f"fault {done.__name__}: {wrong[0]} is {found[wrong[0]]}, must be {must[wrong[0]]}"
    return ""


def nothing_done(_: list[Path]) -> dict[str, Any]:
    """The journal as it was written."""
    return {}


def missing(objects: list[Path]) -> dict[str, Any]:
    """F01: the third object is gone, and all that comes after it waits in vain."""
    objects[2].unlink()
    gap = ("gap", f"seq {2 * OBJECT + 1}", f"seq {3 * OBJECT + 1}")
    frames = (len(objects) - 1) * FRAMES
    return {"damages": [gap], "frames": frames, "reorder_depth": frames - 2 * FRAMES, **up_to(2 * OBJECT)}


def duplicated(objects: list[Path]) -> dict[str, Any]:
    """F03: an object is there twice."""
    shutil.copy(objects[1], objects[1].with_name("copy.gz"))
    return {"duplicates": FRAMES, "frames": (len(objects) + 1) * FRAMES}


def disordered(objects: list[Path]) -> dict[str, Any]:
    """F05: the last object lists first, under an hour long past."""
    early = objects[0].parents[1] / "00" / "0000.gz"
    early.parent.mkdir()
    objects[-1].rename(early)
    return {"reorder_depth": FRAMES}


def cut(objects: list[Path]) -> dict[str, Any]:
    """F06: the last object ends within its last frame, and says so."""
    content = objects[-1].read_bytes()
    objects[-1].write_bytes(content[:-CUT])
    damage = ("bad_gzip", "a complete gzip file", f"end of object after {len(content) - CUT} compressed bytes")
    last = len(objects) * OBJECT - FRAME_COMMANDS
    return {"damages": [damage], "frames": len(objects) * FRAMES - 1, "highest_seq": last, **up_to(last)}


def up_to(seq: int) -> dict[str, Any]:
    """A recovery that had to stop there: fewer commands, fewer checkpoints, and a state that nobody wrote down."""
    return {"status": "damaged", "seq": seq, "commands": seq, "checkpoints": seq // CHECKPOINT_EVERY} | UNKNOWN


def judged(exchange: Exchange) -> Validation:
    """The drill's own validation of what was recovered."""
    return validate(exchange.source(), scope_symbols=SYMBOLS, test_symbols=TESTS)


def frames(exchange: Exchange, symbol: str) -> Iterator[OracleFrame]:
    """A symbol's frames for the oracle."""
    for raw in exchange.traded[symbol].frames:
        yield from read_frames(raw)


def by_validation(exchange: Exchange) -> str:
    """FAIL: a check is red or was not evaluated."""
    found = judged(exchange)
    red = sorted({result.check for result in found.results if not (result.evaluated and result.passed)})
    return f"validation: {', '.join(red[:3])}" if red or not found.complete else ""


def by_oracle(exchange: Exchange, compared: dict[str, dict[int, tuple[str, str]]]) -> str:
    """FAIL: the second opinion differs."""
    for symbol in SYMBOLS:
        found = opinion(symbol, frames(exchange, symbol), compared[symbol])
        if found.wrong_side:
            return f"oracle: {symbol}, wrong side {found.wrong_side}"
    return ""


def by_control(exchange: Exchange) -> str:
    """INVALID: an object of a test symbol is gone, and no check of the journal suite is red on it."""
    exchange.object(CONTROL, 2).unlink()
    red = {one.symbol for one in judged(exchange).results if one.suite == "journal" and not one.passed}
    return "" if red == {CONTROL} else f"control: red on {sorted(red) or 'nothing'}"


def damaged() -> Iterator[tuple[str, str, Evidence]]:
    """Records with the outcome that each must have: what `make faults` holds against filed ones."""
    yield "healthy", "PASS", worlds.healthy()
    lost = worlds.changed()
    lost.documents["validation"]["contiguous"][SCOPE] = 8
    lost.documents["validation"]["lost"] = 2
    yield "two orders lost", "FAIL", lost
    red = worlds.changed()
    red.documents["validation"]["checks"][0].update(passed=False, unexpected=1)
    yield "a red check", "FAIL", red
    fewer = worlds.changed()
    fewer.documents["validation"]["checks"][0].update(evaluated=False)
    yield "fewer checks evaluated", "INVALID", fewer
    missed = worlds.changed()
    for check in missed.documents["validation"]["checks"]:
        check["passed"] = True
    yield "control missed", "INVALID", missed
    ahead = worlds.changed()
    ahead.documents["engines"]["engines"][0]["offset_ns"] = "30000000000"
    yield "a clock ahead", "INVALID", ahead
    left = worlds.changed()
    left.documents["inventory"]["orphans"] = [{"id": "sg-1", "service": "ec2"}]
    yield "an orphan", "FAIL", left
    late = worlds.changed()
    late.documents["word-canary"]["symbols"][SCOPE].pop("printed_ns")
    yield "a symbol that did not reopen", "FAIL", late
    slow = worlds.changed()
    slow.documents["acked-dr"]["performance"]["p99_us"] = 600_000
    yield "twice as slow", "FAIL", slow
    begun = next(event for event in worlds.healthy().events if event.step == "register")
    refused = msgspec.structs.replace(begun, name="reject", data={"reason": "the lock is held"})
    yield "a second drill", "REJECTED", worlds.replaced(worlds.changed(), [begun, refused])


def by_catalogue() -> str:
    """The catalogue's agreement: a record does not get the outcome that it must have."""
    for name, outcome, evidence in damaged():
        found = judge(evidence).outcome
        if found != outcome:
            return f"catalogue: {name} is {found}, must be {outcome}"
    return ""


FAULTS = (nothing_done, missing, duplicated, disordered, cut)


def noticed(folder: Path) -> str:
    """What noticed something first; a crash is a phase that fails."""
    try:
        exchange = write(folder, commands=COMMANDS)
        compared = recovered(exchange)
        return (
            by_catalogue()
            or by_validation(exchange)
            or by_oracle(exchange, compared)
            or by_faults(exchange, folder / "faults")
            or by_control(exchange)
        )
    except Exception as error:  # noqa: BLE001 - whatever it is: in a drill it fails the phase
        return f"phase: {type(error).__name__}: {' '.join(str(error).split())[:100]}"


if __name__ == "__main__":
    print(noticed(Path(sys.argv[1])) or NOTHING)  # noqa: T201 - the result
