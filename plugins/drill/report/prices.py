"""What a drill would cost on AWS: measured usage times a dated price table (`prices.json`)."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import msgspec

from drill.core.report import CostEstimate, CostLine

_TABLE = Path(__file__).with_name("prices.json")
_MICRO = 1_000_000


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `price` US dollars for `per` amounts."""

    item: str
    price: str
    per: int
    unit: str
    amount: str


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    """A price list with its date and region. Refresh it by hand from the pricing API and change `as_of`."""

    as_of: str
    region: str
    source: str
    items: dict[str, Price]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill used, in whole units as named. Zero is zero: leave out only what the drill cannot have used.

    `firehose_billed_bytes` counts each record rounded up to 5 KB, as it is charged.
    """

    fargate_vcpu_seconds: int = 0
    fargate_memory_mib_seconds: int = 0
    firehose_billed_bytes: int = 0
    s3_puts: int = 0
    s3_gets: int = 0
    s3_gib_days: int = 0
    dns_queries: int = 0
    hosted_zones: int = 0
    nat_seconds: int = 0
    nat_bytes: int = 0
    endpoint_seconds: int = 0
    endpoint_bytes: int = 0
    kms_keys: int = 0
    kms_requests: int = 0
    kms_signatures: int = 0


def price_table() -> PriceTable:
    """The table that ships with the package."""
    return msgspec.json.decode(_TABLE.read_bytes(), type=PriceTable)


def _line(quantity: int, price: Price) -> CostLine:
    cost = Decimal(price.price) * _MICRO * quantity / price.per
    return CostLine(
        item=price.item,
        quantity=f"{quantity:,} {price.amount}",
        price=f"${price.price} per {price.unit}",
        cost_micro_usd=int(cost.to_integral_value(rounding=ROUND_CEILING)),
    )


def cost_estimate(usage: Usage, *, note: str = "") -> CostEstimate:
    """Price everything that was used, each line rounded up to a millionth of a dollar.

    Fargate charges at least a minute a task: the caller counts task seconds accordingly.
    """
    prices = price_table()
    used = [(name, quantity) for name, quantity in msgspec.structs.asdict(usage).items() if quantity]
    return CostEstimate(
        region=prices.region,
        prices_as_of=prices.as_of,
        source=prices.source,
        lines=tuple(_line(quantity, prices.items[name]) for name, quantity in used),
        note=note,
    )
