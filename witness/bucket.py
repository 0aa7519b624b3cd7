"""The witness bucket: orders in, words out. The only things that a drill and its witnesses tell each other.

boto3 clients are not used from the event loop: readers and writers run in threads of their own.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from witness import clock

ORDERS, WORDS = "orders/", "words/"
RETRY_SECONDS = 0.5
ATTEMPTS = 20
T = TypeVar("T")
LOG = logging.getLogger(__name__)


class ObjectClient(Protocol):
    """The handful of S3 calls that witnesses make (a boto3 client, or a test's stand-in)."""

    def get_object(self, **request: Any) -> Any: ...  # noqa: D102 - boto3's own method
    def put_object(self, **request: Any) -> Any: ...  # noqa: D102
    def delete_object(self, **request: Any) -> Any: ...  # noqa: D102
    def list_objects_v2(self, **request: Any) -> Any: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a drill: `orders/<drill>/<verb>.json`. `mark` changes when the object is written again."""

    drill: str
    verb: str
    mark: str
    body: dict[str, Any]


class WitnessBucket:
    """Orders and words of one bucket."""

    def __init__(self, client: ObjectClient, name: str) -> None:
        self._client = client
        self.name = name

    def marks(self) -> dict[str, str]:
        """Keys of all orders, with a mark that changes whenever one is written again."""
        listed = list_all(self._client, self.name, ORDERS)
        return {entry["Key"]: f"{entry['ETag']}@{entry.get('LastModified', '')}" for entry in listed}

    def order(self, key: str, mark: str) -> Order:
        """Read one order; raises ValueError when it is not `orders/<drill>/<verb>.json` with a JSON object in it."""
        parts = key.split("/")
        if len(parts) != 3 or not parts[2].endswith(".json"):  # noqa: PLR2004 - orders, drill, verb
            raise ValueError(f"s3://{self.name}/{key} is no order: expected orders/<drill>/<verb>.json")
        body = msgspec.json.decode(self.read(key))
        if not isinstance(body, dict):
            raise ValueError(f"s3://{self.name}/{key}: expected a JSON object, found {type(body).__name__}")  # noqa: TRY004
        return Order(parts[1], parts[2].removesuffix(".json"), mark, body)

    def read(self, key: str) -> bytes:
        """The present content of `key`."""
        content: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def say(self, path: str, body: dict[str, Any]) -> None:
        """Write `words/<path>`."""
        self.put(WORDS + path, msgspec.json.encode(body), "application/json")

    def said(self, path: str) -> bool:
        """Whether `words/<path>` exists."""
        key = WORDS + path
        return any(entry["Key"] == key for entry in list_all(self._client, self.name, key))

    def word(self, path: str) -> dict[str, Any] | None:
        """What was said at `words/<path>`, or None."""
        if not self.said(path):
            return None
        spoken: dict[str, Any] = msgspec.json.decode(self.read(WORDS + path))
        return spoken

    def put(self, key: str, content: bytes, kind: str) -> None:
        """Write an object; `kind` is its content type."""
        self._client.put_object(Bucket=self.name, Key=key, Body=content, ContentType=kind)


def list_all(client: ObjectClient, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Every object below `prefix`, page by page."""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    while True:
        page = client.list_objects_v2(**request)
        yield from page.get("Contents", ())
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def persist(act: Callable[[], T], what: str, attempts: int = ATTEMPTS) -> T:
    """Do `act` until it succeeds: the store of a site in trouble may be in trouble too. The last error is raised."""
    for attempt in range(1, attempts):
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - boto3 raises many kinds; each is logged, the last is raised
            LOG.warning("%s: attempt %d of %d failed: %s", what, attempt, attempts, error)
            clock.nap(RETRY_SECONDS)
    return act()


class Speaker:
    """A thread that publishes words in the order given, off the event loop.

    Words that must arrive are retried until they do; `latest` words are replaced by newer ones and dropped on errors.
    """

    def __init__(self, bucket: WitnessBucket) -> None:
        self._bucket = bucket
        self._words: queue.SimpleQueue[tuple[str, dict[str, Any], bool] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)
        self._thread.start()

    def say(self, path: str, body: dict[str, Any]) -> None:
        """Publish, whatever it takes."""
        self._words.put((path, body, True))

    def latest(self, path: str, body: dict[str, Any]) -> None:
        """Publish a present state; it is stale in a second anyway, so an error is logged and it is dropped."""
        self._words.put((path, body, False))

    def close(self, seconds: float = 10.0) -> None:
        """Publish what is queued, then stop."""
        self._words.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (word := self._words.get()) is not None:
            path, body, must = word
            try:
                persist(lambda p=path, b=body: self._bucket.say(p, b), f"word {path}", ATTEMPTS if must else 1)  # type: ignore[misc]
            except Exception:
                LOG.exception("word %s was not published", path)
