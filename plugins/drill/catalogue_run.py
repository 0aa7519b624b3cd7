"""`python -m drill faults`: the fault catalogue as drills, one after the other, on an exchange that is up.

Each drill is a run of the real DAG. What it came to is read from its filed record, never from what anybody here knows:
caught means that verdict, rule, and what was hit agree with the catalogue. A drill without any fault comes first and
must pass; a second one that is started beside it is F19. F24 is no drill but a real failover, so its primary is lost
before it is asked for. Between two drills the injector takes its changes back and the exchange opens again at its
primary, in the next epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import msgspec

from drill import clock, primary
from drill.airflow_api import AirflowApi
from drill.aws import fence
from drill.aws.sessions import default_session
from drill.copies import auditors_kit, copy
from drill.core import faults, sensitivity
from drill.core.approvals import APPROVE, REJECT, STEPS
from drill.core.faults import CATALOGUE, Fault, Observed, observe
from drill.core.plan import BadPlan
from drill.core.sensitivity import CONTROL, Scored
from drill.core.verdict import GREEN, Verdict, judge
from drill.core.versions import versions
from drill.deploy import deploy
from drill.docket import Docket
from drill.people import APPROVERS, Person
from drill.run import ENDED, new_drill_id
from drill.settings import Settings
from drill.site_settings import PRIMARY, PRIMARY_CLUSTERS
from drill.verbs.answer import Answer

FAILED = 1
POLL_S = 0.5
PATIENCE_S = 900
READY_S = 120
COLUMNS = "{:<5}{:<11}{:<38}{:<52}{:<14}{:>6}"


class CatalogueError(RuntimeError):
    """The catalogue cannot be run: says what the exchange or a drill did not do in time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One drill of the run: `seconds` is what it took from trigger to end."""

    drill: str
    observed: Observed
    seconds: float


@dataclass(frozen=True, slots=True)
class Acted:
    """What a person did: the drill that they did it to, and their own account of it."""

    drill: str
    account: Mapping[str, Any]


class Catalogue:
    """One run over some faults of the catalogue; `params` are what every drill of it has in common."""

    def __init__(
        self, settings: Settings, params: Mapping[str, Any], say: Callable[[str], None], *, score: bool = False
    ) -> None:
        self.settings = settings
        self.params = params
        self.say = say
        self.score = score
        self.rows: list[Row] = []
        self._api = AirflowApi(settings)
        self._session = default_session(settings.dr_region)

    def run(self, wanted: Sequence[Fault], *, control: bool) -> tuple[bool | None, list[Row]]:
        """Run the control and every fault; says whether the control passed (None: not run), and gives the faults' rows.

        F19 needs a drill to run beside, so with it there is always a control.
        """
        self.say(COLUMNS.format("id", "injected", "expected", "observed", "phase", "s"))
        beside = [fault for fault in wanted if fault.id == "F19"]
        passed = self._control(beside) if control or beside else None
        for fault in wanted:
            if fault not in beside:
                self._fault(fault)
        return passed, self.rows

    def _control(self, beside: Sequence[Fault]) -> bool:
        """The same set-up without an injection must pass; the second drill is started while it runs."""
        self._ready()
        began = clock.mono_ns()
        drill = self._trigger({})
        second: str | None = None
        if beside:
            self._until(drill, "preflight", "end")
            second_began = clock.mono_ns()
            second = self._trigger({"faults": "F19"})
            self._wait(second)
            self._row(beside[0], second, second_began, {"holder": drill})
        self._wait(drill)
        verdict = self._verdict(drill)
        rules = sorted({ruling.rule for ruling in verdict.rulings})
        passed = verdict.outcome in GREEN
        self._file(CONTROL, drill, agrees=passed)
        self._show((CONTROL, "-", "PASS", " ".join([verdict.outcome, *rules]), "verdict"), began)
        if not passed:
            self.say(f"      {'; '.join(ruling.text for ruling in verdict.rulings)}")
        self._heal(drill)
        return passed

    def _fault(self, fault: Fault) -> None:
        self._ready()
        began = clock.mono_ns()
        acted = ACTS[fault.id](self, fault) if fault.by_operator else None
        drill = acted.drill if acted is not None else self._trigger({"faults": fault.id, **fault.params})
        self._wait(drill)
        self._row(fault, drill, began, None if acted is None else acted.account)
        self._heal(drill)

    def _row(self, fault: Fault, drill: str, began_ns: int, acted: Mapping[str, Any] | None) -> None:
        docket = Docket(drill, self.settings, default_session)
        verdict = self._verdict(drill)
        found = observe(fault.id, docket.evidence(), verdict, acted)
        injected = "yes" if found.injected else "no"
        self.rows.append(Row(drill, found, (clock.mono_ns() - began_ns) / 1e9))
        self._file(fault.id, drill, agrees=found.caught)
        self._show((fault.id, injected, found.expected, found.found, found.phase), began_ns)
        for missing in found.missing:
            self.say(f"      {drill} lacks: {missing}")
        if not found.injected:
            self.say(f"      {drill}: not injected: {'; '.join(ruling.text for ruling in verdict.rulings[:2])}")

    def _file(self, name: str, drill: str, *, agrees: bool) -> None:
        """Where this run is to score its version: what the drill came to, filed before the next one begins."""
        if self.score:
            scored = Scored(drill=drill, agrees=agrees, at_ns=str(clock.now_ns()))
            sensitivity.file(sensitivity.version_of(versions()), name, scored)

    def _show(self, cells: tuple[str, str, str, str, str], began_ns: int) -> None:
        """One line of the table: id, injected, expected, observed, phase; and the seconds since `began_ns`."""
        seconds = (clock.mono_ns() - began_ns) / 1e9
        self.say(COLUMNS.format(*(cell[:50] for cell in cells), f"{seconds:.0f}"))

    def _verdict(self, drill: str) -> Verdict:
        """The filed verdict, which must be the one that the evidence gives again."""
        docket = Docket(drill, self.settings, default_session)
        reports = Path(self.settings.reports)
        copy(docket, reports)
        auditors_kit(docket, reports)
        filed = docket.find("verdict.json")
        if filed is None:
            raise CatalogueError(f"drill {drill} filed no verdict; its events are in {reports / drill}")
        verdict = judge(docket.evidence())
        if msgspec.json.decode(filed)["outcome"] != verdict.outcome:
            raise CatalogueError(f"drill {drill}: the filed verdict is not the one that its evidence gives")
        return verdict

    def mark_validation(self, fault: Fault) -> Acted:
        """F23: as soon as the engines replay, the validation is marked as done."""
        drill = self._trigger({"faults": fault.id, **fault.params})
        self._until(drill, "rehydrate", "begin")
        self._api.mark_done(drill, "validate")
        return Acted(drill, {"step": "validate"})

    def reject_failover(self, fault: Fault) -> Acted:
        """F24: the primary is lost, and one of two people does not approve the failover.

        A real failover takes no faults, so its own record does not say that it is one of the catalogue's.
        """
        first, second = (Person(name, self.settings) for name in APPROVERS)
        drill = new_drill_id()
        self._lose(drill)
        self._trigger(fault.params, drill)
        for person, step, choice in ((first, STEPS[0], APPROVE), (second, STEPS[1], REJECT)):
            ask = partial(person.answers, drill, step, choice)
            self._patiently(ask, f"{drill}: {step} asks {person.name}", READY_S)
        return Acted(drill, {"approver": first.name, "user": second.name, "answer": REJECT})

    def _lose(self, drill: str) -> None:
        """Have the injector take the primary now, for a failover to come; wait until the monitor sees it."""
        docket = Docket(drill, self.settings, default_session)
        lost = {"site": PRIMARY, "clusters": list(PRIMARY_CLUSTERS), "region": self.settings.primary_region}
        docket.order("arm", {"loss_at_ns": str(clock.now_ns()), **lost})
        self._patiently(lambda: docket.word(f"{drill}/loss.json") is not None, f"{drill}: the loss", READY_S)
        word = docket.word(f"{drill}/loss.json")
        if "error" in word:
            raise CatalogueError(f"{drill}: the injector could not take the primary: {word['error']}")
        self._patiently(
            lambda: (docket.word("monitor/latest.json") or {}).get("state") == "down",
            f"{drill}: the monitor's word that the exchange is gone",
            READY_S,
        )

    def _trigger(self, more: Mapping[str, Any], drill: str = "") -> str:
        drill = drill or new_drill_id()
        self._api.trigger(drill, {**self.params, **more})
        return drill

    def _until(self, drill: str, step: str, event: str) -> None:
        """Wait until a step of the drill has recorded an event."""
        docket = Docket(drill, self.settings, default_session)
        self._patiently(
            lambda: any(f"-{step}-{event}-" in name for name in docket.names()), f"{drill}: {step} {event}", PATIENCE_S
        )

    def _wait(self, drill: str) -> None:
        self._patiently(lambda: self._api.state(drill) in ENDED, f"{drill}: its end", PATIENCE_S)

    def _heal(self, drill: str) -> None:
        """Have the injector take back what it did to stored objects and to the account."""
        docket = Docket(drill, self.settings, default_session)
        if docket.document("registration") is None:
            return
        docket.order("heal")
        self._patiently(lambda: docket.word(f"{drill}/heal.json") is not None, f"{drill}: healed", READY_S)
        word = docket.word(f"{drill}/heal.json")
        if "error" in word:
            raise CatalogueError(f"drill {drill} could not be healed: {word['error']}")

    def _ready(self) -> None:
        """Open the exchange at its primary where it does not trade, and wait for members and monitor."""
        if not primary.look(self._session, self.settings).trades:
            deploy(self.settings)
        epoch = fence.current(self._session, self.settings.journal_bucket, self.settings.dr_region).epoch
        docket = Docket("catalogue", self.settings, default_session)

        def trades() -> bool:
            latest = docket.word("members/latest.json") or {}
            there = latest.get("by_epoch", {}).get(str(epoch), {})
            back = int(there.get("sessions", 0)) >= int(latest.get("wanted_sessions", 1)) and there.get("acked", 0)
            return bool(back) and (docket.word("monitor/latest.json") or {}).get("state") == "up"

        self._patiently(trades, f"members and monitor in epoch {epoch}", READY_S)

    @staticmethod
    def _patiently(done: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                raise CatalogueError(f"{what}: not within {seconds:.0f} s")
            time.sleep(POLL_S)


ACTS: Mapping[str, Callable[[Catalogue, Fault], Acted]] = {
    "F23": Catalogue.mark_validation,
    "F24": Catalogue.reject_failover,
}
"""What people do who run the catalogue. F19, a second drill, is started beside the control."""


def chosen(names: str) -> tuple[Fault, ...]:
    """The faults of a comma-separated list, in the catalogue's order; all where it is empty. Raises BadPlan."""
    asked = set(names.upper().replace(",", " ").split())
    unknown = sorted(asked - set(faults.INJECTABLE))
    if unknown:
        raise BadPlan(
            f"parameter 'only': {', '.join(unknown)} unknown; the catalogue has {', '.join(faults.INJECTABLE)}"
        )
    return tuple(fault for fault in CATALOGUE if not asked or fault.id in asked)


def catalogue(
    settings: Settings, names: str, params: Mapping[str, Any], *, control: bool, score: bool, table: TextIO
) -> Answer:
    """Run faults of the catalogue; status 0 only if each is caught and the control, where it was run, passed.

    `table` gets a line for each drill as soon as it has ended.
    """
    wanted = chosen(names)

    def say(line: str) -> None:
        table.write(f"{line.rstrip()}\n")
        table.flush()

    passed, rows = Catalogue(settings, params, say, score=score).run(wanted, control=control)
    caught = [row for row in rows if row.observed.caught]
    without = {
        True: "",
        False: ", but a drill without any fault did not pass",
        None: ", no drill without a fault was run",
    }
    line = f"caught {len(caught)}/{len(rows)}{without[passed]}"
    record = {
        "caught": len(caught),
        "injected": len(rows),
        "control": passed,
        "faults": [{"drill": row.drill, **msgspec.to_builtins(row.observed)} for row in rows],
    }
    return Answer(line, record, 0 if passed is not False and len(caught) == len(rows) else FAILED)
