"""The record of a drill: raw evidence that the verdict follows from, and the chain that shows it was not changed.

Pure: no AWS, no Airflow, no clock. `drill verify` needs this package, rfc8785, msgspec and cryptography, nothing else.
"""

from __future__ import annotations

from drill.core.evidence.raw import OWED, Evidence, assemble

__all__ = ["OWED", "Evidence", "assemble"]
