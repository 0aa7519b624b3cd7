"""failback: the exchange goes home to its primary, at the epoch after the DR site's, and nothing acknowledged is lost.

While the DR site trades on, what is left of the lost primary is cleared away and the primary is built anew from code.
Then the DR site is frozen at a seq per symbol; its journal is drained and carried back; the primary recovers from it
and must come to the very digests at which the DR site stopped. Only then is the DR site denied its streams, the next
epoch taken, the primary opened and every name moved. Until the epoch is taken a failback that goes wrong is undone: the
DR site thaws and trades on. So is one that people stop, after a real failover; a drill's own runs after an abort and
after a failure too, for a lost primary does not come back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drill import clock
from drill.aws import control, fence, routing
from drill.core import captures
from drill.docket import Docket
from drill.operators.collect_captures import HANDOVER_S, read_captures, start_seqs
from drill.operators.step import Aborted, RedResult, Step, Wait
from drill.operators.tear_down import REVEAL_S
from drill.site_settings import PRIMARY
from drill.triggers.home_conditions import home_site

DRAIN_S = 1200
CLEAR_S = 600
BUILD_S = 1800
FREEZE_S = 60
RECOVER_S = 1800
OPEN_S = 120
MEMBERS_S = 120

MOVED = frozenset({"open", "back"})
"""What is waited for once the next epoch is taken: the old site has lost its lease, and there is no way back to it."""

Found = dict[str, Any]


class FailbackOperator(Step):
    """One phase with its own time line; each wait is told by its name in `then`."""

    phase = "failback"
    heeds_abort = False

    def start(self, docket: Docket, context: Any) -> Wait | dict[str, Any]:  # noqa: ARG002
        """Where nothing was lost, or the plan stays at the DR site, there is nothing to do."""
        reason = _nothing_to_do(docket)
        if reason:
            return {"nothing": reason}
        self._note(docket, "begun")
        fence.deny(docket.home, PRIMARY)  # the drill may have failed before its own fence
        if docket.plan().homecoming:
            return self._drain_primary(docket)  # nothing was sabotaged
        docket.order("restore")  # what was sabotaged is read once more, by an exchange that means it
        return Wait("word_said", REVEAL_S, {"word": "reveal"}, then="restored")

    def proceed(self, docket: Docket, then: str, found: Found) -> Wait | dict[str, Any]:
        """Go on with what follows `then`."""
        if "failed" in found:
            raise RedResult(found["failed"])
        steps: dict[str, Callable[[Docket, Found], Wait | dict[str, Any]]] = {
            "restored": lambda *_: self._drain_primary(docket),
            "primary drained": lambda *_: Wait("home_cleared", CLEAR_S, then="cleared"),
            "cleared": lambda *_: Wait("home_up", BUILD_S, then="built"),
            "built": self._freeze,
            "frozen": self._hand_over,
            "handed over": self._carry,
            "site drained": self._recover,
            "recovered": self._prove,
            "open": self._await_members,
            "back": self._end,
        }
        return steps[then](docket, found)

    def heeds(self, docket: Docket, then: str) -> bool:
        """The way home after a real failover may be stopped until the exchange moves; a drill has to go home."""
        return docket.plan().homecoming and then not in MOVED

    def stopped(self, docket: Docket) -> None:
        """The DR site trades on."""
        self._thaw(docket)

    def overdue(self, docket: Docket, then: str, text: str) -> Wait | dict[str, Any]:
        """A wait that ended without its condition: undo the freeze, unless the next epoch is taken already.

        A saboteur that does not answer keeps nobody from going home: its test symbol stays closed, as it was.
        """
        if then == "restored":
            docket.event(self.phase, "note", text=f"nothing restored: {text}")
            return self._drain_primary(docket)
        self._thaw(docket)
        return super().overdue(docket, then, text)

    def _drain_primary(self, docket: Docket) -> Wait:
        return self._drain(docket.plan().from_epoch, _listing(docket), then="primary drained")

    def _freeze(self, docket: Docket, _: Found) -> Wait | dict[str, Any]:
        """A site that opened nothing has nothing to freeze: the primary goes on from its own journal."""
        self._note(docket, "built")
        symbols = _opened(docket)
        if not symbols:
            docket.file("frozen", {"at_ns": str(clock.now_ns()), "symbols": {}})
            return self._order_recovery(docket, {})
        control.freeze(*_place(docket), drill=docket.drill, region=docket.settings.dr_region)
        arguments = {"epoch": docket.plan().epoch, "symbols": symbols}
        return Wait("site_frozen", FREEZE_S, arguments, then="frozen")

    def _hand_over(self, docket: Docket, found: Found) -> Wait:
        """The members hand over what the DR site acknowledged to them, to the last answer."""
        docket.file("frozen", found)
        docket.order("handover", {"name": "home"})
        return Wait("word_said", HANDOVER_S, {"word": "handover-home"}, then="handed over")

    def _carry(self, docket: Docket, found: Found) -> Wait:
        plan = docket.plan()
        captured = read_captures(docket, found, plan.epoch, start_seqs(docket, plan.epoch))
        docket.file("acked-home", {"acknowledged": captured.acknowledged, "highest": _highest(captured)})
        docket.file("acked-home-seqs", {"acked": captured.acked})
        frozen = docket.document("frozen")
        return self._drain(plan.epoch, sorted(frozen["symbols"]), then="site drained")

    def _recover(self, docket: Docket, _: Found) -> Wait:
        self._note(docket, "drained")
        frozen = docket.document("frozen")["symbols"]
        return self._order_recovery(docket, {symbol: int(row["seq"]) for symbol, row in frozen.items()})

    def _order_recovery(self, docket: Docket, points: dict[str, int]) -> Wait:
        plan, settings = docket.plan(), docket.settings
        control.recover(
            docket.home,
            settings.journal_bucket,
            plan.home_epoch,
            from_epoch=plan.epoch,
            drill=docket.drill,
            rehydrate="snapshot",
            recovery_points=points,
            region=settings.dr_region,
        )
        arguments = {"epoch": plan.home_epoch, "symbols": _listing(docket)}
        return Wait("symbols_recovered", RECOVER_S, arguments, then="recovered")

    def _prove(self, docket: Docket, found: Found) -> Wait:
        """Equal digests, symbol by symbol; then, and only then, the exchange moves."""
        docket.file("recovered-home", found)
        self._note(docket, "recovered")
        other = _differing(docket.document("frozen")["symbols"], found["symbols"])
        if other:
            self._thaw(docket)
            raise RedResult(f"{len(other)} symbols did not come home as they left: {other[0]}")
        return self._move(docket)

    def _move(self, docket: Docket) -> Wait:
        plan, settings, site = docket.plan(), docket.settings, home_site(docket)
        reason = docket.aborted() if plan.homecoming else None
        if reason is not None:  # asked for after the last wait: still in time
            self._thaw(docket)
            raise Aborted(reason)
        if _opened(docket):
            fence.deny(docket.home, plan.site)
        wanted = fence.Epoch(epoch=site.epoch, site=PRIMARY, environment="LIVE", at_ns=clock.now_ns())
        fence.take_epoch(docket.home, settings.journal_bucket, settings.dr_region, wanted)
        control.open_trading(
            docket.home, settings.journal_bucket, site.epoch, drill=docket.drill, region=settings.dr_region
        )
        zone = routing.zone_id(docket.home, site.zone)
        changes = routing.cut_over(docket.home, zone, routing.wanted_targets(site), ttl_s=settings.ttl_s)
        return Wait("home_open", OPEN_S, {"changes": changes}, then="open")

    def _await_members(self, docket: Docket, _: Found) -> Wait:
        self._note(docket, "open")
        before = docket.document("acked-primary") or {"first_ack_by_member": ()}
        members = len(before["first_ack_by_member"])
        return Wait("members_back", MEMBERS_S, {"epoch": docket.plan().home_epoch, "members": members}, then="back")

    def _end(self, docket: Docket, _: Found) -> dict[str, Any]:
        self._note(docket, "members")
        plan, frozen = docket.plan(), docket.document("frozen")["symbols"]
        moments = {name: docket.document(f"home-{name}") for name in ("begun", "built", "drained", "recovered", "open")}
        docket.file(
            "failback",
            {
                "from_epoch": plan.epoch,
                "epoch": plan.home_epoch,
                "site": PRIMARY,
                "frozen": len(frozen),
                "asked_ns": min((row["asked_ns"] for row in frozen.values()), default=None),
                "members_ns": str(clock.now_ns()),
                **{f"{name}_ns": moment["at_ns"] for name, moment in moments.items() if moment},
            },
        )
        return {"epoch": plan.home_epoch, "symbols": len(_listing(docket)), "frozen": len(frozen)}

    @staticmethod
    def _drain(epoch: int, symbols: list[str], *, then: str) -> Wait:
        arguments = {"epoch": epoch, "symbols": symbols, "since_ns": str(clock.now_ns())}
        return Wait("epoch_drained", DRAIN_S, arguments, then=then)

    @staticmethod
    def _note(docket: Docket, name: str) -> None:
        """A moment of the failback's time line; a retry keeps the first."""
        if docket.document(f"home-{name}") is None:
            docket.file(f"home-{name}", {"at_ns": str(clock.now_ns())})

    @staticmethod
    def _thaw(docket: Docket) -> None:
        """Let the DR site trade on; where the next epoch is taken it has lost its lease, and this changes nothing."""
        control.thaw(*_place(docket), region=docket.settings.dr_region)


def _nothing_to_do(docket: Docket) -> str:
    if docket.rejected() or docket.document("registration") is None:
        return "was let in, so nothing was lost"
    if not docket.plan().failback:
        return "to go home for: the plan ends at the DR site"
    if docket.plan().homecoming:
        return ""
    lost = docket.document("word-loss") or docket.word(f"{docket.drill}/loss.json")
    return "" if lost and "error" not in lost else "was lost, so nothing comes home"


def _place(docket: Docket) -> tuple[Any, str, int]:
    return docket.home, docket.settings.journal_bucket, docket.plan().epoch


def _listing(docket: Docket) -> list[str]:
    return list(home_site(docket).symbols)


def _opened(docket: Docket) -> list[str]:
    """What the DR site opened; nothing where the drill failed before its cutover."""
    return sorted(control.opened(*_place(docket), region=docket.settings.dr_region))


def _highest(captured: captures.Captured) -> dict[str, int]:
    """The highest seq that was acknowledged to anybody, by symbol."""
    return {
        symbol: max(row[0] for rows in members.values() for row in rows)
        for symbol, members in captured.acked.items()
        if any(members.values())
    }


def _differing(frozen: Found, recovered: Found) -> list[str]:
    """One line for each symbol that stopped in one state and came to another; halted ones have no state to compare."""
    return [
        f"{symbol}: frozen at seq {row['seq']}, {home['status']} at seq {home['seq']}"
        for symbol, row in sorted(frozen.items())
        for home in (recovered[symbol],)
        if not row.get("halted") and (row["seq"], row["digest"]) != (home["seq"], home["digest"])
    ]
