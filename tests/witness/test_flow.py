from __future__ import annotations

from collections import Counter

import pytest

from engine.messages import Kind, OrderType, Reason, Status, TimeInForce
from witness.directory import Listed
from witness.flow import Draft, Flow

LISTED = [Listed(f"S{n}", n, 1, 10_000, test=False) for n in range(1, 104)]
TICK_NS = 40_000_000
RATE = 10_000


def flow_of(seed: int, *, rate: int = RATE, reachable: bool = True) -> Flow:
    flow = Flow(seed=seed, instruments=LISTED, members=range(1, 101), customers=100, rate=rate, first_number=1000)
    for reach in flow.reach.values():
        reach[:] = bytes([reachable]) * len(reach)
    return flow


def run(flow: Flow, seconds: int) -> list[list[Draft]]:
    """Ticks of a flow whose orders rest unless they want to trade at once."""
    ticks = []
    for _ in range(seconds * 25):
        drafts = flow.draw(TICK_NS)
        for draft in drafts:
            rests = draft[7] in {Kind.NEW, Kind.REPLACE} and draft[10] in {TimeInForce.GTC, TimeInForce.DAY}
            flow.acknowledged(draft, Status.OPEN if rests else Status.CANCELLED, 0, draft[5] if rests else 0)
        ticks.append(drafts)
    return ticks


def plain(ticks: list[list[Draft]]) -> list[tuple[object, ...]]:
    return [draft[:11] for drafts in ticks for draft in drafts]


def test_the_same_seed_gives_the_same_flow_and_another_seed_another() -> None:
    assert plain(run(flow_of(3), 1)) == plain(run(flow_of(3), 1))
    assert plain(run(flow_of(3), 1)) != plain(run(flow_of(4), 1))


@pytest.mark.parametrize("rate", [200, 2_000, 10_000])
def test_every_ten_second_window_offers_the_rate_within_one_percent(rate: int) -> None:
    ticks = run(flow_of(5, rate=rate), 12)
    counts = [len(drafts) for drafts in ticks]
    for start in range(0, 50, 5):
        assert sum(counts[start : start + 250]) == pytest.approx(rate * 10, rel=0.01)


def test_the_mix_is_that_of_a_real_stock_once_books_have_built_up() -> None:
    flow = flow_of(6)
    run(flow, 9)
    drafts = [draft for drafts in run(flow, 3) for draft in drafts]
    kinds = Counter(draft[7] for draft in drafts)
    at_once = [d for d in drafts if d[7] == Kind.NEW and (d[8:11] and (d[10] in {2, 3} or d[9] == OrderType.MARKET))]
    total = len(drafts)
    assert kinds[Kind.CANCEL] / total == pytest.approx(0.40, abs=0.07)
    assert kinds[Kind.REPLACE] / total == pytest.approx(0.05, abs=0.01)
    assert kinds[Kind.NEW] / total == pytest.approx(0.54, abs=0.07)
    assert len(at_once) / total == pytest.approx(0.07, abs=0.015)
    assert {draft[10] for draft in at_once} == {TimeInForce.IOC, TimeInForce.FOK}


def test_books_build_up_and_stay_bounded() -> None:
    flow = flow_of(7)
    flow.desks = {number: flow.desks[number] for number in range(1, 11)}
    flow._numbers = tuple(flow.desks)
    flow.rate = 2_000
    run(flow, 5)
    early = sum(len(desk.open) for desk in flow.desks.values()) / len(flow.desks)
    run(flow, 15)
    late = sum(len(desk.open) for desk in flow.desks.values()) / len(flow.desks)
    assert 100 < early < late < 700
    for desk in flow.desks.values():
        desk.check()


def test_microbursts_put_tens_of_messages_for_one_symbol_into_one_instant() -> None:
    heaviest = [max(Counter(draft[2] for draft in drafts).values()) for drafts in run(flow_of(8), 4)]
    assert sum(count >= 20 for count in heaviest) >= 40
    assert max(heaviest) < 200


def test_ids_rise_per_member_over_all_symbols_and_carry_the_member() -> None:
    last: dict[int, int] = {}
    for draft in plain(run(flow_of(9), 2)):
        command_id, member = int(str(draft[0])), int(str(draft[1]))
        assert command_id >> 48 == member
        assert command_id > last.get(member, 0)
        last[member] = command_id
    assert len(last) == 100


def test_customers_change_only_what_they_believe_is_open_and_cancel_it_once() -> None:
    flow = flow_of(10)
    alive: set[int] = set()
    for _ in range(100):
        drafts = flow.draw(TICK_NS)
        for draft in drafts:
            if draft[7] != Kind.NEW:
                assert draft[3] in alive
            if draft[7] == Kind.CANCEL:
                alive.remove(draft[3])
        for draft in drafts:
            if draft[7] == Kind.NEW and draft[10] in {TimeInForce.GTC, TimeInForce.DAY}:
                alive.add(draft[0])
                flow.acknowledged(draft, Status.OPEN, 0, draft[5])


def test_a_filled_order_is_not_touched_again() -> None:
    flow = flow_of(11)
    draft = next(d for d in flow.draw(TICK_NS) if d[7] == Kind.NEW)
    flow.acknowledged(draft, Status.OPEN, 0, 7)
    flow.filled(draft[2], draft[0], 3)
    assert flow.desks[draft[2]].open[draft[0]].qty == 4
    flow.filled(draft[2], draft[0], 4)
    assert draft[0] not in flow.desks[draft[2]].open


def test_an_order_of_unknown_outcome_is_cancelled_later_and_a_halted_cancel_is_tried_again() -> None:
    flow = flow_of(12)
    new = next(d for d in flow.draw(TICK_NS) if d[7] == Kind.NEW and d[10] == TimeInForce.GTC)
    flow.uncertain(new)
    desk = flow.desks[new[2]]
    order = desk.open.pop(new[0])
    cancel: Draft = (new[0] + 1, new[1], new[2], new[0], 0, 0, 1, Kind.CANCEL, new[8], 0, 0, order)
    flow.acknowledged(cancel, Status.REJECTED, Reason.HALTED, 0)
    assert desk.open[new[0]] is order
    flow.acknowledged(cancel, Status.REJECTED, Reason.UNKNOWN_ORDER, 0)
    assert new[0] not in desk.open


def test_nothing_is_offered_without_a_session_nor_caught_up_later() -> None:
    flow = flow_of(13, reachable=False)
    assert all(not flow.draw(TICK_NS) for _ in range(50))
    for reach in flow.reach.values():
        reach[:] = b"\1" * len(reach)
    assert len(flow.draw(TICK_NS)) <= RATE * 0.04 + 160 * 3
