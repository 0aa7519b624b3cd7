"""How fast and in how much memory `python -m engine match` answers: `python tests/benchmarks/match_flow.py 2000000`.

The flow is like a stock's: about half new orders around a wandering price, the rest cancels and replaces, a few
thousand orders resting. It is written into the pipe as it is made, so that no file of gigabytes is needed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESTING = 3000
NEW = b'{"seq":%d,"ts_ns":%d,"action":"new","order_id":%d,"side":"%b","type":"limit","price":%d,"qty":%d,"tif":"%b"}\n'


def flow(count: int, seed: int = 7) -> Iterator[bytes]:
    """The lines of a flow of `count` commands; at most `RESTING` orders of it rest at any time."""
    draw = random.Random(seed)
    live: list[int] = []
    middle = 10_000
    for seq in range(1, count + 1):
        kind = draw.random()
        if len(live) > RESTING or (kind < 0.40 and live):
            at = draw.randrange(len(live))
            live[at], order = live[-1], live[at]
            live.pop()
            yield b'{"seq":%d,"ts_ns":%d,"action":"cancel","order_id":%d}\n' % (seq, seq * 1000, order)
        elif kind < 0.45 and live:
            order = live[draw.randrange(len(live))]
            yield b'{"seq":%d,"action":"replace","order_id":%d,"qty":%d}\n' % (seq, order, 1 + int(kind * 200))
        else:
            middle += (kind > 0.98) - (0.96 < kind < 0.98)
            side, price = (b"B", middle - 1 - seq % 30) if draw.random() < 0.5 else (b"S", middle + 1 + seq % 30)
            tif = b"IOC" if kind > 0.95 else b"GTC"
            yield NEW % (seq, seq * 1000, seq, side, price, 1 + seq % 97, tif)
            if tif == b"GTC":
                live.append(seq)


def measure(count: int) -> tuple[float, int, int]:
    """Run a flow through the command line: CPU seconds and peak resident bytes of the matcher, lines answered."""
    command = [sys.executable, "-m", "engine", "match"]
    read, write = os.pipe()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write, cwd=ROOT) as matcher:
        os.close(write)
        counter = subprocess.Popen(["wc", "-l"], stdin=read, stdout=subprocess.PIPE)
        os.close(read)
        assert matcher.stdin is not None
        for line in flow(count):
            matcher.stdin.write(line)
        matcher.stdin.close()
        _, status, used = os.wait4(matcher.pid, 0)
        matcher.returncode = os.waitstatus_to_exitcode(status)
    answered = int(counter.communicate()[0])
    if matcher.returncode:
        raise SystemExit(f"match ended with exit status {matcher.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, answered


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[500_000, 2_000_000], help="commands of each run")
    for count in parser.parse_args().counts:
        cpu_s, peak, answered = measure(count)
        rate = count / cpu_s
        print(f"{answered} of {count} commands answered: {cpu_s:.2f} CPU-s, {rate:,.0f}/CPU-s, peak {peak >> 20} MiB")


if __name__ == "__main__":
    main()
