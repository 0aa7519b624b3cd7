"""The pages: what they show of every outcome, what they let through to the store, what they refuse."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from drill.core.plan import DRILL_ID
from drill.settings import Settings
from drill.ui import access
from drill.ui.app import FILED_POLICY, PAGE_POLICY, build
from drill.ui.shelf import DOWNLOADS, Shelf, Unknown
from tests.drill.airflow_home import HOME, ROOT
from tests.report import samples
from tests.ui.conftest import ACCOUNT
from tests.ui.seeded import RUNS, drill_of

OUTCOMES = list(samples.outcomes())
PASSED = drill_of("PASS")
WRONG = ["%2e%2e", "a", "DRILL-123456", "drill-1/../../x", "drill-%00abcdef", "x" * 42, "drill-seeded-pass%0a"]


def found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text, re.DOTALL)
    assert match is not None, pattern
    return match


def rows(page: str) -> list[str]:
    return re.findall(r"<tr>(.*?)</tr>", found(r"<tbody>(.*)</tbody>", page)[1], re.DOTALL)


def test_every_drill_has_a_row_newest_first_with_glyph_and_word(visitor):
    shown = rows(visitor.get("/").text)
    expected = [RUNS, *(drill_of(outcome) for outcome in reversed(OUTCOMES))]
    assert [found(r'href="of/([^"]+)"', row)[1] for row in shown] == expected
    for outcome, row in zip(["RUNNING", *reversed(OUTCOMES)], shown, strict=True):
        verdict = found(r'<span class="verdict tone-(\w+)"><span aria-hidden="true">(.)</span> ([A-Z ]+)<', row)
        assert (verdict[1], verdict[3]) == (outcome, outcome.replace("_", " "))
        assert verdict[2] not in {"•", " "}


def test_a_row_has_recovery_time_recovery_point_kind_trigger_and_evidence(visitor):
    row = rows(visitor.get("/").text)[-1]
    assert f'href="of/{PASSED}"' in row
    for text in ("loss of site", "manual", "operator", "of 2:00:00", "0 lost", "of 599,226", "✓ sealed", "report"):
        assert text in row


def test_missing_is_loud_and_says_what_to_do(visitor):
    page = visitor.get("/").text
    alarm = found(r'<section class="alarm" role="alert".*?</section>', page)[0]
    assert f"python -m drill clean --drill {drill_of('MISSING')}" in alarm
    assert drill_of("PASS") not in alarm


def test_a_page_with_a_running_drill_is_looked_at_again_and_one_without_is_not(visitor):
    assert 'data-again-s="10"' in visitor.get("/").text
    assert "data-again-s" not in visitor.get(f"/of/{PASSED}").text


@pytest.mark.parametrize("outcome", [outcome for outcome in OUTCOMES if outcome != "MISSING"])
def test_a_drill_shows_its_report_in_a_sandbox(visitor, outcome):
    page = visitor.get(f"/of/{drill_of(outcome)}")
    assert page.headers["content-security-policy"] == PAGE_POLICY
    assert f'<iframe class="report" src="../of/{drill_of(outcome)}/report" sandbox ' in page.text
    report = visitor.get(f"/of/{drill_of(outcome)}/report")
    assert report.headers["content-security-policy"] == FILED_POLICY
    assert "sandbox;" in FILED_POLICY
    assert outcome.replace("_", " ") in report.text


def test_the_tab_of_a_run_finds_the_drill_by_the_runs_id_whoever_made_it(visitor):
    assert PASSED in visitor.get("/run", params={"run_id": PASSED}).text
    assert visitor.get("/run", params={"run_id": "manual__2026-11-21T14:00:00+00:00"}).status_code == 404


def test_downloads_are_named_after_the_drill_and_only_those_of_the_list_leave(visitor):
    saved = visitor.get(f"/of/{PASSED}/files/report.json")
    assert saved.headers["content-disposition"] == f'attachment; filename="{PASSED}-report.json"'
    assert saved.json()["result"]["verdict"]["outcome"] == "PASS"
    for name in ("raw/registration.json", "verdict.json", "..%2foutcome.json", "abort.json", "report.pdf"):
        assert visitor.get(f"/of/{PASSED}/files/{name}").status_code == 404


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("path", ["/of/{}", "/of/{}/report", "/of/{}/files/report.json"])
def test_an_id_that_cannot_be_one_never_reaches_the_store(account, path, wrong):
    class Watched(Shelf):
        def _open(self) -> Any:
            raise AssertionError("the store was opened")

    app = build(Watched(lambda: ACCOUNT, account.session))
    app.dependency_overrides = {access.reader.dependency: lambda: None}
    assert TestClient(app).get(path.format(wrong)).status_code == 404


@given(st.text(max_size=60))
def test_what_the_shelf_accepts_is_a_drill_id_and_nothing_else(text):
    shelf = Shelf(Settings, lambda region: pytest.fail(f"asked for {region}"))
    if DRILL_ID.fullmatch(text):
        return
    for ask in (shelf.entry, shelf.downloads, lambda drill: shelf.artifact(drill, "report.json")):
        with pytest.raises(Unknown):
            ask(text)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", f"/of/{PASSED}", f"/of/{PASSED}/report", "/nowhere"])
def test_a_reader_who_writes_is_forbidden(visitor, method, path):
    assert visitor.request(method, path).status_code == 403


def test_every_answer_carries_the_policy_and_none_is_cached(visitor):
    for path in ("/", f"/of/{PASSED}", "/of/drill-unknown", "/nowhere", f"/of/{PASSED}/files/outcome.json"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == PAGE_POLICY
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_pages_have_no_inline_script_and_no_inline_style(visitor):
    for path in ("/", f"/of/{PASSED}", f"/of/{drill_of('MISSING')}"):
        page = visitor.get(path).text
        assert re.findall(r"<style|\sstyle=|<script(?![^>]*src=)|\son\w+=|javascript:", page) == []
    assert visitor.get("/static/page.css").headers["content-type"].startswith("text/css")
    assert visitor.get("/static/app.py").status_code == 404


def test_the_last_attempt_at_a_verdict_and_a_report_is_shown(visitor, account):
    bucket, folder = ACCOUNT.evidence_bucket, f"drills/{PASSED}/"
    again = {"report@2.json": b'{"second": "attempt"}', "report@2.html": b"<p>second attempt</p>"}
    for name, content in again.items():
        account.s3.put_object(Bucket=bucket, Key=folder + name, Body=content)
    try:
        assert "second attempt" in visitor.get(f"/of/{PASSED}/report").text
        assert visitor.get(f"/of/{PASSED}/files/report.json").json() == {"second": "attempt"}
    finally:
        for name in again:
            account.s3.delete_object(Bucket=bucket, Key=folder + name)


def test_text_from_the_store_is_text_on_the_page(visitor, account):
    evil = b'{"outcome": "<script>x</script>", "sentence": "<img src=x onerror=alert(1)>\\"\'"}'
    key = "drills/drill-evil-1/outcome.json"
    account.s3.put_object(Bucket=ACCOUNT.evidence_bucket, Key=key, Body=evil)
    try:
        page = visitor.get("/").text
    finally:
        account.s3.delete_object(Bucket=ACCOUNT.evidence_bucket, Key=key)
    assert "<script>x" not in page
    assert "<img" not in page
    assert "tone-other" in page


def test_a_store_that_does_not_answer_is_told_in_words_and_asked_again(account):
    down = [True]

    def sessions(region: str) -> Any:
        if down.pop():
            raise EndpointConnectionError(endpoint_url="http://secret.example")
        return account.session(region)

    app = build(Shelf(lambda: ACCOUNT, sessions))
    app.dependency_overrides = {access.reader.dependency: lambda: None}
    client = TestClient(app)
    first = client.get("/")
    assert first.status_code == 503
    assert "evidence store does not answer" in first.text
    assert "secret.example" not in first.text
    down.append(False)
    assert client.get("/").status_code == 200


def test_an_empty_store_says_how_to_begin(account):
    app = build(Shelf(lambda: Settings(account="999988887777"), account.session))
    app.dependency_overrides = {access.reader.dependency: lambda: None}
    assert "No drill has been registered yet" in TestClient(app).get("/").text


def test_no_raw_evidence_is_on_the_list():
    assert [name for name in DOWNLOADS if "/" in name or name.startswith("raw")] == []


def test_loading_the_plugin_imports_no_page_and_nothing_heavy():
    code = (
        "import sys, runpy; runpy.run_path('plugins/drill_plugin.py'); "
        "heavy = ('boto3', 'botocore', 'fastapi', 'jinja2', 'pydantic_settings', 'drill.ui.app', 'drill.core'); "
        "import airflow.plugins_manager; print(*[name for name in heavy if name in set(sys.modules) - BEFORE])"
    )
    before = "import sys, airflow.plugins_manager; BEFORE = set(sys.modules); "
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", before + code],
        capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        env={"AIRFLOW_HOME": str(HOME), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert loaded.stdout.split() == []


def test_the_bundle_is_offered_for_what_the_chain_holds_and_made_when_it_is_asked_for(visitor, account, monkeypatch):
    monkeypatch.setattr("drill.ui.shelf.bundle", lambda docket: f"bundle of {docket.drill}".encode())
    assert "bundle.zip" not in visitor.get(f"/of/{PASSED}").text
    assert visitor.get(f"/of/{PASSED}/files/bundle.zip").status_code == 404
    chained = "drill-chained-1"
    body = b'{"outcome": "PASS", "sentence": "Yes.", "link": 47, "manifest_sha256": ""}'
    account.s3.put_object(Bucket=ACCOUNT.evidence_bucket, Key=f"drills/{chained}/outcome.json", Body=body)
    try:
        page = visitor.get(f"/of/{chained}").text
        saved = visitor.get(f"/of/{chained}/files/bundle.zip")
    finally:
        account.s3.delete_object(Bucket=ACCOUNT.evidence_bucket, Key=f"drills/{chained}/outcome.json")
    assert "bundle.zip" in page
    assert "#47" in page
    assert (saved.content, saved.headers["content-type"]) == (b"bundle of drill-chained-1", "application/zip")
