"""Random order flow that hurts: few prices, few ids, resends, strangers' orders, every kind of command, both books."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.messages import (
    EDGE_MEMBER,
    OPERATOR_MEMBER,
    Command,
    Kind,
    OrderType,
    Side,
    TimeInForce,
    command_id,
)

MEMBERS = (1, 2, 3)
NEWS, CHANGES = (Kind.NEW,) * 6, (Kind.CANCEL, Kind.REPLACE, Kind.REDUCE) * 2
RARE = (Kind.MASS_CANCEL, Kind.HALT, Kind.RESUME, Kind.DAY_END)
KINDS = (*NEWS, *NEWS, *CHANGES, *CHANGES, *RARE)
OPERATORS = (OPERATOR_MEMBER, OPERATOR_MEMBER, EDGE_MEMBER)


@st.composite
def flows(draw: st.DrawFn, max_size: int = 60) -> list[Command]:
    numbers = dict.fromkeys((*MEMBERS, OPERATOR_MEMBER, EDGE_MEMBER), 0)
    sent: list[int] = []
    flow = []
    for ts_ns in range(draw(st.integers(1, max_size))):
        kind = draw(st.sampled_from(KINDS))
        member = draw(st.sampled_from(MEMBERS if kind not in RARE or draw(st.integers(0, 2)) == 0 else OPERATORS))
        resend = draw(st.integers(0, 19)) == 0
        numbers[member] += 0 if resend else draw(st.sampled_from((1, 1, 1, 5)))
        target = 0 if kind == Kind.NEW or not sent else draw(st.sampled_from(sent))
        owner = target >> 48
        if kind in CHANGES and owner in numbers and owner != member and draw(st.integers(0, 9)):
            member = owner
            numbers[member] += 1
        elif kind in RARE:
            target = draw(st.sampled_from((0, 0, target)))
        identity = command_id(member, numbers[member])
        command = Command(
            ts_ns=ts_ns,
            command_id=identity,
            target_id=target,
            price=draw(st.sampled_from((*range(97, 104), 0, -1)) if kind == Kind.REPLACE else st.integers(95, 105)),
            qty=draw(st.sampled_from((0, 1, 2, 3, 5, 8, 13, 100))),
            customer=draw(st.integers(0, 3)),
            kind=int(kind),
            side=int(draw(st.sampled_from(Side))),
            type=int(draw(st.sampled_from((OrderType.LIMIT,) * 4 + (OrderType.MARKET,)))),
            tif=int(draw(st.sampled_from((TimeInForce.GTC,) * 4 + tuple(TimeInForce)))),
            flags=draw(st.sampled_from((0, 0, 0, 0, 1, 2, 3))),
        )
        flow.append(command)
        if kind == Kind.NEW:
            sent.append(identity)
    return flow
