"""One filed drill, its auditor's key and its anchor."""

from __future__ import annotations

import pytest

from drill.core.evidence.anchor import Anchor, read_anchor
from drill.core.evidence.keys import FileKey, PublicKey
from tests.core.signing import signer
from tests.evidence import filing
from tests.evidence.filing import Record


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    """The key that signs the chain."""
    return signer(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> FileKey:
    """A key that no auditor holds."""
    return signer(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def record(ours: FileKey) -> Record:
    """A healthy drill beside another one."""
    return filing.record(ours)


@pytest.fixture(scope="session")
def crowded(ours: FileKey) -> Record:
    """The same drill with eight links of another one between its registration and its outcome: thirteen in all."""
    return filing.record(ours, between=8)


@pytest.fixture(scope="session")
def keys(ours: FileKey) -> dict[str, PublicKey]:
    """What the auditor got by another way than the bundle."""
    return {ours.public.keyid: ours.public}


@pytest.fixture(scope="session")
def anchor(record: Record) -> Anchor:
    """What lies in the other region."""
    return read_anchor(filing.anchored(record.chain), "anchor.json")
