"""`python -m drill`: refusals before any network call, one line for every failure, a status per verdict."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from drill import __main__ as command
from drill import clean as cleaning
from drill import follow, run
from drill.airflow_api import AirflowError
from drill.aws import fence, sites
from drill.core.bad_plan import BadPlan
from drill.follow import Follower
from drill.history import entries
from drill.primary import PrimaryError
from drill.report.compose import compose
from drill.report.record import render_json
from drill.verbs.answer import Answer
from tests.core import worlds
from tests.drill.filed import filed, full
from tests.drill.test_compose import LINE, SEALED

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a network call")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def drill(capsys):
    """Run a verb in this process: its status and its lines on stderr."""

    def call(*arguments: str) -> tuple[int, list[str]]:
        status = command.main(list(arguments))
        return status, capsys.readouterr().err.splitlines()

    return call


REFUSED = {
    "symbols": ("--symbols", "XYZ"),
    "region": ("--region", "us-east-1"),
    "rto_objective_s": ("--rto-objective-s", "0"),
    "rpo_objective_orders": ("--rpo-objective-orders", "-1"),
    "window_s": ("--window-s", "1"),
    "load_s": ("--load-s", "0"),
    "seed": ("--seed", "-1"),
    "faults": ("--faults", "F99"),
    "nonce": ("--nonce", "abc"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_parameter_is_refused_in_one_line_before_any_network_call(drill, no_network, name):
    status, (line,) = drill("run", *REFUSED[name])
    assert status == 2
    assert line.startswith(f"drill: parameter '{name}': ")


def test_a_fresh_process_refuses_as_well(tmp_path):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AEX_", "AWS_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "drill", "run", "--symbols", "XYZ"], capture_output=True, text=True, timeout=60,
        check=False, cwd=ROOT, env={**outside, "AIRFLOW_HOME": str(tmp_path)},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert line == "drill: parameter 'symbols': XYZ unknown; the exchange lists 100 symbols, AAL to YHOO"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_an_airflow_that_is_not_there_is_one_line(drill, monkeypatch):
    monkeypatch.setenv("AEX_AIRFLOW_URL", f"http://127.0.0.1:{closed_port()}")
    status, (line,) = drill("run")
    assert status == 1
    assert re.match(r"drill run: Airflow at http://127.0.0.1:\d+: .*is it up\? AEX_AIRFLOW_URL names its address", line)


def test_an_endpoint_that_is_not_there_is_one_line(drill, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    status, (line,) = drill("clean")
    assert status == 1
    assert line.startswith("drill clean: ")


def test_a_malformed_setting_is_named_as_the_environment_spells_it(drill, monkeypatch):
    monkeypatch.setenv("AEX_TTL_S", "soon")
    status, (line,) = drill("settings")
    assert (status, line.split(":")[0:2]) == (2, ["drill", " setting AEX_TTL_S"])


def test_settings_are_printed_without_the_password(monkeypatch, capsys):
    monkeypatch.setenv("AEX_AIRFLOW_PASSWORD", "hunter2")
    assert command.main(["settings"]) == 0
    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    assert json.loads(printed)["dr_region"] == "us-west-2"


def test_a_bug_shows_its_trace(monkeypatch):
    def broken(*_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(command.VERBS, "clean", broken)
    with pytest.raises(ZeroDivisionError):
        command.main(["clean"])


# --- following, saying


STATUS = {
    "PASS": 0, "PASS_WITH_OBSERVATIONS": 0, "FAIL": 1, "INVALID": 3, "MISSING": 3, "REJECTED": 4, "ABORTED": 4,
    "PARTIAL": 5,
}  # fmt: skip


@pytest.mark.parametrize("outcome", STATUS)
def test_each_verdict_has_its_status_and_its_last_line(outcome):
    report = compose(full(), SEALED, drill=worlds.DRILL)
    verdict = replace(report.result.verdict, outcome=outcome)
    report = replace(report, result=replace(report.result, verdict=verdict))
    answer = run.say(report, Console(file=io.StringIO()))
    assert answer.status == STATUS[outcome]
    assert answer.text.startswith(f"drill={worlds.DRILL} verdict={outcome} ")
    assert (answer.record["drill"], answer.record["verdict"]) == (worlds.DRILL, outcome)


class Airflow:
    """Airflow's API: the run ends at the third question; `interrupt` is Ctrl-C at the first."""

    def __init__(self, *, interrupt: bool = False) -> None:
        self.asked = 0
        self.interrupt = interrupt
        self.triggered: list[object] = []

    def trigger(self, *what: object) -> None:
        self.triggered.append(what)

    def state(self, _: str) -> str:
        self.asked += 1
        if self.interrupt and self.asked == 1:
            raise KeyboardInterrupt
        return "running" if self.asked < 3 else "success"


@pytest.fixture
def followed(fresh, settings, monkeypatch, tmp_path):
    """`drill run` over the docket in memory, with this Airflow."""
    here = settings.model_copy(update={"reports": str(tmp_path)})

    def call(airflow: Airflow) -> Answer:
        monkeypatch.setattr(run, "AirflowApi", lambda *_: airflow)
        monkeypatch.setattr(run, "Docket", lambda *_: fresh)
        monkeypatch.setattr(run, "new_drill_id", lambda: worlds.DRILL)
        monkeypatch.setattr(follow, "POLL_S", 0)
        return run.run({"seed": 7}, here)

    return call


def test_a_run_is_triggered_followed_copied_and_said(fresh, followed, tmp_path, capsys):
    filed(fresh, full())
    fresh.put("report.json", render_json(compose(full(), SEALED, drill=worlds.DRILL)))
    airflow = Airflow()
    answer = followed(airflow)
    assert airflow.triggered == [(worlds.DRILL, {"seed": 7})]
    out = capsys.readouterr()
    assert (answer.status, out.out) == (0, "")
    assert LINE.fullmatch(answer.text)
    assert "workload seed 7" in out.err
    assert "validate" in out.err
    copied = {
        path.relative_to(tmp_path / worlds.DRILL).as_posix()
        for path in (tmp_path / worlds.DRILL).rglob("*")
        if path.is_file()
    }
    assert copied == set(fresh.names())


def test_a_run_without_a_report_is_missing_in_the_same_form(fresh, followed):
    filed(fresh, worlds.replaced(full(), []))
    answer = followed(Airflow())
    assert answer.status == 3
    assert LINE.fullmatch(answer.text)
    assert " verdict=MISSING " in answer.text


def test_the_first_interrupt_aborts_the_drill_and_follows_its_teardown(fresh, followed):
    airflow = Airflow(interrupt=True)
    followed(airflow)
    assert fresh.aborted() == "stopped by the operator"
    assert airflow.asked == 3


def test_a_refused_trigger_is_an_error_and_nothing_is_followed(fresh, followed, monkeypatch):
    airflow = Airflow()

    def refuse(*_: object) -> None:
        raise AirflowError("403")

    monkeypatch.setattr(airflow, "trigger", refuse)
    with pytest.raises(AirflowError):
        followed(airflow)
    assert airflow.asked == 0


def test_events_are_told_once_with_their_counts_and_times(fresh, tmp_path):
    console = Console(file=(screen := io.StringIO()), width=200)
    follower = Follower(fresh, console, tmp_path)
    fresh.event("validate", "begin")
    fresh.event("validate", "end", evaluated=123456)
    follower.look()
    follower.look()
    told = screen.getvalue()
    assert told.count("begins") == 1
    assert told.count("evaluated=123,456") == 1
    assert re.search(r"in \d+\.\d s", told)


@pytest.mark.parametrize("reason", ["left [/aws/logs]", "no such [role]", "[StackRef(name='a')]; run clean"])
def test_brackets_in_a_reason_are_told_as_they_are(fresh, tmp_path, reason):
    console = Console(file=(screen := io.StringIO()), width=200)
    fresh.event("build", "fail", reason=reason)
    Follower(fresh, console, tmp_path).look()
    assert f"fail: {reason}" in screen.getvalue()


def test_a_registration_is_copied_as_soon_as_it_is_there(docket, tmp_path):
    Follower(docket, Console(file=io.StringIO()), tmp_path).look()
    assert [row["verdict"] for row in entries(tmp_path)] == ["MISSING"]


# --- history


def remember(reports: Path, name: str, registered_ns: int, outcome: str | None = None) -> None:
    folder = reports / name / "raw"
    folder.mkdir(parents=True)
    (folder / "registration.json").write_text(json.dumps({"registered_ns": str(registered_ns)}))
    if outcome:
        (reports / name / "outcome.json").write_text(json.dumps({"outcome": outcome, "sentence": f"It was {outcome}."}))


def test_history_is_newest_first_and_a_drill_without_an_outcome_is_missing(tmp_path, monkeypatch, capsys):
    remember(tmp_path, "drill-20261120-090000-ffffff", 30, "PASS")
    remember(tmp_path, "drill-0a0a0a0a", 40)
    remember(tmp_path, "drill-ffffffff", 9, "FAIL")
    monkeypatch.setenv("AEX_REPORTS", str(tmp_path))
    assert command.main(["history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["drill-0a0a0a0a", "MISSING"],
        ["drill-20261120-090000-ffffff", "PASS"],
        ["drill-ffffffff", "FAIL"],
    ]
    assert command.main(["history", "--json"]) == 0
    assert [row["verdict"] for row in json.loads(capsys.readouterr().out)["drills"]] == ["MISSING", "PASS", "FAIL"]


def test_no_drill_is_an_empty_history(tmp_path):
    assert entries(tmp_path / "none") == []


# --- clean


@pytest.fixture
def removed(fresh, settings, account, monkeypatch):
    """`drill clean` over the account in memory: what it removed."""
    done: list[object] = []
    monkeypatch.setattr(cleaning, "default_session", account.session)
    monkeypatch.setattr(fence, "lift", lambda session, site: done.append(("lift", site)))

    def remove(session: object, site: str, where: list[str]) -> object:
        done.append(("remove", site, where))
        return sites.Standing(states=())

    monkeypatch.setattr(sites, "remove", remove)
    return done


def test_clean_removes_what_the_locks_holder_left(docket, settings, removed, ordered):
    docket.journal().put("control/epoch=2/open.json", b"{}")
    assert worlds.DRILL in cleaning.clean(settings, None)
    assert removed == [("remove", "dr-abcdef", ["us-west-2"]), ("lift", "primary")]
    assert list(docket.journal().list("control/")) == []
    assert ordered("restore") == ordered("close") == {"drill": worlds.DRILL}


def test_clean_of_another_drill_keeps_the_lock(docket, settings, removed, stranger, holder):
    docket.free_lock()
    stranger.take_lock()
    cleaning.clean(settings, worlds.DRILL)
    assert holder() == "drill-of-somebody-else"


def test_clean_frees_the_lock_of_a_drill_that_never_registered(fresh, settings, removed, holder):
    fresh.take_lock()
    assert "lock free" in cleaning.clean(settings, None)
    assert holder() is None
    assert removed == []


def test_nothing_to_clean_is_said(fresh, settings, removed):
    assert cleaning.clean(settings, None) == "nothing to clean: no drill holds the lock"


def test_an_unknown_drill_is_one_line(fresh, settings, removed, drill, monkeypatch):
    monkeypatch.setattr(command, "_settings_in_force", lambda: settings)
    status, (line,) = drill("clean", "--drill", "drill-unknown")
    assert (status, "drill-unknown: not registered" in line) == (1, True)


# --- `--json`: one document on standard output, whatever happens

LINES = {
    "run": (), "failback": (), "faults": (), "abort": ("d", "--reason", "r"),
    "deploy": (), "clean": (), "sweep": (), "settings": (),
    "verify": ("none.zip", "--key", "none.pem"), "history": (), "compare": ("a", "b"), "key": (),
    "bundle": ("d", "--out", "f"), "anchor": ("--out", "f"), "report": ("none.json",), "schema": (),
    "amend": ("d", "--author", "a", "--reason", "r", "--text", "t"),
    "finding": ("d", "--author", "a", "--what", "w", "--owner", "o", "--due", "2027-01-31", "--id", "F-1"),
    "settle": ("d", "--author", "a", "--reason", "r", "--retest", "e", "--id", "F-1"),
    "sign-off": ("d", "--person", "p", "--statement", "s", "--role", "prepared"),
    "hold": ("d", "--author", "a", "--reason", "r"),
    "keep": (), "status": (), "conclude": (), "retention": (),
}  # fmt: skip
VERBS = sorted(next(one.choices or () for one in command.parser()._actions if one.dest == "verb"))


@pytest.fixture
def document(capsys):
    """Run a line that is refused: its status, and the one document on standard output."""

    def call(*arguments):
        status: object
        try:
            status = command.main([*arguments, "--json"])
        except SystemExit as left:
            status = left.code
        out, err = capsys.readouterr()
        [line] = out.splitlines()
        assert err == ""
        return status, json.loads(line)

    return call


def test_every_verb_is_tried():
    assert sorted(LINES) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_a_line_that_is_none_is_refused_in_a_document(document, verb):
    status, said = document(verb, *LINES[verb], "--no-such-option")
    assert (status, said["status"], "--no-such-option" in said["error"]) == (2, 2, True)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("error", "status"),
    [(PrimaryError("no route to AWS"), 1), (BadPlan("parameter 'x'"), 2), (KeyboardInterrupt(), 130)],
)
def test_what_the_world_refuses_is_told_in_a_document(document, monkeypatch, verb, error, status):
    def refuse(_arguments):
        raise error

    monkeypatch.setattr(command, "_answer", refuse)
    found, said = document(verb, *LINES[verb])
    assert (found, said["status"], bool(said["error"])) == (status, status, True)


@pytest.mark.parametrize("verb", ["verify", "compare", "report"])
def test_a_file_that_is_not_there_is_told_in_a_document(document, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    status, said = document(verb, *LINES[verb])
    assert (status, said["status"], "none" in said["error"] or "no evidence" in said["error"]) == (2, 2, True)


def test_a_bug_is_a_document_and_a_trace(monkeypatch, capsys):
    def broken(_arguments):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(command, "_answer", broken)
    with pytest.raises(ZeroDivisionError):
        command.main(["history", "--json"])
    assert json.loads(capsys.readouterr().out) == {"error": "a bug: ZeroDivisionError: by nothing", "status": 1}
