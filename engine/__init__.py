"""The exchange in miniature: a deterministic state machine per symbol, plus its edges.

Importing the package costs nothing but the vocabulary: the book, the journal and the stores are imported from their
own modules (`engine.venue`, `engine.journal`, `engine.replay`, `engine.storage`).
"""

from __future__ import annotations

from engine.errors import EngineError, FrameError, SequenceError, StateError, StorageError, WireError
from engine.listing import SYMBOLS, TEST_SYMBOLS, Instrument, instrument
from engine.messages import Answer, Command, Environment, Kind, OrderType, Outcome, Reason, Side, Status, TimeInForce

__all__ = [
    "SYMBOLS",
    "TEST_SYMBOLS",
    "Answer",
    "Command",
    "EngineError",
    "Environment",
    "FrameError",
    "Instrument",
    "Kind",
    "OrderType",
    "Outcome",
    "Reason",
    "SequenceError",
    "Side",
    "StateError",
    "Status",
    "StorageError",
    "TimeInForce",
    "WireError",
    "instrument",
]
