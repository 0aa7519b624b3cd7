"""Airflow's own notifiers as channels: mail by SMTP, and JSON to an address (Slack's web hooks take it) by HTTP.

They are called directly, not as callbacks: a callback would render its fields as templates, and a notice is text from
a store.
"""

from __future__ import annotations

import html
from typing import Any

from drill.core.channel import Channel
from drill.core.notice import Notice


def send(channel: Channel, notice: Notice) -> None:
    """Send one notice through the Airflow connection of the channel (`smtp_default`, or the one that it names)."""
    _MAKERS[channel.kind](channel, notice).notify({})


def _mail(channel: Channel, notice: Notice) -> Any:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # noqa: PLC0415 - slow import

    return SmtpNotifier(
        to=channel.target, subject=notice.subject, html_content=f"<pre>{html.escape(notice.text)}</pre>"
    )


def _json(channel: Channel, notice: Notice) -> Any:
    from airflow.providers.http.notifications.http import HttpNotifier  # noqa: PLC0415 - slow import

    return HttpNotifier(
        http_conn_id=channel.target,
        json={"text": f"{notice.subject}\n{notice.text}", "kind": notice.kind, "about": notice.about},
    )


_MAKERS = {"smtp": _mail, "http": _json}
