"""The charts: what is drawn where, what is said in words, and that they are the same bytes on any machine."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import ValidationError
from msgspec.structs import replace

from drill.core import report as r
from drill.report.charts import GLYPHS, gauge, lag, recovery, trend, waterfall
from drill.report.charts.picture import Picture, altair
from drill.report.charts.waterfall import Axis, bars, since
from tests.report import samples

S = samples.S


def phase(start: int, end: int, assumed: int = 0, **more: Any) -> r.PhaseTime:
    return r.PhaseTime(
        name="build",
        status="done",
        start_ns=start * S,
        end_ns=end * S,
        work_ns=(end - start) * S,
        assumed_ns=assumed * S,
        **more,
    )


def drawn(picture: Picture | None) -> Picture:
    assert picture is not None
    return picture


def pictures() -> dict[str, Picture]:
    observed, failed = samples.observed(), samples.failed()
    result = observed.result
    return {
        "waterfall": drawn(waterfall(result.phases, samples.T0, since_what="since the impact", title="Phases")),
        "failed": drawn(waterfall(failed.result.phases, None, since_what="since registration", title="All")),
        "gauge": gauge(result.recovery.impact, 7200 * S),
        "not achieved": gauge(failed.result.recovery.impact, 7200 * S),
        "recovery": drawn(recovery(observed, samples.T0)),
        "trend": drawn(trend(observed)),
        "lag": drawn(lag(result.lag, result.buffer, samples.T0)),
    }


@pytest.fixture(scope="module", name="drawings")
def _drawings() -> dict[str, Picture]:
    return pictures()


def test_altairs_own_check_of_every_specification_passes_and_changes_nothing(drawings: dict[str, Picture]) -> None:
    with altair().utils.schemapi.debug_mode(True):
        assert pictures() == drawings


def test_that_check_finds_what_is_no_chart() -> None:
    with altair().utils.schemapi.debug_mode(True), pytest.raises(ValidationError, match="nowhere"):
        altair().Chart(altair().Data(values=[])).mark_text(align="nowhere")


def test_short_assumed_time_is_drawn_to_scale() -> None:
    axis = Axis([phase(0, 10, assumed=10), phase(10, 30)], 0)
    work, assumed = bars(axis, phase(0, 10, assumed=10))
    assert axis.to_scale
    assert (assumed.begin, assumed.end) == (work.end, 20 * S)
    assert bars(axis, phase(10, 30))[0].begin == assumed.end


def test_long_assumed_time_does_not_crush_the_bars() -> None:
    phases = [phase(0, 10, assumed=90_000), phase(10, 20)]
    axis = Axis(phases, 0)
    first, second = (bars(axis, one)[0] for one in phases)
    assert not axis.to_scale
    assert axis.x(first.end) - axis.x(first.begin) > 200
    assert axis.x(second.end) == axis.range[-1]
    assert axis.domain == sorted(axis.domain)
    assert axis.range == sorted(axis.range)


def test_wait_before_the_impact_is_cut_off() -> None:
    cut = since(60 * S, phase(0, 70))
    assert (cut.start_ns, cut.end_ns, cut.work_ns) == (60 * S, 70 * S, 10 * S)
    assert since(60 * S, phase(0, 50)) == phase(0, 50)


def test_bars_stay_on_the_axis_whatever_is_missing() -> None:
    unfinished = replace(phase(10, 20), end_ns=None, work_ns=0, queue_ns=2 * S, status="unfinished")
    retried = phase(0, 10, retry_ns=3 * S, queue_ns=1 * S, approval_ns=2 * S)
    for phases in ([unfinished], [phase(0, 0)], [phase(5, 9, assumed=3), unfinished], [retried]):
        axis = Axis(phases, None)
        for one in phases:
            pieces = bars(axis, one)
            assert all(0 <= piece.begin <= piece.end <= axis.domain[-1] for piece in pieces)
            assert sum(piece.end - piece.begin for piece in pieces) <= axis.domain[-1]


def test_waterfall_says_each_length_at_its_bar(drawings: dict[str, Picture]) -> None:
    picture = drawings["waterfall"]
    for said in (
        "rehydrate",
        "0:00:20.9",
        "0:15:01",
        "retry 0:00:08.0",
        "assumed 0:15:00",
        "bent where time is assumed",
    ):
        assert said in picture.svg
    assert "✗ 0:00:24.0" in drawings["failed"].svg
    assert drawings["failed"].svg.count("not reached") == 5


def test_recovery_names_the_worst_symbol_and_shows_each(drawings: dict[str, Picture]) -> None:
    svg = drawings["recovery"].svg
    assert "CTSH" in svg
    assert all(name in svg for name in ("p50", "p90", "p99", "worst 0:01:28.5"))
    assert len(re.findall(r"<path[^>]*fill=\"#34496a\"", svg)) == 99
    assert len(re.findall(r"<path[^>]*fill=\"#b8480a\"", svg)) == 1


def test_trend_has_a_mark_for_every_drill_and_each_verdict_its_own_shape(drawings: dict[str, Picture]) -> None:
    drills = [*samples.past(), samples.observed()]
    svg = drawings["trend"].svg
    marks = re.findall(r"<text[^>]*text-anchor=\"middle\"[^>]*>(.)</text>", svg)
    assert len(marks) == len(drills)
    assert {GLYPHS["INVALID"], GLYPHS["MISSING"], GLYPHS["FAIL"]} <= set(marks)
    assert len(set(GLYPHS.values())) == len(GLYPHS)
    assert "MISSING" in drawings["trend"].alt


def test_what_is_not_there_is_no_picture() -> None:
    assert waterfall((), None, since_what="", title="") is None
    assert recovery(samples.outcomes()["MISSING"], None) is None
    assert trend(samples.passed()) is None
    assert lag((), None, None) is None


@pytest.mark.parametrize("name", ["waterfall", "failed", "gauge", "not achieved", "recovery", "trend", "lag"])
def test_pictures_carry_no_script_and_no_address(drawings: dict[str, Picture], name: str) -> None:
    inline = drawings[name].inline
    assert 'role="img" aria-label="' in inline.split(">")[0]
    assert not re.search(r"<script|<image|<a |href|https?:|\bid=|url\(", inline)
    assert inline.count("aria-label") == 1


def test_hostile_names_stay_text() -> None:
    evil = '</text><script>alert(1)</script>"&'
    picture = drawn(waterfall([replace(phase(0, 10), name=evil)], None, since_what="", title=evil))
    assert "<script" not in picture.inline
    assert "<script" not in picture.svg


def test_another_process_draws_the_same_bytes(drawings: dict[str, Picture]) -> None:
    program = (
        "import hashlib; from tests.report.test_charts import pictures; "
        "print(hashlib.sha256(''.join(p.svg for p in pictures().values()).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
