"""Command line of the witnesses: members | exercise | monitor | agent."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from witness.bucket import WitnessBucket

BUCKET_SETTING = "AEX_WITNESS_BUCKET"
MOST_MEMBERS = 100
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def whole(text: str) -> int:
    """A positive whole number."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return value


def member_count(text: str) -> int:
    """A number of members."""
    value = whole(text)
    if value > MOST_MEMBERS:
        raise argparse.ArgumentTypeError(f"{text!r}: members are numbered from 1 to {MOST_MEMBERS}")
    return value


def public_name(text: str) -> str:
    """A DNS name with a zone."""
    name = text.rstrip(".").lower()
    if "." not in name or ":" in name or "/" in name:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a DNS name such as exchange.aex.example")
    return name


def bucket_name(text: str) -> str:
    """A bucket: `name` or `s3://name/`."""
    name = text.removeprefix("s3://").rstrip("/")
    if not name or "/" in name:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a bucket, such as aex-witness-000000000000")
    return name


def killer_port(text: str) -> str:
    """`ecs` or the URL of an emulator's kill port."""
    if text != "ecs" and not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r}: expected ecs or http://host:port/path")
    return text


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m witness", description="Whoever testifies about a drill from outside.")
    top.add_argument("--log", default="INFO", choices=["DEBUG", "INFO", "WARNING"], help="log level (standard error)")
    verbs = top.add_subparsers(dest="verb", required=True)
    for add in (_members, _exercise, _monitor, _agent):
        verb = add(verbs)
        default = os.environ.get(BUCKET_SETTING)
        verb.add_argument(
            "--bucket", type=bucket_name, default=default, required=not default, help=f"default: ${BUCKET_SETTING}"
        )
    return top


def _members(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = verbs.add_parser("members", help="broker-dealers and their customers, with ack captures")
    verb.add_argument("--name", type=public_name, required=True, help="public name of the directory")
    verb.add_argument("--members", type=member_count, default=100)
    verb.add_argument("--customers", type=whole, default=100, help="per member")
    verb.add_argument("--rate", type=whole, default=10_000, help="commands per second, all members together")
    verb.add_argument("--seed", type=int, default=1, help="of the workload (public)")
    verb.add_argument("--captures", type=Path, required=True, help="folder of the ack captures")
    verb.add_argument("--keep-s", type=int, default=0, help="turn captures over when so old; 0: never")
    verb.set_defaults(start=start_members)
    return verb


def _exercise(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = verbs.add_parser("exercise", help="the members of planned exercises: stand by until a drill calls them")
    verb.add_argument("--captures", type=Path, required=True, help="folder of their ack captures")
    verb.set_defaults(start=start_exercise)
    return verb


def _monitor(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = verbs.add_parser("monitor", help="heartbeats to a public name")
    verb.add_argument("--name", type=public_name, required=True, help="public name of the directory")
    verb.set_defaults(start=start_monitor)
    return verb


def _agent(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    verb = verbs.add_parser("agent", help="loss injector, saboteur and canary: follows a drill's orders")
    verb.add_argument("--killer", type=killer_port, default="ecs", help="ecs, or the URL of an emulator's kill port")
    verb.add_argument("--name", type=public_name, default="exchange.aex.example", help="public name, for canaries")
    verb.add_argument("--saboteur-role", help="ARN assumed for the negative control")
    verb.add_argument("--injector-role", help="ARN assumed for faults and for the loss")
    verb.add_argument("--state", type=Path, default=Path("var/agent"), help="what must be restored survives here")
    verb.set_defaults(start=start_agent)
    return verb


def open_bucket(name: str) -> WitnessBucket:
    """The witness bucket by boto3 (endpoint and credentials from the environment)."""
    import boto3  # noqa: PLC0415 - half a second: not before the arguments are known to be good

    return WitnessBucket(boto3.client("s3"), name)


def start_members(args: argparse.Namespace) -> None:
    """Run the members' house."""
    import uvloop  # noqa: PLC0415 - only this verb needs it

    from witness.house import Plan  # noqa: PLC0415
    from witness.members import trade  # noqa: PLC0415

    plan = Plan(args.members, args.customers, args.rate, args.seed, args.captures, keep_s=args.keep_s)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(trade(plan, args.name, open_bucket(args.bucket)))


def start_exercise(args: argparse.Namespace) -> None:
    """Let the members of planned exercises stand by."""
    import uvloop  # noqa: PLC0415 - as above

    from witness.exercise import stand_by  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(stand_by(open_bucket(args.bucket), args.captures))


def start_monitor(args: argparse.Namespace) -> None:
    """Run the monitor."""
    from witness.monitor import watch  # noqa: PLC0415 - each verb imports what it needs

    asyncio.run(watch(args.name, open_bucket(args.bucket)))


def start_agent(args: argparse.Namespace) -> None:
    """Run injector, saboteur and canary."""
    from witness.agent import follow  # noqa: PLC0415 - each verb imports what it needs

    follow(
        open_bucket(args.bucket),
        killer=args.killer,
        name=args.name,
        state=args.state,
        saboteur_role=args.saboteur_role,
        injector_role=args.injector_role,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; 0 after a clean stop, 2 for a bad command line."""
    args = parser().parse_args(argv)
    logging.basicConfig(level=args.log, stream=sys.stderr, format=LOG_FORMAT)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    args.start(args)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
