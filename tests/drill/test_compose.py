"""The report of every outcome: it does not contradict itself, comes back from its record, and says the sentence."""

from __future__ import annotations

import html
import re
import typing
from typing import Any

import msgspec
import pytest

from drill.core import report as r
from drill.core.events import Event
from drill.core.evidence import Evidence
from drill.report.compose import Sealed, compose
from drill.report.html import render_html
from drill.report.record import render_json
from drill.report.summary import summary_line, table
from tests.core import home, real, worlds
from tests.core.test_planned import exercise
from tests.drill.filed import full

SECOND = worlds.SECOND
SEALED = Sealed(
    manifest=({"name": "raw/drain.json", "sha256": "ab" * 32, "size": 2, "version_id": "v1"},),
    path=f"var/reports/{worlds.DRILL}/report.html",
    verify=f"python -m drill verify {worlds.DRILL}/bundle.zip --key KEY.pem",
    generated_ns=worlds.T0 + 90 * SECOND,
    lock="GOVERNANCE, 60 min",
)
# What the issue promises for the last line of a drill.
LINE = re.compile(
    r"drill=\S+ verdict=\S+ rto_impact_s=(\d+\.\d|not_achieved) rto_technical_s=(\d+\.\d|not_achieved) "
    r"rpo_orders=(\d+|unknown) acked=(\d+|unknown) symbols=\d+/\d+ control=(caught|missed|not_run) "
    r"teardown=(clean|orphans:\d+|not_run) report=\S+"
)


def event(step: str, name: str, at_s: int, attempt: int = 1, **data: Any) -> Event:
    at = str(worlds.T0 + at_s * SECOND)
    return Event(drill=worlds.DRILL, step=step, name=name, at_ns=at, mono_ns="0", by="t", attempt=attempt, data=data)


def with_events(evidence: Evidence, *more: Event, without: tuple[tuple[str, str], ...] = ()) -> Evidence:
    kept = [one for one in evidence.events if (one.step, one.name) not in without]
    return worlds.replaced(evidence, sorted([*kept, *more], key=lambda one: one.at))


def damaged() -> Evidence:
    """F01: an object of MSFT is missing; the engine says so, validation is red, the drill stops there."""
    documents = full().documents
    gap = {"kind": "gap", "symbol": "MSFT", "object": "k", "offset": 0, "expected": "seq 5", "found": "seq 8", "seq": 5}
    recovered = documents["recovered"]
    recovered["symbols"]["MSFT"] |= {"status": "damaged", "seq": 4, "damages": [gap]}
    validation = documents["validation"]
    checks = [one for one in validation["checks"] if one["symbol"] != "MSFT"]
    checks.append({**worlds.check("MSFT", passed=False), "first": "seq 5"})
    validation |= {"checks": checks, "contiguous": {**validation["contiguous"], "MSFT": 4}, "lost": 6}
    stopped = ("cutover", "members", "word-canary", "acked-dr", "restarts", "objectives")
    late = ("cut_over", "members_back", "canaries", "full_load", "objectives")
    changes = {name.replace("-", "_"): None for name in stopped}
    evidence = full(recovered=recovered, validation=validation, **changes)
    events = [one for one in evidence.events if one.step not in late and (one.step, one.name) != ("validate", "end")]
    return with_events(worlds.replaced(evidence, events), event("validate", "fail", 2, reason="1 checks are red"))


def aborted() -> Evidence:
    documents = {name: full().get(name) for name in ("registration", "preflight")}
    evidence = Evidence(documents=documents, events=full().events[:5])
    return with_events(
        evidence, event("loss", "abort", -20, reason="enough"), event("loss", "fail", -20, reason="enough")
    )


def rejected() -> Evidence:
    events = (event("register", "begin", 0), event("register", "reject", 0, reason="drill x is running"))
    return Evidence(documents={}, events=events)


def partial() -> Evidence:
    plan = worlds.plan(symbols="AAPL,MSFT")
    documents = full().documents
    registration = {**documents["registration"], "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()}
    acked = {symbol: rows for symbol, rows in documents["acked-seqs"]["acked"].items() if symbol != "ADBE"}
    validation = {**documents["validation"], "acknowledged": 20}
    return full(registration=registration, acked_seqs={"acked": acked}, validation=validation)


def observed() -> Evidence:
    return with_events(full(), event("drain", "fail", -9, reason="no route"), event("drain", "begin", -8, attempt=2))


def failover() -> Evidence:
    """A real one, with everything that its steps file."""
    added = ("engines", "drain", "preflight", "stacks")
    validation = {**full().get("validation"), "checks": real.documents()["validation"]["checks"]}
    return real.changed(validation=validation, **{name: full().get(name) for name in added})


WORLDS: dict[str, tuple[Evidence, str]] = {
    "healthy": (full(), "PASS"),
    "a retry": (observed(), "PASS_WITH_OBSERVATIONS"),
    "F01": (damaged(), "FAIL"),
    "orphans": (
        full(inventory={**full().get("inventory"), "orphans": [{"service": "sqs", "id": "q"}]}),
        "FAIL",
    ),
    "control missed": (full(validation={**full().get("validation"), "checks": [
        worlds.check(symbol) for symbol in (*worlds.LISTING, *worlds.TESTS)]}), "INVALID"),
    "no reveal": (full(word_reveal=None), "INVALID"),
    "no inventory": (full(inventory=None), "INVALID"),
    "aborted": (aborted(), "ABORTED"),
    "part of the listing": (partial(), "PARTIAL"),
    "rejected": (rejected(), "REJECTED"),
    "registered and nothing else": (
        Evidence(documents={"registration": full().get("registration")}, events=()),
        "INVALID",
    ),
    "nothing at all": (Evidence(documents={}, events=()), "INVALID"),
    "a real failover": (failover(), "FAILOVER"),
    "the way home": (home.changed(), "FAILBACK"),
    "not the way home": (home.changed(failback=None, home_members=None, word_canary=None), "INVALID"),
}  # fmt: skip


@pytest.fixture(params=WORLDS, name="world")
def _world(request: pytest.FixtureRequest) -> tuple[r.Report, str]:
    evidence, outcome = WORLDS[request.param]
    return compose(evidence, SEALED, drill=worlds.DRILL), outcome


def test_every_outcome_that_evidence_can_lead_to_is_here():
    assert {outcome for _, outcome in WORLDS.values()} == set(typing.get_args(r.Outcome)) - {"MISSING"}


def test_the_report_has_the_outcome_and_does_not_contradict_itself(world):
    report, outcome = world
    report.check()
    assert report.result.verdict.outcome == outcome


def test_the_record_comes_back_as_it_was(world):
    report, _ = world
    assert r.decode(render_json(report)) == report


def test_the_page_says_the_sentence_and_the_drill(world):
    report, outcome = world
    page = html.unescape(render_html(report))
    assert report.result.verdict.sentence in page
    assert report.plan.drill_id in page
    assert outcome.replace("_", " ") in page


def test_the_last_line_has_its_form(world):
    report, outcome = world
    line = summary_line(report)
    assert LINE.fullmatch(line)
    assert f" verdict={outcome} " in line


def test_no_length_of_time_is_negative(world):
    report, _ = world
    for phase in report.result.phases:
        assert min(phase.work_ns, phase.queue_ns, phase.retry_ns, phase.assumed_ns) >= 0, phase.name


MISSING_ONE = sorted(full().documents)


@pytest.mark.parametrize("name", MISSING_ONE)
def test_any_one_document_may_be_missing(name):
    report = compose(full(**{name.replace("-", "_"): None}), SEALED, drill=worlds.DRILL)
    assert report.result.verdict.outcome not in {"PASS", "PASS_WITH_OBSERVATIONS"}
    assert LINE.fullmatch(summary_line(report))
    assert report.result.verdict.sentence in html.unescape(render_html(report))


def test_figures_of_the_healthy_drill():
    report = compose(full(), SEALED, drill=worlds.DRILL)
    assert summary_line(report) == (
        f"drill={worlds.DRILL} verdict=PASS rto_impact_s=960.1 rto_technical_s=45.0 rpo_orders=0 acked=30 symbols=3/3 "
        f"control=caught teardown=clean report={SEALED.path}"
    )


def test_a_planned_exercise_is_called_one():
    plan = compose(exercise(), SEALED, drill=worlds.DRILL).plan
    assert (plan.kind, [site.environment for site in plan.sites]) == ("planned exercise", ["LIVE", "DRILL"])
    assert (compose(full(), SEALED, drill=worlds.DRILL).plan.kind) == "loss"


def test_a_suite_is_no_more_independent_than_its_strongest_check():
    """Frames that agree with themselves agree with nobody else: a journal suite of invariants proves no L2."""
    validation = full().get("validation")
    against = {**worlds.check("MSFT", name="book_digest"), "suite": "books", "level": "L2"}
    shape = {**worlds.check("MSFT", name="book_seq"), "suite": "books"}
    evidence = full(validation={**validation, "checks": [*validation["checks"], against, shape], "declared": 8})
    found = {suite.name: suite for suite in compose(evidence, SEALED, drill=worlds.DRILL).result.suites}
    assert (found["journal"].level, found["books"].level) == ("invariant", "L2")
    assert [(one.name, one.level) for one in found["books"].expectations] == [
        ("book_digest", "L2"),
        ("book_seq", "invariant"),
    ]


def test_each_rule_that_held_says_what_it_would_have_objected_to():
    rules = {rule.rule_id: rule for rule in compose(full(), SEALED, drill=worlds.DRILL).result.verdict.rules}
    assert rules["clocks-agree"].statement == "else INVALID: an engine host's clock is off by more than the gate"
    assert all(rule.met and rule.statement.startswith("else ") and ": " in rule.statement for rule in rules.values())


def test_a_real_event_says_so_everywhere():
    for evidence, kind in ((failover(), "failover"), (home.changed(), "failback")):
        report = compose(evidence, SEALED, drill=worlds.DRILL)
        assert (report.plan.kind, report.plan.purpose) == (kind, "REAL EVENT")
        assert "REAL EVENT, not a drill" in html.unescape(render_html(report))
        assert "REAL EVENT, not a drill" in str(table(report).title)


def test_a_failover_names_who_approved_it_and_how_long_they_took():
    report = compose(failover(), SEALED, drill=worlds.DRILL)
    assert [(one.by, one.decision, one.waited_ns) for one in report.plan.approvals] == [
        ("admin", "approved", 2 * SECOND),
        ("deputy", "approved", 2 * SECOND),
    ]
    waited = {phase.name: phase.approval_ns for phase in report.result.phases if phase.approval_ns}
    assert waited == {"first_approval": 2 * SECOND, "second_approval": 2 * SECOND}
    assert {"sabotage", "tear_down", "inventory", "failback"}.isdisjoint(phase.name for phase in report.result.phases)
    assert report.result.recovery.impact.assumed_ns == 0


def test_the_way_home_is_told_with_its_moments_seqs_and_equal_states():
    report = compose(home.changed(), SEALED, drill=worlds.DRILL)
    way = report.result.failback
    assert way is not None
    assert (way.went_home, way.from_epoch, way.epoch, way.closed_ns) == (True, 2, 3, 12 * SECOND)
    assert [one.at_ns for one in way.moments] == sorted(one.at_ns or 0 for one in way.moments)
    assert {one.symbol: (one.frozen_seq, one.home_seq, one.equal) for one in way.symbols} == dict.fromkeys(
        home.SYMBOLS, (20, 20, True)
    )
    page = html.unescape(render_html(report))
    assert all(text in page for text in ("Going home", "the DR site is told to freeze", "members are back"))


def test_a_drill_that_went_home_tells_it_too():
    steps = {name: home.documents()[name] for name in ("frozen", "recovered-home", "acked-home", "failback")}
    steps |= {f"home-{name}": home.documents()[f"home-{name}"] for name in home.MOMENTS}
    plan = worlds.plan(failback=True)
    registration = {**full().get("registration"), "plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()}
    evidence = full(registration=registration)
    evidence.documents.update(steps)
    report = compose(evidence, SEALED, drill=worlds.DRILL)
    assert report.result.verdict.outcome == "PASS"
    assert report.result.failback is not None
    assert report.result.failback.went_home
    assert compose(full(), SEALED, drill=worlds.DRILL).result.failback is None


def test_a_state_that_differs_is_not_called_home():
    came = home.documents()["recovered-home"]
    came["symbols"]["MSFT"]["digest"] = "bb"
    report = compose(home.changed(recovered_home=came), SEALED, drill=worlds.DRILL)
    assert report.result.verdict.outcome == "FAIL"
    assert report.result.failback is not None
    assert not report.result.failback.went_home
    assert [one.symbol for one in report.result.failback.symbols if one.equal is False] == ["MSFT"]


def test_f01_names_symbol_and_gap():
    report = compose(damaged(), SEALED, drill=worlds.DRILL)
    assert report.result.journal is not None
    (damage,) = report.result.journal.damages
    assert (damage.kind, damage.symbol, damage.seq_from) == ("gap", "MSFT", 5)
    row = next(row for row in report.result.symbols if row.symbol == "MSFT")
    assert (row.status, row.orders_lost) == ("damaged", 6)
    assert (report.result.point.notional_cents, report.result.point.unpriced) == (6 * 1000, 0)
    assert row.first_difference == "gap: expected seq 5, found seq 8 (k offset 0)"
    page = html.unescape(render_html(report))
    assert "MSFT" in page
    assert "expected seq 5" in page
    assert " rpo_orders=6 " in summary_line(report)


def test_what_was_not_measured_is_unknown_and_not_zero():
    line = summary_line(compose(aborted(), SEALED, drill=worlds.DRILL))
    assert "rto_impact_s=not_achieved rto_technical_s=not_achieved rpo_orders=unknown acked=unknown symbols=0/3" in line
    assert "control=not_run teardown=not_run" in line


def test_a_second_attempt_that_never_ended_is_unfinished_not_failed():
    fails = event("drain", "fail", -9, reason="no route")
    begins = event("drain", "begin", -8, attempt=2)
    report = compose(with_events(full(), fails, begins, without=(("drain", "end"),)), SEALED, drill=worlds.DRILL)
    drain = next(phase for phase in report.result.phases if phase.name == "drain")
    assert (drain.status, drain.end_ns, drain.attempts) == ("unfinished", None, 2)


def test_stacks_are_told_by_their_own_events():
    start = worlds.T0 + 5 * SECOND
    own = "AWS::CloudFormation::Stack"
    events = [
        [str(start), "aex-dr", own, "CREATE_IN_PROGRESS"],
        [str(start + 1 * SECOND), "Cluster", "AWS::ECS::Cluster", "CREATE_IN_PROGRESS"],
        [str(start + 2 * SECOND), "Role", "AWS::IAM::Role", "CREATE_IN_PROGRESS"],
        [str(start + 3 * SECOND), "Role", "AWS::IAM::Role", "CREATE_COMPLETE"],
        [str(start + 6 * SECOND), "Cluster", "AWS::ECS::Cluster", "CREATE_COMPLETE"],
        [str(start + 7 * SECOND), "aex-dr", own, "CREATE_COMPLETE"],
    ]
    evidence = full(stacks={**full().get("stacks"), "stacks": {"aex-dr": list(reversed(events)), "empty": []}})
    (run,) = compose(evidence, SEALED, drill=worlds.DRILL).result.stacks
    assert (run.status, run.resources, run.ended_ns - run.started_ns) == ("CREATE_COMPLETE", 2, 7 * SECOND)
    assert (run.slowest, run.slowest_ns) == ("Cluster (AWS::ECS::Cluster)", 5 * SECOND)


def test_versions_are_compared_with_the_last_drill():
    document = full().get("registration")
    evidence = full(
        registration={**document, "versions": {"boto3": "2", "sources:engine": "aa", "sources:witness": "w"}}
    )
    past = {
        "drill_id": "drill-before", "at_ns": "5", "outcome": "MISSING", "recovery_time_ns": None, "technical_ns": None,
        "orders_lost": None, "symbols_ok": None, "rules": (), "versions": {"boto3": "1", "sources:engine": "aa"},
    }  # fmt: skip
    sealed = msgspec.structs.replace(SEALED, earlier=(past,))
    differs = {one.name: one.differs for one in compose(evidence, sealed, drill=worlds.DRILL).plan.versions}
    assert differs["boto3"] == "1 in drill-before"
    assert differs["sources:engine"] == "as in drill-before"
    assert differs["sources:witness"] == "new since drill-before"
    assert "configuration" not in differs, "none was filed"


@pytest.mark.parametrize(
    ("before", "differs"),
    [
        ({"lock_minutes": 60, "commit_ms": 20}, "as in drill-before"),
        ({"lock_minutes": 30, "day_s": 1}, "commit_ms, day_s, lock_minutes: otherwise than in drill-before"),
        (None, "drill-before filed none"),
    ],
)
def test_settings_are_compared_with_the_last_drill_by_name(before, differs):
    document = full().get("registration")
    evidence = full(registration={**document, "configuration": {"lock_minutes": 60, "commit_ms": 20}})
    past = {
        "drill_id": "drill-before", "at_ns": "5", "outcome": "MISSING", "recovery_time_ns": None, "technical_ns": None,
        "orders_lost": None, "symbols_ok": None, "rules": (), "versions": {}, "configuration": before,
    }  # fmt: skip
    sealed = msgspec.structs.replace(SEALED, earlier=(past,))
    found = {one.name: one for one in compose(evidence, sealed, drill=worlds.DRILL).plan.versions}
    assert (found["configuration"].differs, len(found["configuration"].version)) == (differs, 64)
    first = {one.name: one.differs for one in compose(evidence, SEALED, drill=worlds.DRILL).plan.versions}
    assert first["configuration"] == "first drill on record"


def test_lag_is_drawn_from_the_streams_own_metric():
    points = [{"at_ns": str(worlds.T0 - SECOND), "age_ns": "7", "stream": "s", "streams": 3}]
    (point,) = compose(full(journal_lag={"points": points}), SEALED, drill=worlds.DRILL).result.lag
    assert (point.at_ns, point.worst_ns, point.stream, point.streams) == (worlds.T0 - SECOND, 7, "s", 3)


def test_observations_and_a_given_nonce_are_deviations():
    report = compose(observed(), SEALED, drill=worlds.DRILL)
    assert [one.what for one in report.result.deviations] == ["phase drain needed 2 attempts"]
