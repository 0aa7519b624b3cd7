"""gate: the run's colour. Teardown and all_done tasks hide failures from Airflow, so the last task asks the verdict."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from drill.aws.sessions import connection_session
from drill.core.plan import drill_id_of
from drill.core.verdict import DONE, GREEN
from drill.docket import Docket
from drill.settings import Settings


class GateOperator(BaseOperator):
    """Green for PASS, PASS_WITH_OBSERVATIONS and a real event that reached its end; red for everything else.

    Red also without a verdict or a report.
    """

    def execute(self, context: Any) -> str:
        """Read the filed outcome."""
        docket = Docket(drill_id_of(context["dag_run"].run_id), Settings(), connection_session)
        filed = docket.find("outcome.json")
        outcome = json.loads(filed)["outcome"] if filed else "MISSING"
        if outcome not in (*GREEN, *DONE):
            raise AirflowFailException(f"verdict={outcome}")
        if docket.find("report.html") is None:
            raise AirflowFailException(f"verdict={outcome}, but no report was filed")
        return str(outcome)
