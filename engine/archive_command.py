"""What every verb that reads an archive has in common: its arguments, its exit statuses, its one line when it fails.

Exit status: 0 sound, 1 damage found, 2 bad arguments or no journal there, 3 the store could not be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from engine.archive import Archive, Holding
from engine.errors import ArchiveError, CaptureError, EngineError, LineageError
from engine.inspection import Finding
from engine.journal import Damage
from engine.messages import Environment
from engine.progress import WatchedStore, progress
from engine.storage import NotFoundError, UnknownStoreError

__all__ = ["DAMAGED", "SOUND", "add_place", "archive_of", "conclude", "guarded", "positive", "tell", "watched"]

SOUND: Final = 0
DAMAGED: Final = 1
USAGE: Final = 2
UNREADABLE: Final = 3
INTERRUPTED: Final = 130
OUTPUT_CLOSED: Final = 141

TOLD: Final = 20
"""Findings of a symbol that a person is shown; one broken object may give thousands."""

Verb = Callable[[argparse.Namespace], int]


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which journal to read."""
    parser.add_argument("address", help="folder that holds journal/ and recovered/: s3://BUCKET/, file:///DIRECTORY/")
    parser.add_argument("--symbols", type=symbol_list, default=(), help="comma separated; default: all that are there")
    parser.add_argument("--epoch", type=positive, help="newest epoch to read; default: the newest that is there")
    parser.add_argument(
        "--environment", choices=[one.name for one in Environment], default="LIVE", help="default: LIVE"
    )


def positive(text: str) -> int:
    """An argument that is a positive integer of 63 bits."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) < 1 << 63:
        raise argparse.ArgumentTypeError(f"expected a positive integer, found {text!r}")
    return int(text)


def symbol_list(text: str) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(symbols):
        raise argparse.ArgumentTypeError(f"expected symbols separated by commas, found {text!r}")
    return symbols


def guarded(verb: Verb) -> Verb:
    """One line and an exit status for whatever ends a verb early."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return verb(arguments)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OUTPUT_CLOSED
        except KeyboardInterrupt:
            return INTERRUPTED
        except LineageError as error:
            print(error, file=sys.stderr)
            return DAMAGED
        except (ArchiveError, CaptureError, NotFoundError, UnknownStoreError) as error:
            print(error, file=sys.stderr)
            return USAGE
        except (EngineError, OSError) as error:
            print(error, file=sys.stderr)
            return UNREADABLE

    return run


def archive_of(arguments: argparse.Namespace) -> Archive:
    """The archive that `add_place`'s arguments name."""
    return Archive(arguments.address, environment=Environment[arguments.environment])


@contextmanager
def watched(archive: Archive, verb: str, holdings: dict[str, Holding]) -> Iterator[Callable[[str], None]]:
    """Show progress while the archive is read; gives a function that says which symbol comes next."""
    watched = archive.journal = WatchedStore(archive.journal)
    with progress(verb, sum(holding.compressed_bytes for holding in holdings.values())) as advance:

        def begin(symbol: str) -> None:
            watched.on_read = lambda more: advance(symbol, more)

        yield begin


def tell(findings: list[Finding]) -> None:
    """Tell a person what was found, on standard error."""
    for finding in findings[:TOLD]:
        print(finding.lines(), file=sys.stderr)
    if len(findings) > TOLD:
        print(f"... and {len(findings) - TOLD:,} more findings: verify --json lists them", file=sys.stderr)


def conclude(damages: list[Damage]) -> int:
    """What was shown or exported is sound as far as it goes; say why it does not go further."""
    tell([Finding.of(damage) for damage in damages])
    return DAMAGED if damages else SOUND
