"""Command line of the platform: deploy | run | abort | history | judge | clean | settings."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drill.core.plan import BadPlan
from drill.settings import Settings

USAGE = 2
FAILED = 1
BROKEN = 6


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    top = argparse.ArgumentParser(prog="python -m drill", description="Disaster-recovery drills of the exchange.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="trigger a drill, follow it, say its verdict (exit status: one per verdict)")
    run.add_argument("--symbols", help="scope, by commas; default: all that the exchange lists")
    run.add_argument("--region", help="DR region")
    run.add_argument("--rto-objective-s", type=int)
    run.add_argument("--rpo-objective-orders", type=int)
    run.add_argument("--window-s", type=int, help="trading window; the loss falls into its last half")
    run.add_argument("--load-s", type=int, help="full load at the DR site")
    run.add_argument("--seed", type=int, help="workload seed, public")
    run.add_argument("--faults", help="fault ids, by commas, such as F01")
    run.add_argument("--nonce", help="64 hex digits, to reproduce a drill; the run is then not blind")
    run.add_argument("--check", action="store_true", help="only check the parameters")
    abort = verbs.add_parser("abort", help="ask a drill that runs to stop; its teardown and report follow")
    abort.add_argument("drill", metavar="DRILL")
    abort.add_argument("--reason", required=True, help="for the record: who stops it, and why")
    verbs.add_parser("deploy", help="the account's stacks and the exchange at its primary site")
    history = verbs.add_parser("history", help="drills newest first; one without an outcome is MISSING")
    history.add_argument("--json", action="store_true")
    clean = verbs.add_parser("clean", help="remove what a dead drill left: its stacks, fence and lock")
    clean.add_argument("--drill", help="default: the one that holds the lock")
    rejudge = verbs.add_parser("judge", help="recompute a filed drill's verdict, offline: 0 it agrees, 6 it does not")
    rejudge.add_argument("folder", type=Path, help="such as var/reports/<drill>")
    verbs.add_parser("settings", help="print the settings in force")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb; every error is one line and an exit status."""
    arguments = parser().parse_args(argv)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        settings = Settings()
    except ValidationError as refused:
        print(f"drill: {_named(refused)}", file=sys.stderr)
        return USAGE
    try:
        return int(VERBS[arguments.verb](arguments, settings))
    except BadPlan as refused:
        print(f"drill: {refused}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("drill: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if not _expected(error):
            raise
        print(f"drill {arguments.verb}: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED


def _named(refused: ValidationError) -> str:
    """The first setting that was refused, as the environment spells it, and why."""
    first = refused.errors()[0]
    return f"setting AEX_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}, got {first['input']!r}"


def _expected(error: Exception) -> bool:
    """Errors of the world (AWS, Airflow, a site), told in one line; anything else is a bug and shows its trace."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

    from drill.abort import NothingToAbort  # noqa: PLC0415
    from drill.airflow_api import AirflowError  # noqa: PLC0415
    from drill.aws.evidence_store import EvidenceError  # noqa: PLC0415
    from drill.aws.fence import FenceError  # noqa: PLC0415
    from drill.aws.routing import RoutingError  # noqa: PLC0415
    from drill.aws.sites import SiteError  # noqa: PLC0415
    from drill.aws.stacks import StackError  # noqa: PLC0415
    from drill.deploy import DeployError  # noqa: PLC0415
    from drill.docket import NotRegistered  # noqa: PLC0415
    from engine.storage import StorageError  # noqa: PLC0415

    of_aws = (BotoCoreError, ClientError, EvidenceError, FenceError, RoutingError, SiteError, StackError, StorageError)
    return isinstance(error, (*of_aws, AirflowError, DeployError, NotRegistered, NothingToAbort))


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    from drill.run import check, run  # noqa: PLC0415 - other verbs do not pay for it

    names = (
        "symbols",
        "region",
        "rto_objective_s",
        "rpo_objective_orders",
        "window_s",
        "load_s",
        "seed",
        "faults",
        "nonce",
    )
    params: dict[str, Any] = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return check(params, settings) if arguments.check else run(params, settings)


def _abort(arguments: argparse.Namespace, settings: Settings) -> int:
    from drill.abort import abort  # noqa: PLC0415

    print(abort(settings, arguments.drill, arguments.reason))
    return 0


def _deploy(_: argparse.Namespace, settings: Settings) -> int:
    from drill.deploy import deploy  # noqa: PLC0415

    deploy(settings)
    return 0


def _history(arguments: argparse.Namespace, settings: Settings) -> int:
    from drill.history import entries  # noqa: PLC0415

    rows = entries(Path(settings.reports))
    if arguments.json:
        print(json.dumps({"drills": rows}))
    for row in () if arguments.json else rows:
        print(f"{row['id']}  {row['verdict']:<22} {row['sentence']}")
    return 0


def _clean(arguments: argparse.Namespace, settings: Settings) -> int:
    from drill.clean import clean  # noqa: PLC0415

    print(clean(settings, arguments.drill))
    return 0


def _judge(arguments: argparse.Namespace, _: Settings) -> int:
    from drill.rejudge import BrokenRecord, rejudge  # noqa: PLC0415

    try:
        verdict = rejudge(arguments.folder)
    except (BrokenRecord, OSError) as broken:
        print(f"drill judge: {broken}", file=sys.stderr)
        return BROKEN
    print(f"{verdict.outcome}: {verdict.sentence}")
    return 0


def _settings(_: argparse.Namespace, settings: Settings) -> int:
    print(json.dumps(settings.model_dump(exclude={"airflow_password"}), indent=2))
    return 0


VERBS = {
    "run": _run,
    "abort": _abort,
    "deploy": _deploy,
    "history": _history,
    "clean": _clean,
    "judge": _judge,
    "settings": _settings,
}

if __name__ == "__main__":
    sys.exit(main())
