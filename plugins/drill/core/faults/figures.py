"""What the record must say of some faults beside the rule that spoke: counts, places, and what did not happen.

Each function gets the injector's account of what it did, the evidence and the verdict, and returns what is missing;
nothing where all is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drill.core.evidence import Evidence
    from drill.core.verdict import Verdict

    Figure = Callable[[Mapping[str, Any], Evidence, Verdict], str]

SECOND_NS = 1_000_000_000


def _row(account: Mapping[str, Any], evidence: Evidence) -> Mapping[str, Any]:
    rows = (evidence.get("recovered") or {"symbols": {}})["symbols"]
    return rows.get(account["symbol"]) or {}


def gap(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:
    """The recovery point counts from the first seq that is missing."""
    said = f"expected seq {account['first_seq']}, found seq {account['last_seq'] + 1}"
    texts = [ruling.text for ruling in verdict.rulings if ruling.rule == "F-INTEGRITY"]
    if not any(said in text for text in texts):
        return f"a gap: {said}"
    row = _row(account, evidence)
    return "" if row.get("seq") == account["first_seq"] - 1 else f"recovery up to seq {account['first_seq'] - 1}"


def true_loss(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:
    """As many orders are lost as members had been acknowledged of what was taken, and never none."""
    captured = (evidence.get("acked-seqs") or {"acked": {}})["acked"].get(account["symbol"], {})
    taken = {
        (member, row[0]) for member, rows in captured.items() for row in rows if row[0] >= int(account["first_seq"])
    }
    lost = verdict.recovery_point.lost_orders if verdict.recovery_point else None
    return "" if taken and lost == len(taken) else f"{len(taken)} orders lost, found {lost}"


def duplicates(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Every frame that was stored twice is counted."""
    counted = _row(account, evidence).get("duplicates", 0)
    return "" if counted >= account["frames"] else f"{account['frames']} duplicates, found {counted}"


def reordered(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The depth of the disorder is reported."""
    depth = _row(account, evidence).get("reorder_depth", 0)
    return "" if depth >= 1 else f"a reorder depth, found {depth}"


def damage_object(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The damage names the object that was changed; of two that contradict each other, either."""
    places = {str(damage.get("object")).rpartition("/")[2] for damage in _row(account, evidence).get("damages", ())}
    keys = [account["object"], *([account["copy_of"]] if "copy_of" in account else [])]
    return "" if places & {key.rpartition("/")[2] for key in keys} else f"damage at {' or '.join(keys)}"


def older_snapshot(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Recovery finished from an older snapshot, or from genesis, at what cost is said."""
    row = _row(account, evidence)
    used = row.get("snapshot") or {"seq": 0}
    if row.get("status") != "recovered":
        return "a recovery that finished"
    return "" if used["seq"] < account["seq"] else f"a snapshot before seq {account['seq']}, found {used['seq']}"


def divergence(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:
    """The symbol's digest is red against the primary's, and the oracle says which side is wrong."""
    texts = [ruling.text for ruling in verdict.rulings if ruling.rule == "F-CHECK"]
    if not any(f"{account['symbol']}: book_digest" in text for text in texts):
        return f"F-CHECK of {account['symbol']}: book_digest"
    opinion = (evidence.get("oracle") or {"symbols": {}})["symbols"].get(account["symbol"]) or {}
    return "" if opinion.get("wrong_side") == "primary" else "the oracle's word that the primary is the wrong side"


def not_achieved(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The recovery time is not achieved, which is not nothing, and the account is clean."""
    if verdict.times.impact_ns is not None:
        return f"no recovery time, found {verdict.times.impact_ns} ns"
    return "" if verdict.teardown == "clean" else f"a clean teardown, found {verdict.teardown}"


def killed(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Every task that was killed is among those that were replaced."""
    replaced = len((evidence.get("restarts") or {"tasks": ()})["tasks"])
    wanted = len(account["tasks"])
    return "" if wanted and replaced >= wanted else f"{wanted} replaced tasks, found {replaced}"


def clock_ahead(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The offset that was measured is the one that was set, to a second."""
    offsets = [int(engine["offset_ns"]) for engine in (evidence.get("engines") or {"engines": ()})["engines"]]
    wanted = int(account["offset_s"]) * SECOND_NS
    close = [offset for offset in offsets if abs(offset - wanted) < SECOND_NS]
    return "" if close else f"an offset of {account['offset_s']} s, found {offsets} ns"


def not_opened(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Nothing was opened over it."""
    return "" if evidence.get("cutover") is None else "a drill that stopped before the cutover"


def stopped_at_build(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The drill went no further than the build."""
    return "" if evidence.phase("rehydrate").status == "not_reached" else "a drill that stopped at the build"


def nothing_declared(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Both answers are on record as they were given, and the failover went no further than the second."""
    given = [(account["approver"], "Approve"), (account["user"], account["answer"])]
    answers = [evidence.get(f"approval-{number}") or {} for number in (1, 2)]
    found = [(one.get("user"), one.get("answer")) for one in answers]
    if found != given:
        return f"the answers {given}, found {found}"
    went_on = [name for name in ("declare", "build", "fence") if evidence.phase(name).status != "not_reached"]
    return f"a failover that stopped, found phase {went_on[0]}" if went_on else ""


def control_missed(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The control reads missed."""
    return "" if verdict.control == "missed" else f"control missed, found {verdict.control}"


def fewer_evaluated(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Fewer checks were evaluated than declared, and some were."""
    validation = evidence.get("validation") or {"declared": 0, "checks": ()}
    evaluated = sum(bool(check["evaluated"]) for check in validation["checks"])
    declared = validation["declared"]
    return "" if 0 < evaluated < declared else f"fewer than {declared} checks evaluated, found {evaluated}"


def two_digests(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Some symbol's two ways lead to two digests at one seq."""
    rows = (evidence.get("recovered") or {"symbols": {}})["symbols"].values()
    differ = [row for row in rows if row.get("twin") and row["twin"]["digest"] != row["digest"]]
    return "" if differ else "two digests of one symbol"


def refused(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Every frame of the zombie is refused and counted; none is damage."""
    row = _row(account, evidence)
    if row.get("status") != "recovered":
        return "a recovery that finished"
    counted = row.get("refused", 0)
    return "" if counted >= account["frames"] else f"{account['frames']} frames refused, found {counted}"


def bottleneck(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """The phase that is named as the longest is one that reads the journal."""
    texts = [ruling.text for ruling in verdict.rulings if ruling.rule == "F-RTO"]
    named = any(f"most of it in phase {phase}," in text for phase in ("rehydrate", "validate") for text in texts)
    return "" if named else "the phase that reads the journal as the bottleneck"


def storm(account: Mapping[str, Any], evidence: Evidence, verdict: Verdict) -> str:  # noqa: ARG001
    """Ten times the sessions came, and the gate's own figure for the DR site is in the ruling."""
    if account.get("logins", 0) < account["sessions"]:
        return f"{account['sessions']} logins, found {account.get('logins', 0)}"
    texts = [ruling.text for ruling in verdict.rulings if ruling.rule == "F-PERFORMANCE"]
    return "" if any("DR site" in text for text in texts) else "the gate's figure at the DR site"


FIGURES: dict[str, Figure] = {
    figure.__name__: figure
    for figure in (
        gap,
        true_loss,
        duplicates,
        reordered,
        damage_object,
        older_snapshot,
        divergence,
        not_achieved,
        killed,
        clock_ahead,
        not_opened,
        stopped_at_build,
        nothing_declared,
        control_missed,
        fewer_evaluated,
        two_digests,
        refused,
        bottleneck,
        storm,
    )
}
