"""Complete sample reports, one for each outcome, and the hostile and the empty one. Pure: the same tree every time."""

from __future__ import annotations

from msgspec.structs import replace

from drill.core import report as r
from drill.core.percentile import nearest_rank
from drill.report.prices import Usage, cost_estimate

S = 1_000_000_000
T0 = 1_794_000_000 * S + 417_000_000  # 2026-11-06
NAMES = """AAL AAPL ADBE ADI ADP ADSK AKAM ALXN AMAT AMGN AMZN ATVI AVGO BBBY BIDU BIIB BMRN CA CELG CERN CHKP CHTR
CMCSA COST CSCO CSX CTRP CTSH CTXS DISCA DISCK DISH DLTR EA EBAY ESRX EXPE FAST FB FISV FOX FOXA GILD GOOG GOOGL HSIC
ILMN INCY INTC INTU ISRG JD KHC LBTYA LBTYK LLTC LRCX LVNTA MAR MAT MCHP MDLZ MNST MSFT MU MXIM MYL NCLH NFLX NTAP NTES
NVDA NXPI ORLY PAYX PCAR PCLN PYPL QCOM QVCA REGN ROST SBAC SBUX SIRI SRCL STX SWKS SYMC TMUS TRIP TSCO TSLA TXN
ULTA VIAB VOD VRSK VRTX WBA WDC WFM XLNX XRAY YHOO"""
SYMBOLS = tuple(NAMES.split()[:100])
SUITES = ("journal", "books", "trades", "recovery point")
LEVELS: dict[str, r.Level] = {
    "journal": "invariant",
    "books": "L2",
    "trades": "L3",
    "recovery point": "L3",
    "objectives": "invariant",
}
WITNESS = {
    "journal": "the journal's own chain and checksums",
    "books": "checkpoints that the primary wrote while it traded",
    "trades": "members' captured fills",
    "recovery point": "members' ack captures",
    "objectives": "registered objectives",
}
CHECKS = {
    "journal": ("seq is gapless", "each frame names its predecessor", "prices and quantities in range"),
    "books": ("every checkpoint's digest equals the recovered one", "at least one checkpoint was compared"),
    "trades": ("quantity is conserved", "limits are respected", "captured fills are a subset of recovered fills"),
    "recovery point": ("every acknowledged command lies in the recovered prefix",),
    "objectives": ("every objective is met",),
}
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def plan() -> r.Plan:
    return r.Plan(
        drill_id="20261106-0840-k7qm",
        kind="loss",
        scenario="site",
        trigger="manual",
        requester="m.okafor, exchange operations",
        registration=r.Registration(sha256=SHA, at_ns=T0 - 95 * S, chain_number=92),
        scope=r.Scope(listing=100, symbols=SYMBOLS, test_symbols=("ZZT1", "ZZT2", "ZZT3")),
        objectives=r.Objectives(
            recovery_time_ns=7200 * S,
            recovery_point_orders=0,
            listed=(
                r.Objective(name="recovery time", limit="2 h from impact", source=r.SCI_1001),
                r.Objective(name="recovery point", limit="no acknowledged order", source="AEX continuity policy 4.2"),
                r.Objective(name="performance", limit="ack p99 at most 2x the primary's", source="AEX policy 4.5"),
            ),
        ),
        sites=(
            r.Site(name="primary", role="primary", region="us-east-1", epoch=1, environment="LIVE"),
            r.Site(name="dr-k7qm", role="DR site", region="us-west-2", epoch=2, environment="LIVE"),
        ),
        shared_dependencies=("journal bucket in us-west-2", "hosted zone aex.example", "one account"),
        seeds=r.Seeds(workload="20161104", nonce_sha256=SHA[::-1], nonce="4b" * 32, blind=True),
        versions=(
            r.Version(name="engine", kind="engine", version=SHA, differs="same as production"),
            r.Version(name="compute stack", kind="template", version=SHA[5:] + SHA[:5], differs="same as last drill"),
            r.Version(name="suites", kind="suite", version=SHA[9:] + SHA[:9], differs="one check added"),
            r.Version(name="great-expectations", kind="package", version="1.24.1"),
        ),
        approvals=(
            r.Approval(step="declare", by="policy declare-1", decision="approved", at_ns=T0 + 4 * S, waited_ns=0),
        ),
        isolation=(r.Proof(statement="the DR role was refused a write to the primary's prefix", held=True),),
        clocks=(
            r.ClockOffset(host="engines-00.dr-k7qm", offset_ns=1_200_000, limit_ns=500_000_000),
            r.ClockOffset(host="engines-01.dr-k7qm", offset_ns=-900_000, limit_ns=500_000_000),
        ),
    )


PHASES = (  # name, start and end in tenths of a second after the impact, queue before the start, counts
    ("register", -950, -935, 0, False),
    ("preflight", -930, -905, 5, False),
    ("loss", -900, 21, 5, True),
    ("declare", 26, 30, 5, True),
    ("build", 36, 281, 6, True),
    ("fence", 37, 58, 7, True),
    ("captures", 37, 66, 7, True),
    ("drain", 288, 309, 7, True),
    ("sabotage", 315, 322, 6, True),
    ("rehydrate", 328, 531, 6, True),
    ("validate", 538, 771, 7, True),
    ("cut_over", 777, 789, 6, True),
    ("members_back", 795, 846, 6, True),
    ("canaries", 852, 893, 6, True),
    ("full_load", 900, 1206, 7, False),
    ("objectives", 1212, 1240, 6, False),
    ("tear_down", 1246, 1422, 6, False),
    ("inventory", 1428, 1451, 6, False),
    ("verdict", 1457, 1460, 6, False),
)


def phase(name: str, start: int, end: int, queue: int, counts: bool) -> r.PhaseTime:
    begin = 0 if name == "loss" else start
    return r.PhaseTime(
        name=name,
        status="done",
        start_ns=T0 + begin * S // 10,
        end_ns=T0 + end * S // 10,
        work_ns=(end - begin) * S // 10,
        queue_ns=0 if name == "loss" else queue * S // 10,
        assumed_ns=900 * S if name == "declare" else 0,
        counts=counts,
        note="policy declared; a person's decision is assumed" if name == "declare" else "",
    )


def phases() -> tuple[r.PhaseTime, ...]:
    return tuple(phase(*row) for row in PHASES)


def cell(suite: str, failed: int = 0, unevaluated: int = 0) -> r.CheckCell:
    """One suite on one symbol: its last `unevaluated` checks were not evaluated."""
    names = CHECKS[suite]
    evaluated = len(names) - unevaluated
    return r.CheckCell(
        suite=suite, declared=len(names), evaluated=evaluated, failed=failed, names=names,
        not_evaluated=names[evaluated:],
    )  # fmt: skip


def row(number: int, symbol: str) -> r.SymbolRow:
    spread = (number * 37 % 100) * S // 40
    return r.SymbolRow(
        symbol=symbol,
        status="recovered",
        loaded_at_ns=T0 + 33 * S,
        replayed_at_ns=T0 + 45 * S + spread * 2,
        validated_at_ns=T0 + 60 * S + spread * 3,
        first_order_at_ns=T0 + 86 * S + spread,
        seq=5_000 + number * 131,
        commands=5_000 + number * 131,
        digest=SHA,
        orders_lost=0,
        checks=tuple(cell(s) for s in SUITES),
    )


def rows() -> tuple[r.SymbolRow, ...]:
    return tuple(row(number, symbol) for number, symbol in enumerate(SYMBOLS))


def suite(name: str, symbols: int = 100) -> r.Suite:
    checks = CHECKS[name]
    return r.Suite(
        name=name,
        level=LEVELS[name],
        compared_with=WITNESS[name],
        declared=symbols * len(checks),
        evaluated=symbols * len(checks),
        failed=0,
        expectations=tuple(
            r.Expectation(name=c, declared=symbols, evaluated=symbols, failed=0, level=LEVELS[name]) for c in checks
        ),
    )


def load(site: str, start: int, windows: int, p99: int) -> r.Load:
    return r.Load(
        site=site,
        length_ns=windows * 10 * S,
        offered=windows * 100_000,
        acked=windows * 99_871,
        latency=r.Percentiles(
            name="ack latency",
            n=windows * 99_871,
            p50_ns=p99 // 3,
            p90_ns=p99 * 2 // 3,
            p99_ns=p99,
            worst_ns=p99 * 3,
        ),
        windows=tuple(
            r.Window(start_ns=T0 + (start + 10 * n) * S, offered=100_000, acked=99_871 - n * 13, p99_ns=p99 + n * 1_000)
            for n in range(windows)
        ),
    )


MARKS = (
    ("T0", "impact: last acknowledged command", 0, "members, injector"),
    ("T1", "detected", 21, "monitor"),
    ("T2", "declared", 30, "policy"),
    ("T3", "build started", 36, "CloudFormation"),
    ("T4", "stacks complete", 230, "CloudFormation"),
    ("T5", "engines up", 281, "probe"),
    ("T6", "last symbol loaded", 330, "engine"),
    ("T7", "last symbol replayed", 531, "engine"),
    ("T8", "last symbol validated", 771, "validator"),
    ("T9", "last symbol's first order", 885, "canary"),
    ("T10", "members reconnected", 846, "members"),
    ("T11", "resumed", 885, "verdict"),
    ("T12", "clean", 1451, "sweep"),
)
RULES = (
    ("evidence", "All 1,214 signed events and all 100 captures were there."),
    ("control", "The hidden sabotage of ZZT2 was caught by 2 checks."),
    ("checks", "900 checks declared, 900 evaluated, none failed."),
    ("rto", "0:16:29 from impact to resumption, objective 2:00:00, worst symbol CTSH."),
    ("rpo", "0 of 599,226 acknowledged orders lost, objective 0."),
    ("performance", "Ack p99 at the DR site 1.3x the primary's, at most 2x; 99.87 % acknowledged."),
    ("teardown", "The account is as it was before the build."),
)


def verdict(
    outcome: r.Outcome, sentence: str, *, broken: tuple[str, ...] = (), unknown: tuple[str, ...] = ()
) -> r.Verdict:
    return r.Verdict(
        outcome=outcome,
        question="Could AEX have reopened within two hours?",
        sentence=sentence,
        rules=tuple(
            r.Rule(
                rule_id=name,
                statement=statement if name not in broken + unknown else f"The rule '{name}' did not hold.",
                met=False if name in broken else None if name in unknown else True,
                decided=name in broken,
            )
            for name, statement in RULES
        ),
    )


def over_symbols(name: str, since: int, mark: str) -> r.Percentiles:
    times = sorted(getattr(symbol, mark) - T0 - since for symbol in rows())
    p50, p90, p99 = (nearest_rank(times, percent) for percent in (50, 90, 99))
    return r.Percentiles(name=name, n=100, p50_ns=p50, p90_ns=p90, p99_ns=p99, worst_ns=times[-1])


def recovery() -> r.Recovery:
    return r.Recovery(
        impact=r.RecoveryTime(measured_ns=88_475_000_000, assumed_ns=900 * S, definition="T11 - T0"),
        declared=r.RecoveryTime(measured_ns=85_475_000_000, definition="T11 - T2"),
        technical=r.RecoveryTime(measured_ns=63_825_000_000, definition="largest T8s - T3"),
        worst_symbol="CTSH",
        percentiles=(
            over_symbols("impact to first order", 0, "first_order_at_ns"),
            over_symbols("build to validated", 3_600_000_000, "validated_at_ns"),
        ),
    )


def result() -> r.Result:
    return r.Result(
        verdict=verdict("PASS", "Yes: 16 min 29 s after the loss, worst symbol CTSH; no acknowledged order was lost."),
        marks=tuple(
            r.Mark(
                name=name,
                meaning=meaning,
                at_ns=T0 + at * S // 10,
                recorder=who,
                note="900 s assumed for a person's decision are added" if name == "T2" else "",
            )
            for name, meaning, at, who in MARKS
        ),
        phases=phases(),
        recovery=recovery(),
        symbols=rows(),
        point=r.RecoveryPoint(
            orders_lost=0,
            acknowledged=599_226,
            new=0,
            cancels=0,
            replaces=0,
            fills=0,
            notional_cents=0,
            members_touched=0,
            time_ns=0,
            phantom_fills=0,
            unacknowledged=3,
        ),
        journal=r.JournalAccount(
            objects=1_236,
            size_bytes=18_734_221,
            frames=24_104,
            commands=614_031,
            equal_duplicates=2,
            reorder_depth=3,
            above_checkpoint=48_120,
        ),
        stacks=tuple(
            r.StackRun(
                name=f"aex-dr-k7qm-{name}",
                status="CREATE_COMPLETE",
                started_ns=T0 + 4 * S,
                ended_ns=T0 + until * S,
                resources=count,
                slowest=f"{slowest} (AWS::ECS::Service)",
                slowest_ns=(until - 6) * S,
            )
            for name, until, count, slowest in (("network", 12, 14, "Namespace"), ("engines", 23, 9, "Engines00"))
        ),
        lag=tuple(
            r.LagPoint(at_ns=T0 + at * S, worst_ns=lag * S, stream="matching-engine-TSLA", streams=103)
            for at, lag in ((-40, 2), (-30, 4), (-20, 5), (-10, 3), (0, 4), (10, 6), (20, 1))
        ),
        buffer=r.FlushBuffer(
            interval_ns=5 * S,
            size_bytes=1 << 20,
            delivery_lag_ns=5_400_000_000,
            loss_in_cycle_ns=3_100_000_000,
            worst_case_orders=50_000,
            drained_ns=5_900_000_000,
        ),
        suites=(*(suite(name) for name in SUITES), suite("objectives", 1)),
        control=r.Control(
            status="caught",
            kind="a quantity changed in a stored frame, checksum made right",
            symbol="ZZT2",
            caught_by=("each frame names its predecessor", "every checkpoint's digest equals the recovered one"),
            caught_after_ns=4_180_000_000,
            restored=True,
        ),
        performance=r.Performance(
            primary=load("primary", -60, 6, 41_000_000), dr=load("dr-k7qm", 90, 3, 53_200_000), met=True
        ),
        resumption=r.Resumption(
            canaries_expected=100,
            canaries_done=100,
            members_expected=100,
            members_back=100,
            unknown_orders=tuple(
                r.UnknownOrder(
                    member=member, symbol=symbol, seq=seq, command_id=str((n << 48) | seq), kind="new", fate="open"
                )
                for n, (member, symbol, seq) in enumerate(
                    (("M-7f21", "FB", 9_981), ("M-7f21", "MU", 13_072), ("M-c0de", "TSLA", 17_183)), 1
                )
            ),
            orders_at_dr="kept until the site was torn down, then cancelled; the exchange is not running afterwards",
            frames_refused=0,
        ),
        sdk_retries=4,
    )


LIMITATIONS = (
    "The journal was 0.26 % of a full day; recovery of a full day's journal was not measured.",
    "The loss of the journal's own region was not exercised.",
    "Primary and DR site ran on one host against an embedded AWS; capacity limits of a region were not met.",
    "A person's decision was assumed to take 15 minutes, not measured.",
    "Sensitivity of this version is not scored yet.",
    "Clocks of the hosts were one clock; synchronisation between hosts was not examined.",
)


def close() -> r.Close:
    return r.Close(
        triage=r.Triage(sci_event="no", reason="A planned drill on its own stack; no production system was touched."),
        teardown=r.Teardown(
            status="clean",
            stacks_deleted=4,
            inventory=tuple(
                r.InventoryCount(service=name, before=before, after=before)
                for name, before in (("ecs", 12), ("ec2", 31), ("firehose", 103), ("s3", 3), ("servicediscovery", 4))
            ),
            note="Excepted by stack id: the primary, the journal, the evidence.",
        ),
        cost=cost_estimate(
            Usage(
                fargate_vcpu_seconds=4_120,
                fargate_memory_mib_seconds=8_437_760,
                firehose_billed_bytes=123_412_480,
                s3_puts=1_480,
                s3_gets=2_702,
                dns_queries=4_410,
                nat_seconds=142,
                endpoint_seconds=852,
                kms_signatures=6,
            ),
            note="What the measured usage would have cost on AWS; the embedded AWS charges nothing.",
        ),
        attestations=tuple(r.Attestation(role=role) for role in ("prepared", "reviewed", "signed off")),
        limitations=LIMITATIONS,
        manifest=tuple(
            r.Artifact(name=name, sha256=SHA[n:] + SHA[:n], size_bytes=10_007 * (n + 1) ** 3, version=f"v{n:08}")
            for n, name in enumerate(("plan.json", "events.jsonl", "captures.tar.zst", "checks.json", "inventory.json"))
        ),
        retention=r.Retention(name="SCI record", period="5 years", lock="COMPLIANCE until 2031-11-06"),
        definitions=(
            r.Definition(term="impact (T0)", meaning="the last command acknowledged before the loss"),
            r.Definition(term="resumed (T11)", meaning="every symbol in scope took a first order and members are back"),
            r.Definition(term="acknowledged order lost", meaning="acknowledged, and above the recovered prefix"),
        ),
        filing=r.Filing(
            path="var/reports/20261106-0840-k7qm/report.html",
            chain_number=93,
            previous_sha256=SHA,
            verify="python -m drill verify var/reports/20261106-0840-k7qm --key evidence.pub",
            generated_at_ns=T0 + 150 * S,
        ),
    )


def passed() -> r.Report:
    report = r.Report(plan=plan(), result=result(), close=close())
    report.check()
    return report


def past() -> tuple[r.PastDrill, ...]:
    turns: tuple[r.Outcome, ...] = (
        "PASS",
        "PASS",
        "FAIL",
        "PASS",
        "MISSING",
        "PASS_WITH_OBSERVATIONS",
        "PASS",
        "PARTIAL",
        "INVALID",
        "PASS",
    )
    return tuple(
        r.PastDrill(
            drill_id=f"drill-{n}",
            outcome=turns[n % 10],
            at_ns=T0 - (60 - n) * 604_800 * S,
            recovery_time_ns=None if turns[n % 10] in ("FAIL", "MISSING", "INVALID") else (1500 - n * 11) * S,
        )
        for n in range(40)
    )


def pictured() -> r.Report:
    """The PASS with a year of drills before it: what the documentation shows, with sample figures."""
    base = passed()
    return replace(base, close=replace(base.close, comparison=past()))


def observed() -> r.Report:
    base = passed()
    phases_ = tuple(
        replace(p, work_ns=p.work_ns - 8 * S, retry_ns=8 * S, attempts=2) if p.name == "rehydrate" else p
        for p in base.result.phases
    )
    return replace(
        base,
        result=replace(
            base.result,
            verdict=verdict(
                "PASS_WITH_OBSERVATIONS",
                "Yes: 16 min 29 s after the loss, worst symbol CTSH; no acknowledged order was lost. "
                "One engine died in mid-replay and was replaced.",
            ),
            phases=phases_,
            retries=(
                r.Retry(step="rehydrate", attempt=2, reason="engine task 01 ended with status 137", lost_ns=8 * S),
            ),
            deviations=(
                r.Deviation(what="engines-01 was replaced", consequence="8 s lost; same digest", at_ns=T0 + 34 * S),
            ),
            sensitivity=r.Sensitivity(caught=28, injected=28, version=SHA),
        ),
        close=replace(
            base.close,
            comparison=past(),
            findings=(
                r.Finding(
                    finding_id="N-1",
                    what="An engine task died in mid-replay; find out why.",
                    owner="m.okafor",
                    due="2026-11-20",
                ),
            ),
        ),
    )


def partial() -> r.Report:
    base = passed()
    assert base.result.resumption is not None
    few = SYMBOLS[:5]
    scope = r.Scope(
        listing=100, symbols=few, exclusions=(r.Exclusion(what="95 symbols", reason="asked for by the requester"),)
    )
    return replace(
        base,
        plan=replace(base.plan, scope=scope),
        result=replace(
            base.result,
            verdict=verdict("PARTIAL", "Not shown: 5 of 100 symbols were in scope; these reopened in 16 min 29 s."),
            symbols=rows()[:5],
            suites=tuple(suite(name, 5) for name in SUITES),
            resumption=replace(base.result.resumption, canaries_expected=5, canaries_done=5),
        ),
    )


def failed() -> r.Report:
    """F01: an object is gone from the middle of QCOM; a second symbol's engine never came up; an orphan is left."""
    base = passed()
    assert base.result.journal is not None
    broken = replace(
        row(SYMBOLS.index("QCOM"), "QCOM"),
        status="damaged",
        validated_at_ns=None,
        first_order_at_ns=None,
        seq=4_210,
        orders_lost=2_204,
        checks=(
            cell("journal", failed=1),
            cell("books", failed=1),
            cell("trades", unevaluated=1),
            cell("recovery point", failed=1),
        ),
        checks_failed=tuple(CHECKS[name][0] for name in ("journal", "books", "recovery point")),
        failures=tuple(
            r.Failure(suite=name, check=CHECKS[name][0], text="178 unexpected rows, the first: seq 4,388 after 4,210")
            for name in ("journal", "books", "recovery point")
        ),
        first_difference="gap [4,211..4,388]: members were acknowledged these seqs, the journal does not hold them",
    )
    symbols = tuple(
        broken if s.symbol == "QCOM" else r.SymbolRow(symbol="SRCL", status="dead") if s.symbol == "SRCL" else s
        for s in rows()
    )
    stopped = ("cut_over", "members_back", "canaries", "full_load", "objectives")
    phases_ = tuple(
        r.PhaseTime(name=p.name, status="not reached", start_ns=None, end_ns=None, counts=p.counts)
        if p.name in stopped
        else replace(p, status="failed", note="QCOM: gap")
        if p.name == "validate"
        else p
        for p in base.result.phases
    )
    none = r.RecoveryTime(measured_ns=None, definition="T11 - T0")
    suites = (
        replace(
            suite("journal"),
            failed=1,
            expectations=(
                replace(suite("journal").expectations[0], failed=1, example="QCOM seq 4,388 after 4,210"),
                *suite("journal").expectations[1:],
            ),
        ),
        replace(suite("books"), failed=1),
        replace(suite("trades"), evaluated=299),
        replace(suite("recovery point"), failed=1),
    )
    return replace(
        base,
        result=replace(
            base.result,
            verdict=verdict(
                "FAIL",
                "No: QCOM has a gap in its journal, seq 4,211 to 4,388; 2,204 acknowledged orders were lost and "
                "SRCL's engine never came up.",
                broken=("checks", "rto", "rpo", "teardown"),
                unknown=("performance",),
            ),
            marks=tuple(m if int(m.name[1:]) < 8 else replace(m, at_ns=None) for m in base.result.marks),
            phases=phases_,
            recovery=r.Recovery(
                impact=none,
                declared=replace(none, definition="T11 - T2"),
                technical=replace(none, definition="T8 - T3"),
            ),
            symbols=symbols,
            point=r.RecoveryPoint(
                orders_lost=2_204,
                acknowledged=599_226,
                new=1_340,
                cancels=601,
                replaces=263,
                fills=318,
                notional_cents=88_123_455,
                members_touched=97,
                time_ns=21 * S,
                phantom_fills=0,
                unacknowledged=3,
            ),
            journal=replace(
                base.result.journal,
                gaps=1,
                damages=(
                    r.Damage(
                        kind="gap",
                        symbol="QCOM",
                        seq_from=4_211,
                        seq_to=4_388,
                        expected="seq 4,211",
                        found="seq 4,389",
                    ),
                ),
            ),
            suites=suites,
            performance=replace(base.result.performance, dr=None, met=None),
            resumption=None,
            faults=(
                r.InjectedFault(
                    fault_id="F01",
                    what="one journal object of QCOM deleted through S3 before the replay",
                    expected="FAIL",
                    applied_at_ns=T0 + 31 * S,
                ),
            ),
        ),
        close=replace(
            base.close,
            comparison=past(),
            teardown=replace(
                base.close.teardown,
                status="orphans",
                orphans=(
                    r.Orphan(
                        service="sqs",
                        resource="arn:aws:sqs:us-west-2:000000000000:left-over",
                        since_ns=T0 + 12 * S,
                        day_micro_usd=None,
                    ),
                ),
            ),
            findings=(
                r.Finding(finding_id="N-1", what="QCOM: journal object missing in the middle", due="2026-11-13"),
                r.Finding(finding_id="N-2", what="SRCL: engine never came up", due="2026-11-13"),
                r.Finding(finding_id="N-3", what="A queue was left behind that no template names", due="2026-11-13"),
            ),
        ),
    )


def bare(outcome: r.Outcome, sentence: str, *, registered: bool = True) -> r.Report:
    """Almost everything is absent: what a drill leaves that never got to the loss."""
    base = replace(plan(), versions=(), approvals=(), isolation=(), clocks=(), shared_dependencies=())
    base = replace(base, seeds=replace(base.seeds, nonce=None))
    none = r.RecoveryTime(measured_ns=None, definition="T11 - T0")
    return r.Report(
        plan=base if registered else replace(base, registration=None),
        result=r.Result(
            verdict=r.Verdict(outcome=outcome, question="Could AEX have reopened within two hours?", sentence=sentence),
            recovery=r.Recovery(impact=none, declared=none, technical=none),
            point=r.RecoveryPoint(orders_lost=None, acknowledged=None),
            control=r.Control(status="not run"),
        ),
        close=replace(
            close(),
            teardown=r.Teardown(status="not run", note="nothing had been built"),
            cost=None,
            manifest=(),
            limitations=("Nothing was proven: the drill has no outcome of its own.",),
        ),
    )


def aborted() -> r.Report:
    base = bare("ABORTED", "Not shown: stopped by the operator while the DR site was being built.")
    begun = phases()[:4]
    built = replace(phases()[4], status="unfinished", end_ns=None, work_ns=0)
    rest = tuple(
        r.PhaseTime(name=name, status="not reached", start_ns=None, end_ns=None, counts=counts)
        for name, _, _, _, counts in PHASES[5:]
    )
    return replace(
        base,
        result=replace(
            base.result,
            phases=(*begun, built, *rest),
            marks=result().marks[:4],
            performance=r.Performance(primary=load("primary", -60, 6, 41_000_000)),
        ),
        close=replace(base.close, teardown=close().teardown),
    )


def invalid() -> r.Report:
    base = passed()
    return replace(
        base,
        result=replace(
            base.result,
            verdict=verdict(
                "INVALID", "Not shown: the validators did not see the hidden sabotage.", broken=("control",)
            ),
            control=r.Control(
                status="missed", kind="a frame duplicated with another price", symbol="ZZT1", restored=True
            ),
        ),
    )


def failover() -> r.Report:
    """A real event: no control, no teardown, and never a PASS."""
    base = passed()
    return replace(
        base,
        plan=replace(base.plan, kind="failover", purpose="REAL EVENT", trigger="incident 4711"),
        result=replace(
            base.result,
            verdict=verdict("FAILOVER", "AEX reopened 16 min 29 s after the loss; no acknowledged order was lost."),
            control=r.Control(status="not run", note="a real failover has no sabotage"),
        ),
        close=replace(base.close, teardown=r.Teardown(status="not run", note="the DR site trades on")),
    )


def failback() -> r.Report:
    """The way home after a real event: one symbol compared, one that was halted and had nothing to hand over."""
    base = failover()
    moments = ("begun", "primary built", "frozen", "recovered", "open", "members back")
    return replace(
        base,
        plan=replace(base.plan, kind="failback"),
        result=replace(
            base.result,
            verdict=verdict("FAILBACK", "AEX went home: closed for 58 s; no acknowledged order was lost."),
            failback=r.Failback(
                went_home=True,
                from_epoch=2,
                epoch=3,
                moments=tuple(r.Moment(name=name, at_ns=T0 + at * S) for at, name in enumerate(moments)),
                closed_ns=58 * S,
                acknowledged=31_485,
                symbols=(
                    r.HomeSymbol(
                        symbol="AAL",
                        frozen_seq=9,
                        frozen_digest=SHA,
                        home_seq=9,
                        home_digest=SHA,
                        equal=True,
                        acked_seq=9,
                    ),
                    r.HomeSymbol(symbol="ADBE", frozen_seq=7, frozen_digest="", home_seq=7, home_digest=SHA),
                ),
            ),
        ),
    )


def hostile() -> r.Report:
    """Text that tries to be markup, a script or an address, wherever free text may stand."""
    evil = "</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>\"'&{{ 7*7 }}"
    base = failed()
    return replace(
        base,
        plan=replace(base.plan, requester=evil, trigger=evil),
        result=replace(
            base.result,
            verdict=replace(base.result.verdict, sentence=evil, question=evil),
            symbols=tuple(replace(s, first_difference=evil) for s in base.result.symbols),
            phases=tuple(replace(p, name=evil, note=evil) for p in base.result.phases),
        ),
        close=replace(base.close, limitations=(evil,), filing=replace(base.close.filing, path=evil, verify=evil)),
    )


def amended() -> r.Report:
    """The failed drill as it stands months later: corrected twice, its findings settled or not, signed by three."""
    base = failed()
    said = (
        (
            "M. Okafor, exchange operations",
            "The drain took 61 s, not 16: a typing error in the run-book.",
            "typing error",
        ),
        ("J. Lindqvist, member relations", "Member 7f21 confirms its list of unknown orders. " * 6, "reconciliation"),
    )
    first, *others = base.close.findings
    names = ("M. Okafor", "J. Lindqvist", "A. Very-Long-Name, chief operating officer")
    return replace(
        base,
        close=replace(
            base.close,
            amendments=tuple(
                r.Amendment(link=94 + number, at_ns=T0 + (number + 1) * 86_400 * S, author=who, reason=why, text=text)
                for number, (who, text, why) in enumerate(said)
            ),
            findings=(replace(first, status="closed with 20261204-0840-p3sd by M. Okafor"), *others),
            attestations=tuple(
                replace(line, name=name, at_ns=T0 + 86_400 * S)
                for line, name in zip(base.close.attestations, names, strict=True)
            ),
            filing=replace(base.close.filing, record_sha256=SHA, as_of_link=101),
        ),
    )  # fmt: skip


def outcomes() -> dict[str, r.Report]:
    return {
        "PASS": passed(),
        "PASS_WITH_OBSERVATIONS": observed(),
        "PARTIAL": partial(),
        "FAIL": failed(),
        "ABORTED": aborted(),
        "INVALID": invalid(),
        "REJECTED": bare("REJECTED", "Not shown: another drill holds the lock.", registered=False),
        "MISSING": bare("MISSING", "Not shown: registered, and never heard of again."),
        "FAILOVER": failover(),
        "FAILBACK": failback(),
    }
