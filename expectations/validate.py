"""Validation of a recovered exchange: read three independent places, build frames, let the suites judge.

Heavy: importing this package's `judge` loads Great Expectations (6 s, 240 MB). Import it inside task execution only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from engine.listing import instrument
from engine.storage import open_store
from expectations import suites as declarations
from expectations.captures import Captures, read_captures
from expectations.frames import Facts, World, build, join
from expectations.journal import GENESIS, Bounds, Journal, read_journal
from expectations.judge import Judge, declared
from expectations.layout import MEMBER_SHIFT
from expectations.opening import NO_ORDERS, OpeningError, resting_orders
from expectations.recovered import read_recovered
from expectations.source import Source
from expectations.validation import CheckResult, Command, Fill, SymbolFacts, Validation

__all__ = ["objectives", "validate"]

FETCHERS = 6  # symbols read at once: reading waits for the store, and its clients may be shared by threads
BATCH = 20  # symbols judged together: bounds memory (12,000 commands each: 60 MiB) and how late T8s is seen


def validate(
    source: Source,
    *,
    scope_symbols: Sequence[str],
    test_symbols: Sequence[str] = (),
    batch: int = BATCH,
    clock: Callable[[], int] = time.time_ns,
    heed: Callable[[], None] = lambda: None,
) -> Validation:
    """Validate all of `source.symbols`; `heed` is called before each batch and may raise to stop the work.

    Raises:
        ValueError: the symbols to be read are not exactly those in scope and the test symbols.
        Whatever the store raises when it cannot be reached; damaged content never raises.
    """
    if sorted(source.symbols) != sorted([*scope_symbols, *test_symbols]):
        raise ValueError("source.symbols must be scope_symbols plus test_symbols, each once")
    started_ns = clock()
    suites = declarations.suites(environment=source.environment, epoch=source.epoch)
    due = declared(suites, source.symbols)
    reader = _Reader(source, frozenset(test_symbols))
    judge = Judge()
    results: list[CheckResult] = []
    facts: list[SymbolFacts] = []
    for symbols in _batches(source.symbols, batch):
        heed()
        frames, found = reader.read(symbols)
        results += judge.judge(suites, frames, symbols, test_symbols=reader.tests)
        finished_ns = clock()
        facts += [replace(one, finished_ns=finished_ns) for one in found]
    return Validation(
        declared=due,
        results=tuple(results),
        facts=tuple(facts),
        errors=tuple(reader.errors),
        members=reader.captures.members,
        unsequenced=reader.captures.unsequenced,
        started_ns=started_ns,
        finished_ns=clock(),
    )


def objectives(rows: Sequence[Mapping[str, Any]], *, clock: Callable[[], int] = time.time_ns) -> Validation:
    """Each symbol's elapsed time against its objective.

    Args:
        rows: one per symbol: `symbol`, `elapsed_ms` (None: never reached, which fails), `objective_ms`.
        clock: wall clock in ns.
    """
    started_ns = clock()
    symbols = [str(row["symbol"]) for row in rows]
    suite = declarations.objectives()
    frames = {
        "objectives": pd.DataFrame(rows, columns=["symbol", "elapsed_ms", "objective_ms"]),
        "symbols": pd.DataFrame({"symbol": symbols, "objectives_due": 1}),
    }
    results = Judge().judge([suite], frames, symbols)
    return Validation(
        declared=declared([suite], symbols),
        results=tuple(results),
        facts=(),
        errors=(),
        members=(),
        unsequenced=0,
        started_ns=started_ns,
        finished_ns=clock(),
    )


def _batches(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for first in range(0, len(symbols), size):
        yield symbols[first : first + size]


class _Reader:
    """Opens the three places once and reads symbols from them."""

    def __init__(self, source: Source, tests: frozenset[str]) -> None:
        self.source, self.tests = source, tests
        self.journals = open_store(source.journal_store_uri)
        self.recoveries = open_store(source.recovered_uri)
        self.snapshots = open_store(source.snapshots_uri) if source.snapshots_uri else None
        self.captures: Captures = read_captures(open_store(source.captures_uri), source.epoch)
        self.errors = [f"capture {reason}" for reason in self.captures.unreadable]

    def read(self, symbols: Sequence[str]) -> tuple[dict[str, pd.DataFrame], list[SymbolFacts]]:
        """Frames and facts of a batch of symbols."""
        parts: list[dict[str, pd.DataFrame]] = []
        found: list[SymbolFacts] = []
        with ThreadPoolExecutor(FETCHERS) as pool:
            for symbol, world in zip(symbols, pool.map(self._world, symbols), strict=True):
                frames, facts = build(world)
                parts.append(frames)
                found.append(_facts(world, facts, scope=symbol not in self.tests))
        return join(parts), found

    def _world(self, symbol: str) -> World:
        return World(
            journal=read_journal(self.journals, self._bounds(symbol)),
            recovered=read_recovered(self.recoveries, symbol),
            capture=self.captures.of(instrument(symbol).number),
            checkpoint_every=self.source.checkpoint_every,
            captures_unreadable=len(self.captures.unreadable),
            resting=self._resting(symbol),
        )

    def _resting(self, symbol: str) -> np.ndarray[Any, Any]:
        """What rested when the epoch began; where nobody can say, fills of those orders are of orders unknown."""
        source = self.source
        if self.snapshots is None:
            return NO_ORDERS
        try:
            return resting_orders(
                self.snapshots,
                symbol,
                epoch=source.epoch,
                seq=source.start_seqs.get(symbol, 0),
                digest=source.start_digests.get(symbol, ""),
            )
        except OpeningError as error:
            self.errors.append(f"opening of {symbol}: {error}")
            return NO_ORDERS

    def _bounds(self, symbol: str) -> Bounds:
        source = self.source
        return Bounds(
            symbol=symbol,
            environment=source.environment,
            epoch=source.epoch,
            start_seq=source.start_seqs.get(symbol, 0),
            start_frame=source.start_frames.get(symbol, GENESIS),
            fence=source.fence_seqs.get(symbol),
            point=source.recovery_points.get(symbol),
        )


def _facts(world: World, facts: Facts, *, scope: bool) -> SymbolFacts:
    journal, recovered = world.journal, world.recovered
    symbol, acks = journal.bounds.symbol, facts.acks
    compared = [seq for seq, _ in journal.checkpoints if seq in recovered.checkpoints]
    return SymbolFacts(
        symbol=symbol,
        scope=scope,
        journal_seq=journal.account.contiguous_seq,
        recovered_seq=recovered.seq,
        recovered_status=recovered.status,
        acked=len(acks),
        max_acked_seq=int(acks["seq"].max(initial=0)),
        last_ack_ns=int(acks["time_ns"].max(initial=0)),
        recovered_ack_ns=int(acks["time_ns"][facts.recovered].max(initial=0)),
        lost=_lost(symbol, facts),
        lost_fills=tuple(_fill(symbol, fill) for fill in facts.lost_fills),
        unacknowledged=_unacknowledged(journal, facts),
        captured_fills=facts.captured_fills,
        recovered_fills=facts.recovered_fills,
        above_checkpoint=max(world.prefix - max(compared, default=world.floor), 0),
        journal=journal.account,
        finished_ns=0,
    )


def _lost(symbol: str, facts: Facts) -> tuple[Command, ...]:
    places = np.flatnonzero(~facts.recovered)
    ordered = places[np.argsort(facts.acks["seq"][places], kind="stable")]
    return tuple(_acked(symbol, facts.acks[place], int(facts.ack_members[place])) for place in ordered)


def _acked(symbol: str, ack: Any, member: int) -> Command:
    return Command(
        symbol=symbol,
        seq=int(ack["seq"]),
        command_id=int(ack["id"]),
        member=member,
        kind=int(ack["kind"]),
        side=int(ack["side"]),
        price=int(ack["price"]),
        qty=int(ack["qty"]),
        ack_ns=int(ack["time_ns"]),
    )


def _fill(symbol: str, fill: Any) -> Fill:
    return Fill(
        symbol=symbol,
        seq=int(fill["seq"]),
        fill_no=int(fill["fill_no"]),
        order_id=int(fill["id"]),
        price=int(fill["price"]),
        qty=int(fill["qty"]),
    )


def _unacknowledged(journal: Journal, facts: Facts) -> tuple[Command, ...]:
    rows = journal.commands[facts.unacknowledged]
    seqs = journal.seqs[facts.unacknowledged]
    return tuple(
        Command(
            symbol=journal.bounds.symbol,
            seq=int(seq),
            command_id=int(row["command_id"]),
            member=int(row["command_id"]) >> MEMBER_SHIFT,
            kind=int(row["kind"]),
            side=int(row["side"]),
            price=int(row["price"]),
            qty=int(row["qty"]),
            ack_ns=0,
        )
        for seq, row in zip(seqs, rows, strict=True)
    )
