"""What the container runs, `python -m engine trade | marketdata | directory`, and what people run.

That is `match` (an order flow), `journal` (verify, ls, show, export), `reconcile` (a member's orders) and `bench`.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from engine.bench_command import add_bench
from engine.errors import FlowError
from engine.journal_command import add_journal
from engine.listing import Instrument, listing
from engine.messages import Environment
from engine.ports import Ports
from engine.reconcile_command import add_reconcile

__all__ = ["main"]

TASKS = "trade|marketdata|directory|match|journal|reconcile|bench"
USAGE = 2
INTERRUPTED = 130
OUTPUT_CLOSED = 141
"""What a shell reports of a program that SIGPIPE ended: whoever read the output has gone."""

Task = Callable[[argparse.Namespace], Coroutine[Any, Any, None]]


class Parser(argparse.ArgumentParser):
    """One line for a bad argument, exit status 2: the task's log is read by people in a hurry."""

    def error(self, message: str) -> NoReturn:
        """Print the one line and leave."""
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one of the tasks until SIGTERM, or one of the commands to its end; 2 for bad arguments."""
    parser = _parser()
    settings = parser.parse_args(_join_suffix(sys.argv[1:] if arguments is None else arguments))
    run: Callable[[argparse.Namespace], int] = settings.run
    return run(settings)


def _until_stopped(task: Task) -> Callable[[argparse.Namespace], int]:
    """A task of the container: logs to standard error, ends on SIGTERM with exit status 0."""

    def run(settings: argparse.Namespace) -> int:
        import uvloop  # noqa: PLC0415 - each task imports only what it needs

        form = "%(asctime)s %(levelname)s %(name)s %(message)s"
        logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)
        logging.getLogger("botocore").setLevel(logging.WARNING)
        uvloop.run(task(settings))
        return 0

    return run


def _join_suffix(arguments: list[str]) -> list[str]:
    """`--stream-suffix -e2` as one word: argparse takes a value with a leading hyphen for an option."""
    option = "--stream-suffix"
    if option not in arguments[:-1]:
        return arguments
    at = arguments.index(option)
    return [*arguments[:at], f"{option}={arguments[at + 1]}", *arguments[at + 2 :]]


async def _trade(arguments: argparse.Namespace) -> None:
    from engine.trade import TradeSettings, trade  # noqa: PLC0415 - each task imports only what it needs

    settings = TradeSettings(
        site=arguments.site,
        environment=arguments.environment,
        epoch=arguments.epoch,
        instruments=arguments.symbols,
        stream_suffix=arguments.stream_suffix,
        stream_region=arguments.stream_region,
        control=arguments.control,
        recover=arguments.recover,
        recovered=arguments.recovered,
        lineage=arguments.lineage,
        snapshots=arguments.snapshots,
        snapshot_every=arguments.snapshot_every,
        snapshot_every_s=arguments.snapshot_every_s,
        day_s=arguments.day_s,
        commit_ms=arguments.commit_ms,
        checkpoint_every=arguments.checkpoint_every,
        halt_after_ms=arguments.halt_after_ms,
        address=arguments.address,
        ports=_ports(arguments),
    )
    await trade(settings)


async def _market_data(arguments: argparse.Namespace) -> None:
    from engine.market_data import serve_market_data  # noqa: PLC0415 - as above

    await serve_market_data(arguments.engines, arguments.address, _ports(arguments))


async def _directory(arguments: argparse.Namespace) -> None:
    from engine.directory import Directory, serve_directory  # noqa: PLC0415 - as above

    directory = Directory(
        site=arguments.site,
        environment=arguments.environment.name,
        epoch=arguments.epoch,
        instruments=arguments.symbols,
        engines=arguments.engines,
        status_port=arguments.status_port,
    )
    await serve_directory(directory, arguments.address, arguments.directory_port)


def _match(arguments: argparse.Namespace) -> int:
    from engine.flow_books import match_flow  # noqa: PLC0415 - as above

    output = sys.stdout.buffer
    source = sys.stdin.fileno() if arguments.file == "-" else Path(arguments.file)
    try:
        # Unbuffered: a line is answered as soon as it is there.
        with open(source, "rb", buffering=0, closefd=arguments.file != "-") as flow:
            match_flow(flow, lambda answers: (output.write(answers), output.flush()), with_book=arguments.book)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's last flush complains
        return OUTPUT_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (FlowError, OSError) as error:
        print(error if isinstance(error, FlowError) else f"match: {error}", file=sys.stderr)
        return USAGE
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m engine", description=__doc__)
    tasks = parser.add_subparsers(
        dest="task", required=True, metavar="trade|marketdata|directory|match|journal|reconcile"
    )
    _add_trade(tasks.add_parser("trade", help="sequence, match and journal symbols", allow_abbrev=False))
    _add_market_data(tasks.add_parser("marketdata", help="fan out the engines' feeds", allow_abbrev=False))
    _add_directory(tasks.add_parser("directory", help="say what is traded, and whether it is open", allow_abbrev=False))
    _add_match(tasks.add_parser("match", help="match an order flow of JSON lines", allow_abbrev=False))
    add_journal(tasks.add_parser("journal", help="verify, list, show and export journals", allow_abbrev=False))
    add_reconcile(tasks.add_parser("reconcile", help="a member's orders after a failover", allow_abbrev=False))
    add_bench(tasks.add_parser("bench", help="measure replay, stage by stage", add_help=False, prefix_chars="\0"))
    return parser


def _add_trade(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--stream-suffix", default="", help="of the delivery streams' names, such as -e2")
    parser.add_argument("--stream-region", required=True, help="region of the delivery streams")
    parser.add_argument("--control", required=True, type=_address_of_store, help="control folder, s3://BUCKET/control/")
    parser.add_argument("--recover", type=_address_of_store, help="journals to rehydrate from; default: genesis")
    parser.add_argument(
        "--recovered", required=True, type=_address_of_store, help="folder of all epochs: who opened what, results"
    )
    parser.add_argument(
        "--lineage", type=_address_of_store, help="folder of the journals' own opening records; default: --recovered"
    )
    parser.add_argument("--snapshots", required=True, type=_address_of_store, help="folder of all epochs' snapshots")
    parser.add_argument("--snapshot-every", type=_positive, default=50_000, help="most commands between two")
    parser.add_argument("--snapshot-every-s", type=_positive, default=30, help="most seconds between two")
    parser.add_argument(
        "--day-s", type=_positive, default=86_400, help="length of a trading day: 86400 closes at 16:00 in New York"
    )
    parser.add_argument("--commit-ms", type=_positive, default=250, help="interval of the group commit")
    parser.add_argument("--checkpoint-every", type=_positive, default=1000, help="commands between two digests")
    parser.add_argument("--halt-after-ms", type=_positive, default=10_000, help="a put that fails this long halts")
    _add_ports(parser)
    parser.set_defaults(run=_until_stopped(_trade))


def _add_market_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engines", required=True, type=_names, help="names of the engines, comma separated")
    _add_ports(parser)
    parser.set_defaults(run=_until_stopped(_market_data))


def _add_directory(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument("--engines", required=True, type=_names, help="names of the engines, comma separated")
    _add_ports(parser)
    parser.set_defaults(run=_until_stopped(_directory))


def _add_match(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--book", action="store_true", help="end with the book, or with one for each symbol")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="order flow; default -, standard input")
    parser.set_defaults(run=_match)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", required=True, type=_name, help="primary, or dr-<drill>")
    parser.add_argument("--environment", required=True, type=_environment, metavar="LIVE|DRILL")
    parser.add_argument("--epoch", required=True, type=_positive, help="fencing epoch, from 1")
    parser.add_argument("--symbols", required=True, type=_symbols, help="what this task trades, comma separated")


def _add_ports(parser: argparse.ArgumentParser) -> None:
    """Address and ports are the contract's; several tasks on one address (in tests) need others."""
    hidden = argparse.SUPPRESS
    parser.add_argument("--address", default=os.environ.get("AEX_ADDRESS"), help=hidden)
    for field, port in msgspec.structs.asdict(Ports()).items():
        parser.add_argument(f"--{field}-port", type=_positive, default=port, help=hidden)


def _ports(arguments: argparse.Namespace) -> Ports:
    return Ports(
        orders=arguments.orders_port,
        status=arguments.status_port,
        feed=arguments.feed_port,
        directory=arguments.directory_port,
    )


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive integer, found {text!r}")
    return int(text)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", text):
        raise argparse.ArgumentTypeError(f"expected lower-case letters, digits and hyphens, found {text!r}")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, found {text!r}")
    return names


def _environment(text: str) -> Environment:
    if text not in Environment.__members__:
        raise argparse.ArgumentTypeError(f"expected {' or '.join(Environment.__members__)}, found {text!r}")
    return Environment[text]


def _symbols(text: str) -> tuple[Instrument, ...]:
    symbols = _names(text)
    if len(set(symbols)) != len(symbols):
        raise argparse.ArgumentTypeError(f"a symbol is named twice in {text!r}")
    try:
        return listing(symbols)
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"{error.args[0]!r} is not listed") from error


def _address_of_store(text: str) -> str:
    if not re.match(r"(s3|file|memory)://.", text):
        raise argparse.ArgumentTypeError(f"expected s3://, file:// or memory://, found {text!r}")
    return text


if __name__ == "__main__":
    sys.exit(main())
