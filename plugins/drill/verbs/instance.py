"""What keeps an exchange running, and says how it is: keep, status, conclude, retention."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from drill.verbs.answer import Answer

if TYPE_CHECKING:
    from drill.settings import Settings


def add(verbs: Any) -> None:
    """The verbs and their options."""
    verbs.add_parser("keep", help="keep the exchange trading until SIGTERM: next epochs, outcomes of dead drills")
    verbs.add_parser("status", help="how exchange and drills are; status 0 when all is well")
    verbs.add_parser("conclude", help="give every drill that died an outcome and a report")
    verbs.add_parser("retention", help="remove what no recovery can ask for and what is older than AEX_JOURNAL_DAYS")


def keep(_: argparse.Namespace, settings: Settings) -> Answer:
    """Look until SIGTERM."""
    from drill.keep import keep as look  # noqa: PLC0415 - other verbs do not pay for it

    return Answer("", {"stopped": True}, look(settings))


def status(_: argparse.Namespace, settings: Settings) -> Answer:
    """One screen."""
    from drill.status import status as look  # noqa: PLC0415

    lines, code = look(settings)
    return Answer("\n".join(lines), {"lines": lines}, code)


def conclude(_: argparse.Namespace, settings: Settings) -> Answer:
    """Outcomes for the dead."""
    from drill.conclude import conclude_dead  # noqa: PLC0415

    told = conclude_dead(settings) or ["every drill has its outcome, or is being carried out"]
    return Answer("\n".join(told), {"lines": told})


def retention(_: argparse.Namespace, settings: Settings) -> Answer:
    """What may go, goes."""
    from drill.retention import retain  # noqa: PLC0415

    removed = retain(settings)
    return Answer(str(removed), {"removed": dict(removed.counts), "kept": removed.kept})


VERBS = {"keep": keep, "status": status, "conclude": conclude, "retention": retention}
