"""The acceptance of a running instance, by an operator's means: drills that are triggered from Airflow's own form.

    make up SYMBOLS=AAPL,ADBE,AMZN,MSFT,NFLX RATE=300
    make acceptance PICTURES=var/pictures

Signs in to Airflow in headless Chromium, opens the trigger form of `dr_drill`, chooses a preset, presses the button,
and waits for the outcome: three planned exercises, then the loss of the site with its way home. Before and after each,
production's members must be acknowledged more. Runs in the instance's environment (`python -m emulator visit`).
Each drill's last line goes to standard output. Exit status 0 when all passed in a row, 1 at the first that did not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from drill.aws.sessions import default_session
from drill.core.plan import drill_id_of
from drill.core.report import decode
from drill.docket import Docket
from drill.report.summary import summary_line
from drill.settings import Settings
from tests.patience import NotInTime, until

PRESETS = ("weekly", "weekly", "weekly", "loss")
USER = "operator"
RUN = re.compile(r"/dags/dr_drill/runs/(?P<run>[^/?]+)")
DRILL_S = 900
TRADES_S = 60
CLICK_MS = 30_000
VIEW = {"width": 1280, "height": 900}


class NotAccepted(Exception):
    """What did not hold; the message is the one line to show."""


# --- the browser --------------------------------------------------------------------------------------------------


@contextmanager
def signed_in(settings: Settings) -> Iterator[Page]:
    """A page of Airflow in Chromium, signed in as the operator through Airflow's own form."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise NotAccepted("no Chromium on the PATH (Debian: package chromium)")
    known = json.loads(Path(os.environ["AEX_AIRFLOW_PASSWORDS"]).read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport=VIEW, base_url=settings.airflow_url, color_scheme="light").new_page()
        page.set_default_timeout(CLICK_MS)
        page.goto("/")
        page.locator("input[name=username]").fill(USER)
        page.locator("input[name=password]").fill(known[USER])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="DR drills").wait_for()
        yield page
        browser.close()


def trigger(page: Page, preset: str, fields: Mapping[str, str]) -> str:
    """Fill in the form of `dr_drill` and press its button; the run's id."""
    page.goto("/dags/dr_drill")
    page.get_by_test_id("trigger-dag-button").click()
    again = page.get_by_role("menuitem", name="Trigger", exact=True)
    submit = page.get_by_test_id("trigger-dag-submit")
    expect(again.or_(submit)).to_be_visible()
    if again.is_visible():  # a DAG that has run before offers that run's values too
        again.click()
    submit.wait_for()
    choose(page, "preset", preset)
    for name, value in fields.items():
        page.locator(f"[name=element_{name}]").fill(value)
        page.keyboard.press("Tab")  # a number counts once its field was left
    submit.click()
    page.wait_for_url(RUN)
    found = RUN.search(page.url)
    assert found is not None
    return found["run"]


def choose(page: Page, field: str, value: str) -> None:
    """Choose from a list of the form."""
    page.locator(f"#element_{field}").click()
    page.get_by_role("option", name=value, exact=True).click()


def picture(page: Page, folder: Path | None, name: str) -> None:
    """Keep what is to be seen, where a folder was named."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")


def show(page: Page, run: str, folder: Path | None) -> None:
    """The page *DR drills* and the run's tab must show the drill; a picture of each."""
    page.goto("/plugin/dr-drills")
    history = page.frame_locator("iframe[title='DR drills']")
    expect(history.locator("tbody").get_by_role("link", name=drill_id_of(run), exact=True)).to_be_visible()
    picture(page, folder, "dr-drills")
    page.goto(f"/dags/dr_drill/runs/{run}/plugin/drill-report")
    tab = page.frame_locator("iframe[title='Drill report']")
    tab.frame_locator("iframe.report").locator(".band").wait_for()
    picture(page, folder, "dr-drills-run")


# --- the drills ---------------------------------------------------------------------------------------------------


def acknowledged(settings: Settings) -> int:
    """What production's members say was acknowledged to them so far."""
    said = Docket("drill-of-nobody", settings, default_session).word("members/latest.json") or {}
    return int(said.get("acked", 0))


def trades(settings: Settings) -> int:
    """Wait until production has acknowledged more than it had; the new count."""
    before = acknowledged(settings)
    return until(
        lambda: now if (now := acknowledged(settings)) > before else None, TRADES_S, "production acknowledges commands"
    )


def outcome(settings: Settings, run: str) -> str:
    """Wait for the drill's outcome and its report; the report's line."""
    docket = Docket(drill_id_of(run), settings, default_session)
    until(docket.outcome, DRILL_S, f"an outcome of {docket.drill}")
    report = decode(until(lambda: docket.find("report.json"), TRADES_S, f"a report of {docket.drill}"))
    if report.result.verdict.outcome != "PASS":
        verdict = report.result.verdict
        why = "; ".join(f"{rule.rule_id}: {rule.statement}" for rule in verdict.rules if rule.decided)
        raise NotAccepted(f"{summary_line(report)}\n{verdict.sentence} {why}")
    return summary_line(report)


def accept(settings: Settings, presets: Sequence[str], fields: Mapping[str, str], pictures: Path | None) -> None:
    """Every preset in its turn; raises NotAccepted where one does not pass, or production stands still."""
    with signed_in(settings) as page:
        for preset in presets:
            before = trades(settings)
            run = trigger(page, preset, fields)
            say(f"{preset}: triggered {run}; production acknowledged {before:,} so far")
            picture(page, pictures, f"run-{preset}")
            print(outcome(settings, run), flush=True)  # noqa: T201 - standard output is the result
            say(f"{preset}: PASS; production acknowledged {trades(settings):,} by now")
            idle(page, run)
            show(page, run, pictures)


def idle(page: Page, run: str) -> None:
    """Wait until Airflow has ended the run: what comes after the outcome is notice and colour."""
    page.goto(f"/dags/dr_drill/runs/{run}")
    expect(page.get_by_test_id("state-badge").or_(page.get_by_text("Success")).first).to_have_text(
        "Success", timeout=TRADES_S * 1000
    )


def say(line: str) -> None:
    """One line of progress."""
    print(f"acceptance: {line}", file=sys.stderr, flush=True)  # noqa: T201


def main() -> int:
    """Exit status 0 when every drill passed, 1 when one did not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default=",".join(PRESETS), help="in their order (default: %(default)s)")
    parser.add_argument("--pictures", type=Path, help="where to keep pictures of what was seen")
    parser.add_argument(
        "--field", action="append", default=[], metavar="NAME=VALUE", help="fill in another field of the form"
    )
    chosen = parser.parse_args()
    fields = dict(one.split("=", 1) for one in chosen.field)
    try:
        accept(Settings(), chosen.presets.split(","), fields, chosen.pictures)
    except (NotAccepted, NotInTime) as refused:
        say(str(refused))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
