"""The chain on the embedded AWS: KMS signs it, conditional puts keep it one line, holds outlast retention."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from drill.aws import evidence_store
from drill.aws.chain_store import ChainStore, Place
from drill.aws.clients import client
from drill.aws.evidence_store import EvidenceExistsError, Retention
from drill.aws.signing_key import signing_key
from drill.core.evidence.chain import signed
from drill.core.evidence.statement import Amendment, Subject
from tests.aws.conftest import REGION

pytestmark = pytest.mark.world
EVIDENCE, ANCHOR = "aex-evidence-000000000000", "aex-evidence-anchor-000000000000"
KEEP = Retention(mode="GOVERNANCE", until_ns=4_102_444_800 * 1_000_000_000)
WRITERS, EACH = 4, 3


@pytest.fixture
def store(session, account):
    for bucket, region in ((EVIDENCE, REGION), (ANCHOR, "us-east-1")):
        evidence_store.require_lock(session, bucket, region=region)
    home = Place(session, EVIDENCE, REGION, lambda: KEEP)
    away = Place(session, ANCHOR, "us-east-1", lambda: KEEP)
    return ChainStore(home, away, lambda: signing_key(session, REGION, "alias/aex-evidence"), by="test")


def test_kms_signs_and_its_public_key_verifies_without_kms(session, account):
    key = signing_key(session, REGION, "alias/aex-evidence")
    signature = key.sign(b"x" * 10_000)
    assert key.public.verifies(b"x" * 10_000, signature)
    assert not key.public.verifies(b"x" * 9_999, signature)


def test_writers_who_append_at_once_make_one_chain(store):
    """Each of them reads, signs and puts; whoever comes second to a number takes the next."""

    def append(writer: int) -> None:
        for turn in range(EACH):
            body = Amendment(author=f"w{writer}", reason="r", text=str(turn))
            store.append(f"drill-{writer}", lambda _, body=body: (body, Subject.of("x", "0" * 64)))

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(append, writer) for writer in range(WRITERS)]:
            done.result()
    chain = store.read()
    said = [link.body for link in chain.links if isinstance(link.body, Amendment)]
    assert sorted((one.author, one.text) for one in said) == sorted(
        (f"w{writer}", str(turn)) for writer in range(WRITERS) for turn in range(EACH)
    )
    signed(chain, chain.keys)
    assert len(store.heads()) == len(said)


def test_what_is_there_cannot_be_written_over_and_a_hold_outlasts_everything(session, account):
    kept = evidence_store.put(session, EVIDENCE, "d9", "verdict.json", b"{}")
    with pytest.raises(EvidenceExistsError, match=r"drills/d9/verdict.json was written with other content"):
        evidence_store.put(session, EVIDENCE, "d9", "verdict.json", b"[]")
    assert not evidence_store.held(session, EVIDENCE, kept)
    evidence_store.hold(session, EVIDENCE, kept, on=True)
    assert evidence_store.held(session, EVIDENCE, kept)
    api = client(session, "s3", REGION)
    with pytest.raises(api.exceptions.ClientError, match="AccessDenied"):
        api.delete_object(Bucket=EVIDENCE, Key=kept.key, VersionId=kept.version)
    evidence_store.hold(session, EVIDENCE, kept, on=False)
    api.delete_object(Bucket=EVIDENCE, Key=kept.key, VersionId=kept.version)
