"""A world of stand-ins, run as a process of its own: `python standin.py VAR SCENARIO -- COMMAND...`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from emulator.plan import Chore, Plan, Step
from emulator.processes import Command
from emulator.world import run_world

WAIT = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); " + "signal.pause();" * 9
)
# A child that hides: a session of its own, so only the world's mark gives it away.
HIDER = (
    "import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
    " start_new_session=True); print('up', flush=True); signal.pause()"
)
# One that hides with an environment of its own too, as the tasks of the embedded AWS do.
MASKED = (
    HIDER.replace("start_new_session=True)", "start_new_session=True, env={}).pid")
    .replace("subprocess.Popen(", "print(subprocess.Popen(")
    .replace(".pid;", ".pid);")
)
# A child that leaves grandchildren in its own session when it ends.
PARENT = HIDER.replace(", start_new_session=True", "")
# A parent that waits for its child, which ignores SIGTERM: Airflow's scheduler and an idle worker.
WAITING = (
    "import os, signal\n"
    "child = os.fork()\n"
    "if not child:\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    print('up', flush=True)\n"
    "    while True: signal.pause()\n"
    "signal.signal(signal.SIGTERM, lambda *_: None)\n"
    "os.waitpid(child, 0)"
)
FAILS = "print('one'); print('two: No such thing'); raise SystemExit(3)"
FULL = "raise OSError(28, 'No space left on device')"
DOOMED = "import time; print('up', flush=True); time.sleep(0.1); raise SystemExit(7)"
LATER = "import time; print('up', flush=True); time.sleep(1.0); raise SystemExit(7)"


def service(var: Path, name: str, code: str, *after: str, grace_s: float = 5, patience_s: float = 10) -> Step:
    log = var / "log" / f"{name}.log"
    command = Command(name, (sys.executable, "-S", "-c", code))
    return Step(name, (command,), after, ready=lambda: "up" in log.read_text(), grace_s=grace_s, patience_s=patience_s)


def twins(var: Path) -> Step:
    """Two services that do not need one another, and are ready when both say so."""
    pair = (service(var, "one", WAIT), service(var, "other", WAIT))
    commands = tuple(command for twin in pair for command in twin.commands)
    return replace(
        pair[0], commands=commands, ready=lambda: all(twin.ready and twin.ready() for twin in pair), each=True
    )


def task(name: str, code: str, *after: str) -> Step:
    return Step(name, (Command(name, (sys.executable, "-S", "-c", code)),), after)


def scenario(var: Path, name: str) -> tuple[Step, ...]:
    first = service(var, "first", WAIT)
    return {
        "plain": (first, task("work", "print('done')", "first"), service(var, "second", WAIT, "work")),
        "empty": (),
        "stubborn": (service(var, "stubborn", STUBBORN, grace_s=0.5),),
        "waiting": (service(var, "waiting", WAITING, grace_s=3),),
        "hider": (service(var, "hider", HIDER),),
        "masked": (service(var, "masked", MASKED),),
        "parent": (service(var, "parent", PARENT),),
        "fails": (first, task("fails", FAILS, "first")),
        "full": (first, task("full", FULL, "first")),
        "never": (service(var, "never", WAIT.replace("up", "down")),),
        "impatient": (service(var, "never", WAIT.replace("up", "down"), patience_s=0.5),),
        "later": (first, service(var, "later", LATER)),
        "tower": (
            service(var, "ground", WAIT),
            task("work", "print('done')", "ground"),
            service(var, "roof", WAIT, "work"),
            replace(service(var, "beside", WAIT), each=True),
        ),
        "twins": (twins(var),),
        "doomed": (service(var, "doomed", DOOMED),),
    }[name]


if __name__ == "__main__":
    place, chosen, _, *command = sys.argv[1:]
    var = Path(place)
    ports = ((int(chosen.removeprefix("port:")), "--aws-port", False),) if chosen.startswith("port:") else ()
    kept = chosen.startswith("kept:")
    steps = scenario(var, "empty" if ports else chosen.removeprefix("kept:"))
    plan = Plan(var, steps, {"PATH": "/usr/bin:/bin", "AEX_SEEN": "yes"}, ports, keep=kept)
    if kept:
        chore = (sys.executable, "-S", "-c", "print('swept')")
        plan = replace(plan, chores=(Chore(Command("sweeper", chore), every_s=0.2),))
    sys.exit(run_world(plan, command, minimum_free=10**18 if chosen == "empty" else 0))
