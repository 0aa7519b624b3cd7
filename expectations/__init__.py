"""Great Expectations suites over a recovered exchange, and the reading that feeds them.

The entry points are `expectations.validate.validate` and `.objectives`; that module loads pandas and Great Expectations
(6 s, 240 MB): import it inside task execution only. Naming this package costs nothing.
"""

from __future__ import annotations

from expectations.source import Source

__all__ = ["Source"]
