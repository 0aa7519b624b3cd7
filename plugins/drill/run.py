"""`python -m drill run`: check the parameters, trigger the DAG, follow it, copy the report, say the verdict."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from rich.console import Console

from drill import clock
from drill.airflow_api import DAG, FAILBACK_DAG, AirflowApi, AirflowError
from drill.aws.sessions import default_session
from drill.copies import auditors_kit, copy
from drill.core.report import Report, decode
from drill.docket import Docket
from drill.follow import Follower
from drill.operators.register import make
from drill.report.summary import missing_line, summary_line, table
from drill.settings import Settings
from drill.verbs.answer import Answer

# One exit status per verdict, so that scripts need not parse.
EXIT = {
    "PASS": 0, "PASS_WITH_OBSERVATIONS": 0, "FAIL": 1, "INVALID": 3, "REJECTED": 4, "ABORTED": 4, "PARTIAL": 5,
    "FAILOVER": 7, "FAILBACK": 7,
}  # fmt: skip
MISSING = 3
ECHO_NS = 2_000_000_000  # a terminal and a supervisor may both pass one Ctrl-C on
ENDED = {"success", "failed"}
PATIENCE = 30  # unanswered questions in a row, two seconds and more apart


def new_drill_id(kind: str = "drill") -> str:
    """`drill-YYYYMMDD-hhmmss-xxxxxx`: sorts by time, and its last word names the DR site."""
    moment = clock.utc(clock.now_ns())
    return f"{kind}-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def check(params: dict[str, Any], settings: Settings) -> int:
    """Check the parameters against the exchange's listing, and do nothing else. Raises BadPlan naming the parameter."""
    make(new_drill_id(), params, settings, nonce="", requester="operator")
    return 0


def run(params: dict[str, Any], settings: Settings) -> Answer:
    """Run one drill to its end; the status is its verdict's. Raises BadPlan before anything is registered."""
    check(params, settings)
    drill = new_drill_id()
    said = f"drill {drill}: workload seed {params.get('seed', 1)}; Ctrl-C aborts it with teardown and report"
    if params.get("purpose", "drill") != "drill":
        said = f"REAL EVENT, not a drill: {params['purpose']}; two other people must approve it in Airflow\n{said}"
    return _carry_out(drill, params, settings, DAG, said)


def go_home(params: dict[str, Any], settings: Settings) -> Answer:
    """Run the way home after a real failover (DAG dr_failback) to its end; the status is its verdict's."""
    drill = new_drill_id("failback")
    said = f"REAL EVENT, not a drill: failback {drill}; the exchange is closed from its freeze to its opening"
    return _carry_out(drill, params, settings, FAILBACK_DAG, said)


def _carry_out(drill: str, params: dict[str, Any], settings: Settings, dag: str, said: str) -> Answer:
    """Trigger the DAG and say so, follow it, copy what it filed, tell how it ended."""
    api, docket = AirflowApi(settings, dag), Docket(drill, settings, default_session)
    api.trigger(drill, params)
    console = Console(stderr=True, soft_wrap=True)
    console.print(said)
    _follow(docket, api, Follower(docket, console, Path(settings.reports)), console)
    folder = copy(docket, Path(settings.reports))
    auditors_kit(docket, Path(settings.reports))
    content = docket.find("report.json")
    if content is None:
        console.print(f"drill {drill}: it filed no report; its events are in {folder}", markup=False)
        registered = docket.document("registration")
        return _answer(missing_line(drill, len(registered["plan"]["symbols"]) if registered else 0), MISSING)
    return say(decode(content), console)


def say(report: Report, console: Console) -> Answer:
    """Show the table; the answer is the drill's figures in one line, and its verdict's exit status."""
    console.print(table(report))
    return _answer(summary_line(report), EXIT.get(report.result.verdict.outcome, MISSING))


def _answer(line: str, status: int) -> Answer:
    return Answer(line, dict(word.split("=", 1) for word in line.split()), status)


def _follow(docket: Docket, api: AirflowApi, follower: Follower, console: Console) -> None:
    """Follow to the end of the run; the first Ctrl-C aborts the drill and goes on following its teardown."""
    asked_ns: int | None = None
    silent = 0

    def ended() -> bool:
        """Whether the run has ended; an Airflow that does not answer is asked again, the drill goes on without it."""
        nonlocal silent
        try:
            state = api.state(docket.drill)
        except AirflowError:
            silent += 1
            if silent > PATIENCE:
                raise
            return False
        silent = 0
        return state in ENDED

    while True:
        try:
            follower.until(ended)
        except KeyboardInterrupt:
            if asked_ns is None:
                asked_ns = clock.mono_ns()
                console.print(f"drill {docket.drill}: aborting; teardown and report follow (Ctrl-C again leaves them)")
                docket.abort("stopped by the operator")
            elif clock.mono_ns() - asked_ns > ECHO_NS:
                raise
        else:
            return
