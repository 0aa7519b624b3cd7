"""The most memory that this process has held."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["peak_mib"]


def peak_mib() -> int:
    """VmHWM in MiB: of this program alone. What getrusage calls ru_maxrss begins with that of whoever started it."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit("bench: /proc/self/status names no VmHWM; memory is measured on Linux only")
    return int(found[1]) // 1024
