"""What a drill did not prove, read off its own report: a line goes when what it misses was shown, never by hand."""

from __future__ import annotations

from collections.abc import Iterator

from drill.core import report as r
from drill.report import words

ONE_HOST = (
    "Where the endpoint is the embedded AWS, all processes share one host: capacity limits of a region, network "
    "isolation and the loss of a real data centre are not shown."
)
OWN_KEY = (
    "The evidence is signed by a key of the exchange's own account and anchored in its own second region: it shows "
    "that nobody changed it later, not that the account's owner told the truth."
)
CLOCKS = "Host clocks were compared by echo only; no external time source was consulted."


def limitations(plan: r.Plan, result: r.Result) -> tuple[str, ...]:
    """At least what no drill of this kind can show, the drill's own gaps first."""
    return (*_reached(result), *_asked(plan), *_recovered(plan, result), *_checked(result), ONE_HOST, OWN_KEY, CLOCKS)


def _reached(result: r.Result) -> Iterator[str]:
    """A drill that ended early proves nothing about what comes after."""
    missed = [phase.name.replace("_", " ") for phase in result.phases if phase.counts and phase.status == "not reached"]
    if not result.phases or all(phase.status == "not reached" for phase in result.phases):
        yield "Nothing was exercised: the drill ended before its first phase."
    elif missed:
        yield f"The drill ended before {missed[0]}: nothing from there on was exercised ({len(missed)} phases)."
    if result.verdict.outcome == "INVALID":
        yield "The drill is invalid: no figure in this report may be relied on."


def _asked(plan: r.Plan) -> Iterator[str]:
    left_out = plan.scope.listing - len(plan.scope.symbols)
    if left_out:
        yield f"{left_out} of {plan.scope.listing} listed symbols were not in scope."
    if plan.kind in {"failover", "failback"}:
        yield "This was no drill: without a negative control nothing shows that its checks could have failed."
    elif plan.registration is not None and not plan.seeds.blind:
        yield "The nonce was given, so whoever ran the drill could know the moment of loss and the sabotage."
    if plan.scenario != "region":
        yield "The journal bucket and the delivery streams survived: the loss of their region was not exercised."


def _recovered(plan: r.Plan, result: r.Result) -> Iterator[str]:
    assumed = result.recovery.impact.assumed_ns or sum(phase.assumed_ns for phase in result.phases)
    if assumed:
        yield f"A person's decision was assumed to take {words.spoken(assumed)}, not measured: a policy declared."
    if result.journal is not None:
        share = words.ppm(result.journal.share_ppm)
        yield f"The journal was {share} of a full day; the recovery of a full day's journal was not measured."
        if not result.journal.snapshots_used:
            yield "No snapshot was used: every symbol was replayed from genesis."
    if plan.kind == "loss" and not any(phase.name == "failback" for phase in result.phases):
        yield "Failback to the primary was not exercised: what was traded at the DR site ended with it."


def _checked(result: r.Result) -> Iterator[str]:
    if result.sensitivity.injected is None:
        yield "Sensitivity is not scored yet: this version has not been run against the whole fault catalogue."
    if result.suites and not any(suite.level == "L4" for suite in result.suites):
        levels = " and ".join(sorted({suite.level for suite in result.suites} - {"invariant"})) or "none"
        yield f"L4 (an independent replay by the oracle) was not run; levels of independence reached: {levels}."
