"""`python -m drill bundle DRILL`: what an auditor gets, from the store."""

from __future__ import annotations

import msgspec

from drill.core.evidence.bundle import Bundle, write_bundle
from drill.core.evidence.manifest import NAME, Manifest
from drill.docket import Docket

BUNDLE = "bundle.zip"


class NotSealed(LookupError):
    """The drill has no sealed manifest: it is MISSING an outcome, or was never registered."""


def bundle(docket: Docket) -> bytes:
    """The drill's bundle with the chain as it is now; the same store gives the same bytes. Raises NotSealed."""
    manifest = docket.find(NAME)
    if manifest is None:
        msg = (
            f"drill {docket.drill}: no manifest was sealed, its outcome is MISSING; `python -m drill history` lists all"
        )
        raise NotSealed(msg)
    listed = msgspec.json.decode(manifest, type=Manifest)
    return write_bundle(
        Bundle(
            drill=docket.drill,
            manifest=manifest,
            artifacts={entry.name: docket.sealed(entry) for entry in listed.artifacts},
            chain=tuple(link.content for link in docket.chain().read().links),
        )
    )
