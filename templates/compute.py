"""Where a site's tasks run, and the private names they are found by."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, ecs, servicediscovery

from templates.frame import blank, offer, output, tags
from templates.settings import Settings, cluster_name

CLUSTERS = ("MarketData", "MatchingEngine", "Customer")


def compute(settings: Settings) -> Template:
    """Three clusters and the Cloud Map namespace."""
    template = blank(f"{settings.site} clusters and names", "Vpc")
    for part in CLUSTERS:
        template.add_resource(
            ecs.Cluster(
                f"{part}Cluster",
                ClusterName=cluster_name(settings.site, part),
                ClusterSettings=[ecs.ClusterSetting(Name="containerInsights", Value="enabled")],
                Tags=tags(settings),
            )
        )
        offer(template, f"{part}Cluster")
    template.add_resource(
        servicediscovery.PrivateDnsNamespace("Namespace", Name=settings.namespace, Vpc=Ref("Vpc"), Tags=tags(settings))
    )
    output(template, "Namespace", GetAtt("Namespace", "Id"))
    return template
