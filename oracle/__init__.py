"""The second opinion: a naive book and a frame decoder of its own, sharing no code and no structure with `engine`."""

from __future__ import annotations

from oracle.book import NaiveVenue
from oracle.frames import OracleFrame, read_frames

__all__ = ["NaiveVenue", "OracleFrame", "read_frames"]
