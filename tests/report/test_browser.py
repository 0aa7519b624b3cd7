"""The page in headless Chromium: nothing is fetched, page 1 is one A4 page, text can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.report import rendered

pytestmark = pytest.mark.browser
A4_INNER_MM = 297 - 12 - 15
PX_PER_MM = 96 / 25.4
CONTRAST = """() => {
  const linear = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(linear);
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = (s) => s.match(/[\\d.]+/g).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('main *:not(svg *)')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const pair = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(ground(e))].sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < 4.5) found.push([e.className, e.textContent.trim().slice(0, 40), ratio]);
  }
  return found; }"""


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail(
            "browser tests need Chromium on the PATH (Debian: package chromium); deselect with -m 'not browser'"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.parametrize("name", rendered.NAMES)
def test_page_one_is_one_sheet_and_nothing_is_fetched(browser: Browser, tmp_path: Path, name: str) -> None:
    filed = tmp_path / "report.html"
    filed.write_text(rendered.html(name), encoding="utf-8")
    page = browser.new_page(viewport={"width": round(184 * PX_PER_MM), "height": 1100})
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(filed.as_uri())
    page.emulate_media(media="print")
    box = page.locator(".page-one").bounding_box()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    sheets = len(re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(prefer_css_page_size=True)))
    page.close()
    assert fetched == [filed.as_uri()]
    assert box is not None
    assert box["height"] <= A4_INNER_MM * PX_PER_MM
    assert wide <= 0
    assert 3 <= sheets <= 20


@pytest.mark.parametrize("name", rendered.NAMES)
def test_text_has_enough_contrast_on_screen(browser: Browser, name: str) -> None:
    page = browser.new_page(viewport={"width": 1240, "height": 1754})
    page.set_content(rendered.html(name))
    poor = page.evaluate(CONTRAST)
    page.close()
    assert poor == []


@pytest.mark.parametrize("width", [390, 820, 1240])
def test_page_fits_the_window(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(rendered.html("FAIL"))
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert wide <= 0
