"""The HTML page: right for every outcome, complete by itself, and deaf to what free text would like it to be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from drill.core import report as r
from drill.report import render_html, render_json
from drill.report.waterfall import LEFT, RIGHT, waterfall
from tests.report import samples

OUTCOMES = samples.outcomes()
SECTIONS = (
    *("verdict", "time", "point", "symbols", "journal", "checks", "control", "performance", "resumption"),
    *("deviations", "teardown", "cost", "findings", "limitations", "plan", "regulation", "manifest", "definitions"),
)
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Tags, ids and text of a page; complains about tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module", params=[*OUTCOMES, "hostile"], name="page")
def _page(request: pytest.FixtureRequest) -> Page:
    report = samples.hostile() if request.param == "hostile" else OUTCOMES[request.param]
    return Page(render_html(report))


def test_every_section_is_there_whatever_is_absent(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert [name for name in SECTIONS if name not in ids] == []
    assert len(ids) == len(set(ids))
    assert page.open == []


def test_nothing_is_loaded_and_nothing_runs(page: Page) -> None:
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "embed", "form", "a"} == set()
    for _, attrs in page.tags:
        assert not any(name.startswith("on") or name in ("src", "href", "xlink:href", "action") for name in attrs)


@pytest.mark.parametrize("name", OUTCOMES)
def test_style_names_no_address(name: str) -> None:
    html = render_html(OUTCOMES[name])
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= set(re.findall(r"url\((#[\w-]+)\)", html))


def test_hostile_text_is_shown_as_text() -> None:
    html = render_html(samples.hostile())
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in Page(html).words.split("Where the time went")[0]
    assert "<script>alert(1)</script>" in Page(html).words


@pytest.mark.parametrize("name", OUTCOMES)
def test_verdict_comes_first_as_word_and_sentence(name: str) -> None:
    page = Page(render_html(OUTCOMES[name]))
    verdict = OUTCOMES[name].result.verdict
    before = page.words.split("recovery time, impact to resumption")[0]
    assert name.replace("_", " ") in before
    assert verdict.sentence in before
    assert "DRILL, not a real event" in before


@pytest.mark.parametrize("name", ["REJECTED", "MISSING", "ABORTED"])
def test_absence_is_said_in_words(name: str) -> None:
    words = Page(render_html(OUTCOMES[name])).words
    for said in ("not achieved", "unknown", "control not run", "The journal was not read", "No checks were declared"):
        assert said in words
    assert "None" not in words.replace("None is registered", "").replace("None was asked for", "").replace("None.", "")


def test_no_cell_of_figures_is_blank(page: Page) -> None:
    assert page.words
    html = "".join(page.text)
    assert "nan" not in html.split()


@pytest.mark.parametrize("name", OUTCOMES)
def test_no_figure_is_left_blank(name: str) -> None:
    html = render_html(OUTCOMES[name])
    figures = re.findall(r'<td class="n[^"]*">(.*?)</td>', html, flags=re.DOTALL)
    assert figures
    assert [figure for figure in figures if not figure.strip()] == []


def test_failed_drill_names_symbol_gap_and_orphan() -> None:
    words = Page(render_html(samples.failed())).words
    for said in (
        "[4,211..4,388]",
        "QCOM",
        "dead: its engine never came up",
        "left-over",
        "900 declared ≠ 899 evaluated",
    ):
        assert said in words


def test_every_symbol_of_the_scope_stands_in_the_heat_map_worst_first() -> None:
    html = render_html(samples.failed())
    heat = html.split('<div class="heat">')[1].split("</div>")[0]
    named = re.findall(r'<th scope="row">(\w+)</th>', heat)
    assert named[:2] == ["QCOM", "SRCL"]
    assert sorted(named) == sorted(samples.SYMBOLS)


def test_assumed_time_is_named_beside_the_headline() -> None:
    words = Page(render_html(samples.passed())).words
    assert "0:15:00 assumed" in words
    assert "assumed part 12.5 %" in words


def test_same_report_same_bytes() -> None:
    assert render_html(samples.passed()) == render_html(samples.passed())
    assert render_json(samples.passed()) == r.canonical_bytes(samples.passed())


def _phase(start: int, end: int, assumed: int = 0) -> r.PhaseTime:
    second = samples.S
    return r.PhaseTime(
        name="build",
        status="done",
        start_ns=start * second,
        end_ns=end * second,
        work_ns=(end - start) * second,
        assumed_ns=assumed * second,
    )


def test_short_assumed_time_is_drawn_to_scale() -> None:
    chart = waterfall([_phase(0, 10, assumed=10), _phase(10, 30)], 0, start_label="")
    work, assumed = chart.rows[0].bars
    assert chart.to_scale
    assert abs(work.width - assumed.width) <= 1
    assert chart.rows[1].bars[0].x == assumed.x + assumed.width


def test_long_assumed_time_does_not_crush_the_bars() -> None:
    chart = waterfall([_phase(0, 10, assumed=90_000), _phase(10, 20)], 0, start_label="")
    assert not chart.to_scale
    assert chart.rows[0].bars[0].width > 200
    assert chart.rows[1].bars[0].x + chart.rows[1].bars[0].width == RIGHT


def test_wait_before_the_impact_is_cut_off() -> None:
    chart = waterfall([_phase(0, 70), _phase(70, 80)], 60 * samples.S, start_label="")
    assert chart.rows[0].bars[0].x == LEFT
    assert chart.rows[0].label == "0:00:10.0"


def test_bars_stay_within_the_plot_whatever_is_missing() -> None:
    unfinished = replace(_phase(10, 20), end_ns=None, work_ns=0, queue_ns=2 * samples.S, status="unfinished")
    for phases in ([], [unfinished], [_phase(0, 0)], [_phase(5, 9, assumed=3), unfinished]):
        for row in waterfall(phases, None, start_label="").rows:
            assert all(LEFT <= bar.x <= bar.x + bar.width <= RIGHT + 1 for bar in row.bars)
