"""Presets: the usual drills, changed only where they stay what they are; one clear line where not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drill.core.plan import BadPlan
from drill.core.presets import PRESETS, applied
from engine.listing import SYMBOLS
from tests.core import worlds

WIDE = tuple(SYMBOLS[:12])


def planned(**params):
    return worlds.plan(listing=WIDE, **params)


@pytest.mark.parametrize(
    ("preset", "kind", "symbols", "window_s", "load_s", "partial"),
    [
        ("smoke", "planned", 5, 10, 15, True),
        ("weekly", "planned", 12, 60, 30, False),
        ("loss", "loss", 12, 60, 30, False),
        ("cold_start", "planned", 12, 60, 30, False),
    ],
)
def test_a_preset_says_it_all(preset, kind, symbols, window_s, load_s, partial):  # noqa: PLR0917 - a table
    plan = planned(preset=preset)
    assert (plan.preset, plan.kind, len(plan.symbols)) == (preset, kind, symbols)
    assert (plan.window_s, plan.load_s, plan.partial) == (window_s, load_s, partial)


def test_what_makes_no_difference_may_be_chosen_otherwise():
    plan = planned(preset="smoke", window_s=20, symbols=", ".join(WIDE[:2]), region="eu-west-1")
    assert (plan.window_s, plan.symbols, plan.dr_region) == (20, tuple(sorted(WIDE[:2])), "eu-west-1")


def test_a_smoke_drill_is_partial_by_definition_also_where_it_covers_everything():
    assert worlds.plan(preset="smoke").symbols == worlds.LISTING
    assert worlds.plan(preset="smoke").partial


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"preset": "huge"}, "parameter 'preset': expected one of smoke, weekly, loss, cold_start, got 'huge'"),
        ({"preset": "weekly", "kind": "loss"}, "parameter 'kind': a weekly drill has planned, got 'loss'"),
        ({"preset": "loss", "kind": "planned"}, "parameter 'kind': a loss drill has loss, got 'planned'"),
        ({"preset": "smoke", "symbols": ",".join(WIDE)}, "parameter 'symbols': a smoke drill has at most 5, got 12"),
        ({"preset": "weekly", "faults": "F01"}, "parameter 'faults': a planned exercise leaves production's journal"),
        ({"kind": "lost"}, "parameter 'kind': expected loss or planned, got 'lost'"),
        ({"impact_percent": 99}, "parameter 'impact_percent': expected a whole number from 100 to"),
    ],
)
def test_what_contradicts_it_is_one_clear_line(params, said):
    with pytest.raises(BadPlan) as refused:
        planned(**params)
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


@given(st.sampled_from(sorted(PRESETS)), st.integers(10, 100), st.integers(5, 100))
def test_what_is_given_wins_over_what_is_usual_and_never_over_what_it_is(preset, window_s, load_s):
    found = applied({"preset": preset, "window_s": window_s, "load_s": load_s}, WIDE)
    assert (found["window_s"], found["load_s"]) == (window_s, load_s)
    assert PRESETS[preset].fixed.items() <= found.items()
