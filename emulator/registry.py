"""Cloud Map: a service's tasks appear under its registries while they run."""

from __future__ import annotations

import logging
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecs
from ministack.services import servicediscovery as cloudmap

REFUSED = 400
logger = logging.getLogger("emulator.registry")


def registries_of(task: dict[str, Any]) -> list[str]:
    """The registry ARNs of the task's service."""
    group = task.get("group") or ""
    if not group.startswith("service:"):
        return []
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    service = ecs._services.get(f"{cluster}/{group.split(':', 1)[1]}") or {}
    return [entry["registryArn"] for entry in service.get("serviceRegistries") or [] if entry.get("registryArn")]


def _at(arn: str) -> tuple[str, str, str]:
    """(account, region, service id) of arn:aws:servicediscovery:region:account:service/id."""
    parts = arn.split(":")
    return parts[4], parts[3], parts[5].rsplit("/", 1)[-1]


def register(task: dict[str, Any], address: str) -> list[str]:
    """Register a task's address; returns the registries that took it. A registry that is missing is a warning."""
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    attributes = {
        "AWS_INSTANCE_IPV4": address,
        "AVAILABILITY_ZONE": task.get("availabilityZone", ""),
        "REGION": task["taskArn"].split(":")[3],
        "ECS_CLUSTER_NAME": ecs._cluster_name_from_arn(task["clusterArn"]),
        "ECS_SERVICE_NAME": (task.get("group") or "").removeprefix("service:"),
        "ECS_TASK_DEFINITION_FAMILY": task["taskDefinitionArn"].rsplit("/", 1)[-1].rsplit(":", 1)[0],
    }
    taken = []
    for arn in registries_of(task):
        account, region, service = _at(arn)
        with request_scope(account, region):
            status, _headers, body = cloudmap._register_instance(
                {"ServiceId": service, "InstanceId": task_id, "Attributes": attributes}
            )
        if status < REFUSED:
            taken.append(arn)
        else:
            logger.warning("task %s: registry %s refused: %r", task_id, arn, body)
    return taken


def deregister(task_id: str, registries: list[str]) -> None:
    """Take a task's address out of its registries; a service that is gone took its instances along."""
    for arn in registries:
        account, region, service = _at(arn)
        with request_scope(account, region):
            cloudmap._deregister_instance({"ServiceId": service, "InstanceId": task_id})
            cloudmap._operations.clear()  # finished at once; MiniStack would keep each for ever
