"""What the drill tells a recovering site, and what the site's engines wrote about their recovery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from drill.aws.clients import client

if TYPE_CHECKING:
    import boto3

READERS = 16
OFFERED = "control/services.json"
REGION = "us-west-2"


def recover(
    session: boto3.Session,
    bucket: str,
    epoch: int,
    *,
    from_epoch: int,
    drill: str,
    rehydrate: str = "snapshot",
    recovery_points: Mapping[str, int] | None = None,
    root: str = "",
    region: str = REGION,
) -> None:
    """Let the site of `epoch` recover from the journals up to `from_epoch`; the rest is engine.symbol_recovery's.

    `root`, here and below: the prefix of an exercise, empty for the market's own control records and results.
    """
    go_ahead = {
        "from_epoch": from_epoch,
        "drill": drill,
        "rehydrate": rehydrate,
        "recovery_points": dict(recovery_points or {}),
    }
    _put(session, bucket, f"{root}control/epoch={epoch}/recover.json", go_ahead, region)


def open_trading(
    session: boto3.Session, bucket: str, epoch: int, *, drill: str, root: str = "", region: str = REGION
) -> None:
    """Let the site of `epoch` accept orders."""
    _put(session, bucket, f"{root}control/epoch={epoch}/open.json", {"drill": drill}, region)


def freeze(session: boto3.Session, bucket: str, epoch: int, *, drill: str, region: str = REGION) -> None:
    """Let the site of `epoch` stop taking commands and say where it stands."""
    _put(session, bucket, f"control/epoch={epoch}/freeze.json", {"drill": drill}, region)


def thaw(session: boto3.Session, bucket: str, epoch: int, *, region: str = REGION) -> None:
    """Let a frozen site trade on."""
    client(session, "s3", region).delete_object(Bucket=bucket, Key=f"control/epoch={epoch}/freeze.json")


def frozen(session: boto3.Session, bucket: str, epoch: int, *, region: str = REGION) -> dict[str, dict[str, Any]]:
    """Symbol -> `frozen.json` of every symbol that has stopped by order."""
    return _records(session, bucket, epoch, "frozen.json", region)


def mark(session: boto3.Session, bucket: str, epoch: int, *, drill: str, at_ns: int, region: str = REGION) -> None:
    """Ask the engines of `epoch` for their recovery points at `at_ns`: the order of a planned exercise."""
    _put(session, bucket, _mark_key(epoch, drill), {"drill": drill, "at_ns": str(at_ns)}, region)


def unmark(session: boto3.Session, bucket: str, epoch: int, *, drill: str, region: str = REGION) -> None:
    """Take the order back when the exercise is over."""
    client(session, "s3", region).delete_object(Bucket=bucket, Key=_mark_key(epoch, drill))


def marked(session: boto3.Session, bucket: str, epoch: int, *, drill: str, region: str = REGION) -> dict[str, Any]:
    """Symbol -> recovery point, of every engine task of `epoch` that has said it."""
    api = client(session, "s3", region)
    prefix = f"recovered/epoch={epoch}/marks/{drill}/"
    pages = api.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return {
        symbol: point
        for key in keys
        for symbol, point in json.loads(_get(session, bucket, key, region))["symbols"].items()
    }


def _mark_key(epoch: int, drill: str) -> str:
    return f"control/epoch={epoch}/marks/{drill}.json"


def withdraw(session: boto3.Session, bucket: str, epoch: int, *, root: str = "", region: str = REGION) -> None:
    """Take every go-ahead back, so that a later site of the same epoch does not find them."""
    api = client(session, "s3", region)
    for name in ("recover", "open", "freeze"):
        api.delete_object(Bucket=bucket, Key=f"{root}control/epoch={epoch}/{name}.json")


def finished(session: boto3.Session, bucket: str, epoch: int, *, root: str = "", region: str = REGION) -> set[str]:
    """The symbols whose result is there, by listing alone: asking every quarter second must not cost the engines."""
    keys = _recovered_keys(session, bucket, epoch, region, root)
    return {key.split("/")[-2] for key in keys if key.endswith("/result.json")}


def recovered(
    session: boto3.Session, bucket: str, epoch: int, *, root: str = "", region: str = REGION
) -> dict[str, dict[str, Any]]:
    """Symbol -> `result.json` of every symbol that has finished, damaged or not."""
    keys = [key for key in _recovered_keys(session, bucket, epoch, region, root) if key.endswith("/result.json")]
    with ThreadPoolExecutor(READERS) as pool:
        results = list(pool.map(lambda key: json.loads(_get(session, bucket, key, region)), keys))
    return {result["symbol"]: result for result in results}


def recovered_file(
    session: boto3.Session, bucket: str, epoch: int, symbol: str, name: str, *, region: str = REGION
) -> bytes:
    """`fills.bin` or `checkpoints.jsonl` of one symbol."""
    return _get(session, bucket, f"recovered/epoch={epoch}/{symbol}/{name}", region)


def opened(session: boto3.Session, bucket: str, epoch: int, *, region: str = REGION) -> dict[str, dict[str, Any]]:
    """Symbol -> `opened.json` of every symbol that a site opened in this epoch."""
    return _records(session, bucket, epoch, "opened.json", region)


def starts(session: boto3.Session, bucket: str, epoch: int, *, region: str = REGION) -> dict[str, dict[str, Any]]:
    """Symbol -> the state from which it was opened in this epoch: `start_seq`, `start_digest`, `start_frame`."""
    return {symbol: record["lineage"][-1] for symbol, record in opened(session, bucket, epoch, region=region).items()}


def offer(session: boto3.Session, bucket: str, services: Iterable[str], region: str = REGION) -> None:
    """Note which services the endpoint offers: asking takes 15 s, and belongs to the deployment, not to a drill."""
    _put(session, bucket, OFFERED, {"services": sorted(services)}, region)


def offered(session: boto3.Session, bucket: str, region: str = REGION) -> tuple[str, ...]:
    """The services that were offered when the exchange was deployed."""
    return tuple(json.loads(_get(session, bucket, OFFERED, region))["services"])


def _records(session: boto3.Session, bucket: str, epoch: int, name: str, region: str) -> dict[str, dict[str, Any]]:
    """Symbol -> the record of that name in an epoch's folder."""
    keys = [key for key in _recovered_keys(session, bucket, epoch, region) if key.endswith(f"/{name}")]
    with ThreadPoolExecutor(READERS) as pool:
        records = list(pool.map(lambda key: json.loads(_get(session, bucket, key, region)), keys))
    return {key.split("/")[-2]: record for key, record in zip(keys, records, strict=True)}


def _recovered_keys(session: boto3.Session, bucket: str, epoch: int, region: str, root: str = "") -> list[str]:
    api = client(session, "s3", region)
    pages = api.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{root}recovered/epoch={epoch}/")
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def _get(session: boto3.Session, bucket: str, key: str, region: str) -> bytes:
    return bytes(client(session, "s3", region).get_object(Bucket=bucket, Key=key)["Body"].read())


def _put(session: boto3.Session, bucket: str, key: str, content: Mapping[str, Any], region: str) -> None:
    body = json.dumps(content, sort_keys=True).encode()
    client(session, "s3", region).put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
