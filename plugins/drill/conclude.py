"""`python -m drill conclude`: give a drill that died an outcome, so that none is ever just missing.

A drill dies with the Airflow that carried it out, when that is killed and its run is given up. What it built goes, its
witnesses stop, and the steps that end every drill are taken here, by the same code: verdict (ABORTED), seal, report.
"""

from __future__ import annotations

from drill.aws.sessions import default_session
from drill.clean import clean
from drill.docket import Docket
from drill.settings import Settings
from drill.unfinished import Unfinished

FIRST_TRY = 3  # Airflow's are 1 and 2
REASON = "what carried it out ended: Airflow or its world was killed, and its run was given up"


def conclude(settings: Settings, drill: str, reason: str = REASON) -> str:
    """Stop, clear away, judge, report and seal one drill; says its outcome."""
    from drill.operators.judge import JudgeOperator  # noqa: PLC0415 - Airflow takes seconds to import
    from drill.operators.report import ReportOperator  # noqa: PLC0415
    from drill.operators.seal import SealOperator  # noqa: PLC0415

    # Evidence is written once: a try of its own, above those of Airflow, and above one that was cut short.
    docket = Docket(drill, settings, default_session)
    docket.attempt = FIRST_TRY + sum("-drill-abort-" in name for name in docket.names())
    docket.abort(reason)
    docket.event("drill", "abort", attempt=docket.attempt, reason=reason)
    clean(settings, drill)
    for operator in (JudgeOperator, ReportOperator, SealOperator):
        docket.event(operator.phase, "begin", attempt=docket.attempt)
        done = operator(task_id=operator.phase).start(docket, None)
        docket.event(operator.phase, "end", attempt=docket.attempt, **(done if isinstance(done, dict) else {}))
    return f"drill {drill}: {docket.outcome()}: {reason}"


def conclude_dead(settings: Settings, unfinished: Unfinished | None = None) -> list[str]:
    """Conclude every drill that has no outcome and is not being carried out; says what was done."""
    looked = unfinished or Unfinished(settings)
    return [conclude(settings, docket.drill) for docket in looked.drills() if not looked.lives(docket)]
