"""The empty template every stack starts from, and the tags every resource carries."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Output, Parameter, Ref, Tags, Template

from templates.settings import Settings


def blank(description: str, *parameters: str) -> Template:
    """A template whose parameters are plain strings, filled from other stacks' outputs."""
    template = Template(Description=f"AEX {description}")
    template.set_version("2010-09-09")
    for name in parameters:
        template.add_parameter(Parameter(name, Type="String"))
    return template


def tags(settings: Settings, **more: str) -> Tags:
    """Application, Drill, Site, and what the resource adds."""
    return Tags(Application="AEX", Drill=settings.drill_id, Site=settings.site, **more)


def account_tags() -> Tags:
    """Of the stacks that outlive every drill: no drill may claim them."""
    return Tags(Application="AEX", Drill="none", Site="account")


def output(template: Template, name: str, value: Any) -> None:
    """Offer a value to sibling stacks under `name`."""
    template.add_output(Output(name, Value=value))


def offer(template: Template, *titles: str) -> None:
    """Offer resources by their own title: `Vpc` is its Ref, `EngineRole.Arn` its attribute under `EngineRoleArn`."""
    for title in titles:
        value = GetAtt(*title.split(".")) if "." in title else Ref(title)
        output(template, title.replace(".", ""), value)
