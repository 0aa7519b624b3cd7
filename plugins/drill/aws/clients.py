"""One client per session, service and region: creating them is slow and not thread-safe, using them is both."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import boto3

# Route 53 and IAM have one control plane, addressed here.
GLOBAL_REGION = "us-east-1"
CONNECTIONS = 32

_made: WeakKeyDictionary[boto3.Session, dict[tuple[str, str], Any]] = WeakKeyDictionary()
_making = Lock()


def client(session: boto3.Session, service: str, region: str = GLOBAL_REGION) -> Any:
    """The shared client; its retries are bounded so that an outage is reported, not waited out."""
    with _making:
        made = _made.setdefault(session, {})
        if (service, region) not in made:
            made[service, region] = session.client(service, region_name=region, config=_config())
        return made[service, region]


def account_id(session: boto3.Session) -> str:
    """Twelve digits: bucket names end with them."""
    return str(client(session, "sts").get_caller_identity()["Account"])


def _config() -> Any:
    from botocore.config import Config  # noqa: PLC0415 - a DAG imports this module without paying for botocore

    return Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=CONNECTIONS,
    )
