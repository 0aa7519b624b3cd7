"""How far a tool has come, on standard error, for a person at a terminal; a log or a pipe gets nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from engine.storage import CHUNK, Entry, Store

__all__ = ["WatchedStore", "progress"]


class WatchedStore:
    """A store that says how many bytes of objects were read from it."""

    def __init__(self, store: Store) -> None:
        """Reads go to `store`; `on_read` is given the number of bytes of each piece."""
        self._store = store
        self.address = store.address
        self.on_read: Callable[[int], object] = int

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """The objects whose key begins with `prefix`, by key."""
        return self._store.list(prefix)

    def get(self, key: str) -> bytes:
        """A whole object."""
        return b"".join(self.chunks(key))

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """An object in pieces."""
        for piece in self._store.chunks(key, size):
            self.on_read(len(piece))
            yield piece

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object."""
        self._store.put(key, data, if_absent=if_absent)

    def put_file(self, key: str, path: Path) -> None:
        """Write an object from a file."""
        self._store.put_file(key, path)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return self._store.exists(key)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._store.delete(key)


@contextmanager
def progress(verb: str, total_bytes: int) -> Iterator[Callable[[str, int], None]]:
    """Gives a function to call with what is being read and how many bytes more were; it draws on a terminal only."""
    if not sys.stderr.isatty() or find_spec("rich") is None:  # the engine's image does without rich
        yield lambda _what, _more: None
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that only a terminal should cost
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    both = sys.stdout.isatty()  # then lines go above the bar; a pipe must get them as they are
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=both) as bar:
        task = bar.add_task(verb, total=total_bytes)
        yield lambda what, more: bar.update(task, advance=more, description=f"{verb} {what}")
