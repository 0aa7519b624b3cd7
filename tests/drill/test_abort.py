"""`drill abort`: one clear line, once, and only for a drill that has not ended."""

from __future__ import annotations

import pytest

from drill import __main__ as command
from drill import abort as aborting
from tests.core import worlds


@pytest.fixture
def abort(fresh, settings, account, monkeypatch, capsys):
    monkeypatch.setattr(aborting, "default_session", account.session)
    monkeypatch.setattr(command, "_settings_in_force", lambda: settings)

    def call(drill: str, reason: str) -> tuple[int, str]:
        status = command.main(["abort", drill, "--reason", reason])
        said = capsys.readouterr()
        (line,) = (said.out + said.err).splitlines()
        return status, line

    return call


def test_the_drill_is_asked_to_stop_with_the_reason(docket, abort):
    assert abort(worlds.DRILL, "the market is\n  nervous") == (
        0,
        f"drill {worlds.DRILL}: asked to stop; teardown and report follow",
    )
    assert docket.aborted() == "the market is nervous"


def test_the_first_reason_stands(docket, abort):
    abort(worlds.DRILL, "first")
    status, line = abort(worlds.DRILL, "second")
    assert (status, line.endswith("asked to stop before: first")) == (0, True)
    assert docket.aborted() == "first"


def test_a_drill_that_ended_cannot_be_aborted(docket, abort):
    docket.put("outcome.json", b'{"outcome": "PASS"}')
    assert abort(worlds.DRILL, "late") == (1, f"drill abort: drill {worlds.DRILL}: it has ended: PASS")
    assert docket.aborted() is None


def test_an_unknown_drill_is_one_line(fresh, abort):
    status, line = abort("drill-unknown", "why not")
    assert (status, "drill-unknown: not registered" in line) == (1, True)
