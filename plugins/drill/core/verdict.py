"""The verdict: a pure function of the raw evidence (method.md §4).

Each rule looks at the evidence alone and returns findings; the gravest finding decides. Rule ids are stable: a report
names the ones that decided it, and an auditor recomputes them without Airflow, AWS or Great Expectations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from drill.core import approvals, faults, homecoming, impact
from drill.core import plan as limits
from drill.core.evidence import Evidence
from drill.core.phases import DEPENDS_ON, HOME, HOME_DEPENDS_ON, JUDGED, REAL_ONLY, Phase
from drill.core.plan import Plan
from drill.core.recovery_point import RecoveryPoint, recovery_point
from drill.core.timeline import SECOND_NS, Marks, RecoveryTimes, marks, recovery_times

# Gravest first.
ORDER = ("REJECTED", "INVALID", "ABORTED", "FAIL", "FAILOVER", "FAILBACK", "PARTIAL", "PASS_WITH_OBSERVATIONS", "PASS")
GREEN = ("PASS", "PASS_WITH_OBSERVATIONS")
DONE = ("FAILOVER", "FAILBACK")  # real events that reached their end: they have no control, so they never pass
MINUTE_S, HOUR_S = 60, 3600
# The phases between declaration and resumption, of which one is the bottleneck.
RECOVERING = ("build", "fence", "captures", "drain", "sabotage", "rehydrate", "validate", "cut_over", "canaries")
REG_SCI_S = 7200  # two hours [17 CFR 242.1001(a)(2)(v)]


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that spoke: its id, the outcome it asks for, and one sentence saying what it saw."""

    rule: str
    outcome: str
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, its one plain sentence, every rule that spoke, and the figures it was drawn from."""

    outcome: str
    sentence: str
    rulings: tuple[Ruling, ...]
    held: tuple[str, ...]  # rules that found nothing, each in its own sentence
    marks: Marks
    times: RecoveryTimes
    recovery_point: RecoveryPoint | None
    control: str  # caught | missed | not_run
    symbols_ok: int
    teardown: str  # clean | orphans:n | not_run
    failback: str = "not_planned"  # pass | fail | not_run | not_planned


def spoken_duration(ns: int) -> str:
    """Nanoseconds in words that are read aloud: `23 min 41 s`, `1 h 02 min 05 s`, `4.2 s`."""
    seconds = -(-ns // SECOND_NS)  # rounded up: a figure never flatters the drill
    if ns < MINUTE_S * SECOND_NS:
        return f"{-(-ns // 100_000_000) / 10} s"
    if seconds < HOUR_S:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min {seconds % 60:02d} s"


def contiguous(evidence: Evidence) -> dict[str, int] | None:
    """Last contiguous recovered seq by symbol: the lower of what the engine says and what the validator read itself.

    None where nothing was recovered at all; a symbol that an engine reports damaged counts up to its damage.
    """
    recovered, validation = evidence.get("recovered"), evidence.get("validation")
    if not recovered:
        return None
    own = {symbol: int(row["seq"]) for symbol, row in recovered["symbols"].items()}
    points = recovery_points(evidence)
    own = {symbol: min(seq, points.get(symbol, seq)) for symbol, seq in own.items()}
    read = {symbol: int(seq) for symbol, seq in (validation or {}).get("contiguous", {}).items()}
    return {symbol: min(seq, read.get(symbol, seq)) for symbol, seq in own.items()}


def recovery_points(evidence: Evidence) -> dict[str, int]:
    """Last seq of each symbol that an exercise looks at (inclusive), as production marked it; none for a loss."""
    mark = evidence.get("mark")
    return {symbol: int(point["seq"]) for symbol, point in mark["symbols"].items()} if mark else {}


def recovered_point(evidence: Evidence) -> RecoveryPoint | None:
    """The recovery point over the scope; None ("unknown", never zero) without captures or without a recovery."""
    plan, captured, prefix = evidence.plan, evidence.get("acked-seqs"), contiguous(evidence)
    if plan is None or captured is None or prefix is None:
        return None
    scope, points = set(plan.symbols), recovery_points(evidence)
    acked = {
        symbol: {
            int(member): [(row[0], int(row[1]), *row[2:]) for row in rows if row[0] <= points.get(symbol, row[0])]
            for member, rows in members.items()
        }
        for symbol, members in captured["acked"].items()
        if symbol in scope
    }
    return recovery_point(acked, prefix)


def control(evidence: Evidence) -> str:
    """Whether the hidden sabotage of this drill was caught.

    A check of the journal suite, which reads the stored objects itself, must be red on the symbol that was sabotaged:
    the recovering engine's own word that it is damaged (L0) does not count.
    """
    reveal, validation = evidence.get("word-reveal"), evidence.get("validation")
    if not reveal or not validation or not reveal.get("control"):
        return "not_run"
    symbol = reveal["control"]["symbol"]
    own = [
        check
        for check in validation["checks"]
        if check["symbol"] == symbol and check["evaluated"] and check["suite"] == "journal"
    ]
    return "caught" if any(not check["passed"] for check in own) else "missed"


def symbols_ok(evidence: Evidence, at: Marks) -> int:
    """Symbols in scope that were validated and traded again (T8 and T9 both reached)."""
    plan = evidence.plan
    return sum(symbol in at.t8_validated and symbol in at.t9_first_order for symbol in plan.symbols) if plan else 0


def teardown(evidence: Evidence) -> str:
    """`clean`, `orphans:n`, or `not_run` where no inventory was taken, or one that could not see everything."""
    inventory = evidence.get("inventory")
    if inventory is None:
        return "not_run"
    if inventory["orphans"]:
        return f"orphans:{len(inventory['orphans'])}"
    return "not_run" if inventory.get("blind") or not inventory.get("asked") else "clean"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at: the evidence and what follows from it by arithmetic alone."""

    evidence: Evidence
    plan: Plan
    phases: dict[str, Phase]
    marks: Marks
    times: RecoveryTimes
    point: RecoveryPoint | None


Rule = Callable[[Case], Iterator[Ruling]]


def _invalid(rule: str, text: str) -> Ruling:
    return Ruling(rule=rule, outcome="INVALID", text=text)


def _fail(rule: str, text: str) -> Ruling:
    return Ruling(rule=rule, outcome="FAIL", text=text)


def evidence_is_complete(case: Case) -> Iterator[Ruling]:
    """INVALID: a phase said that it ended and its document is not there, or one could not be written."""
    missing = case.evidence.missing()
    if missing:
        yield _invalid("I-EVIDENCE", f"evidence missing: {', '.join(missing)}")
    unwritten = {
        event.step: str(event.data["unwritten"]) for event in case.evidence.events if "unwritten" in event.data
    }
    for step, document in unwritten.items():
        if case.phases[step].status != "done":
            yield _invalid("I-EVIDENCE", f"evidence could not be written: {document} (phase {step})")


def plan_is_unchanged(case: Case) -> Iterator[Ruling]:
    """INVALID: the plan no longer has the hash under which it was registered, or the nonce is another one."""
    registration = case.evidence.get("registration")
    if limits.fingerprint(registration["plan"]) != registration["plan_sha256"]:
        yield _invalid("I-PLAN", "the plan was changed after its registration")
    reveal = case.evidence.get("word-reveal")
    if reveal and _hash(reveal["nonce"]) != case.plan.nonce_sha256:
        yield _invalid("I-NONCE", "the nonce that was revealed is not the one that was registered")


def _hash(nonce: str | None) -> str:
    return hashlib.sha256((nonce or "").encode()).hexdigest()


def steps_ran(case: Case) -> Iterator[Ruling]:
    """INVALID: a phase ran although one before it has no record of having ended: somebody marked it as done."""
    stopped = any(event.name == "abort" for event in case.evidence.events) or any(
        case.phases[name].status in {"failed", "unfinished"} for name in JUDGED
    )
    due, depends = (HOME, HOME_DEPENDS_ON) if case.plan.homecoming else (JUDGED, DEPENDS_ON)
    for name in () if stopped else due:
        if (name == "failback" and not case.plan.failback) or (name in REAL_ONLY and not case.plan.real):
            continue  # records of before it was a phase are judged by the same rules
        if case.phases[name].status != "done":
            yield _invalid("I-STEP", f"nothing stopped the drill, yet phase {name} has no record of ending")
    for name, before in depends.items():
        for parent in before:
            if parent in REAL_ONLY and not case.plan.real:
                continue
            if case.phases[name].status == "done" and case.phases[parent].status != "done":
                yield _invalid("I-STEP", f"phase {name} ended although phase {parent} has no record of ending")


def checks_were_evaluated(case: Case) -> Iterator[Ruling]:
    """INVALID: fewer or more checks were evaluated than declared, or none were declared."""
    validation = case.evidence.get("validation")
    if not validation:
        return
    evaluated = sum(bool(check["evaluated"]) for check in validation["checks"])
    if validation["declared"] != evaluated or not evaluated:
        yield _invalid("I-DECLARED", f"checks declared {validation['declared']}, evaluated {evaluated}")
    covered = {check["symbol"] for check in validation["checks"]}
    blind = sorted(set(case.plan.symbols) - covered)
    if blind:
        yield _invalid("I-DECLARED", f"no check was declared for {', '.join(blind[:5])} ({len(blind)} symbols)")


def two_opinions_agree(case: Case) -> Iterator[Ruling]:
    """INVALID: Great Expectations and this module, from the same captures and journal, count differently."""
    validation = case.evidence.get("validation")
    if not validation or case.point is None:
        return
    if validation.get("acknowledged") != case.point.acknowledged:
        yield _invalid(
            "I-DISAGREE",
            f"acknowledged: Great Expectations read {validation.get('acknowledged')}, core {case.point.acknowledged}",
        )
    if validation.get("lost") != case.point.lost_orders:
        yield _invalid(
            "I-DISAGREE", f"lost commands: Great Expectations {validation.get('lost')}, core {case.point.lost_orders}"
        )


def control_was_caught(case: Case) -> Iterator[Ruling]:
    """INVALID: the hidden sabotage went unseen, or was never revealed although validation ran."""
    found = control(case.evidence)
    if case.plan.real and found == "not_run":
        return  # a real failover has none: its verdict is never PASS
    if found == "missed":
        yield _invalid("I-CONTROL", "the negative control was missed: this validation could not have failed")
    elif found == "not_run" and case.phases["validate"].status in {"done", "failed"}:
        yield _invalid("I-CONTROL", "no negative control was revealed, so nothing shows that validation can fail")


def only_the_control_is_red(case: Case) -> Iterator[Ruling]:
    """INVALID: a test symbol that nobody touched is red: what caught the control would have been red anyway.

    Not so where its own recovery came to two states: then red is right, and `ways_agree` says FAIL.
    """
    validation = case.evidence.get("validation")
    if not validation:
        return
    others = _untouched(case) - set(_two_states(case))
    red = sorted(
        {check["symbol"] for check in validation["checks"] if check["symbol"] in others and not check["passed"]}
    )
    if red:
        yield _invalid("I-CONTROL", f"{', '.join(red)} is red although nobody touched it")


def faults_were_injected(case: Case) -> Iterator[Ruling]:
    """INVALID: a fault that was asked for was not injected, so what was seen says nothing about it."""
    word = case.evidence.get("word-sabotage")
    if word and (word.get("unsupported") or int(word.get("applied", 0)) < 1):
        yield _invalid("I-FAULT", "the sabotage that every drill is due was not applied")
    words = [found for name in JUDGED if (found := case.evidence.get(f"word-fault-{name}"))]
    applied = {fault for found in words for fault in found["applied"]}
    failed = {fault: reason for found in words for fault, reason in found["failed"].items()}
    for fault in case.plan.faults:
        phase = faults.fault(fault).phase
        begun = case.phases[phase].status not in {"not_reached", "unfinished"}
        if fault in applied or faults.fault(fault).by_operator or (fault not in failed and not begun):
            continue
        yield _invalid("I-FAULT", f"{fault} was asked for and not injected: {failed.get(fault, 'nobody says why')}")


def site_is_isolated(case: Case) -> Iterator[Ruling]:
    """INVALID: the DR site's role could do more than method.md §0 allows."""
    isolation = case.evidence.get("isolation")
    for attempt in isolation["attempts"] if isolation else ():
        if not attempt["denied"]:
            yield _invalid("I-ISOLATION", f"the DR role was allowed {attempt['action']} on {attempt['resource']}")
    if isolation is not None and not isolation["attempts"]:
        yield _invalid("I-ISOLATION", "no attempt was made, so isolation is unproven")
    names = case.evidence.get("names")
    moved = (
        sorted(name for name, target in names["before"].items() if names["after"].get(name) != target) if names else []
    )
    if moved:
        text = f"{moved[0]} pointed to {names['before'][moved[0]]} and now to {names['after'].get(moved[0])}"
        yield _invalid("I-ISOLATION", f"production's names moved during the exercise: {text} ({len(moved)})")


def production_is_undisturbed(case: Case) -> Iterator[Ruling]:
    """ABORTED: an exercise slowed production down by more than its plan allows. INVALID: nobody can say."""
    document = case.evidence.get("production")
    if document is None:
        return
    try:
        found = impact.too_much(impact.read(document), case.plan.impact_percent)
    except ValueError as unknown:
        yield _invalid("I-IMPACT", str(unknown))
    else:
        if found is not None:
            yield Ruling(rule="A-IMPACT", outcome="ABORTED", text=found)


def people_approved(case: Case) -> Iterator[Ruling]:
    """ABORTED: a real failover was not approved. INVALID: it went on although it was not."""
    if not case.plan.real:
        return
    answers = approvals.filed(case.evidence)
    refused, short = approvals.refusal(case.plan, answers), approvals.shortfall(case.plan, answers)
    went_on = case.phases["declare"].status == "done"
    if went_on and short is not None:
        yield _invalid("I-APPROVAL", f"the disaster was declared although {short}")
    elif refused is not None:
        yield Ruling(rule="A-APPROVAL", outcome="ABORTED", text=refused)


def it_was_real(case: Case) -> Iterator[Ruling]:
    """FAILOVER, FAILBACK: this was no drill. Nothing shows that its checks could have failed, so it never passes."""
    if case.plan.homecoming:
        text = f"a real way home: no negative control; the exchange left {case.plan.site} for its primary"
        yield Ruling(rule="R-FAILBACK", outcome="FAILBACK", text=text)
    elif case.plan.real:
        text = f"a real failover: no negative control, no teardown; the exchange trades at {case.plan.site}"
        yield Ruling(rule="R-FAILOVER", outcome="FAILOVER", text=text)


def clocks_agree(case: Case) -> Iterator[Ruling]:
    """INVALID: an engine host's clock is off by more than the gate."""
    engines = case.evidence.get("engines")
    if engines is not None and not engines["engines"]:
        yield _invalid("I-CLOCK", "no engine's clock was compared")
    for engine in engines["engines"] if engines else ():
        if abs(int(engine["offset_ns"])) > limits.CLOCK_GATE_MS * 1_000_000:
            yield _invalid("I-CLOCK", f"clock of {engine['address']} off by {int(engine['offset_ns']) // 1_000_000} ms")


def nobody_aborted(case: Case) -> Iterator[Ruling]:
    """ABORTED: stopped on request, or a phase began and has neither an end nor a failure."""
    aborts = [event for event in case.evidence.events if event.name == "abort"]
    if aborts:
        yield Ruling(rule="A-ABORT", outcome="ABORTED", text=f"stopped: {aborts[0].data.get('reason', 'on request')}")
        return
    for phase in case.phases.values():
        if phase.name in JUDGED and phase.status == "unfinished":
            yield Ruling(rule="A-UNFINISHED", outcome="ABORTED", text=f"phase {phase.name} began and never ended")


def phases_succeeded(case: Case) -> Iterator[Ruling]:
    """FAIL: a phase failed; the build has a rule of its own."""
    for phase in case.phases.values():
        if phase.name in JUDGED and phase.status == "failed":
            rule = {"build": "F-BUILD", "preflight": "F-ACCESS"}.get(phase.name, "F-PHASE")
            yield _fail(rule, f"phase {phase.name} failed: {phase.reason}")


def books_are_proven(case: Case) -> Iterator[Ruling]:
    """FAIL: a declared check on a symbol in scope was evaluated and is red, or a symbol's engine reported damage."""
    scope = set(case.plan.symbols)
    recovered = (case.evidence.get("recovered") or {"symbols": {}})["symbols"]
    for symbol in sorted(scope & set(recovered)):
        for damage in recovered[symbol].get("damages", ())[:3]:
            yield _fail(
                "F-INTEGRITY",
                f"{symbol}: {damage['kind']}: expected {damage['expected']}, found {damage['found']}"
                f" ({damage.get('object') or 'no object'})",
            )
    yield from _stands_at_its_point(case, recovered)
    validation = case.evidence.get("validation") or {"checks": ()}
    red = [
        check
        for check in validation["checks"]
        if check["symbol"] in scope and check["evaluated"] and not check["passed"]
    ]
    for check in red:
        yield _fail("F-CHECK", f"{check['symbol']}: {check['expectation']} ({check['unexpected']} rows)")


def oracle_agrees(case: Case) -> Iterator[Ruling]:
    """FAIL: the second opinion differs, and says which side is wrong: what the primary wrote, or what was recovered."""
    opinions = (case.evidence.get("oracle") or {"symbols": {}})["symbols"]
    for symbol in sorted(set(case.plan.symbols) & set(opinions)):
        if opinions[symbol]["wrong_side"]:
            yield _fail("F-DIVERGENCE", opinions[symbol]["text"])


def snapshots_were_good(case: Case) -> Iterator[Ruling]:
    """FAIL: a recovery met a snapshot that is not what was written, although it went on from an older one."""
    for symbol, row in _recovered_in_scope(case):
        for bad in row.get("rejected", ()):
            used = (row.get("snapshot") or {}).get("seq", 0)
            yield _fail(
                "F-SNAPSHOT",
                f"{symbol}: snapshot {bad['object']} rejected: {bad['reason']}; recovery went on from seq {used}",
            )


def ways_agree(case: Case) -> Iterator[Ruling]:
    """FAIL: the replay from genesis and that from a snapshot lead to two states, where nobody touched the journal."""
    for symbol, (row, twin) in _two_states(case).items():
        text = f"{symbol}: seq {row['seq']} from genesis, {twin['seq']} from the snapshot, and two digests"
        yield _fail("F-DETERMINISM", text)


def _two_states(case: Case) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By symbol in scope and untouched test symbol whose two replays differ: the one from genesis, and its twin."""
    rows = (case.evidence.get("recovered") or {"symbols": {}})["symbols"]
    judged = (set(case.plan.symbols) | _untouched(case)) & set(rows)
    pairs = {symbol: (rows[symbol], rows[symbol].get("twin")) for symbol in sorted(judged)}
    return {
        symbol: (row, twin)
        for symbol, (row, twin) in pairs.items()
        if twin and (twin["seq"], twin["digest"]) != (row["seq"], row["digest"])
    }


def _untouched(case: Case) -> set[str]:
    """Test symbols that the revealed control left alone; none where nothing is revealed."""
    revealed = (case.evidence.get("word-reveal") or {}).get("control")
    return set(case.plan.test_symbols) - {revealed["symbol"]} if revealed else set()


def _recovered_in_scope(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = (case.evidence.get("recovered") or {"symbols": {}})["symbols"]
    for symbol in sorted(set(case.plan.symbols) & set(rows)):
        yield symbol, rows[symbol]


def snapshots_were_fresh(case: Case) -> Iterator[Ruling]:
    """PASS_WITH_OBSERVATIONS: a recovery that may use snapshots found none, or only one from long before the loss."""
    every_s = int((case.evidence.get("preflight") or {}).get("snapshot_s", 0))
    if case.plan.rehydrate == "genesis" or not every_s:
        return
    limit_ns = (limits.SNAPSHOT_INTERVALS * every_s + limits.SNAPSHOT_SLACK_S) * SECOND_NS
    for symbol, row in _recovered_in_scope(case):
        used = row.get("snapshot")
        if used is None:
            yield _observe("O-SNAPSHOT", f"{symbol}: no snapshot was usable; {row['commands']} commands from genesis")
        elif int(used["age_ns"]) > limit_ns:
            age = spoken_duration(int(used["age_ns"]))
            yield _observe("O-SNAPSHOT", f"{symbol}: the snapshot used is {age} old; {used['tail']} commands replayed")


def _observe(rule: str, text: str) -> Ruling:
    return Ruling(rule=rule, outcome="PASS_WITH_OBSERVATIONS", text=text)


def _stands_at_its_point(case: Case, recovered: dict[str, Any]) -> Iterator[Ruling]:
    """In an exercise each book must be the one that production had at the recovery point (L2), neither older nor newer.

    A symbol that its engine reports damaged has been spoken of.
    """
    mark = case.evidence.get("mark") or {"symbols": {}}
    for symbol in sorted(set(case.plan.symbols) & set(recovered) & set(mark["symbols"])):
        point, row = mark["symbols"][symbol], recovered[symbol]
        if row.get("damages"):
            continue
        if int(row["seq"]) != int(point["seq"]):
            yield _fail("F-INTEGRITY", f"{symbol}: recovered to seq {row['seq']}, the recovery point is {point['seq']}")
        elif row["digest"] != point["digest"]:
            yield _fail(
                "F-INTEGRITY", f"{symbol}: at seq {row['seq']} production's digest is another: the book differs"
            )


def recovery_point_holds(case: Case) -> Iterator[Ruling]:
    """FAIL: acknowledged orders were lost beyond the objective, or nobody can say how many."""
    if case.point is None:
        yield _fail("F-RPO", "the recovery point is unknown")
    elif case.point.lost_orders > case.plan.rpo_objective_orders:
        first = case.point.lost[0]
        yield _fail(
            "F-RPO",
            f"{case.point.lost_orders} acknowledged commands were lost, the first is {first.symbol} seq {first.seq}",
        )


def recovery_time_holds(case: Case) -> Iterator[Ruling]:
    """FAIL: trading did not resume, or later than the objective allows (assumed time included)."""
    objective = case.plan.rto_objective_s * SECOND_NS
    if case.times.impact_ns is None:
        yield _fail("F-RTO", "recovery time not achieved: trading did not resume on every symbol in scope")
    elif case.times.impact_ns > objective:
        took, allowed = spoken_duration(case.times.impact_ns), spoken_duration(objective)
        longest = max((case.phases[name] for name in RECOVERING), key=lambda phase: phase.work_ns)
        most = f"most of it in phase {longest.name}, {spoken_duration(longest.work_ns)} of work"
        yield _fail("F-RTO", f"recovery took {took} of {allowed} allowed, {most}")


def trading_resumed(case: Case) -> Iterator[Ruling]:
    """FAIL: a canary pair failed, or not every member came back."""
    word = case.evidence.get("word-canary")
    if word:
        silent = sorted(set(case.plan.symbols) - set(case.marks.t9_first_order))
        if silent:
            yield _fail("F-RESUME", f"no canary pair on {', '.join(silent[:5])} ({len(silent)} symbols)")
    if case.evidence.get("acked-dr") and case.marks.t10_reachable is None:
        yield _fail("F-RESUME", "not every member that traded before came back")


def performance_holds(case: Case) -> Iterator[Ruling]:
    """FAIL: the exchange acknowledged less than it was offered, or is slower at the DR site than the gate allows."""
    primary = (case.evidence.get("acked-primary") or {}).get("performance")
    due = _due_in_window(case)
    if primary and not case.plan.real:  # how ill a site was before it was lost for real is no fault of its recovery
        yield from _rate_holds("primary", primary, due)
    recovered = (case.evidence.get("acked-dr") or {}).get("performance")
    if not recovered or not primary:
        return
    yield from _rate_holds("DR site", recovered, due)
    if case.plan.load_s >= limits.JUDGED_LOAD_S and not recovered["windows"]:
        yield _fail("F-PERFORMANCE", f"no whole 10-s window in {case.plan.load_s} s of load at the DR site")
    at_dr, before = recovered["p99_us"], primary["p99_us"]
    if at_dr is not None and before is not None and at_dr > limits.PERFORMANCE_FACTOR * before:
        yield _fail("F-PERFORMANCE", f"ack p99 {at_dr // 1000} ms at the DR site, {before // 1000} ms at the primary")
    full_size = not case.plan.partial and len(case.plan.listing) >= limits.FULL_LISTING
    if full_size and min(recovered["n"], primary["n"]) < limits.FULL_SIZE_ACKS:
        yield _fail(
            "F-PERFORMANCE",
            f"the gate rests on {recovered['n']} and {primary['n']} acknowledgements, expected {limits.FULL_SIZE_ACKS}",
        )


def _due_in_window(case: Case) -> int:
    """Commands that members were to send to the scope in ten seconds: what they hold back is not offered."""
    rate = int((case.evidence.get("preflight") or {}).get("rate", 0))
    everywhere = len(case.plan.listing) + len(case.plan.test_symbols)
    return rate * 10 * len(case.plan.symbols) // everywhere


def _rate_holds(where: str, performance: dict[str, object], due: int) -> Iterator[Ruling]:
    offered, acknowledged = int(str(performance["offered"])), int(str(performance["acknowledged"]))
    if acknowledged < limits.ACKNOWLEDGED_SHARE * offered:
        yield _fail("F-PERFORMANCE", f"{where}: {acknowledged} of {offered} offered commands acknowledged")
    windows = performance["windows"]
    assert isinstance(windows, list)
    for window in windows:
        if window["offered"] < limits.OFFERED_SHARE * due:
            yield _fail("F-PERFORMANCE", f"{where}: only {window['offered']} of {due} commands due in 10 s were sent")
        if window["acknowledged"] < limits.ACKNOWLEDGED_SHARE * window["offered"]:
            yield _fail(
                "F-PERFORMANCE",
                f"{where}: {window['acknowledged']} of {window['offered']} in the 10 s from {window['start_ns']}",
            )


def objectives_are_met(case: Case) -> Iterator[Ruling]:
    """FAIL: the objectives suite is red where it was evaluated."""
    objectives = case.evidence.get("objectives")
    for check in objectives["checks"] if objectives else ():
        if not check["evaluated"]:
            yield _invalid("I-DECLARED", f"objective {check['expectation']} was declared and not evaluated")
        elif not check["passed"]:
            yield _fail("F-OBJECTIVE", f"{check['symbol']}: {check['expectation']}")


def exchange_went_home(case: Case) -> Iterator[Ruling]:
    """FAIL: the primary came to another state than the DR site had stopped in, or lost what that had acknowledged."""
    frozen, home = case.evidence.get("frozen"), case.evidence.get("recovered-home")
    rows = home["symbols"] if home else {}
    for symbol, row in sorted((frozen or {"symbols": {}})["symbols"].items()):
        came = rows.get(symbol)
        if came is None or row.get("halted"):
            continue
        if (came["seq"], came["digest"]) != (row["seq"], row["digest"]):
            text = f"{symbol}: frozen at seq {row['seq']}, the primary recovered seq {came['seq']}, and another state"
            yield _fail("F-FAILBACK", text)
    highest = (case.evidence.get("acked-home") or {"highest": {}})["highest"]
    for symbol, seq in sorted(highest.items()):
        if home and seq > int(rows[symbol]["seq"]):
            text = f"{symbol}: seq {seq} was acknowledged at the DR site, the primary has {rows[symbol]['seq']}"
            yield _fail("F-FAILBACK", text)
    left = case.evidence.get("word-loss") or case.plan.homecoming
    if case.plan.failback and left and case.evidence.get("failback") is None:
        yield _fail("F-FAILBACK", "the exchange did not go home to its primary")


def failback(evidence: Evidence) -> str:
    """`not_planned`, `pass`, or `fail`: what became of going home, whatever the drill's own verdict is."""
    plan = evidence.plan
    if plan is None or not plan.failback:
        return "not_planned"
    if evidence.get("failback") is None:
        return "fail" if evidence.get("word-loss") or plan.homecoming else "not_run"
    return "fail" if _went_wrong(evidence) else "pass"


def _went_wrong(evidence: Evidence) -> bool:
    home = (evidence.get("recovered-home") or {"symbols": {}})["symbols"]
    highest = (evidence.get("acked-home") or {"highest": {}})["highest"]
    lost = any(symbol not in home or seq > int(home[symbol]["seq"]) for symbol, seq in highest.items())
    return lost or not all(homecoming.proven(evidence).values())


def nothing_is_left(case: Case) -> Iterator[Ruling]:
    """FAIL: the teardown left something, or nobody looked."""
    found = teardown(case.evidence)
    if case.plan.failover and found == "not_run":
        return  # the exchange lives in what was built
    if found == "not_run":
        blind = (case.evidence.get("inventory") or {}).get("blind", ())
        text = f"the inventory was blind at {blind[0]}" if blind else "no inventory was taken"
        yield _fail("F-TEARDOWN", f"{text}, so nobody knows what is left")
    elif found != "clean":
        orphans = case.evidence.get("inventory")["orphans"]
        yield _fail("F-TEARDOWN", f"left behind: {', '.join(orphan['id'] for orphan in orphans[:3])} ({len(orphans)})")


def scope_is_whole(case: Case) -> Iterator[Ruling]:
    """PARTIAL: the drill covered less than the exchange lists."""
    if case.plan.partial:
        smoke = "; a smoke drill is partial by definition" if case.plan.preset == "smoke" else ""
        yield Ruling(
            rule="P-SCOPE",
            outcome="PARTIAL",
            text=f"{len(case.plan.symbols)} of {len(case.plan.listing)} listed symbols were in scope{smoke}",
        )


def observations(case: Case) -> Iterator[Ruling]:
    """PASS_WITH_OBSERVATIONS: a retry, a restart, a replay without the compiled engine, or much assumed time."""
    for phase in (case.phases[name] for name in JUDGED):
        if phase.attempts > 1:
            yield Ruling(
                rule="O-RETRY",
                outcome="PASS_WITH_OBSERVATIONS",
                text=f"phase {phase.name} needed {phase.attempts} attempts",
            )
    if case.times.assumed_ns > limits.OBSERVATION_SHARE * case.plan.rto_objective_s * SECOND_NS:
        yield Ruling(
            rule="O-ASSUMED",
            outcome="PASS_WITH_OBSERVATIONS",
            text=f"assumed time is {spoken_duration(case.times.assumed_ns)} of the objective",
        )
    replaced = (case.evidence.get("restarts") or {"tasks": ()})["tasks"]
    if replaced:
        text = f"{len(replaced)} tasks of the DR site were replaced, the first: {replaced[0]['service']}"
        yield Ruling(rule="O-RESTART", outcome="PASS_WITH_OBSERVATIONS", text=text)
    slow = [(symbol, row["fallback"]) for symbol, row in _recovered_in_scope(case) if row.get("fallback")]
    if slow:
        text = f"{len(slow)} symbols were replayed by the reference engine, the first {slow[0][0]}: {slow[0][1]}"
        yield _observe("O-ENGINE", text)


RULES: tuple[Rule, ...] = (
    evidence_is_complete,
    plan_is_unchanged,
    steps_ran,
    checks_were_evaluated,
    two_opinions_agree,
    control_was_caught,
    only_the_control_is_red,
    faults_were_injected,
    site_is_isolated,
    production_is_undisturbed,
    people_approved,
    clocks_agree,
    nobody_aborted,
    phases_succeeded,
    books_are_proven,
    oracle_agrees,
    snapshots_were_good,
    ways_agree,
    recovery_point_holds,
    recovery_time_holds,
    trading_resumed,
    performance_holds,
    objectives_are_met,
    exchange_went_home,
    nothing_is_left,
    it_was_real,
    scope_is_whole,
    snapshots_were_fresh,
    observations,
)


HOME_RULES: tuple[Rule, ...] = (
    evidence_is_complete,
    plan_is_unchanged,
    steps_ran,
    nobody_aborted,
    phases_succeeded,
    exchange_went_home,
    recovery_point_holds,
    recovery_time_holds,
    trading_resumed,
    nothing_is_left,
    it_was_real,
    observations,
)


def _sentence_home(outcome: str, case: Case, rulings: Sequence[Ruling]) -> str:
    """The same for the way home: how long the exchange was closed, and what was proven meanwhile."""
    question = "Did AEX come home to its primary?"
    if outcome in {"INVALID", "ABORTED"}:
        return f"{question} This failback cannot say: it {'is not valid' if outcome == 'INVALID' else 'was aborted'}."
    lost = "unknown" if case.point is None else f"{case.point.lost_orders:,}"
    orders = f"Acknowledged orders lost: {lost}."
    closed = case.times.impact_ns
    if closed is None:
        return f"{question} No. {orders}"
    held = homecoming.proven(case.evidence)
    same = sum(held.get(symbol, False) for symbol in case.plan.symbols)
    failed = next((f", but the failback failed: {one.text}" for one in rulings if one.outcome == "FAIL"), "")
    return (
        f"{question} Yes: closed for {spoken_duration(closed)}, worst symbol {case.times.worst_symbol}; {same} of "
        f"{len(case.plan.symbols)} symbols in the very state that the DR site had left{failed}. {orders}"
    )


def _sentence(outcome: str, case: Case, rulings: Sequence[Ruling]) -> str:
    """The first line of the report: it answers the question that everybody has, and says why not."""
    if case.plan.homecoming:
        return _sentence_home(outcome, case, rulings)
    within = spoken_duration(case.plan.rto_objective_s * SECOND_NS)
    within = "two hours" if case.plan.rto_objective_s == REG_SCI_S else within
    what = "failover" if case.plan.real else "drill"
    question = f"{'Did AEX reopen' if case.plan.real else 'Could AEX have reopened'} within {within}?"
    if outcome == "INVALID":
        return f"{question} This {what} cannot say: it is not valid."
    if outcome == "ABORTED":
        return f"{question} This {what} cannot say: it was aborted."
    point, times = case.point, case.times
    if point is None:
        orders = "How many acknowledged orders were lost is unknown."
    elif point.lost_orders:
        orders = f"{point.lost_orders:,} acknowledged orders were lost."
    else:
        orders = "No acknowledged order was lost."
    since = "the registered moment, production trading on" if case.plan.planned else "the loss"
    since = "its last acknowledged order" if case.plan.real else since
    if times.impact_ns is None:
        return f"{question} No: it did not reopen. {orders}"
    scope = f" ({len(case.plan.symbols)} of {len(case.plan.listing)} symbols)" if case.plan.partial else ""
    after = f"{spoken_duration(times.impact_ns)} after {since}, worst symbol {times.worst_symbol}"
    if outcome != "FAIL":
        return f"{question} Yes{scope}: {after}. {orders}"
    reason = next(ruling.text for ruling in rulings if ruling.outcome == "FAIL")
    return f"{question} No{scope}: {after}, and the {what} failed: {reason}. {orders}"


def _rejected(evidence: Evidence) -> Ruling | None:
    rejects = [event for event in evidence.events if event.name == "reject"]
    return (
        Ruling(rule="R-LOCK", outcome="REJECTED", text=str(rejects[0].data.get("reason", "refused")))
        if rejects
        else None
    )


def _without_plan(evidence: Evidence, ruling: Ruling) -> Verdict:
    at = marks(evidence)
    return Verdict(
        outcome=ruling.outcome,
        sentence=f"This drill says nothing about a recovery: {ruling.text}.",
        rulings=(ruling,),
        held=(),
        marks=at,
        times=recovery_times(evidence, at),
        recovery_point=None,
        control="not_run",
        symbols_ok=0,
        teardown=teardown(evidence),
    )


def _title(rule: Rule) -> str:
    """A rule's name in words: `books_are_proven` -> `books are proven`."""
    return rule.__name__.replace("_", " ")


def judge(evidence: Evidence) -> Verdict:
    """The verdict on one drill. Never raises on missing evidence: what is missing is a finding."""
    plan = evidence.plan
    rejected = _rejected(evidence)
    if rejected:
        return _without_plan(evidence, rejected)
    if plan is None:
        return _without_plan(evidence, _invalid("I-EVIDENCE", "the registration is missing"))
    at = homecoming.marks(evidence) if plan.homecoming else marks(evidence)
    case = Case(
        evidence=evidence,
        plan=plan,
        phases={phase.name: phase for phase in evidence.phases},
        marks=at,
        times=recovery_times(evidence, at),
        point=homecoming.point(evidence) if plan.homecoming else recovered_point(evidence),
    )
    rules = HOME_RULES if plan.homecoming else RULES
    spoken = {rule: tuple(rule(case)) for rule in rules}
    rulings = tuple(ruling for rule in rules for ruling in spoken[rule])
    outcome = min((ruling.outcome for ruling in rulings), key=ORDER.index, default="PASS")
    return Verdict(
        outcome=outcome,
        sentence=_sentence(outcome, case, rulings),
        rulings=tuple(sorted(rulings, key=lambda ruling: ORDER.index(ruling.outcome))),
        held=tuple(_title(rule) for rule in rules if not spoken[rule]),
        marks=at,
        times=case.times,
        recovery_point=case.point,
        control=control(evidence),
        symbols_ok=symbols_ok(evidence, at),
        teardown=teardown(evidence),
        failback=failback(evidence),
    )
