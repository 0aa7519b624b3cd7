"""Notices: what people are told without having to look. Pure: an entry of the ledger in, words out.

| kind | when | once per |
|---|---|---|
| `verdict` | an outcome was filed | drill |
| `teardown` | a registered drill ended and its teardown is not proven clean | drill |
| `late` | a drill runs for longer than its recovery time objective | drill |
| `no-outcome` | a drill began, holds no lock, is silent, and has no outcome | drill |
| `missed` | the timetable's moment passed and no scheduled drill began | moment |

A text carries the figures and the command to look further. It never carries a parameter, a credential or an address
that the reader does not already need: who may read the topic may not be who may read the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from drill.core.ledger import MISSING, RUNNING, Entry
from drill.core.timeline import SECOND_NS
from drill.core.verdict import spoken_duration

Kind = Literal["verdict", "teardown", "late", "no-outcome", "missed"]
SUBJECT_LENGTH = 100
"""What SNS allows, in ASCII without line breaks."""
MISSED_AFTER_S = 900
"""How long after the timetable's moment a drill may still begin: a scheduler that restarts needs minutes."""
EARLY_S = 60
"""Clocks of the scheduler and of the registering worker may differ by as much."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell. `about` is the drill's id or the moment that was missed; with `kind` it says what is once."""

    kind: Kind
    about: str
    subject: str
    text: str

    @property
    def key(self) -> str:
        """The notice's place in the store."""
        return f"{self.about}/{self.kind}"


def due(entry: Entry, *, now_ns: int, bucket: str) -> tuple[Notice, ...]:
    """Everything that is to be told about one drill by now; `bucket` holds the evidence."""
    return tuple(_due(entry, now_ns, bucket))


def _due(entry: Entry, now_ns: int, bucket: str) -> Iterator[Notice]:
    if entry.outcome == MISSING:
        yield _no_outcome(entry)
    elif entry.outcome == RUNNING:
        if _is_late(entry, now_ns):
            yield _late(entry, now_ns)
    else:
        yield _verdict(entry, bucket)
        if entry.kind and entry.teardown != "clean" and entry.purpose != "failover":
            yield _teardown(entry, bucket)


def _is_late(entry: Entry, now_ns: int) -> bool:
    if entry.began_ns is None or entry.objective_ns is None:
        return False
    return now_ns - entry.began_ns > entry.objective_ns


def _verdict(entry: Entry, bucket: str) -> Notice:
    figures = (f"RTO {_time(entry.recovery_time_ns)}", f"{_lost(entry)} lost")
    rows = (
        ("recovery time", _of(_time(entry.recovery_time_ns), _objective(entry)) + _assumed(entry)),
        ("recovery point", _of(f"{_lost(entry)} lost", f"{_count(entry.acknowledged)} acknowledged")),
        ("symbols", _of(_count(entry.symbols_ok), _count(entry.symbols))),
        ("negative control", entry.control.replace("_", " ")),
        ("teardown", _spoken_teardown(entry)),
        ("evidence", entry.evidence),
        ("requested by", f"{entry.requester} ({entry.trigger})" if entry.requester else "unknown"),
    )
    table = "\n".join(f"{name:<17}{value}" for name, value in rows)
    return _notice("verdict", entry, (entry.outcome, *figures), f"{entry.sentence}\n\n{table}", _look(entry, bucket))


def _teardown(entry: Entry, bucket: str) -> Notice:
    text = f"The teardown of {entry.drill} is {_spoken_teardown(entry)}: it may still cost money or stand in the way."
    remedy = f"python -m drill clean --drill {entry.drill}"
    return _notice(
        "teardown", entry, (f"teardown {_spoken_teardown(entry)}",), text, f"{remedy}\n{_look(entry, bucket)}"
    )


def _late(entry: Entry, now_ns: int) -> Notice:
    began = entry.began_ns or now_ns
    ran, objective = spoken_duration(now_ns - began), _objective(entry)
    text = f"It has run for {ran}, the recovery time objective is {objective}, and it has no outcome yet."
    return _notice("late", entry, (f"late, runs for {ran}",), _heard(entry, text), "python -m drill history")


def _no_outcome(entry: Entry) -> Notice:
    text = _heard(entry, entry.sentence)
    return _notice("no-outcome", entry, (MISSING,), text, f"python -m drill clean --drill {entry.drill}")


def _heard(entry: Entry, text: str) -> str:
    return f"{text} Last heard of in the step {entry.step}." if entry.step else text


def missed(moment_ns: int, moment: str, entries: Iterable[Entry], *, now_ns: int) -> Notice | None:
    """The notice that no scheduled drill began at `moment_ns`, the timetable's last; None where one did, or may yet.

    `moment` is the same in words that can be part of a key, such as `20261121T1400Z`.
    """
    if now_ns - moment_ns < MISSED_AFTER_S * SECOND_NS:
        return None
    if any(_began_at(one, moment_ns) for one in entries):
        return None
    return Notice(
        kind="missed",
        about=f"weekly-{moment}",
        subject=_subject(f"AEX drill MISSED: nothing began at {moment}"),
        text=(
            f"The timetable's drill of {moment} did not begin: no scheduled drill has been registered since.\n"
            "Is the DAG dr_drill_weekly paused, or Airflow down?\n\n"
            "Look further:\n  airflow dags details dr_drill_weekly\n  python -m drill history\n"
        ),
    )


def _began_at(entry: Entry, moment_ns: int) -> bool:
    """Whether this is the timetable's drill: a scheduled one since then, or one that was refused unregistered then."""
    if entry.began_ns is None or entry.began_ns < moment_ns - EARLY_S * SECOND_NS:
        return False
    refused = not entry.trigger and entry.began_ns < moment_ns + MISSED_AFTER_S * SECOND_NS
    return entry.trigger == "scheduled" or refused


def _notice(kind: Kind, entry: Entry, said: tuple[str, ...], text: str, commands: str) -> Notice:
    what = "REAL EVENT" if entry.real else "drill"
    banner = "REAL EVENT, not a drill" if entry.real else "DRILL, not a real event"
    looking = "\n".join(f"  {command}" for command in commands.splitlines())
    return Notice(
        kind=kind,
        about=entry.drill,
        subject=_subject(f"AEX {what} {': '.join((said[0], entry.drill))}{''.join(f', {one}' for one in said[1:])}"),
        text=f"{banner}\n{entry.outcome}  {entry.drill}\n\n{text}\n\nLook further:\n{looking}\n",
    )


def _subject(text: str) -> str:
    """ASCII, one line, no longer than allowed."""
    flat = " ".join(text.encode("ascii", "replace").decode().split())
    printable = "".join(letter if letter.isprintable() else "?" for letter in flat)
    return printable if len(printable) <= SUBJECT_LENGTH else printable[: SUBJECT_LENGTH - 3] + "..."


def _look(entry: Entry, bucket: str) -> str:
    fetch = f"aws s3 cp --recursive s3://{bucket}/drills/{entry.drill}/ {entry.drill}"
    return f"{fetch} && python -m drill bundle {entry.drill} --out {entry.drill}.zip"


def _time(ns: int | None) -> str:
    return "not achieved" if ns is None else spoken_duration(ns)


def _objective(entry: Entry) -> str:
    return "an unknown objective" if entry.objective_ns is None else spoken_duration(entry.objective_ns)


def _assumed(entry: Entry) -> str:
    return f" ({spoken_duration(entry.assumed_ns)} assumed)" if entry.assumed_ns else ""


def _of(part: str, whole: str) -> str:
    return f"{part} of {whole}"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _lost(entry: Entry) -> str:
    return "unknown orders" if entry.lost_orders is None else f"{entry.lost_orders:,} orders"


def _spoken_teardown(entry: Entry) -> str:
    word, _, number = entry.teardown.partition(":")
    return f"not clean, {number} orphans" if number else word.replace("_", " ")
