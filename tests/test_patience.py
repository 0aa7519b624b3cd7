"""Waiting asks until there is something to see, gives it, and says what did not come about."""

from __future__ import annotations

import pytest

from tests.patience import NotInTime, until


def test_what_is_seen_at_last_is_given() -> None:
    answers = iter([None, 0, "", "there", "too late"])
    assert until(lambda: next(answers), 60, "an answer", pause_s=0) == "there"
    assert next(answers) == "too late", "nobody asks again"


def test_what_never_comes_is_named_with_its_limit() -> None:
    with pytest.raises(NotInTime, match="not within 0 s: a miracle"):
        until(lambda: None, 0, "a miracle", pause_s=0)
