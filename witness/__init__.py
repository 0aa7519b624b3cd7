"""Whoever testifies about a drill from outside: members, monitor, canary, injector and saboteur.

They know names, sockets, the wire format and the published format of stored objects; never the engine's insides.
"""

from __future__ import annotations

__all__: list[str] = []
