"""An Airflow of the tests' own: a temporary home, set before anything of Airflow is imported.

The settings stand in its airflow.cfg, not in the environment, so that no other test's processes inherit them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
[core]
dags_folder = {root}/dags
plugins_folder = {root}/plugins
load_examples = False
unit_test_mode = False
[database]
sql_alchemy_conn = sqlite:///{home}/airflow.db
[api_auth]
jwt_secret = {secret}
"""


def make() -> Path:
    """A home with its configuration; removed at exit."""
    home = Path(tempfile.mkdtemp(prefix="airflow-of-the-tests-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    (home / "airflow.cfg").write_text(CONFIG.format(root=ROOT, home=home, secret="t" * 64))
    return home


def _import_airflow(home: Path) -> None:
    before = os.environ.get("AIRFLOW_HOME")
    os.environ["AIRFLOW_HOME"] = str(home)
    try:
        import airflow.sdk  # noqa: F401, PLC0415 - it reads its home once, here
    finally:
        if before is None:
            del os.environ["AIRFLOW_HOME"]
        else:
            os.environ["AIRFLOW_HOME"] = before


HOME = make()
_import_airflow(HOME)
