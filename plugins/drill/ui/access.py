"""Who may see the pages: whoever may read runs of the drill's DAG. Airflow itself does not protect a plugin's pages."""

from __future__ import annotations

from typing import Any, Final

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends

DAG: Final = "dr_drill"

reader: Any = Depends(requires_access_dag("GET", DagAccessEntity.RUN, DAG))
"""Signed in and allowed to read the drill's runs: else 401 or 403."""

writer: Any = Depends(requires_access_dag("PUT", DagAccessEntity.RUN, DAG))
"""Allowed to change the drill's runs: an auditor gets 403."""
