"""Registers the drill platform with Airflow; all else is in the package `drill`, which the loader must not see."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from drill.ui.mount import PREFIX, Pages

# Links have no leading slash: they are relative to where Airflow's own pages begin, so a sub-path keeps working.
HISTORY = {"name": "DR drills", "href": f"{PREFIX}/", "destination": "nav", "url_route": "dr-drills"}
REPORT = {
    "name": "Drill report",
    "href": f"{PREFIX}/run?run_id={{RUN_ID}}",
    "destination": "dag_run",
    "url_route": "drill-report",
}


class DrillPlugin(AirflowPlugin):
    """The platform's pages: the history of drills in the navigation, and the report as a tab of each run."""

    name = "drill"
    fastapi_apps = [{"app": Pages(), "url_prefix": f"/{PREFIX}", "name": "DR drills"}]  # noqa: RUF012 - Airflow's form
    external_views = [HISTORY, REPORT]  # noqa: RUF012 - the same
