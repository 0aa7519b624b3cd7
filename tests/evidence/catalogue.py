"""What a drill leaves behind for each fault of the catalogue (method.md §5), as raw evidence, in generated variants.

Written from the method's table and from what each step files, not from the catalogue of the product: each entry names
the verdict and the rule that must follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from drill.core.approvals import STEPS as REAL_STEPS
from drill.core.events import Event
from drill.core.evidence import Evidence
from drill.core.phases import PHASES, REAL_ONLY
from tests.core import real, worlds
from tests.core.worlds import LISTING, SECOND, T0

LAST = 10  # seq up to which members of the healthy drill were acknowledged
Draw = Callable[[Any], Any]
STOPPED = ("captures", "drain", "sabotage", "rehydrate", "validate", "cut_over", "members_back", "canaries",
           "full_load", "objectives")  # fmt: skip
FILED_LATER = ("acked-primary", "acked-seqs", "drain", "word-sabotage", "recovered", "validation", "cutover", "members",
               "word-canary", "acked-dr", "restarts", "objectives")  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """Verdict and rule (empty: none may object) of a fault, and how its evidence is drawn."""

    outcome: str
    rule: str
    evidence: Callable[[Draw], Evidence]


def documents() -> dict[str, Any]:
    return worlds.healthy().documents


def of(changed: dict[str, Any], events: tuple[Event, ...] | None = None) -> Evidence:
    return Evidence(documents=changed, events=worlds.healthy().events if events is None else events)


def symbol(draw: Draw) -> str:
    return str(draw(st.sampled_from(LISTING)))


def event(step: str, name: str, at_s: int, **said: Any) -> Event:
    at = str(T0 + at_s * SECOND)
    return Event(drill=worlds.DRILL, step=step, name=name, at_ns=at, mono_ns="0", by="test", attempt=1, data=said)


# --- the journal


def recovered_to(found: dict[str, Any], name: str, seq: int, **row: Any) -> None:
    """The symbol's book stands at `seq`; the validator read as much and counted what members miss."""
    found["recovered"]["symbols"][name] |= {"seq": seq, "commands": seq, **row}
    found["validation"]["contiguous"][name] = seq
    found["validation"]["lost"] = LAST - seq
    for check in found["validation"]["checks"]:
        if check["symbol"] == name and seq < LAST:
            check |= {"passed": False, "unexpected": LAST - seq}


def damaged(kind: str) -> Callable[[Draw], Evidence]:
    def drawn(draw: Draw) -> Evidence:
        found, seq = documents(), draw(st.integers(0, LAST - 1))
        name = symbol(draw)
        damage = {
            "kind": kind, "symbol": name, "object": f"journal/{name}/{seq}.gz", "offset": draw(st.integers(0, 4096)),
            "seq": seq + 1, "expected": f"seq {seq + 1}", "found": f"seq {seq + 1 + draw(st.integers(1, 9))}",
        }  # fmt: skip
        recovered_to(found, name, seq, status="damaged", damages=[damage])
        return of(found)

    return drawn


def lost_tail(draw: Draw) -> Evidence:
    found = documents()
    recovered_to(found, symbol(draw), draw(st.integers(0, LAST - 1)))
    return of(found)


def counted(name: str) -> Callable[[Draw], Evidence]:
    """Nothing is wrong; the symbol's row counts something."""

    def drawn(draw: Draw) -> Evidence:
        found = documents()
        found["recovered"]["symbols"][symbol(draw)][name] = draw(st.integers(1, 10_000))
        return of(found)

    return drawn


def wrong_map(draw: Draw) -> Evidence:
    found = documents()
    first, second = draw(st.permutations(LISTING))[:2]
    for name, other in ((first, second), (second, first)):
        damage = {"kind": "symbol", "symbol": name, "object": "k", "offset": 0, "expected": name, "found": other}
        found["recovered"]["symbols"][name] |= {"status": "damaged", "seq": 0, "damages": [damage]}
        found["validation"]["contiguous"][name] = 0
    found["validation"]["lost"] = 2 * LAST
    return of(found)


# --- snapshots and replay


def replanned(found: dict[str, Any], **params: Any) -> None:
    plan = worlds.plan(**params)
    found["registration"] |= {"plan": msgspec.to_builtins(plan), "plan_sha256": plan.sha256()}


def rejected_snapshot(draw: Draw) -> Evidence:
    found, used = documents(), draw(st.integers(0, LAST - 1))
    reason = draw(st.sampled_from(["its digest is not its own", "it is of another symbol", "it is newer"]))
    found["recovered"]["symbols"][symbol(draw)] |= {
        "rejected": [{"object": "snapshots/x", "reason": reason}],
        "snapshot": {"seq": used, "age_ns": str(SECOND), "tail": LAST - used} if used else None,
    }
    return of(found)


def old_snapshot(draw: Draw) -> Evidence:
    found = documents()
    replanned(found, rehydrate="snapshot")
    found["preflight"]["snapshot_s"] = 60
    fresh = {"seq": 9, "age_ns": str(SECOND), "tail": 1}
    for name in LISTING:
        found["recovered"]["symbols"][name]["snapshot"] = dict(fresh)
    old = draw(st.none() | st.integers(3600, 86_400).map(lambda age: {**fresh, "age_ns": str(age * SECOND)}))
    found["recovered"]["symbols"][symbol(draw)]["snapshot"] = old
    return of(found)


def diverged(draw: Draw) -> Evidence:
    """The book has every command, and is not the one whose digest the primary wrote down; the oracle names the side."""
    found, name = documents(), symbol(draw)
    text = f"{name} at seq {LAST}: journal and oracle say a, the primary wrote b"
    found["oracle"] = {"symbols": {name: {"wrong_side": "primary", "text": text}}}
    red = {**worlds.check(name, passed=False, name="book_digest"), "suite": "books"}
    found["validation"]["checks"].append(red)
    found["validation"]["declared"] += 1
    return of(found)


def two_digests(draw: Draw) -> Evidence:
    found = documents()
    row = found["recovered"]["symbols"][symbol(draw)]
    row |= {"digest": "a" * 64, "twin": {"seq": row["seq"], "digest": draw(st.sampled_from("bcdef")) * 64}}
    return of(found)


# --- the platform


def failed(phase: str) -> Callable[[Draw], Evidence]:
    """A phase failed for some reason: nothing after it was reached but teardown and inventory."""

    def drawn(draw: Draw) -> Evidence:
        reason = draw(st.sampled_from(["quota of vCPUs", "ExpiredToken", "2 of 3 engines did not come up"]))
        stops = (*REAL_ONLY, "loss", "declare", "build", "fence", *STOPPED) if phase == "preflight" else STOPPED
        documents_of = {"preflight": ("preflight", "word-loss", "word-monitor", "stacks", "engines", "isolation",
                                      "fence"), "build": ("stacks", "engines", "isolation")}[phase]  # fmt: skip
        found = {
            name: one
            for name, one in documents().items()
            if name not in (*documents_of, *FILED_LATER, "word-reveal" if phase == "preflight" else "")
        }
        found["word-reveal"] = {"nonce": worlds.NONCE}
        kept = [one for one in worlds.healthy().events if one.step not in stops]
        ends = [one for one in kept if (one.step, one.name) == (phase, "end")]
        at = ends[0].at if ends else T0
        kept = [one for one in kept if one not in ends]
        broken = msgspec.structs.replace(event(phase, "fail", 0, reason=reason), at_ns=str(at))
        return of(found, tuple(sorted([*kept, broken], key=lambda one: one.at)))

    return drawn


def replaced(draw: Draw) -> Evidence:
    found = documents()
    found["restarts"]["tasks"] = [{"service": f"engines-{n:02}"} for n in range(draw(st.integers(1, 20)))]
    return of(found)


def slow(draw: Draw) -> Evidence:
    """The last symbol takes its first order, and the objective has passed."""
    found = documents()
    late = T0 + (7200 + draw(st.integers(1, 10_000))) * SECOND
    found["word-canary"]["symbols"][symbol(draw)]["printed_ns"] = str(late)
    return of(found)


def orphans(draw: Draw) -> Evidence:
    found = documents()
    found["inventory"]["orphans"] = [{"service": "ec2", "id": f"vpc-{n}"} for n in range(draw(st.integers(1, 9)))]
    return of(found)


def clock_off(draw: Draw) -> Evidence:
    found = documents()
    off_ms = draw(st.integers(501, 60_000)) * draw(st.sampled_from([1, -1]))
    found["engines"]["engines"].append({"address": "127.0.0.3", "offset_ns": str(off_ms * 1_000_000)})
    return of(found)


def may_do_more(draw: Draw) -> Evidence:
    found = documents()
    actions = ["s3:PutObject", "cloudformation:DeleteStack", "iam:PassRole"]
    found["isolation"]["attempts"].append({"action": draw(st.sampled_from(actions)), "resource": "x", "denied": False})
    return of(found)


def crowded(draw: Draw) -> Evidence:
    found = documents()
    primary = found["acked-primary"]["performance"]["p99_us"]
    found["acked-dr"]["performance"]["p99_us"] = 2 * primary + draw(st.integers(1, 10**7))
    return of(found)


# --- the validators, and people


def blind(draw: Draw) -> Evidence:
    found = documents()
    for check in found["validation"]["checks"]:
        check["passed"] = True
    found["word-reveal"]["control"]["symbol"] = draw(st.sampled_from(worlds.TESTS))
    return of(found)


def fewer_checks(draw: Draw) -> Evidence:
    found = documents()
    name = symbol(draw)
    for check in found["validation"]["checks"]:
        check["evaluated"] = check["evaluated"] and check["symbol"] != name
    return of(found)


def marked_as_done(draw: Draw) -> Evidence:
    step = draw(
        st.sampled_from([name for name in PHASES if name not in {"register", "verdict", "failback", *REAL_ONLY}])
    )
    return of(documents(), tuple(one for one in worlds.healthy().events if one.step != step))


def refused_at_the_lock(draw: Draw) -> Evidence:
    reason = f"drill lock held by {draw(st.sampled_from(['drill-a', 'drill-b']))}"
    found = {"registration": documents()["registration"]}
    return of(found, (event("register", "begin", -30), event("register", "reject", -29, reason=reason)))


def not_approved(draw: Draw) -> Evidence:
    """A real failover that was asked for: one of its two approvers rejected it, and nothing was declared."""
    number, user = draw(st.integers(1, 2)), draw(st.sampled_from(["admin", "deputy", "a third one"]))
    asking = REAL_STEPS[number - 1]
    found = {name: one for name, one in real.documents().items() if name in {"registration", "preflight"}}
    found["word-monitor"] = real.documents()["word-monitor"]
    found |= {f"approval-{place}": real.approval("somebody") for place in range(1, number)}
    found[f"approval-{number}"] = real.approval(user, "Reject")
    before = ("register", "preflight", "loss", *REAL_STEPS[:number])
    closing = ("failback", "tear_down", "inventory", "verdict")
    kept = [one for one in worlds.healthy().events if one.step in {*before, *closing}]
    stopped = {"reason": f"{user} answered Reject: the failover is not approved"}
    return of(found, tuple(
        msgspec.structs.replace(one, name="abort", data=stopped) if (one.step, one.name) == (asking, "end") else one
        for one in kept
    ))  # fmt: skip


def unwritten(draw: Draw) -> Evidence:
    found = documents()
    del found[draw(st.sampled_from(sorted(set(found) - {"registration", "word-reveal"})))]
    return of(found)


FAULTS = {
    "F01": Expected("FAIL", "F-INTEGRITY", damaged("gap")),
    "F02": Expected("FAIL", "F-RPO", lost_tail),
    "F03": Expected("PASS", "", counted("duplicates")),
    "F04": Expected("FAIL", "F-INTEGRITY", damaged("conflict")),
    "F05": Expected("PASS", "", counted("reorder_depth")),
    "F06": Expected("FAIL", "F-INTEGRITY", damaged("truncated")),
    "F07": Expected("FAIL", "F-SNAPSHOT", rejected_snapshot),
    "F08": Expected("PASS_WITH_OBSERVATIONS", "O-SNAPSHOT", old_snapshot),
    "F09": Expected("FAIL", "F-SNAPSHOT", rejected_snapshot),
    "F10": Expected("FAIL", "F-DIVERGENCE", diverged),
    "F11": Expected("FAIL", "F-BUILD", failed("build")),
    "F12": Expected("FAIL", "F-BUILD", failed("build")),
    "F13": Expected("PASS_WITH_OBSERVATIONS", "O-RESTART", replaced),
    "F14": Expected("FAIL", "F-RTO", slow),
    "F15": Expected("FAIL", "F-TEARDOWN", orphans),
    "F16": Expected("INVALID", "I-CLOCK", clock_off),
    "F17": Expected("FAIL", "F-INTEGRITY", wrong_map),
    "F18": Expected("FAIL", "F-ACCESS", failed("preflight")),
    "F19": Expected("REJECTED", "R-LOCK", refused_at_the_lock),
    "F20": Expected("INVALID", "I-ISOLATION", may_do_more),
    "F21": Expected("INVALID", "I-CONTROL", blind),
    "F22": Expected("INVALID", "I-DECLARED", fewer_checks),
    "F23": Expected("INVALID", "I-STEP", marked_as_done),
    "F24": Expected("ABORTED", "A-APPROVAL", not_approved),
    "F25": Expected("INVALID", "I-EVIDENCE", unwritten),
    "F26": Expected("FAIL", "F-DETERMINISM", two_digests),
    "F27": Expected("PASS", "", counted("refused")),
    "F28": Expected("FAIL", "F-PERFORMANCE", crowded),
}
