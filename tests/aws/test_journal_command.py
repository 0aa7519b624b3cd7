"""The journal tools read a bucket as they read a directory."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from emulator.settings import Settings as World
from emulator.settings import client_environment
from engine.__main__ import main
from tests.engine.epochs import traded
from tests.engine.written_journal import quotes

pytestmark = pytest.mark.world
BUCKET = "aex-journal-tools"


def test_verify_reads_a_bucket(world: World, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in client_environment(world).items():
        monkeypatch.setenv(name, value)
    epochs = traded(quotes(60), [40], zombie=quotes(7))
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for folder, store in (("journal", epochs.journal), ("recovered", epochs.recovered)):
        for entry in store.list():
            client.put_object(Bucket=BUCKET, Key=f"{folder}/{entry.key}", Body=store.get(entry.key))
    assert main(["journal", "verify", f"s3://{BUCKET}/"]) == 0
    assert capsys.readouterr().out.endswith("1 of 1 symbols sound\n")
    assert main(["journal", "verify", "s3://aex-no-such-bucket/"]) == 3
    assert capsys.readouterr().err.count("\n") == 1
