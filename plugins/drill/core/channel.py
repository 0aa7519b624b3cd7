"""Channels: where notices go. A setting such as `sns, smtp:ops@exchange.example, http:slack`, checked at the border."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

FORMS = {
    "sns": re.compile(r""),
    "smtp": re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"),
    "http": re.compile(r"[A-Za-z0-9_-]+"),
}
"""What follows the colon: nothing for the exchange's own topic, an address for mail, an Airflow connection for HTTP."""
EXPECTED = "expected sns, smtp:<address> or http:<Airflow connection>, by commas, or none"


class BadChannel(ValueError):
    """A channel that does not exist; the message says what was expected."""


class Channel(msgspec.Struct, frozen=True):
    """One way to people. `target` holds no secret: credentials are in Airflow's connections."""

    kind: Literal["sns", "smtp", "http"]
    target: str = ""

    @property
    def key(self) -> str:
        """Its name in the store."""
        return f"{self.kind}-{self.target}" if self.target else self.kind


def channels(setting: str) -> tuple[Channel, ...]:
    """The channels of a setting, in its order, each once; `none` (alone) means none. Raises BadChannel."""
    words = [word.strip() for word in setting.split(",") if word.strip()]
    if words == ["none"]:
        return ()
    if not words:
        raise BadChannel(f"no channel; {EXPECTED}")
    return tuple(dict.fromkeys(_channel(word) for word in words))


def _channel(word: str) -> Channel:
    kind, _, target = word.partition(":")
    if kind not in FORMS or not FORMS[kind].fullmatch(target):
        raise BadChannel(f"channel {word!r}; {EXPECTED}")
    return msgspec.convert({"kind": kind, "target": target}, Channel)
