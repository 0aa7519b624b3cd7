"""Presets of the form: what each of the four usual drills is, and which of its values may be chosen otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from drill.core.bad_plan import BadPlan

SMOKE_SYMBOLS = 5


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """`fixed` is what makes the preset what it is; `usual` holds where the form says nothing else."""

    title: str
    fixed: Mapping[str, Any] = {}
    usual: Mapping[str, Any] = {}


PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        title=f"smoke: {SMOKE_SYMBOLS} symbols beside production; PARTIAL by definition",
        fixed={"kind": "planned"},
        usual={"window_s": 10, "load_s": 15},
    ),
    "weekly": Preset(title="weekly: a planned exercise over the whole listing", fixed={"kind": "planned"}),
    "loss": Preset(title="loss: the site is lost at a random moment", fixed={"kind": "loss"}),
    "cold_start": Preset(
        title="cold start: from genesis, in an account without leftovers of earlier drills",
        fixed={"kind": "planned", "rehydrate": "genesis"},
    ),
}


def applied(params: Mapping[str, Any], listing: tuple[str, ...]) -> dict[str, Any]:
    """The parameters with the preset's values filled in; without a preset as they are.

    Raises BadPlan for an unknown preset, for a value that contradicts what the preset is, and for a smoke drill over
    more than five symbols.
    """
    name = params.get("preset")
    if name is None:
        return dict(params)
    if name not in PRESETS:
        msg = f"parameter 'preset': expected one of {', '.join(PRESETS)}, got {name!r}"
        raise BadPlan(msg)
    preset = PRESETS[name]
    for fixed, value in preset.fixed.items():
        if params.get(fixed, value) != value:
            msg = (
                f"parameter '{fixed}': a {name} drill has {value}, got {params[fixed]!r}; leave it or the preset empty"
            )
            raise BadPlan(msg)
    found = {**preset.usual, **preset.fixed, **params}
    if name == "smoke":
        found.setdefault("symbols", list(listing[:SMOKE_SYMBOLS]))
    return found


def smoke_is_small(symbols: tuple[str, ...]) -> None:
    """Raises BadPlan where a smoke drill is asked to cover more than its five symbols."""
    if len(symbols) > SMOKE_SYMBOLS:
        msg = (
            f"parameter 'symbols': a smoke drill has at most {SMOKE_SYMBOLS}, got {len(symbols)}; choose another preset"
        )
        raise BadPlan(msg)
