"""The JSON record of a drill."""

from __future__ import annotations

from drill.core.report import Report, canonical_bytes


def render_json(report: Report) -> bytes:
    """The record as it is hashed, chained and filed: canonical JSON (RFC 8785), no trailing newline."""
    return canonical_bytes(report)
