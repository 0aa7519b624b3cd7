"""Where alarms and drills report to people."""

from __future__ import annotations

from troposphere import Template, sns

from templates.frame import account_tags, blank, offer
from templates.settings import Settings


def notification(settings: Settings) -> Template:
    """The operations topic; people subscribe to it themselves."""
    del settings  # the same for every site
    template = blank("notification: alarms and drill outcomes")
    template.add_resource(
        # Without a key: the AWS-managed one refuses CloudWatch, and alarms carry no order.
        sns.Topic("Topic", TopicName="aex-operations", Tags=account_tags())
    )
    offer(template, "Topic")
    return template
