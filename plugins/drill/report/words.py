"""How times, counts, shares and money are written. Every figure on the page goes through here.

Lengths of time are rounded up to the unit shown, shares used of a limit too: never in the drill's favour.
"""

from __future__ import annotations

from datetime import UTC, datetime

SECOND = 1_000_000_000
_TENTH = SECOND // 10
_MINUTE = 60
_HOUR = 3600


def duration(ns: int | None, absent: str = "not achieved") -> str:
    """`h:mm:ss`, with tenths below a minute: 1_421_300_000_000 -> '0:23:42', 4_210_000_000 -> '0:00:04.3'."""
    if ns is None:
        return absent
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    tenths = -(-ns // _TENTH)
    if tenths < _MINUTE * 10:
        return f"{sign}0:00:{tenths // 10:02}.{tenths % 10}"
    seconds = -(-ns // SECOND)
    return f"{sign}{seconds // _HOUR}:{seconds // _MINUTE % _MINUTE:02}:{seconds % _MINUTE:02}"


def precise(ns: int) -> str:
    """`h:mm:ss.d` whatever its length, where neighbours differ by less than a second: '0:01:27.4'."""
    tenths = -(-ns // _TENTH)
    seconds = tenths // 10
    return f"{seconds // _HOUR}:{seconds // _MINUTE % _MINUTE:02}:{seconds % _MINUTE:02}.{tenths % 10}"


def spoken(ns: int | None, absent: str = "not achieved") -> str:
    """As a person says it: '23 min 42 s', '2 h', '4.3 s'."""
    if ns is None:
        return absent
    tenths = -(-ns // _TENTH)
    if tenths < _MINUTE * 10:
        return f"{tenths // 10}.{tenths % 10} s" if tenths % 10 else f"{tenths // 10} s"
    seconds = -(-ns // SECOND)
    parts = ((seconds // _HOUR, "h"), (seconds // _MINUTE % _MINUTE, "min"), (seconds % _MINUTE, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def milliseconds(ns: int | None, absent: str = "not measured") -> str:
    """Latencies: '12.4 ms'."""
    if ns is None:
        return absent
    tenths = -(-ns // 100_000)
    return f"{tenths // 10:,}.{tenths % 10} ms"


def seconds(ns: int | None, absent: str) -> str:
    """Seconds with one decimal for the summary line: '1421.3'."""
    if ns is None:
        return absent
    tenths = -(-ns // _TENTH)
    return f"{tenths // 10}.{tenths % 10}"


def moment(ns: int | None, absent: str = "not reached") -> str:
    """UTC date and time with milliseconds."""
    if ns is None:
        return absent
    at = datetime.fromtimestamp(ns // SECOND, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ns % SECOND // 1_000_000:03} UTC"


def clock(ns: int | None, absent: str = "not reached") -> str:
    """UTC time of day with milliseconds."""
    return moment(ns, absent)[11:-4] if ns is not None else absent


def week(ns: int | None, absent: str = "not registered") -> str:
    """ISO week: '2026-W47'."""
    if ns is None:
        return absent
    year, number, _ = datetime.fromtimestamp(ns // SECOND, UTC).isocalendar()
    return f"{year}-W{number:02}"


def count(number: int | None, absent: str = "unknown") -> str:
    """Thousands separated; None in words."""
    return absent if number is None else f"{number:,}"


def plural(number: int | None, noun: str, absent: str = "unknown") -> str:
    """'1 order', '2 orders', 'unknown'."""
    return absent if number is None else f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: int | None, whole: int, absent: str = "not achieved") -> str:
    """Share of `whole` in per cent, one decimal, rounded up, so that a figure over the limit never reads 100.0."""
    if part is None or whole <= 0:
        return absent
    tenths = -(-part * 1000 // whole)
    return f"{tenths // 10:,}.{tenths % 10} %"


def floor_percent(part: int | None, whole: int, absent: str = "not measured") -> str:
    """Share that has to reach a limit: two decimals, rounded down."""
    if part is None or whole <= 0:
        return absent
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def ppm(parts: int) -> str:
    """Parts per million as per cent with two decimals, never '0.00 %' for something that is there."""
    if 0 < parts < 100:  # noqa: PLR2004 - a hundredth of a per cent
        return "under 0.01 %"
    return f"{parts // 10_000}.{parts // 100 % 100:02} %"


def dollars(micro_usd: int | None, absent: str = "unknown") -> str:
    """US dollars, rounded up to the hundredth of a cent: '$0.1234'."""
    if micro_usd is None:
        return absent
    parts = -(-micro_usd // 100)
    return f"${parts // 10_000:,}.{parts % 10_000:04}"


def cents(number: int | None, absent: str = "unknown") -> str:
    """US dollars from cents."""
    return absent if number is None else f"${number // 100:,}.{number % 100:02}"


def size(number: int | None, absent: str = "unknown") -> str:
    """Bytes in the unit that fits: '12.3 MiB'."""
    if number is None:
        return absent
    kib = 1024
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if number >= kib**power:
            tenths = number * 10 // kib**power
            return f"{tenths // 10:,}.{tenths % 10} {unit}"
    return f"{number} B"


def short(digest: str, absent: str = "none") -> str:
    """The first 12 characters of a digest; the whole stands in the record."""
    return digest[:12] if digest else absent
