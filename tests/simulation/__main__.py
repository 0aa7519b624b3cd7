"""`python -m tests.simulation [--seeds N] [--first S]`: histories in a row, up to the first that fails."""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import pairwise

from tests.simulation.exchange import Failure, live
from tests.simulation.invariants import check

SOUND, FOUND = 0, 1


def judged(seed: int) -> str | None:
    """What is wrong with the history of a seed, None where nothing is."""
    try:
        check(live(seed))
    except Failure as failure:
        return str(failure)
    except Exception as error:  # noqa: BLE001 - whatever production or the world raises is a finding
        return f"{type(error).__name__}: {error}"
    return None


def main() -> int:
    """Exit status 0 when every history held, 1 at the first that did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="seed of the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes to share them")
    parser.add_argument("--trace", action="store_true", help="print what happened, line by line")
    settings = parser.parse_args()
    if settings.jobs > 1:
        return shared(settings.first, settings.seeds, settings.jobs)
    for seed in range(settings.first, settings.first + settings.seeds):
        wrong = judged(seed)
        if wrong is not None:
            print(f"seed {seed}: {wrong}")
            print(f"again: python -m tests.simulation --first {seed} --seeds 1")
            return FOUND
        if settings.trace:
            print("\n".join(live(seed).trace))
    print(f"{settings.seeds} histories from seed {settings.first} held")
    return SOUND


def shared(first: int, seeds: int, jobs: int) -> int:
    """The same, by several processes, each with its part of the seeds."""
    bounds = [first + seeds * job // jobs for job in range(jobs + 1)]
    command = [sys.executable, "-m", "tests.simulation"]
    parts = [
        subprocess.Popen([*command, "--first", str(start), "--seeds", str(end - start)])
        for start, end in pairwise(bounds)
    ]
    return max(part.wait() for part in parts)


if __name__ == "__main__":
    sys.exit(main())
