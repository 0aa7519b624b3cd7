"""What members see beside the engines: market data and the directory."""

from __future__ import annotations

from troposphere import Template

from templates.frame import blank
from templates.network import DIRECTORY, MARKET_DATA
from templates.settings import Settings
from templates.task import PARAMETERS, Task, add_task


def edge(settings: Settings) -> Template:
    """Services `marketdata` and `customer`."""
    own = ("EdgeRoleArn", "EdgeGroupGroupId", "MarketdataLog", "CustomerLog", "MarketDataCluster", "CustomerCluster")
    template = blank(f"{settings.site} market data and directory", *own, *PARAMETERS)
    engines = ",".join(settings.engines)
    shared = {"role": "EdgeRoleArn", "group": "EdgeGroupGroupId"}
    fan_out = Task(
        title="MarketData",
        name="marketdata",
        command=["marketdata", "--engines", engines],
        ports=(MARKET_DATA,),
        log="MarketdataLog",
        cluster="MarketDataCluster",
        **shared,
    )
    directory = Task(
        title="Customer",
        name="customer",
        command=[
            "directory",
            *("--site", settings.site),
            *("--environment", settings.environment),
            *("--epoch", str(settings.epoch)),
            *("--symbols", ",".join(settings.symbols)),
            *("--engines", engines),
        ],
        ports=(DIRECTORY,),
        log="CustomerLog",
        cluster="CustomerCluster",
        **shared,
    )
    for task in (fan_out, directory):
        add_task(template, settings, task)
    return template
