"""The page in headless Chromium: nothing is fetched, page 1 is one A4 page, text can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from tests.report import rendered

pytestmark = pytest.mark.browser
A4_INNER_MM = 297 - 12 - 15
PX_PER_MM = 96 / 25.4


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
    page = browser.new_page(viewport={"width": round(184 * PX_PER_MM), "height": 1100}, offline=True)
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


@pytest.mark.parametrize("name", ["PASS", "FAIL", "REJECTED", "hostile"])
def test_axe_finds_nothing_serious(browser: Browser, name: str) -> None:
    page = browser.new_page(viewport={"width": 1240, "height": 1754})
    page.set_content(rendered.html(name))
    found = Axe().run(page).response["violations"]
    page.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [390, 820, 1240])
def test_page_fits_the_window(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(rendered.html("FAIL"))
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.close()
    assert wide <= 0
