"""Byte layouts as the validator knows them: written down a second time on purpose, independent of the engine's code."""

from __future__ import annotations

import struct

import numpy as np

__all__ = [
    "ACK",
    "BUY",
    "CANARY",
    "CANARY_MEMBER",
    "CANCEL",
    "CAPTURE",
    "CHECKPOINT",
    "COMMAND",
    "CRC",
    "FILL",
    "FILLED",
    "FRAME",
    "MAGIC",
    "MARKET",
    "MEMBER_SHIFT",
    "NEW",
    "REDUCE",
    "REJECTED",
    "REPLACE",
    "SELL",
    "VERSION",
]

FRAME = struct.Struct("<4sHBBI8sQIHHI32s")
"""magic, version, environment, reserved, epoch, symbol, first_seq, commands, checkpoints, reserved, payload length,
previous frame's digest."""
CRC = struct.Struct("<I")
CHECKPOINT = struct.Struct("<Q32s")
MAGIC, VERSION = b"AEXF", 1

COMMAND = np.dtype(
    [
        ("ts_ns", "<i8"),
        ("command_id", "<u8"),
        ("target_id", "<u8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("customer", "<u2"),
        ("kind", "u1"),
        ("side", "u1"),
        ("type", "u1"),
        ("tif", "u1"),
        ("flags", "u1"),
        ("reserved", "V5"),
    ]
)
FILLED = np.dtype(
    [
        ("seq", "<u8"),
        ("fill_no", "<u2"),
        ("maker_id", "<u8"),
        ("taker_id", "<u8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("flags", "u1"),
    ]
)
"""One record of fills.bin, packed: 39 bytes."""
CAPTURE = np.dtype(
    [
        ("record", "u1"),
        ("status", "u1"),
        ("reason", "u1"),
        ("liquidity", "u1"),
        ("number", "<u2"),
        ("fill_no", "<u2"),
        ("epoch", "<u4"),
        ("open_qty", "<u4"),
        ("seq", "<u8"),
        ("id", "<u8"),
        ("time_ns", "<i8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("type", "u1"),
        ("tif", "u1"),
        ("sent_ns", "<i8"),
    ]
)

ACK, FILL = 2, 3  # kinds of capture records; 1 is "sent"
NEW, CANCEL, REPLACE, REDUCE = 1, 2, 3, 4
BUY, SELL = 0, 1
MARKET = 1
REJECTED = 4
CANARY, CANARY_MEMBER = 1, 65000
MEMBER_SHIFT = 48
