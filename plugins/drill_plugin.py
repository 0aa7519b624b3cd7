"""Registers the drill platform with Airflow; all else is in the package `drill`, which the loader must not see."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class DrillPlugin(AirflowPlugin):
    """The platform's entry in Airflow's list of plugins."""

    name = "drill"
