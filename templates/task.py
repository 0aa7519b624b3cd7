"""One Fargate task, its service and its Cloud Map name: the same shape for engine, market data and directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Template, ecs, servicediscovery

from templates.frame import tags
from templates.network import ZONES
from templates.settings import Settings

# Every stack with tasks takes the subnets and the execution role.
PARAMETERS = ("ExecutionRoleArn", "Namespace", *(f"Private{zone}" for zone in ZONES))

# The root is read-only, and a recovering engine needs room for fills and for frames that came early. It ends with the
# task (Fargate's ephemeral storage).
SCRATCH = "scratch"
SCRATCH_PATH = "/tmp"  # noqa: S108 - where Python's tempfile looks; nobody else shares the container

# Connects to the port on the task's own address: it is bound there, not on the loopback.
_PROBE = (
    "import json,os,socket,urllib.request as u;"
    "t=json.load(u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4']));"
    "socket.create_connection((t['Networks'][0]['IPv4Addresses'][0],{port}),2).close()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What differs: `title` prefixes logical ids, `name` is family part, service and DNS name; ports[0] is probed."""

    title: str
    name: str
    command: Sequence[Any]
    ports: Sequence[int]
    role: str
    log: str
    cluster: str
    group: str


def add_task(template: Template, settings: Settings, task: Task) -> None:
    """Add the three resources; values of other stacks come as parameters named in `task`."""
    template.add_resource(_definition(settings, task))
    template.add_resource(_name(settings, task))
    template.add_resource(_service(settings, task))


def _environment(settings: Settings) -> list[ecs.Environment]:
    pairs = {"AWS_DEFAULT_REGION": settings.region}
    if settings.resolver:
        pairs["AEX_RESOLVER"] = settings.resolver
    return [ecs.Environment(Name=name, Value=value) for name, value in pairs.items()]


def _definition(settings: Settings, task: Task) -> ecs.TaskDefinition:
    container = ecs.ContainerDefinition(
        Name=task.name,
        Image=settings.image,
        Essential=True,
        ReadonlyRootFilesystem=True,
        MountPoints=[ecs.MountPoint(SourceVolume=SCRATCH, ContainerPath=SCRATCH_PATH, ReadOnly=False)],
        Command=[settings.python, "-m", "engine", *task.command],
        Environment=_environment(settings),
        PortMappings=[ecs.PortMapping(ContainerPort=port, Protocol="tcp") for port in task.ports],
        HealthCheck=ecs.HealthCheck(
            Command=["CMD", settings.python, "-c", _PROBE.format(port=task.ports[0])],
            Interval=10,
            Timeout=5,
            Retries=3,
            StartPeriod=60,
        ),
        LogConfiguration=ecs.LogConfiguration(
            LogDriver="awslogs",
            Options={
                "awslogs-group": Ref(task.log),
                "awslogs-region": settings.region,
                "awslogs-stream-prefix": task.name,
            },
        ),
        StopTimeout=30,
    )
    return ecs.TaskDefinition(
        f"{task.title}Definition",
        Family=f"aex-{settings.site}-{task.name}",
        Cpu=str(settings.cpu_units),
        Memory=str(settings.memory_mib),
        NetworkMode="awsvpc",
        RequiresCompatibilities=["FARGATE"],
        RuntimePlatform=ecs.RuntimePlatform(CpuArchitecture="X86_64", OperatingSystemFamily="LINUX"),
        TaskRoleArn=Ref(task.role),
        ExecutionRoleArn=Ref("ExecutionRoleArn"),
        ContainerDefinitions=[container],
        Volumes=[ecs.Volume(Name=SCRATCH)],
        Tags=tags(settings),
    )


def _name(settings: Settings, task: Task) -> servicediscovery.Service:
    return servicediscovery.Service(
        f"{task.title}Name",
        Name=task.name,
        NamespaceId=Ref("Namespace"),
        DnsConfig=servicediscovery.DnsConfig(
            RoutingPolicy="MULTIVALUE", DnsRecords=[servicediscovery.DnsRecord(Type="A", TTL="5")]
        ),
        HealthCheckCustomConfig=servicediscovery.HealthCheckCustomConfig(FailureThreshold=1),
        Tags=tags(settings),
    )


def _service(settings: Settings, task: Task) -> ecs.Service:
    return ecs.Service(
        f"{task.title}Service",
        ServiceName=task.name,
        Cluster=Ref(task.cluster),
        TaskDefinition=Ref(f"{task.title}Definition"),
        DesiredCount=1,
        LaunchType="FARGATE",
        # Stop before start: two engines of one symbol would write one journal.
        DeploymentConfiguration=ecs.DeploymentConfiguration(
            MinimumHealthyPercent=0,
            MaximumPercent=100,
            DeploymentCircuitBreaker=ecs.DeploymentCircuitBreaker(Enable=True, Rollback=False),
        ),
        NetworkConfiguration=ecs.NetworkConfiguration(
            AwsvpcConfiguration=ecs.AwsvpcConfiguration(
                AssignPublicIp="DISABLED",
                SecurityGroups=[Ref(task.group)],
                Subnets=[Ref(f"Private{zone}") for zone in ZONES],
            )
        ),
        ServiceRegistries=[ecs.ServiceRegistry(RegistryArn=GetAtt(f"{task.title}Name", "Arn"))],
        PropagateTags="SERVICE",
        Tags=tags(settings),
    )
