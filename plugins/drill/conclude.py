"""`python -m drill conclude`: give a drill that died an outcome, so that none is ever just missing.

A drill dies with the Airflow that carried it out, when that is killed and its run is given up. What ends it then is the
sweeper's (drill.sweep); here is who asks for it where no scheduler may be running: the keeper and the command line.
"""

from __future__ import annotations

from drill.aws.drill_lock import LockHeldError
from drill.aws.sessions import default_session
from drill.docket import Docket
from drill.settings import Settings
from drill.unfinished import Unfinished

REASON = "what carried it out ended: Airflow or its world was killed, and its run was given up"


def conclude(settings: Settings, drill: str, reason: str = REASON) -> str:
    """Close one drill, with teardown, report and seal; says its outcome. Raises as drill.sweep.close does."""
    from drill.sweep import close  # noqa: PLC0415 - Airflow takes seconds to import

    docket = Docket(drill, settings, default_session)
    close(docket, reason)
    return f"drill {drill}: {docket.outcome()}: {reason}"


def conclude_dead(settings: Settings, unfinished: Unfinished | None = None) -> list[str]:
    """Conclude every drill that has no outcome and is not being carried out; says what was done.

    While another drill runs they wait: names and fence are its own then.
    """
    looked, told = unfinished or Unfinished(settings), []
    for docket in looked.drills():
        if looked.lives(docket):
            continue
        try:
            told.append(conclude(settings, docket.drill))
        except LockHeldError:
            break
    return told
