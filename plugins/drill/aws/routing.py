"""The names members know: which site each points to, and the one batch that moves them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from drill.aws.clients import client
from templates.settings import Settings

if TYPE_CHECKING:
    import boto3

# A batch takes 1,000 records and counts an UPSERT twice.
UPSERTS_PER_BATCH = 500


class RoutingError(Exception):
    """No such zone, or more than one."""


def wanted_targets(settings: Settings) -> dict[str, str]:
    """Name -> CNAME target when `settings`' site is the exchange: each symbol, `marketdata` and `exchange`."""
    zone = settings.domain
    engine = {symbol: name for name, listed in zip(settings.engines, settings.tasks, strict=True) for symbol in listed}
    symbols = {f"{symbol.lower()}.{zone}": target for symbol, target in engine.items()}
    return symbols | {
        f"marketdata.{zone}": f"marketdata.{settings.namespace}",
        f"exchange.{zone}": f"customer.{settings.namespace}",
    }


def zone_id(session: boto3.Session, zone: str) -> str:
    """Id of the hosted zone of that name (final dot or not). Raises RoutingError unless there is exactly one."""
    name = zone.rstrip(".") + "."
    answer = client(session, "route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    found = [entry["Id"].removeprefix("/hostedzone/") for entry in answer if entry["Name"] == name]
    if len(found) != 1:
        raise RoutingError(f"zone {name}: {len(found)} of that name; deploy aex-zone once")
    return str(found[0])


def cut_over(session: boto3.Session, zone: str, targets: Mapping[str, str], *, ttl_s: int = 5) -> list[str]:
    """UPSERT every name and return the change ids: one, unless there are more than 500 names. `zone` is its id.

    A batch is atomic: all its names move or none.
    """
    changes = [_change("UPSERT", name, target, ttl_s) for name, target in sorted(targets.items())]
    return _apply(session, zone, changes)


def withdraw(session: boto3.Session, zone: str, names: Iterable[str]) -> list[str]:
    """Delete the CNAMEs of these names, where they exist, and return the change ids."""
    wanted = set(names)
    standing = _records(session, zone)
    changes = [_change("DELETE", name, *standing[name]) for name in sorted(wanted & set(standing))]
    return _apply(session, zone, changes)


def in_sync(session: boto3.Session, changes: Iterable[str]) -> bool:
    """Whether every name server of the zone answers with these changes."""
    api = client(session, "route53")
    return all(api.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC" for change in changes)


def targets(session: boto3.Session, zone: str) -> dict[str, str]:
    """Name -> CNAME target as the zone says now."""
    return {name: target for name, (target, _) in _records(session, zone).items()}


def _records(session: boto3.Session, zone: str) -> dict[str, tuple[str, int]]:
    pages = client(session, "route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    return {
        record["Name"].rstrip("."): (record["ResourceRecords"][0]["Value"].rstrip("."), int(record["TTL"]))
        for page in pages
        for record in page["ResourceRecordSets"]
        if record["Type"] == "CNAME"
    }


def _change(action: str, name: str, target: str, ttl_s: int) -> dict[str, object]:
    record = {"Name": name, "Type": "CNAME", "TTL": ttl_s, "ResourceRecords": [{"Value": target}]}
    return {"Action": action, "ResourceRecordSet": record}


def _apply(session: boto3.Session, zone: str, changes: list[dict[str, object]]) -> list[str]:
    api = client(session, "route53")
    batches = (changes[at : at + UPSERTS_PER_BATCH] for at in range(0, len(changes), UPSERTS_PER_BATCH))
    answers = [api.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch}) for batch in batches]
    return [str(answer["ChangeInfo"]["Id"]) for answer in answers]
