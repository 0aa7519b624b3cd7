"""The pages inside a real Airflow, in headless Chromium: one API server, one store with a drill of every outcome.

The pictures go to the directory that AEX_PICTURES names (docs/dr-drills.png is one of them), else nowhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from drill import clock
from drill.aws import evidence_store
from drill.settings import Settings
from drill.ui.mount import PREFIX
from emulator import plan
from emulator.admission import free_port
from emulator.airflow import Airflow, get_json
from emulator.plan import answers
from emulator.settings import ACCOUNT
from tests.report import samples
from tests.ui.seeded import drill_of, seed

pytestmark = [pytest.mark.browser, pytest.mark.world, pytest.mark.timeout(150)]
ROOT = Path(__file__).resolve().parents[2]
BOOT_S = 120
SERIOUS = {"serious", "critical"}
PASSED, MISSING = drill_of("PASS"), drill_of("MISSING")
RUN = f"dags/dr_drill/runs/{PASSED}/plugin/drill-report"


@dataclass(frozen=True)
class Site:
    """One Airflow with its pages, and how to sign in there."""

    url: str
    tokens: dict[str, str]

    def answer(self, path: str, *, who: str = "", method: str = "GET") -> int:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        request = urllib.request.Request(f"{self.url}/{path}", headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answered:
                return int(answered.status)
        except urllib.error.HTTPError as refused:
            return refused.code


def until(ready: Any, *children: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + BOOT_S
    while not ready():
        assert time.monotonic() < deadline, "not ready in time"
        assert [child.args for child in children if child.poll() is not None] == []
        time.sleep(0.1)


def post(url: str, body: Any, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answered:
        return json.load(answered)


def service(stack: ExitStack, env: dict[str, str], log: Path, *argv: str) -> subprocess.Popen[bytes]:
    output = stack.enter_context(log.open("wb"))
    child = subprocess.Popen([sys.executable, "-m", *argv], cwd=ROOT, env=env, stdout=output, stderr=output)
    stack.callback(child.wait, timeout=40)
    stack.callback(child.terminate)
    return child


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    var = tmp_path_factory.mktemp("pages")
    aws_port, dns_port, port = free_port(), free_port(), free_port()
    settings = plan.Settings(var, True, port, aws_port, dns_port, "", 5, 5, 5, 1)
    airflow = Airflow(var / "airflow", ROOT, port)
    env = {**plan.environment(settings, airflow), **airflow.furnish()}
    with ExitStack() as stack:
        serve = ("emulator", "serve", "--port", str(aws_port), "--dns-port", str(dns_port))
        aws = service(stack, env, var / "aws.log", *serve, "--state", str(var / "aws"), "--run", str(var / "run"))
        for verb in (("db", "migrate"), ("dags", "reserialize")):
            subprocess.run([sys.executable, "-m", "airflow", *verb], cwd=ROOT, env=env, check=True, timeout=BOOT_S)
        until(lambda: answers(f"{settings.endpoint}/_ministack/health"), aws)
        fill(env)
        server = service(stack, env, var / "api.log", "airflow", "api-server")
        until(lambda: get_json(f"{airflow.url}/api/v2/version") is not None, server)
        words = json.loads(airflow.passwords.read_text())
        login = f"{airflow.url}/auth/token"
        tokens = {who: post(login, {"username": who, "password": word})["access_token"] for who, word in words.items()}
        run: dict[str, Any] = {"dag_run_id": PASSED, "logical_date": None, "conf": {}}
        post(f"{airflow.url}/api/v2/dags/dr_drill/dagRuns", run, tokens["operator"])
        yield Site(airflow.url, tokens)


def fill(env: dict[str, str]) -> None:
    """Seed the embedded store through the product's own docket."""
    keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"]}
    before = os.environ.get("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL"] = env["AWS_ENDPOINT_URL"]
    try:
        store = boto3.Session(region_name="us-west-2", **keys)
        settings = Settings(account=ACCOUNT)
        bucket = settings.evidence_bucket
        api = store.client("s3")
        api.create_bucket(
            Bucket=bucket,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "us-west-2"},
        )
        evidence_store.require_lock(store, bucket)
        region = {"LocationConstraint": "us-west-2"}
        api.create_bucket(
            Bucket=settings.journal_bucket, CreateBucketConfiguration=region
        )  # the pseudonyms' key is there
        seed(settings, lambda region: store, now_ns=clock.now_ns())
    finally:
        if before is None:
            del os.environ["AWS_ENDPOINT_URL"]
        else:
            os.environ["AWS_ENDPOINT_URL"] = before


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("browser tests need Chromium on the PATH (Debian: package chromium); deselect: -m 'not browser'")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def auditor(site: Site, browser: Browser, theme: Any) -> Iterator[Page]:
    """A signed-in auditor (viewer), in each of Airflow's themes."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, accept_downloads=True, color_scheme=theme, base_url=site.url
    )
    context.add_cookies([{"name": "_token", "value": site.tokens["auditor"], "url": site.url}])
    context.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def picture(page: Page, name: str, theme: str) -> None:
    folder = os.environ.get("AEX_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / (f"{name}.png" if theme == "light" else f"{name}-{theme}.png"))


def grave(page: Page) -> list[str]:
    """What axe finds serious or critical in a page of ours; the report, in a sandbox without scripts, is left out."""
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("path", ["", f"of/{PASSED}", f"of/{PASSED}/report", f"of/{PASSED}/files/report.json", "no"])
def test_anonymous_visitors_learn_nothing_and_an_auditor_changes_nothing(site: Site, path: str) -> None:
    assert site.answer(f"{PREFIX}/{path}") == 401
    assert site.answer(f"{PREFIX}/{path}", method="POST") == 401
    assert site.answer(f"{PREFIX}/{path}", who="auditor") == (404 if path == "no" else 200)
    assert site.answer(f"{PREFIX}/{path}", who="auditor", method="POST") == 403
    assert site.answer(f"{PREFIX}/{path}", who="operator", method="POST") == 405


def test_the_history_is_in_the_navigation_and_leads_to_a_report(site: Site, auditor: Page, theme: str) -> None:
    wrong: list[str] = []
    auditor.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    auditor.goto(f"{site.url}/plugin/dr-drills")
    frame = auditor.frame_locator("iframe[title='DR drills']")
    frame.locator("tbody tr").first.wait_for()
    assert frame.locator("tbody tr").count() == len(samples.outcomes()) + 1
    assert frame.locator(".alarm").get_by_role("link", name=MISSING).is_visible()
    assert frame.locator("html").get_attribute("data-theme") == theme
    assert auditor.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    picture(auditor, "dr-drills", theme)
    frame.locator("tbody").get_by_role("link", name=PASSED, exact=True).click()
    inner = frame.frame_locator("iframe.report")
    inner.locator(".band").wait_for()
    assert "PASS" in inner.locator(".band").inner_text()
    with auditor.expect_download() as download:
        frame.get_by_role("link", name="report.json").click()
    assert json.loads(Path(download.value.path()).read_text())["plan"]["drill_id"]
    assert wrong == []


def test_the_tab_of_a_run_shows_the_report_itself(site: Site, auditor: Page, theme: str) -> None:
    auditor.goto(f"{site.url}/{RUN}")
    frame = auditor.frame_locator("iframe[title='Drill report']")
    frame.locator(".bar").wait_for()
    assert PASSED in frame.locator(".bar h1").inner_text()
    inner = frame.frame_locator("iframe.report")
    inner.locator(".band").wait_for()
    assert "could AEX have reopened" in inner.locator("h1").inner_text().replace("Could", "could")
    picture(auditor, "dr-drills-run", theme)


@pytest.mark.parametrize("path", ["", f"of/{PASSED}", f"of/{MISSING}", "of/drill-unknown"])
def test_nothing_serious_stands_in_the_way_of_a_screen_reader(site: Site, auditor: Page, path: str) -> None:
    auditor.goto(f"{site.url}/{PREFIX}/{path}")
    assert grave(auditor) == []
