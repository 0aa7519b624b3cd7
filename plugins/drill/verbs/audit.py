"""What an auditor asks: verify a bundle, list drills, compare two. Needs files and the bare package, nothing else."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.verbs.answer import Answer, Refused

if TYPE_CHECKING:
    from drill.core.evidence.anchor import Anchor
    from drill.core.evidence.keys import PublicKey

BROKEN = 6
USAGE = 2


def add(verbs: Any) -> None:
    """The verbs and their options."""
    verify = verbs.add_parser("verify", help="check a bundle and recompute its verdict: 0 authentic, 6 broken")
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="the zip that `bundle` wrote")
    verify.add_argument("--key", type=Path, required=True, help="public key (PEM), or the published list of keys")
    verify.add_argument("--anchor", type=Path, help="the chain's heads as anchored in the other region")
    verify.add_argument("--tsa", type=Path, help="certificate (PEM) of the authority that stamped the heads")
    verbs.add_parser("history", help="drills newest first; one without an outcome is MISSING")
    compare = verbs.add_parser("compare", help="two drills side by side, both judged again from their evidence")
    compare.add_argument("first", metavar="A", help="a drill's id, or a folder with its artifacts")
    compare.add_argument("second", metavar="B")


def verify(arguments: argparse.Namespace) -> Answer:
    """Verify a bundle; prints the verdict as recomputed. Raises Refused with 6 at the first thing that is broken."""
    from drill.core.evidence.broken import BrokenLink  # noqa: PLC0415 - other verbs do not pay for it
    from drill.core.evidence.bundle import read_file  # noqa: PLC0415
    from drill.core.evidence.verification import verify as verified  # noqa: PLC0415
    from drill.verbs.verified import record, text  # noqa: PLC0415

    keys, anchor = _keys(arguments.key), _anchor(arguments.anchor)
    stamped = _stamps(arguments.tsa, anchor)
    try:
        found = verified(read_file(arguments.bundle), keys, anchor)
        stamps = stamped()
    except OSError as absent:
        raise Refused(f"{arguments.bundle}: {absent.strerror}", USAGE) from absent
    except BrokenLink as broken:
        raise Refused(
            f"{arguments.bundle} is BROKEN at {broken}", BROKEN, authentic=False, broken=broken.where, why=broken.why
        ) from broken
    return Answer(text(found, stamps), record(found, stamps))


def _content(path: Path, hint: str = "") -> bytes:
    try:
        return path.read_bytes()
    except OSError as absent:
        raise Refused(f"{path}: {absent.strerror}{hint}", USAGE) from absent


def _keys(path: Path) -> dict[str, PublicKey]:
    from drill.core.evidence.keys import BadKey, read_keys  # noqa: PLC0415

    try:
        return read_keys(_content(path, "; `python -m drill key` prints the public key"), str(path))
    except BadKey as refused:
        raise Refused(str(refused), USAGE) from refused


def _anchor(path: Path | None) -> Anchor | None:
    from drill.core.evidence.anchor import BadAnchor, read_anchor  # noqa: PLC0415

    if path is None:
        return None
    try:
        return read_anchor(_content(path, "; `python -m drill anchor --out FILE` writes it"), str(path))
    except BadAnchor as refused:
        raise Refused(str(refused), USAGE) from refused


def _stamps(path: Path | None, anchor: Anchor | None) -> Any:
    """A function that checks the anchor's time stamps and says what it found; it raises BrokenLink."""
    from drill.core.evidence.time_stamp import BadAuthority, Verifier  # noqa: PLC0415

    if path is None:
        return lambda: Verifier.unchecked(anchor)
    if anchor is None:
        raise Refused("--tsa: the time stamps are in the anchor; give --anchor FILE too", USAGE)
    try:
        verifier = Verifier(_content(path), str(path))
    except BadAuthority as refused:
        raise Refused(str(refused), USAGE) from refused
    return lambda: verifier.check(anchor)


def reports_folder() -> Path:
    """Where copies of reports are, as `AEX_REPORTS` says; without pydantic, which the bare package does not have."""
    return Path(os.environ.get("AEX_REPORTS", "var/reports"))


def history(_: argparse.Namespace) -> Answer:
    """Every drill of which there is a copy or a link, newest first."""
    from drill.history import entries, line  # noqa: PLC0415

    rows = entries(reports_folder())
    return Answer("\n".join(map(line, rows)), {"drills": rows})


def compare(arguments: argparse.Namespace) -> Answer:
    """Two drills side by side."""
    from drill.comparison import NoSuchDrill, compared, table  # noqa: PLC0415

    try:
        found = compared(reports_folder(), arguments.first, arguments.second)
    except NoSuchDrill as absent:
        raise Refused(str(absent), USAGE) from absent
    return Answer(table(found), found)


VERBS = {"verify": verify, "history": history, "compare": compare}
