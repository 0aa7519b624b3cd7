"""The public names of the exchange. Records are made by the cutover, which CloudFormation must not undo."""

from __future__ import annotations

from troposphere import Template, route53

from templates.frame import account_tags, blank, offer
from templates.settings import Settings


def zone(settings: Settings) -> Template:
    """The hosted zone, without records."""
    template = blank("zone: the names members know")
    template.add_resource(
        route53.HostedZone(
            "Zone",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Name=settings.zone,
            HostedZoneTags=account_tags(),
        )
    )
    offer(template, "Zone")
    return template
