"""Retention against the embedded AWS: what goes, what stays, and that recovery still finds everything it needs."""

from __future__ import annotations

import gzip
import time
from typing import Any

from drill.aws.clients import client
from drill.aws.fence import Epoch, take_epoch
from drill.retention import KEPT_SNAPSHOTS, retain
from drill.settings import Settings
from engine.codec import decode_frame
from engine.lineage import Link
from engine.messages import Environment
from engine.snapshot import Snapshot, encode_snapshot, snapshot_key
from engine.snapshot_shelf import Shelf
from engine.storage import open_store
from engine.venue import Venue
from tests.aws.conftest import REGION
from tests.engine.written_journal import quotes, written

BUCKET = "aex-journal-000000000000"
SYMBOL = "AAL"
NS = 1_000_000_000


def put_objects(api: Any, frames: list[bytes], first: int) -> None:
    for number, frame in enumerate(frames, start=first):
        key = f"journal/epoch=1/symbol={SYMBOL}/2026/11/21/14/{number:04}.gz"
        api.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(frame))


def store_clock_passes(api: Any, seconds: int) -> None:
    """Wait until the store's clock, which knows whole seconds, has gone on."""

    def now() -> int:
        api.put_object(Bucket=BUCKET, Key="control/clock", Body=b"")
        return int(api.head_object(Bucket=BUCKET, Key="control/clock")["LastModified"].timestamp())

    until = now() + seconds
    while now() < until:
        time.sleep(0.1)


def keys(api: Any, prefix: str) -> list[str]:
    return [one["Key"] for one in api.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]


def test_what_goes_is_gone_for_good_and_recovery_finds_the_rest(session, account):
    api = client(session, "s3", REGION)
    take_epoch(session, BUCKET, REGION, Epoch(epoch=1, site="primary", environment="LIVE", at_ns=1))
    frames, whole = written(quotes(200), per_frame=4, checkpoint_every=4, symbol=SYMBOL)
    _, half = written(quotes(100), per_frame=4, checkpoint_every=4, symbol=SYMBOL)
    put_objects(api, frames[:24], 1)
    api.delete_object(Bucket=BUCKET, Key=f"journal/epoch=1/symbol={SYMBOL}/2026/11/21/14/0001.gz")  # hidden, not gone
    store_clock_passes(api, 3)
    snapshot = Snapshot(
        symbol=SYMBOL,
        environment=int(Environment.LIVE),
        epoch=1,
        seq=100,
        taken_ns=time.time_ns(),
        digest=half.digest(),
        last_frame=decode_frame(frames[24]).digest,
        canonical=half.canonical_bytes(),
    )
    for seq in range(1, KEPT_SNAPSHOTS + 3):
        api.put_object(Bucket=BUCKET, Key=f"snapshots/{snapshot_key(1, SYMBOL, seq)}", Body=b"unreadable")
    api.put_object(Bucket=BUCKET, Key=f"snapshots/{snapshot_key(1, SYMBOL, 100)}", Body=encode_snapshot(snapshot))
    put_objects(api, frames[24:], 25)  # a frame is put after the state behind it was taken, and stored later still

    settings = Settings(symbols=SYMBOL, day_s=1, journal_days=1, clock_margin_s=1)
    removed = retain(settings)
    assert removed.counts["journal"] == 25  # with the version that was hidden and what hid it
    assert removed.counts["snapshots"] == 3
    assert removed.kept == ["ZZT1", "ZZT2", "ZZT3"]
    left = api.list_object_versions(Bucket=BUCKET, Prefix="journal/epoch=1/")
    assert [one["Key"][-7:-3] for one in left["Versions"]] == [f"{number:04}" for number in range(25, 51)]
    assert len(keys(api, "snapshots/")) == KEPT_SNAPSHOTS
    assert "control/epoch=1.json" in keys(api, "control/")
    assert retain(settings).counts["journal"] == 0

    shelf = Shelf(
        open_store(f"s3://{BUCKET}/snapshots/", session=session),
        open_store(f"s3://{BUCKET}/journal/", session=session),
        SYMBOL,
        (Link(1),),
        environment=int(Environment.LIVE),
    )
    start = shelf.recover(now_ns=time.time_ns, fresh=lambda: (lambda _: None, lambda _: None))
    assert start.recovery is not None
    assert (start.recovery.seq, start.recovery.digest) == (200, whole.digest())
    assert Venue(SYMBOL).digest() != whole.digest()
