"""Channels: a setting is checked where it enters, and a target is no place for a secret."""

from __future__ import annotations

import pytest

from drill.core.channel import BadChannel, Channel, channels
from drill.settings import Settings


def test_a_setting_names_its_channels_in_order_each_once() -> None:
    found = channels("sns, smtp:ops@exchange.example, http:slack, sns")
    assert found == (Channel("sns"), Channel("smtp", "ops@exchange.example"), Channel("http", "slack"))
    assert [channel.key for channel in found] == ["sns", "smtp-ops@exchange.example", "http-slack"]


def test_no_channel_is_said_and_not_forgotten() -> None:
    assert channels("none") == ()
    assert channels(Settings().notify) == (Channel("sns"),)


@pytest.mark.parametrize(
    "wrong",
    ["", " , ", "sms", "sns:arn", "smtp", "smtp:ops", "http:https://hooks.example/T0/secret", "none, sns", "http:a/b"],
)
def test_what_is_no_channel_is_refused_with_what_was_expected(wrong: str) -> None:
    with pytest.raises(BadChannel, match="expected sns, smtp:<address> or http:<Airflow connection>"):
        channels(wrong)
    with pytest.raises(ValueError, match="expected sns"):
        Settings(notify=wrong)
