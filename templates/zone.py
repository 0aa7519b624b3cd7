"""The public names of the exchange. Records are made by the cutover, which CloudFormation must not undo."""

from __future__ import annotations

from troposphere import Template, route53

from templates.frame import account_tags, blank, offer
from templates.settings import EXERCISE_LABEL, Settings


def zone(settings: Settings) -> Template:
    """The hosted zone and, apart from it, that of the exercises; both without records."""
    template = blank("zones: the names members know, and those of exercises")
    for title, name in (("Zone", settings.zone), ("ExerciseZone", f"{EXERCISE_LABEL}.{settings.zone}")):
        template.add_resource(
            route53.HostedZone(
                title,
                DeletionPolicy="Retain",
                UpdateReplacePolicy="Retain",
                Name=name,
                HostedZoneTags=account_tags(),
            )
        )
        offer(template, title)
    return template
