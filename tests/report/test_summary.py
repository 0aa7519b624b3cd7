"""The last line, the table above it, the words for figures and the price of a drill."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from drill.report import Usage, cost_estimate, summary_line, table, words
from drill.report.prices import price_table
from tests.report import samples

OUTCOMES = samples.outcomes()
LINE = re.compile(
    r"drill=\S+ verdict=(PASS|PASS_WITH_OBSERVATIONS|PARTIAL|FAIL|ABORTED|INVALID|REJECTED|MISSING|FAILOVER|FAILBACK) "
    r"rto_impact_s=(\d+\.\d|not_achieved) rto_technical_s=(\d+\.\d|not_achieved) rpo_orders=(\d+|unknown) "
    r"acked=(\d+|unknown) symbols=\d+/\d+ control=(caught|missed|not_run) teardown=(clean|orphans:\d+|not_run) "
    r"report=\S+"
)


@pytest.mark.parametrize("name", OUTCOMES)
def test_line_has_its_form(name: str) -> None:
    assert LINE.fullmatch(summary_line(OUTCOMES[name]))


def test_line_of_a_pass() -> None:
    assert summary_line(samples.passed()) == (
        "drill=20261106-0840-k7qm verdict=PASS rto_impact_s=988.5 rto_technical_s=63.9 rpo_orders=0 acked=599226 "
        "symbols=100/100 control=caught teardown=clean report=var/reports/20261106-0840-k7qm/report.html"
    )


def test_line_of_a_drill_that_never_began() -> None:
    assert (
        " rto_impact_s=not_achieved rto_technical_s=not_achieved rpo_orders=unknown acked=unknown symbols=0/100 "
        in (summary_line(OUTCOMES["MISSING"]))
    )


@pytest.mark.parametrize("name", OUTCOMES)
def test_table_says_verdict_and_sentence(name: str) -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(table(OUTCOMES[name]))
    assert isinstance(console.file, io.StringIO)
    shown = " ".join(console.file.getvalue().split())
    assert shown.startswith(name)
    assert OUTCOMES[name].result.verdict.sentence in shown


@pytest.mark.parametrize(
    ("ns", "written"),
    [
        (None, "not achieved"),
        (0, "0:00:00.0"),
        (1, "0:00:00.1"),
        (59_900_000_000, "0:00:59.9"),
        (59_900_000_001, "0:01:00"),
        (7_200_000_000_000, "2:00:00"),
        (7_200_000_000_001, "2:00:01"),
        (-2_000_000_000, "-0:00:02.0"),
    ],
)
def test_durations_are_rounded_up(ns: int | None, written: str) -> None:
    assert words.duration(ns) == written


@pytest.mark.parametrize(
    ("ns", "said"),
    [(7_200_000_000_000, "2 h"), (1_421_000_000_000, "23 min 41 s"), (4_210_000_000, "4.3 s"), (0, "0 s")],
)
def test_spoken(ns: int, said: str) -> None:
    assert words.spoken(ns) == said


def test_over_the_limit_never_reads_as_the_limit() -> None:
    assert words.percent(7_200_000_000_001, 7_200_000_000_000) == "100.1 %"
    assert words.floor_percent(98_999_999, 100_000_000) == "98.99 %"
    assert words.ppm(1) == "under 0.01 %"


def test_every_usage_has_a_price() -> None:
    assert set(price_table().items) == set(Usage.__struct_fields__)


def test_an_hour_of_a_task_costs_its_hourly_price() -> None:
    estimate = cost_estimate(Usage(fargate_vcpu_seconds=3600, fargate_memory_mib_seconds=1024 * 3600))
    assert [line.cost_micro_usd for line in estimate.lines] == [40_480, 4_445]
    assert estimate.total_micro_usd == 44_925
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", estimate.prices_as_of)


def test_prices_are_rounded_up_and_nothing_used_costs_nothing() -> None:
    assert cost_estimate(Usage(s3_gets=1)).total_micro_usd == 1
    assert cost_estimate(Usage()).lines == ()
