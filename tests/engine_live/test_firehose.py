from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from engine import clock
from engine.firehose import Firehose, FirehoseDeniedError, FirehoseError, KeyRing, Signer

STREAM = "matching-engine-AAPL"


class Session:
    """A botocore session that counts how often its credentials were read."""

    def __init__(self) -> None:
        self.reads = 0

    def get_credentials(self) -> Session:
        return self

    def get_frozen_credentials(self) -> SimpleNamespace:
        self.reads += 1
        return SimpleNamespace(access_key="AKIDEXAMPLE", secret_key="secret", token=f"token-{self.reads}")


@pytest.fixture
def session() -> Any:
    return Session()


@pytest.fixture
async def client(firehose: Any, session: Any) -> Any:
    async with Firehose(region="us-west-2", keys=KeyRing(session), endpoint=firehose.url) as one:
        yield one


async def test_a_confirmed_put_delivers_the_bytes(client: Any, firehose: Any) -> None:
    await client.put(STREAM, b"\x00frame\xff")
    assert firehose.held == {STREAM: [b"\x00frame\xff"]}


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"__type": "AccessDeniedException"}),
        (403, {"__type": "com.amazonaws.firehose#AccessDenied"}),
        (403, {"code": "AccessDeniedException"}),
    ],
)
async def test_access_denied_is_the_fence(client: Any, firehose: Any, answer: Any) -> None:
    firehose.script.append(answer)
    with pytest.raises(FirehoseDeniedError, match="AccessDenied"):
        await client.put(STREAM, b"frame")


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"__type": "ServiceUnavailableException"}),
        (400, {"__type": "ResourceNotFoundException"}),
        (200, {"FailedPutCount": 1, "RecordId": "1"}),
        (200, {}),
    ],
)
async def test_anything_but_a_confirmation_is_an_error_that_may_be_repeated(
    client: Any, firehose: Any, answer: Any
) -> None:
    firehose.script.append(answer)
    with pytest.raises(FirehoseError) as caught:
        await client.put(STREAM, b"frame")
    assert not isinstance(caught.value, FirehoseDeniedError)


async def test_expired_credentials_are_read_again(client: Any, firehose: Any, session: Any) -> None:
    firehose.script.append((400, {"__type": "com.amazon.coral.service#ExpiredTokenException"}))
    with pytest.raises(FirehoseError, match="ExpiredToken"):
        await client.put(STREAM, b"frame")
    await client.put(STREAM, b"frame")
    tokens = [headers["x-amz-security-token"] for headers in firehose.headers]
    assert (tokens, session.reads) == (["token-1", "token-2"], 2)


async def test_no_connection_is_an_error_that_may_be_repeated(session: Any) -> None:
    async with Firehose(region="us-west-2", keys=KeyRing(session), endpoint="http://127.0.0.1:1") as client:
        with pytest.raises(FirehoseError, match="PutRecord"):
            await client.put(STREAM, b"frame")


@pytest.mark.parametrize("token", [None, "a-token"])
def test_the_signature_is_botocores(token: Any, monkeypatch: Any) -> None:
    body = b'{"DeliveryStreamName":"s","Record":{"Data":"AA=="}}'
    keys = Credentials("AKIDEXAMPLE", "secret", token)
    mine = Signer("firehose.us-west-2.amazonaws.com", "us-west-2").headers(body, keys, clock.now_ns())
    unsigned = {name: mine[name] for name in ("content-type", "x-amz-target")}
    request = AWSRequest("POST", "https://firehose.us-west-2.amazonaws.com/", headers=unsigned, data=body)
    request.context["timestamp"] = mine["x-amz-date"]
    signer = SigV4Auth(keys, "firehose", "us-west-2")
    request.headers["X-Amz-Date"] = mine["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert mine["authorization"].endswith(f"Signature={signature}")
