"""`python -m emulator serve | world | up | down | status`: the embedded AWS, and worlds that stand on it."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from emulator.ports import PortTakenError, bound
from emulator.service import add_service_verbs
from emulator.settings import Settings, client_environment, prepare
from emulator.upkeep import add_upkeep_verb
from emulator.world import add_world_verb

USAGE = 2


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    for verb, purpose in (("serve", "run the embedded AWS"), ("environment", "print the variables clients need")):
        arguments = verbs.add_parser(verb, help=purpose)
        arguments.add_argument("--port", type=int, default=4566, help="AWS API, on 127.0.0.1")
        arguments.add_argument("--dns-port", type=int, default=5353, help="DNS over UDP, on 127.0.0.1")
        arguments.add_argument("--state", type=Path, default=Path("var/aws"), help="what survives a restart")
        arguments.add_argument("--run", type=Path, default=Path("var/run"), help="task logs and pid files")
    add_world_verb(verbs)
    add_service_verbs(verbs)
    add_upkeep_verb(verbs)
    return top


def main(argv: list[str] | None = None) -> int:
    """Return the exit status: 0 stopped by a signal, 2 a port is taken."""
    chosen = parser().parse_args(argv)
    if hasattr(chosen, "act"):
        return int(chosen.act(chosen))
    settings = Settings(
        port=chosen.port, dns_port=chosen.dns_port, state=chosen.state.resolve(), run=chosen.run.resolve()
    )
    if chosen.verb == "environment":
        for name, value in client_environment(settings).items():
            print(f"export {name}={value}")
        return 0
    try:
        with bound(socket.SOCK_STREAM, settings.port) as api, bound(socket.SOCK_DGRAM, settings.dns_port) as names:
            prepare(settings)
            from emulator.server import serve  # noqa: PLC0415 - MiniStack reads the environment when it is imported

            serve(settings, api, names)
    except PortTakenError as taken:
        print(f"emulator: {taken}", file=sys.stderr)
        return USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
