"""Mistakes in production's code that only an unlucky history shows: each must be found within 200 seeds."""

from __future__ import annotations

from tests.mutation.mutants import Mutant, Patch

__all__ = ["BUGS"]

BUGS = (
    Mutant(
        "answers leave before the journal has the frame",
        (
            Patch(
                "sequencer.py",
                "        try:\n            await self._put(frame)\n",
                "        self._outlet.release(batch)\n        try:\n            await self._put(frame)\n",
            ),
        ),
    ),
    Mutant(
        "a put that failed counts as confirmed",
        (
            Patch(
                "sequencer.py",
                "                self.retries += 1\n",
                "                self.retries += 1\n                return\n",
            ),
        ),
    ),
    Mutant(
        "a frame that is put again chains to itself",
        (
            Patch(
                "sequencer.py",
                "        self._previous = frame_digest\n",
                "        self._previous = frame_digest if not self.retries else self._previous\n",
            ),
        ),
    ),
    Mutant(
        "two frames of a symbol fly at once",
        (
            Patch(
                "sequencer.py",
                "        if self._flight is not None and not self._flight.done():\n            return self._flight\n",
                "",
            ),
        ),
    ),
    Mutant(
        "a resend executes again",
        (
            Patch(
                "sequencer.py", "        if known is not None:\n", "        if known is not None and known.seq == 0:\n"
            ),
            Patch("venue.py", "        elif identity <= window.mark:\n", "        elif identity < window.mark:\n"),
        ),
    ),
    Mutant(
        "a lease never runs out",
        (
            Patch(
                "lease.py",
                "            if silent_ns > self._limit_ns:\n",
                "            if silent_ns > 1000 * self._limit_ns:\n",
            ),
        ),
    ),
    Mutant(
        "frames above the fence are read",
        (
            Patch(
                "lineage.py",
                "            fence_seq=self._fence_seq if newer is None else newer.start_seq,\n",
                "            fence_seq=None,\n",
            ),
        ),
    ),
    Mutant(
        "of the frames that waited for their turn only one is given out",
        (
            Patch(
                "journal.py",
                "            yield self._give(placed.frame)\n",
                "            yield self._give(placed.frame)\n            return\n",
            ),
        ),
    ),
    Mutant(
        "a frame read twice is a conflict",
        (Patch("journal.py", "and self._waiting.was_given(frame):", "and not self._waiting.was_given(frame):"),),
    ),
    Mutant(
        "bytes that cannot be unpacked are passed over",
        (Patch("journal.py", "            self._note_gzip(str(error))\n            return\n", "            return\n"),),
    ),
    Mutant(
        "a task opens what another one has opened",
        (Patch("opening.py", "if holder.task != self._task}", "if holder.task == ''}"),),
    ),
    Mutant(
        "what comes from a snapshot does not remember what was answered",
        (
            Patch(
                "symbol_recovery.py",
                "            return _rebuilt(start.recovery, started_ns",
                "            start.recovery.venue.windows.clear()\n"
                "            return _rebuilt(start.recovery, started_ns",
            ),
        ),
    ),
)
