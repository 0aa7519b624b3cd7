"""The form of a drill in Airflow: every parameter with its bounds. What it means together is checked by the plan."""

from __future__ import annotations

import copy

from airflow.sdk import Param

PARAMS = {
    "purpose": Param(
        "drill",
        type="string",
        enum=["drill", "failover"],
        title="Purpose",
        description="failover: REAL. The exchange is lost; two other people approve; nothing is torn down",
    ),
    "preset": Param(
        None,
        type=["string", "null"],
        enum=[None, "smoke", "weekly", "loss", "cold_start"],
        title="Preset",
        description="smoke: 5 symbols, PARTIAL. Empty: a loss, or what is chosen below",
    ),
    "kind": Param(
        None,
        type=["string", "null"],
        enum=[None, "loss", "planned"],
        title="Kind",
        description="planned: production trades on. Empty: the preset's, else loss",
    ),
    "impact_percent": Param(
        125, type="integer", minimum=100, title="Production's ack p99 (%)", description="planned: of the window before"
    ),
    "symbols": Param(
        "",
        type=["string", "null"],
        pattern="^[A-Z0-9, ]*$",
        title="Symbols",
        description="by commas; empty: all. Fewer: PARTIAL",
    ),
    "region": Param("us-west-2", type="string", title="DR region", pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$"),
    "rto_objective_s": Param(7200, type="integer", minimum=1, title="RTO objective (s)", description="Reg SCI: 7200"),
    "rpo_objective_orders": Param(0, type="integer", minimum=0, title="RPO objective (orders)"),
    "window_s": Param(
        None,
        type=["integer", "null"],
        minimum=10,
        title="Trading window (s)",
        description="before the loss or mark; 60",
    ),
    "load_s": Param(None, type=["integer", "null"], minimum=5, title="Load at the DR site (s)", description="30"),
    "seed": Param(1, type="integer", minimum=0, title="Workload seed"),
    "faults": Param(
        "",
        type=["string", "null"],
        pattern="^[F0-9, ]*$",
        title="Faults",
        description="ids of the catalogue, such as F01",
    ),
    "rehydrate": Param(None, enum=[None, "snapshot", "genesis", "both"], title="Rehydrate", description="empty: both"),
    "failback": Param(
        None, type=["boolean", "null"], title="Failback", description="loss: go home before the teardown"
    ),
    "nonce": Param(
        "",
        type=["string", "null"],
        pattern="^([0-9a-f]{64})?$",
        title="Nonce",
        description="only to reproduce: the run is not blind",
    ),
}


def form(**defaults: str) -> dict[str, Param]:
    """The form with these values filled in."""
    fields = copy.deepcopy(PARAMS)
    for name, value in defaults.items():
        fields[name].value = value
    return fields
