"""The DAG files as Airflow's DAG processor would see them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drill import airflow_home

# isort: split
from airflow.dag_processing.dagbag import DagBag


@pytest.fixture(scope="session")
def dagbag() -> Any:
    folder = airflow_home.ROOT / "dags"
    return DagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
