"""Command line of the platform: `python -m drill --help` lists the verbs.

Data goes to standard output and, with `--json`, as one document of JSON, refusals included (`error`, `status`);
progress and refusals of the text form go to standard error. What an auditor needs runs with the bare package:
settings, AWS and Airflow are imported by the verbs that use them.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn

from drill.verbs import audit, instance, records, reports
from drill.verbs.answer import Answer, Refused

if TYPE_CHECKING:
    from pydantic import ValidationError

    from drill.settings import Settings

USAGE = 2
FAILED = 1
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusals are JSON where `--json` stands anywhere on the line."""

    line: list[str]

    def error(self, message: str) -> NoReturn:
        """Refuse the line with status 2."""
        if "--json" not in Parser.line:
            super().error(message)
        print(json.dumps({"error": message, "status": USAGE}))
        self.exit(USAGE)


def parser() -> argparse.ArgumentParser:
    """The verbs and their options."""
    top = Parser(prog="python -m drill", description="Disaster-recovery drills of the exchange.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="trigger a drill, follow it, say its verdict (exit status: one per verdict)")
    run.add_argument("--purpose", choices=("drill", "failover"), help="failover: REAL, the exchange is lost")
    run.add_argument(
        "--preset", help="smoke, weekly, loss or cold_start: a usual drill; other options change its values"
    )
    run.add_argument("--kind", help="loss (default) or planned: production trades on, the DR site is an exercise's own")
    run.add_argument("--impact-percent", type=int, help="planned: production's ack p99 allowed, of the window before")
    run.add_argument("--symbols", help="scope, by commas; default: all that the exchange lists")
    run.add_argument("--region", help="DR region")
    run.add_argument("--rto-objective-s", type=int)
    run.add_argument("--rpo-objective-orders", type=int)
    run.add_argument("--window-s", type=int, help="trading window; the loss falls into its last half")
    run.add_argument("--load-s", type=int, help="full load at the DR site")
    run.add_argument("--seed", type=int, help="workload seed, public")
    run.add_argument("--faults", help="fault ids, by commas, such as F01")
    run.add_argument("--rehydrate", choices=("snapshot", "genesis", "both"), help="how the DR site recovers")
    run.add_argument("--failback", action=argparse.BooleanOptionalAction, help="go home before the teardown")
    run.add_argument("--nonce", help="64 hex digits, to reproduce a drill; the run is then not blind")
    run.add_argument("--check", action="store_true", help="only check the parameters")
    catalogue = verbs.add_parser("faults", help="run the fault catalogue on an exchange that is up: is each caught?")
    catalogue.add_argument("--only", default="", help="fault ids, by commas; default: the whole catalogue")
    catalogue.add_argument("--window-s", type=int, default=10)
    catalogue.add_argument("--load-s", type=int, default=5)
    catalogue.add_argument("--seed", type=int, default=1, help="workload seed, public")
    catalogue.add_argument("--control", action=argparse.BooleanOptionalAction, default=True, help="a drill without any")
    catalogue.add_argument("--score", action="store_true", help="file the sensitivity score of this version")
    failback = verbs.add_parser(
        "failback", help="REAL: go home after a real failover; triggers dr_failback, follows it"
    )
    failback.add_argument("--rto-objective-s", type=int, help="from the freeze to the first orders; 7200")
    abort = verbs.add_parser("abort", help="ask a drill that runs to stop; its teardown and report follow")
    abort.add_argument("drill", metavar="DRILL")
    abort.add_argument("--reason", required=True, help="for the record: who stops it, and why")
    verbs.add_parser("deploy", help="the account's stacks and the exchange at its primary site")
    clean = verbs.add_parser("clean", help="remove what a dead drill left: its stacks, fence and lock")
    clean.add_argument("--drill", help="default: the one that holds the lock")
    verbs.add_parser("sweep", help="close drills that died without an outcome: teardown, ABORTED report, notice")
    verbs.add_parser("settings", help="print the settings in force")
    audit.add(verbs)
    records.add(verbs)
    reports.add(verbs)
    instance.add(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="one document of JSON, refusals too")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one verb; every error is one line and an exit status."""
    Parser.line = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(Parser.line)
    try:
        answer = _answer(arguments)
    except Refused as refused:
        return _refuse(arguments, str(refused), refused.status, **refused.more)
    except KeyboardInterrupt:
        return _refuse(arguments, "interrupted", INTERRUPTED)
    except Exception as error:
        status = _expected(error)
        if status is None:  # a bug shows its trace, and whoever reads documents gets one all the same
            if arguments.json:
                _refuse(arguments, f"a bug: {type(error).__name__}: {error}", FAILED)
            raise
        return _refuse(arguments, " ".join(str(error).split()), status)
    if arguments.json:
        print(json.dumps(answer.record))
    elif answer.text:
        print(answer.text)
    return answer.status


def _answer(arguments: argparse.Namespace) -> Answer:
    offline = {**audit.VERBS, **reports.VERBS}.get(arguments.verb)
    if offline is not None:
        return offline(arguments)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return {**VERBS, **records.VERBS, **instance.VERBS}[arguments.verb](arguments, _settings_in_force())


def _refuse(arguments: argparse.Namespace, text: str, status: int, **more: Any) -> int:
    if arguments.json:
        print(json.dumps({"error": text, "status": status, **more}))
    else:
        who = "drill" if status in {USAGE, INTERRUPTED} else f"drill {arguments.verb}"
        print(f"{who}: {text}", file=sys.stderr)
    return status


def _settings_in_force() -> Settings:
    from pydantic import ValidationError  # noqa: PLC0415 - an auditor does without

    from drill.settings import Settings  # noqa: PLC0415

    try:
        return Settings()
    except ValidationError as refused:
        raise Refused(_named(refused), USAGE) from refused


def _named(refused: ValidationError) -> str:
    """The first setting that was refused, as the environment spells it, and why."""
    first = refused.errors()[0]
    return f"setting AEX_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}, got {first['input']!r}"


def _expected(error: Exception) -> int | None:
    """The exit status of errors of the world (AWS, Airflow, a site) and of bad parameters.

    None for anything else: that is a bug and shows its trace.
    """
    from drill.core.plan import BadPlan  # noqa: PLC0415

    if isinstance(error, BadPlan):
        return USAGE
    return FAILED if isinstance(error, _of_the_world()) else None


def _of_the_world() -> tuple[type[Exception], ...]:
    """Errors told in one line; none where the packages that could raise them are not installed."""
    if find_spec("botocore") is None:
        return ()
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow to import

    from drill.abort import NothingToAbort  # noqa: PLC0415
    from drill.airflow_api import AirflowError  # noqa: PLC0415
    from drill.aws.evidence_store import EvidenceError  # noqa: PLC0415
    from drill.aws.fence import FenceError  # noqa: PLC0415
    from drill.aws.routing import RoutingError  # noqa: PLC0415
    from drill.aws.sites import SiteError  # noqa: PLC0415
    from drill.aws.stacks import StackError  # noqa: PLC0415
    from drill.catalogue_run import CatalogueError  # noqa: PLC0415
    from drill.core.evidence.broken import BrokenLink  # noqa: PLC0415
    from drill.core.evidence.keys import BadKey  # noqa: PLC0415
    from drill.docket import NotRegistered  # noqa: PLC0415
    from drill.people import UnknownPersonError  # noqa: PLC0415
    from drill.primary import PrimaryError  # noqa: PLC0415
    from drill.retention import RetentionError  # noqa: PLC0415
    from engine.storage import StorageError  # noqa: PLC0415

    of_aws = (BotoCoreError, ClientError, EvidenceError, FenceError, RoutingError, SiteError, StackError, StorageError)
    return (
        *of_aws,
        AirflowError,
        CatalogueError,
        BadKey,
        BrokenLink,
        NotRegistered,
        NothingToAbort,
        PrimaryError,
        RetentionError,
        UnknownPersonError,
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from drill.core.plan import KNOWN_PARAMETERS  # noqa: PLC0415 - other verbs do not pay for it
    from drill.run import check, run  # noqa: PLC0415 - other verbs do not pay for it

    asked = {name: getattr(arguments, name) for name in sorted(KNOWN_PARAMETERS)}
    params: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if arguments.check:
        check(params, settings)
        return Answer("", {"checked": True, "parameters": params})
    return run(params, settings)


def _faults(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from drill.catalogue_run import catalogue  # noqa: PLC0415 - other verbs do not pay for it

    params = {name: getattr(arguments, name) for name in ("window_s", "load_s", "seed")}
    chosen = {"control": arguments.control, "score": arguments.score}
    return catalogue(settings, arguments.only, params, **chosen, table=sys.stderr if arguments.json else sys.stdout)


def _abort(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from drill.abort import abort  # noqa: PLC0415

    text = abort(settings, arguments.drill, arguments.reason)
    return Answer(text, {"drill": arguments.drill, "text": text})


def _deploy(_: argparse.Namespace, settings: Settings) -> Answer:
    from drill.deploy import deploy  # noqa: PLC0415

    deploy(settings)
    return Answer("", {"deployed": True})


def _clean(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from drill.clean import clean  # noqa: PLC0415

    text = clean(settings, arguments.drill)
    return Answer(text, {"text": text})


def _sweep(_: argparse.Namespace, settings: Settings) -> Answer:
    from drill.aws.sessions import default_session  # noqa: PLC0415
    from drill.sweep import sweep  # noqa: PLC0415
    from drill.watch import about_one  # noqa: PLC0415

    closed = sweep(settings, default_session, lambda drill: about_one(settings, default_session, drill))
    return Answer("\n".join(f"drill {drill}: closed" for drill in closed) or "nothing to sweep", {"closed": closed})


def _settings(_: argparse.Namespace, settings: Settings) -> Answer:
    shown = settings.model_dump(exclude={"airflow_password"})
    return Answer(json.dumps(shown, indent=2), shown)


def _failback(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from drill.run import go_home  # noqa: PLC0415 - other verbs do not pay for it

    limit = arguments.rto_objective_s
    return go_home({} if limit is None else {"rto_objective_s": limit}, settings)


VERBS: dict[str, Callable[[argparse.Namespace, Settings], Answer]] = {
    "run": _run,
    "faults": _faults,
    "failback": _failback,
    "abort": _abort,
    "sweep": _sweep,
    "deploy": _deploy,
    "clean": _clean,
    "settings": _settings,
}

if __name__ == "__main__":
    sys.exit(main())
