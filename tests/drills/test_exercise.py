"""An instance that loses its site and goes home, then exercises beside a production that trades on."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.drills.instance import SYMBOLS, Instance

pytestmark = [pytest.mark.drill, pytest.mark.timeout(1200)]


@pytest.fixture
def trading(instance: Instance) -> Instance:
    instance.up()
    return instance


def drilled(instance: Instance, *options: str) -> dict[str, Any]:
    """A drill on the instance: what its last line says, and its report's verdict."""
    run = instance.visit("-m", "drill", "run", "--window-s", "10", "--load-s", "12", *options, within_s=540)
    said = dict(re.findall(r"(\w+)=(\S+)", run.stdout.splitlines()[-1]))
    folder = f"drills/{said['drill']}/"
    rulings = instance.json("aex-evidence", f"{folder}verdict.json")["rulings"]
    # How fast a machine acknowledges that runs the tests beside the exchange is no question of right and wrong.
    assert [ruling for ruling in rulings if not ruling["text"].startswith("ack p99 ")] == [], run.stderr
    assert {name: said[name] for name in ("symbols", "rpo_orders", "control", "teardown")} == {
        "symbols": f"{len(SYMBOLS)}/{len(SYMBOLS)}",
        "rpo_orders": "0",
        "control": "caught",
        "teardown": "clean",
    }
    return said | {"status": run.returncode, "rulings": rulings}


def test_after_a_loss_the_exchange_goes_home_and_exercises_leave_it_alone(trading: Instance) -> None:
    lost = drilled(trading, "--rehydrate", "both")
    assert lost["status"] == (1 if lost["rulings"] else 0)
    assert [site for _, site in trading.epochs()][::2] == ["primary", "primary"]
    home = trading.json("aex-evidence", f"drills/{lost['drill']}/raw/failback.json")
    assert (home["from_epoch"], home["epoch"], home["frozen"]) == (2, 3, len(SYMBOLS) + 2)  # one is sabotaged
    # What production's members had before is compared with what they have now; a busy machine may not decide this.
    planned = drilled(trading, "--kind", "planned", "--impact-percent", "1000")
    assert planned["status"] == (1 if planned["rulings"] else 0)
    assert trading.verb("status").returncode == 0
    assert trading.verb("down").returncode == 0
    acknowledged, journalled = trading.acknowledged(), trading.journalled()
    assert len(acknowledged) > 3_000
    wrong = {
        place for place, identity in acknowledged.items() if journalled.get(place, {}).get("command_id") != identity
    }
    assert wrong == set()
