"""The first differing order: where what a site said of a command is not what the oracle makes of it.

A digest says that two books differ, not where. Each side has left more than digests: of the primary its members'
captures hold every answer and fill that it gave, of the recovery `fills.bin` holds every trade that it came to. Both
are held against the oracle's own answers, command by command, from the last checkpoint at which all agreed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from drill.core.told import Answered, Filled, Place, Told
from engine.fill import FILL
from engine.messages import Kind, Reason, Status
from oracle.book import Answer

Trade = tuple[int, int, int, int]
"""Maker, taker, price, quantity."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A command of the journal, and what the oracle answered."""

    epoch: int
    seq: int
    command: Mapping[str, int]
    answer: Answer

    @property
    def place(self) -> Place:
        """Epoch and seq."""
        return self.epoch, self.seq

    @property
    def order_id(self) -> int:
        """The order that the command is about: a new one has the command's own id."""
        return self.command["command_id" if self.command["kind"] == Kind.NEW else "target_id"]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first order of which a site said something else than the oracle does.

    `order_id` is concealed where it is filed, so no text names it: symbol and seq do.
    """

    seq: int
    order_id: int
    side: str  # primary | recovery
    oracle: str
    said: str


def first_told(played: Iterable[Played], told: Mapping[Place, Told]) -> tuple[Difference | None, int]:
    """The first command of which members were told otherwise than the oracle answers, and how many were looked at.

    Only what was told can contradict: a fill that nobody was told of may have been lost with the site.
    """
    looked = 0
    for one in played:
        heard = told.get(one.place)
        if heard is None:
            continue
        looked += 1
        difference = _of_answer(one, heard.answer) or _of_fills(one, heard.fills)
        if difference is not None:
            return difference, looked
    return None, looked


def first_traded(played: Iterable[Played], fills: bytes, base_seq: int) -> tuple[Difference | None, int]:
    """The first command at which the recovery traded otherwise than the oracle, and how many were looked at.

    `fills` are the bytes of `fills.bin`, which begins after `base_seq`: the seq of the snapshot that was loaded.
    """
    traded = _by_seq(fills)
    looked = 0
    for one in played:
        if one.seq <= base_seq:
            continue
        looked += 1
        came = traded.get(one.seq, ())
        if came != one.answer.trades:
            place = next(at for at in range(len(came) + 1) if came[at : at + 1] != one.answer.trades[at : at + 1])
            theirs, ours = (trades[place] if place < len(trades) else None for trades in (came, one.answer.trades))
            order = (ours or theirs or (one.order_id,))[0]
            said = {"oracle": _trade(ours), "said": _trade(theirs)}
            return Difference(seq=one.seq, order_id=order, side="recovery", **said), looked
    return None, looked


def _by_seq(fills: bytes) -> dict[int, tuple[Trade, ...]]:
    whole = len(fills) // FILL.size * FILL.size
    found: dict[int, tuple[Trade, ...]] = {}
    for seq, _, maker, taker, price, qty, _ in FILL.iter_unpack(fills[:whole]):
        found[seq] = (*found.get(seq, ()), (maker, taker, price, qty))
    return found


def _of_answer(one: Played, heard: Answered | None) -> Difference | None:
    identity, answer = one.command["command_id"], one.answer
    wanted = Answered(identity, answer.status, answer.reason, answer.open_qty)
    if heard is None or heard == wanted:
        return None
    other = "" if heard.command_id == identity else "of another command: "
    said = {"oracle": _answer(wanted), "said": other + _answer(heard)}
    return Difference(seq=one.seq, order_id=one.order_id, side="primary", **said)


def _of_fills(one: Played, heard: frozenset[Filled]) -> Difference | None:
    sides = [
        Filled(number, order, price, qty)
        for number, (maker, taker, price, qty) in enumerate(one.answer.trades)
        for order in (maker, taker)
    ]
    for fill in sorted(heard - set(sides)):
        ours = next((side for side in sides if (side.fill_no, side.order_id) == (fill.fill_no, fill.order_id)), None)
        said = {"oracle": _fill(ours), "said": _fill(fill)}
        return Difference(seq=one.seq, order_id=fill.order_id, side="primary", **said)
    return None


def earliest(found: Sequence[Difference | None]) -> Difference | None:
    """The first of several sides' differences."""
    return min((one for one in found if one is not None), key=lambda one: one.seq, default=None)


def _answer(said: Answered) -> str:
    status, reason = Status(said.status).name.lower(), Reason(said.reason).name.lower().replace("_", " ")
    why = "" if said.reason == Reason.NONE else f" ({reason})"
    return f"{status}{why}, {said.open_qty} open"


def _trade(trade: Trade | None) -> str:
    return "no trade" if trade is None else f"a trade of {trade[3]} at {trade[2]}"


def _fill(fill: Filled | None) -> str:
    return "no fill" if fill is None else f"a fill of {fill.qty} at {fill.price}"
