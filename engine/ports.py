"""Where the tasks listen; the same numbers on every task's own address."""

from __future__ import annotations

import msgspec

__all__ = ["Ports"]


class Ports(msgspec.Struct, frozen=True):
    """An engine has the first three; the market-data task `feed`, the customer task `directory`."""

    orders: int = 7000
    status: int = 7001
    feed: int = 7100
    directory: int = 7200
