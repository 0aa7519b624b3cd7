"""What an injection works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from witness.bucket import WitnessBucket
from witness.nonce import Nonce
from witness.stored_changes import StoredChanges
from witness.world_port import WorldPort

Account = dict[str, Any]


class UnsupportedError(RuntimeError):
    """The fault cannot be brought about here: says what is missing."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One drill as its injector sees it.

    Attributes:
        nonce: the drill's secret, which decides what is hit.
        journal: the bucket of journal and snapshots; `evidence` that of evidence, which is never written to.
        site: the DR site, in `region`; `epoch` is the one that it takes, `from_epoch` the one that was lost.
        symbols: those in scope; `captures` is where in the witness bucket the members' captures were handed over.
        objects: changes of stored objects, which are taken back when the drill is healed.
        client: boto3 clients with the injector's role, by service and region.
        port: of an emulated world, None on AWS.
        later: runs something beside, until the drill is restored; its result completes the fault's account.
        unblind: shows the validator the true object in the place of the sabotaged one.
    """

    drill: str
    nonce: Nonce
    journal: str
    evidence: str
    site: str
    region: str
    from_epoch: int
    epoch: int
    symbols: tuple[str, ...]
    captures: str
    witness: WitnessBucket
    objects: StoredChanges
    client: Callable[[str, str], Any]
    port: WorldPort | None
    later: Callable[[Callable[[Callable[[], bool]], Account]], None]
    unblind: Callable[[str], Account]

    @property
    def prefix(self) -> str:
        """Journals of the epoch that was lost."""
        return f"journal/epoch={self.from_epoch}/"

    @property
    def engines(self) -> str:
        """The cluster of the DR site's matching engines."""
        return f"aex-{self.site}-MatchingEngine"

    def shuffled(self, label: str) -> list[str]:
        """The symbols in scope in an order that only the nonce tells."""
        return self.nonce.shuffled(label, sorted(self.symbols))

    def world(self) -> WorldPort:
        """The port of the world; raises UnsupportedError on AWS."""
        if self.port is None:
            raise UnsupportedError("this fault needs the port of an emulated world (--killer http://...)")
        return self.port

    def rule(self, fault: str) -> str:
        """The id of a fault's rule of the API."""
        return f"{self.drill}/{fault}"
