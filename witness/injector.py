"""The loss injector: armed before the drill starts, it kills the site at the committed moment by its own clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from witness import clock
from witness.bucket import Order, WitnessBucket, persist
from witness.killer import Killer

WORD = "loss.json"
EXPIRES_NS = 120 * clock.SECOND_NS
"""A moment missed by more (the injector was down) is not made up for: the exchange may trade in earnest again."""
PREPARE_NS = 2 * clock.SECOND_NS
KILL_ATTEMPTS = 5
LOG = logging.getLogger(__name__)


class Injector:
    """Obeys one drill's `arm.json`."""

    def __init__(self, bucket: WitnessBucket, killer: Killer) -> None:
        self._bucket = bucket
        self._killer = killer

    def obey(self, order: Order, cancelled: Callable[[], bool]) -> None:
        """Wait for the moment, kill, say so. After a restart it arms again, unless the loss has been said."""
        body = order.body
        if "loss_at_ns" not in body or persist(lambda: self._bucket.said(f"{order.drill}/{WORD}"), "look for loss"):
            return
        committed_ns = int(body["loss_at_ns"])
        clusters, region = [str(cluster) for cluster in body["clusters"]], str(body.get("region", ""))
        if clock.now_ns() - committed_ns > EXPIRES_NS:
            self._say(order, {"committed_ns": str(committed_ns), "error": "expired: armed again too late to strike"})
            return
        LOG.info("%s: armed", order.drill)
        if not clock.wait_until(committed_ns - PREPARE_NS, cancelled=cancelled):
            LOG.info("%s: disarmed", order.drill)
            return
        persist(lambda: self._killer.prepare(clusters, region), "prepare the loss", 2)
        if not clock.wait_until(committed_ns, cancelled=cancelled):
            LOG.info("%s: disarmed", order.drill)
            return
        actual_ns = clock.now_ns()
        tasks = persist(lambda: self._killer.kill(clusters, region), "kill the site", KILL_ATTEMPTS)
        finished_ns = clock.now_ns()
        LOG.info("%s: %d tasks lost", order.drill, len(tasks))
        self._say(
            order,
            {
                "committed_ns": str(committed_ns),
                "actual_ns": str(actual_ns),
                "finished_ns": str(finished_ns),
                "site": body.get("site"),
                "clusters": clusters,
                "tasks": tasks,
            },
        )

    def _say(self, order: Order, word: dict[str, Any]) -> None:
        persist(lambda: self._bucket.say(f"{order.drill}/{WORD}", word), "say the loss")
