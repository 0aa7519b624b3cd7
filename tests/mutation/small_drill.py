"""The smallest set-up in which a drill's own means judge a recovery: no AWS, no scheduler, nothing else left out.

An exchange trades into files; the engine's own replay recovers it; the validator, the oracle and the negative control
judge that; the verdict judges a healthy record and damaged ones. Prints what noticed something, or `nothing`.

    python -m tests.mutation.small_drill FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
from tests.expectations.exchange import SYMBOLS, TESTS, Exchange, write

COMMANDS = 420
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


def by_catalogue() -> str:
    """The catalogue's agreement: a record does not get the outcome that it must have."""
    for name, outcome, evidence in damaged():
        found = judge(evidence).outcome
        if found != outcome:
            return f"catalogue: {name} is {found}, must be {outcome}"
    return ""


def noticed(folder: Path) -> str:
    """What noticed something first; a crash is a phase that fails."""
    try:
        exchange = write(folder, commands=COMMANDS)
        compared = recovered(exchange)
        return by_catalogue() or by_validation(exchange) or by_oracle(exchange, compared) or by_control(exchange)
    except Exception as error:  # noqa: BLE001 - whatever it is: in a drill it fails the phase
        return f"phase: {type(error).__name__}: {' '.join(str(error).split())[:100]}"


if __name__ == "__main__":
    print(noticed(Path(sys.argv[1])) or NOTHING)  # noqa: T201 - the result
