"""Everything the account holds, found without knowing what to look for; two of them show what a drill left behind.

No list of our own resource types could prove that *nothing* is left, and tags prove less (not all resources have
them). So every service model that botocore ships is walked: each List, Describe or paginated Get operation that needs
no argument is called in each region, and whatever looks like a resource in its answer is noted with its identity.
What the two tables below leave out is no resource, or none of ours; each entry says why.

An operation that answered before and does not afterwards makes the comparison blind there: see `blind`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from drill.aws.clients import GLOBAL_REGION

if TYPE_CHECKING:
    import boto3

THREADS = 8
PAGES = 1000
# A fresh session for each batch of probed services: models are large, and most are needed once.
BATCH = 40

# Services that hold no resources of the account, or only views of other services'.
SKIPPED_SERVICES = {
    "ce": "bills",
    "cloudcontrol": "a view of other services, and it wants a type name",
    "health": "messages from AWS",
    "pricing": "a catalogue",
    "resource-explorer-2": "an index of other services, minutes late",
    "resourcegroupstaggingapi": "an index of other services that still lists deleted ones",
    "savingsplans": "contracts",
    "service-quotas": "limits",
    "signin": "no resources",
    "sts": "who is asking; sessions cannot be listed",
    "support": "messages to AWS",
}
# Operations whose answer is history, measurement, catalogue or a view of what another operation lists.
SKIPPED_OPERATIONS = {
    ("cloudformation", "DescribeEvents"): "history",
    ("cloudformation", "ListStacks"): "includes deleted stacks; DescribeStacks lists the living",
    ("cloudformation", "ListTypes"): "a catalogue",
    ("cloudformation", "DescribeStackEvents"): "history",
    ("cloudformation", "ListExports"): "belong to stacks",
    ("cloudwatch", "DescribeAlarmHistory"): "history",
    ("cloudwatch", "ListMetrics"): "measurements stay for weeks",
    ("ec2", "DescribeTags"): "belong to resources",
    ("ec2", "DescribeSpotPriceHistory"): "prices",
    ("ec2", "DescribeInstanceTypes"): "a catalogue",
    ("ec2", "DescribeInstanceTypeOfferings"): "a catalogue",
    ("ec2", "DescribeReservedInstancesOfferings"): "a catalogue",
    ("elasticache", "DescribeEvents"): "history",
    ("iam", "GetAccountAuthorizationDetails"): "a view of roles, users and policies listed one by one",
    ("kms", "ListAliases"): "includes the aliases of AWS; those of keys are seen at the keys",
    ("rds", "DescribeEvents"): "history",
    ("rds", "DescribeDBEngineVersions"): "a catalogue",
    ("rds", "DescribeReservedDBInstancesOfferings"): "a catalogue",
    ("servicediscovery", "ListOperations"): "history",
    ("ssm", "DescribeAvailablePatches"): "a catalogue",
    ("ssm", "ListDocuments"): "mostly documents of AWS",
    ("backup", "ListBackupJobs"): "history",
    ("cloudtrail", "LookupEvents"): "history",
}
# Without these arguments the answer would name the world's resources, or dead ones.
ARGUMENTS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("ec2", "DescribeImages"): {"Owners": ["self"]},
    ("ec2", "DescribeSnapshots"): {"OwnerIds": ["self"]},
    ("ec2", "DescribeFpgaImages"): {"Owners": ["self"]},
    ("ecs", "ListTaskDefinitions"): {"status": "ACTIVE"},
    ("ecs", "ListTaskDefinitionFamilies"): {"status": "ACTIVE"},
    ("iam", "ListPolicies"): {"Scope": "Local"},
    ("rds", "DescribeDBClusterSnapshots"): {"IncludePublic": False},
}
# Operations with pages that botocore has no paginator for: (list, cursor argument).
CURSORS = {("firehose", "ListDeliveryStreams"): ("DeliveryStreamNames", "ExclusiveStartDeliveryStreamName")}
_TOKENS = ("NextToken", "nextToken", "Marker", "marker", "NextMarker", "nextMarker")
# One answer for all regions; bucket names are global too, whatever endpoint lists them.
_PARTITION_WIDE = {"account", "budgets", "cloudfront", "iam", "organizations", "route53", "s3", "shield", "waf"}
# Of a description without a name of its own.
_IDENTITIES = {"Addresses": "AllocationId", "KeyPairs": "KeyPairId", "Reservations": "ReservationId"}
# AWS-managed things that appear in every account.
_MANAGED = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:aws:|^alias/aws/|/aws-service-role/|^AWSServiceRoleFor")


class Resource(msgspec.Struct, frozen=True, order=True):
    """One thing of the account; `kind` is the list it appeared in, `region` is empty for global services."""

    service: str
    kind: str
    id: str
    region: str


class Asked(msgspec.Struct, frozen=True, order=True):
    """One operation in one region."""

    service: str
    operation: str
    region: str


class Snapshot(msgspec.Struct, frozen=True):
    """What the account held; `refused` says which operations did not answer, and with what error code."""

    regions: tuple[str, ...]
    services: tuple[str, ...]
    resources: frozenset[Resource]
    answered: frozenset[Asked]
    refused: tuple[tuple[Asked, str], ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: Asked
    resources: tuple[Resource, ...] = ()
    refused: str = ""


def offered(session: boto3.Session, region: str) -> tuple[str, ...]:
    """The services that this endpoint has, of all that botocore knows: one call each (10-15 s, once per drill)."""
    names = [name for name in session.get_available_services() if name not in SKIPPED_SERVICES]
    found: list[str] = []
    for at in range(0, len(names), BATCH):
        batch = _twin(session)
        found += _offered(batch, names[at : at + BATCH], region)
    return tuple(found)


def snapshot(session: boto3.Session, regions: Iterable[str], *, services: Sequence[str] | None = None) -> Snapshot:
    """List the account in these regions; `services` is what `offered` found, asked anew when absent."""
    places = tuple(sorted(set(regions)))
    names = tuple(services) if services is not None else offered(session, places[0])
    twin = _twin(session)
    work = [job for name in names for job in _jobs(twin, name, places)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda job: _ask(*job), work))
    return Snapshot(
        regions=places,
        services=names,
        resources=frozenset(resource for answer in answers for resource in answer.resources),
        answered=frozenset(answer.asked for answer in answers if not answer.refused),
        refused=tuple(sorted((answer.asked, answer.refused) for answer in answers if answer.refused)),
    )


def orphans(session: boto3.Session, before: Snapshot, after: Snapshot) -> list[Resource]:
    """What is there after and was not before, each once, without keys that wait for their deletion."""
    new = sorted(after.resources - before.resources)
    return [resource for resource in _once(new) if not _pending_deletion(session, resource)]


def missing(before: Snapshot, after: Snapshot) -> list[Resource]:
    """What was there before and is not after: a teardown must not take more than its own."""
    return sorted(before.resources - after.resources)


def blind(before: Snapshot, after: Snapshot) -> list[Asked]:
    """The operations that answered before and not after: there, an orphan would not have been seen."""
    return sorted(before.answered - after.answered)


def encode(taken: Snapshot) -> bytes:
    """JSON, in a stable order."""
    return msgspec.json.encode(taken, order="deterministic")


def decode(body: bytes) -> Snapshot:
    """The inverse of `encode`. Raises msgspec.ValidationError."""
    return msgspec.json.decode(body, type=Snapshot)


def _twin(session: boto3.Session) -> boto3.Session:
    """A session with the same credentials whose loaded models die with it."""
    import boto3  # noqa: PLC0415 - a DAG imports this module without paying for boto3

    keys = session.get_credentials().get_frozen_credentials()
    return boto3.Session(
        aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key, aws_session_token=keys.token
    )


def _client(session: boto3.Session, service: str, region: str) -> Any:
    from botocore.config import Config  # noqa: PLC0415 - as above

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=3,
        read_timeout=30,
        parameter_validation=False,
        inject_host_prefix=False,
        max_pool_connections=THREADS,
    )
    return session.client(service, region_name=region, config=config)


def _operations(api: Any) -> list[str]:
    """Operations that list without being told what, shortest name first."""
    model = api.meta.service_model
    return sorted(
        (name for name in model.operation_names if _lists(api, model, name)), key=lambda name: (len(name), name)
    )


def _lists(api: Any, model: Any, name: str) -> bool:
    if (model.service_name, name) in SKIPPED_OPERATIONS:
        return False
    shape = model.operation_model(name).input_shape
    if shape is not None and shape.required_members:
        return False
    if name.startswith(("List", "Describe")):
        return True
    return name.startswith("Get") and name.endswith("s") and _paginates(api, name)


def _paginates(api: Any, name: str) -> bool:
    return bool(api.can_paginate(_method(api, name)))


def _method(api: Any, name: str) -> str:
    return next((method for method, operation in api.meta.method_to_api_mapping.items() if operation == name), name)


def _offered(session: boto3.Session, names: Sequence[str], region: str) -> list[str]:
    clients = [_client(session, name, region) for name in names]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(_answers, clients))
    return [name for name, answer in zip(names, answers, strict=True) if answer]


def _answers(api: Any) -> bool:
    """Whether anybody speaks this service: a modelled refusal is an answer, an unreadable or nameless one is not."""
    operations = _operations(api)
    if not operations:
        return False
    code = _refusal(api, operations[0])
    return not code.isdigit() and code not in _NOBODY


# Classes of botocore errors that mean: no such host, or no such service behind it.
_NOBODY = {"EndpointConnectionError", "ConnectTimeoutError", "ResponseParserError", "MemoryError", "NoAuthTokenError"}


def _refusal(api: Any, operation: str) -> str:
    """Empty when the operation answers, else the error's code or class."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    try:
        _call(api, operation, {})
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code", "400"))
    except (BotoCoreError, ResponseParserError) as error:
        return type(error).__name__
    except MemoryError:
        # botocore reads a plain-text body of a CBOR service as the length of a string.
        return "MemoryError"
    return ""


def _call(api: Any, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = getattr(api, _method(api, operation))(**arguments)
    return answer


def _jobs(session: boto3.Session, service: str, regions: Sequence[str]) -> list[tuple[Any, Asked]]:
    places = ("",) if service in _PARTITION_WIDE else regions
    clients = {place: _client(session, service, place or GLOBAL_REGION) for place in places}
    return [(api, Asked(service, operation, place)) for place, api in clients.items() for operation in _operations(api)]


def _ask(api: Any, asked: Asked) -> _Answer:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above

    try:
        found = [resource for page in _pages(api, asked) for resource in _resources(page, asked)]
    except ClientError as error:
        return _Answer(asked, refused=str(error.response.get("Error", {}).get("Code", "ClientError")))
    except (BotoCoreError, ResponseParserError) as error:
        return _Answer(asked, refused=type(error).__name__)
    return _Answer(asked, tuple(found))


def _pages(api: Any, asked: Asked) -> Iterator[Mapping[str, Any]]:
    key = (asked.service, asked.operation)
    arguments = dict(ARGUMENTS.get(key, {}))
    if key in CURSORS:
        yield from _cursor_pages(api, asked.operation, *CURSORS[key])
    elif _paginates(api, asked.operation):
        yield from api.get_paginator(_method(api, asked.operation)).paginate(**arguments)
    else:
        yield from _token_pages(api, asked.operation, arguments)


def _cursor_pages(api: Any, operation: str, listed: str, cursor: str) -> Iterator[Mapping[str, Any]]:
    arguments: dict[str, Any] = {}
    for _ in range(PAGES):
        page = _call(api, operation, arguments)
        yield page
        more = any(value is True and name.startswith("HasMore") for name, value in page.items())
        if not more or not page[listed]:
            return
        arguments[cursor] = page[listed][-1]


def _token_pages(api: Any, operation: str, arguments: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    shape = api.meta.service_model.operation_model(operation).input_shape
    accepted = set(shape.members) if shape is not None else set()
    for _ in range(PAGES):
        page = _call(api, operation, arguments)
        yield page
        token = next((name for name in _TOKENS if page.get(name) and name in accepted), None)
        if token is None or arguments.get(token) == page[token]:
            return
        arguments[token] = page[token]


def _resources(page: Mapping[str, Any], asked: Asked) -> Iterator[Resource]:
    """Every entry of every list in the answer; a nested list inside one wrapper is found too (CloudFront)."""
    for kind, value in page.items():
        if isinstance(value, list):
            for entry in value:
                found = _identity(kind, entry)
                if found and not _MANAGED.search(found):
                    yield Resource(asked.service, kind, found, asked.region)
        elif isinstance(value, Mapping) and kind != "ResponseMetadata":
            yield from _resources({name: inner for name, inner in value.items() if isinstance(inner, list)}, asked)


def _identity(kind: str, entry: Any) -> str:
    """A string is its own identity; of a description the field that is named like the list, ARN before id and name."""
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, Mapping):
        return ""
    fields = {name: value for name, value in entry.items() if isinstance(value, str) and value}
    if kind in _IDENTITIES and _IDENTITIES[kind] in fields:
        return fields[_IDENTITIES[kind]]
    ranked = sorted((rank, name) for name in fields if (rank := _rank(kind, name)) is not None)
    return fields[ranked[0][1]] if ranked else ""


_SUFFIXES = ("arn", "id", "identifier", "name", "url", "key", "ip")


def _rank(kind: str, name: str) -> tuple[int, int, int, int] | None:
    """Lower is better; None for a field that identifies nothing.

    `VpcEndpoints` are identified by `VpcEndpointId`, not by the `VpcId` they also have: its own or the bare ARN
    comes first, then the field named exactly like the list, then `Id` or `Name`, then what shares most of the name.
    """
    low, listed = name.lower(), kind.lower()
    suffix = next((number for number, end in enumerate(_SUFFIXES) if low.endswith(end)), None)
    if suffix is None:
        return None
    stem = low[: -len(_SUFFIXES[suffix])]
    exact = bool(stem) and listed in {stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies"}
    if exact or not stem:
        return (0 if low.endswith("arn") else 1, 0 if exact else 1, suffix, len(name))
    if listed.startswith(stem) or listed.rstrip("s").endswith(stem):
        return (2, -len(stem), suffix, len(name))
    return (3, 0, suffix, len(name))


def _once(resources: Iterable[Resource]) -> list[Resource]:
    """Without those that appear a second time, in the same service and region, as the tail of an ARN."""
    found = list(resources)
    arns: dict[tuple[str, str], list[str]] = {(resource.service, resource.region): [] for resource in found}
    for resource in found:
        if resource.id.startswith("arn:"):
            arns[resource.service, resource.region].append(resource.id)
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for resource in found:
        key = (resource.service, resource.region, resource.id)
        tail = not resource.id.startswith("arn:") and any(
            arn.endswith((f"/{resource.id}", f":{resource.id}")) for arn in arns[resource.service, resource.region]
        )
        if key not in seen and not tail:
            kept.append(resource)
        seen.add(key)
    return kept


def _pending_deletion(session: boto3.Session, resource: Resource) -> bool:
    """KMS keeps a deleted key listed for 7 to 30 days."""
    if resource.service != "kms" or resource.kind != "Keys":
        return False
    found = _client(session, "kms", resource.region).describe_key(KeyId=resource.id)
    return bool(found["KeyMetadata"]["KeyState"] == "PendingDeletion")
