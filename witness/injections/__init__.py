"""Faults of the catalogue that an injector brings about (method.md §5), by the phase in which they belong."""

from __future__ import annotations

from witness.injections.injections import INJECTIONS, Injections
from witness.injections.scene import Scene, UnsupportedError

__all__ = ["INJECTIONS", "Injections", "Scene", "UnsupportedError"]
