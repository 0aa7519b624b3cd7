"""`python -m drill abort DRILL --reason TEXT`: ask a drill that runs to stop. Teardown, verdict and report follow."""

from __future__ import annotations

from drill.aws.sessions import default_session
from drill.docket import Docket
from drill.settings import Settings


class NothingToAbort(LookupError):
    """The drill has ended; the message says with which outcome."""


def abort(settings: Settings, drill: str, reason: str) -> str:
    """Write the drill's `abort.json`, once; says what follows.

    Raises NotRegistered for an unknown drill and NothingToAbort for one with an outcome.
    """
    docket = Docket(drill, settings, default_session)
    docket.plan()
    outcome = docket.outcome()
    if outcome is not None:
        msg = f"drill {drill}: it has ended: {outcome}"
        raise NothingToAbort(msg)
    asked = docket.aborted()
    if asked is not None:
        return f"drill {drill}: was asked to stop before: {asked}"
    docket.abort(" ".join(reason.split()))
    return f"drill {drill}: asked to stop; teardown and report follow"
