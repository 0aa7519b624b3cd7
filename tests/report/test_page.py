"""The HTML page: right for every outcome, complete by itself, and deaf to what free text would like it to be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from drill.core import report as r
from drill.report import render_html, render_json
from tests.report import rendered, samples

OUTCOMES = samples.outcomes()
SECTIONS = tuple(section.name for section in rendered.laid_out("PASS").sections)
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
    return Page(rendered.html(request.param))


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
    html = rendered.html(name)
    assert "http:" not in html
    assert "https:" not in html
    assert "@import" not in html
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= set(re.findall(r"url\((#[\w-]+)\)", html))


def test_hostile_text_is_shown_as_text() -> None:
    html = rendered.html("hostile")
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in Page(html).words.split("Where the time went")[0]
    assert "<script>alert(1)</script>" in Page(html).words


@pytest.mark.parametrize("name", OUTCOMES)
def test_verdict_comes_first_as_word_and_sentence(name: str) -> None:
    page = Page(rendered.html(name))
    verdict = OUTCOMES[name].result.verdict
    before = page.words.split("recovery time from impact")[0]
    assert name.replace("_", " ") in before
    assert verdict.sentence in before
    assert ("REAL EVENT, not a drill" if name in {"FAILOVER", "FAILBACK"} else "DRILL, not a real event") in before


@pytest.mark.parametrize("name", ["REJECTED", "MISSING", "ABORTED"])
def test_absence_is_said_in_words(name: str) -> None:
    words = Page(rendered.html(name)).words
    for said in ("not achieved", "unknown", "control not run", "The journal was not read", "No checks were declared"):
        assert said in words
    assert "None" not in words.replace("None is registered", "").replace("None was asked for", "").replace("None.", "")


def test_no_cell_of_figures_is_blank(page: Page) -> None:
    assert page.words
    html = "".join(page.text)
    assert "nan" not in html.split()


@pytest.mark.parametrize("name", OUTCOMES)
def test_no_figure_is_left_blank(name: str) -> None:
    html = rendered.html(name)
    figures = re.findall(r'<td class="n[^"]*">(.*?)</td>', html, flags=re.DOTALL)
    assert figures
    assert [figure for figure in figures if not figure.strip()] == []


def test_failed_drill_names_symbol_gap_and_orphan() -> None:
    words = Page(rendered.html("FAIL")).words
    for said in (
        "[4,211..4,388]",
        "QCOM",
        "dead: its engine never came up",
        "left-over",
        "900 declared ≠ 899 evaluated",
    ):
        assert said in words


def test_every_symbol_of_the_scope_stands_in_the_heat_map_worst_first() -> None:
    html = rendered.html("FAIL")
    heat = html.split('<div class="heat">')[1].split("</div>")[0]
    named = re.findall(r'<th scope="row">(\w+)</th>', heat)
    assert named[:2] == ["QCOM", "SRCL"]
    assert sorted(named) == sorted(samples.SYMBOLS)


def test_assumed_time_is_named_beside_the_headline() -> None:
    words = Page(rendered.html("PASS")).words
    assert "0:15:00 assumed" in words
    assert "assumed part 12.5 %" in words


def test_same_report_same_bytes() -> None:
    assert render_html(samples.passed()) == rendered.html("PASS")
    assert render_json(samples.passed()) == r.canonical_bytes(samples.passed())


def test_an_amended_page_says_so_and_what_is_settled_comes_last() -> None:
    first = rendered.laid_out("amended").first
    assert first.banner.endswith("AMENDED, 2 corrections")
    assert [line[0].text for line in first.findings] == ["N-2", "N-3", "N-1"]
    assert first.findings[-1][-1].text == "closed with 20261204-0840-p3sd by M. Okafor"
    assert first.record_sha256 == samples.SHA
    assert first.chain == "#93, as it stands at #101"
