"""What is traded: the hundred companies of the Nasdaq-100 as of November 2016, and three test symbols.

The index counted more securities than companies then (several share classes of Alphabet, Discovery, 21st Century Fox
and of the Liberty groups); the exchange lists one class of each company. Reference prices are approximate closes of
that month, in ticks of one US cent: they anchor generated order flow and mean nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

__all__ = ["SYMBOLS", "TEST_SYMBOLS", "Instrument", "instrument", "listing", "numbered"]

_REFERENCE_PRICES: Final = (
    ("AAL", 4_650),
    ("AAPL", 11_006),
    ("ADBE", 10_520),
    ("ADI", 6_700),
    ("ADP", 9_400),
    ("ADSK", 7_350),
    ("AKAM", 6_700),
    ("ALXN", 12_300),
    ("AMAT", 3_160),
    ("AMGN", 14_500),
    ("AMZN", 76_016),
    ("ATVI", 3_950),
    ("AVGO", 17_000),
    ("BBBY", 4_550),
    ("BIDU", 16_600),
    ("BIIB", 31_500),
    ("BMRN", 9_000),
    ("CA", 3_150),
    ("CELG", 12_150),
    ("CERN", 5_000),
    ("CHKP", 8_300),
    ("CHTR", 27_000),
    ("CMCSA", 6_900),
    ("COST", 15_200),
    ("CSCO", 3_018),
    ("CSX", 3_550),
    ("CTRP", 4_500),
    ("CTSH", 5_450),
    ("CTXS", 8_500),
    ("DISCA", 2_720),
    ("DISH", 5_750),
    ("DLTR", 8_850),
    ("EA", 7_950),
    ("EBAY", 2_880),
    ("ESRX", 7_650),
    ("EXPE", 12_550),
    ("FAST", 4_700),
    ("FB", 11_702),
    ("FISV", 10_450),
    ("FOXA", 2_800),
    ("GILD", 7_500),
    ("GOOGL", 77_597),
    ("HSIC", 15_500),
    ("ILMN", 13_400),
    ("INCY", 10_400),
    ("INTC", 3_495),
    ("INTU", 11_350),
    ("ISRG", 64_500),
    ("JD", 2_600),
    ("KHC", 8_250),
    ("LBTYA", 3_200),
    ("LRCX", 10_500),
    ("MAR", 7_750),
    ("MAT", 3_150),
    ("MCHP", 6_250),
    ("MDLZ", 4_300),
    ("MNST", 4_350),
    ("MSFT", 6_064),
    ("MU", 1_930),
    ("MXIM", 3_950),
    ("MYL", 3_700),
    ("NCLH", 4_050),
    ("NFLX", 11_538),
    ("NTAP", 3_650),
    ("NTES", 23_000),
    ("NVDA", 9_336),
    ("NXPI", 9_850),
    ("ORLY", 27_200),
    ("PAYX", 5_850),
    ("PCAR", 6_100),
    ("PCLN", 150_500),
    ("PYPL", 3_950),
    ("QCOM", 6_750),
    ("QVCA", 2_100),
    ("REGN", 40_000),
    ("ROST", 6_750),
    ("SBAC", 10_000),
    ("SBUX", 5_580),
    ("SHPG", 17_700),
    ("SIRI", 454),
    ("SRCL", 7_600),
    ("STX", 3_900),
    ("SWKS", 7_650),
    ("SYMC", 2_430),
    ("TMUS", 5_400),
    ("TRIP", 4_900),
    ("TSCO", 7_400),
    ("TSLA", 18_502),
    ("TXN", 7_150),
    ("ULTA", 25_800),
    ("VIAB", 3_750),
    ("VOD", 2_500),
    ("VRSK", 8_250),
    ("VRTX", 8_800),
    ("WBA", 8_450),
    ("WDC", 6_000),
    ("WFM", 3_100),
    ("XLNX", 5_300),
    ("XRAY", 5_950),
    ("YHOO", 4_050),
)

_TEST_PRICES: Final = (("ZZT1", 10_000), ("ZZT2", 10_000), ("ZZT3", 10_000))

SYMBOLS: Final = tuple(symbol for symbol, _ in _REFERENCE_PRICES)
"""The hundred symbols, sorted."""

TEST_SYMBOLS: Final = tuple(symbol for symbol, _ in _TEST_PRICES)
"""Symbols that no customer trades: canaries and rehearsals."""


class Instrument(msgspec.Struct, frozen=True):
    """One listed symbol; `number` (from 1, stable whatever subset is traded) stands for it on the wire."""

    symbol: str
    number: int
    tick_cents: int
    lot: int
    reference_price: int
    test: bool


_INSTRUMENTS: Final = {
    symbol: Instrument(symbol, number, 1, 1, price, number > len(SYMBOLS))
    for number, (symbol, price) in enumerate(_REFERENCE_PRICES + _TEST_PRICES, start=1)
}

_BY_NUMBER: Final = {listed.number: listed for listed in _INSTRUMENTS.values()}


def instrument(symbol: str) -> Instrument:
    """The instrument of that symbol.

    Raises:
        KeyError: nothing of that name is listed.
    """
    return _INSTRUMENTS[symbol]


def numbered(number: int) -> Instrument:
    """The instrument of that number.

    Raises:
        KeyError: no instrument has that number.
    """
    return _BY_NUMBER[number]


def listing(symbols: Iterable[str] = SYMBOLS) -> tuple[Instrument, ...]:
    """The instruments of `symbols`, in that order.

    Raises:
        KeyError: one of them is not listed.
    """
    return tuple(_INSTRUMENTS[symbol] for symbol in symbols)
