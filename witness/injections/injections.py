"""Obeys `inject-<phase>.json` and `heal.json`: brings faults about on request, and takes them back.

An injector writes no evidence. What it did stands in its own folder and is revealed at the close, with the control.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from witness import clock
from witness.bucket import ObjectClient, Order, WitnessBucket
from witness.injections import journals, platform, snapshots, storm
from witness.injections.scene import Account, Scene, UnsupportedError
from witness.nonce import Nonce
from witness.stored_changes import StoredChanges
from witness.world_port import WorldPort

__all__ = ["INJECTIONS", "Injections", "Scene", "UnsupportedError"]

INJECT, HEAL = "inject-", "heal"
LATER_S = 30.0
LOG = logging.getLogger(__name__)
FAULT = "fault"

INJECTIONS: dict[str, Callable[[Scene], Account]] = {
    "F01": journals.sabotaged("F01", "delete_middle"),
    "F02": journals.lose_tail,
    "F03": journals.duplicate,
    "F04": journals.sabotaged("F04", "conflict"),
    "F05": journals.disorder,
    "F06": journals.sabotaged("F06", "truncate"),
    "F07": snapshots.forge,
    "F08": snapshots.keep_the_oldest,
    "F09": snapshots.misplace,
    "F10": journals.diverge,
    "F11": platform.quota,
    "F12": platform.no_capacity,
    "F13": platform.kill_in_replay,
    "F14": platform.slow_store,
    "F15": platform.forgotten,
    "F16": platform.fast_clock,
    "F17": journals.exchange,
    "F18": platform.expired,
    "F20": platform.too_much_right,
    "F21": platform.blind,
    "F22": platform.torn_capture,
    "F25": platform.no_evidence,
    "F26": platform.undecided_replay,
    "F27": journals.zombie,
    "F28": storm.reconnect,
}


class Injections:
    """One agent's injector of faults.

    Args:
        bucket: where orders come from and words go.
        client: boto3 clients by part, service and region; all here are of the part `fault`.
        port: of an emulated world, None on AWS.
        state: folder that survives a restart.
        unblind: undoes a drill's negative control before its time (F21).
    """

    def __init__(
        self,
        bucket: WitnessBucket,
        client: Callable[[str, str, str], Any],
        port: WorldPort | None,
        state: Path,
        unblind: Callable[[str], Account],
    ) -> None:
        self._bucket = bucket
        self._client = client
        self._port = port
        self._state = state
        self._unblind = unblind
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="fault")
        self._pending: dict[str, list[tuple[str, Future[Account]]]] = {}
        self._stopped: dict[str, threading.Event] = {}

    def inject(self, order: Order) -> None:
        """Bring about what is ordered, each fault once; the word says which, not how."""
        path = f"{order.drill}/fault-{order.body['phase']}.json"
        if self._bucket.said(path):
            return
        applied, failed = [], {}
        accounts = {str(one["fault"]): one for one in self.accounts(order.drill)}
        for fault in order.body["faults"]:
            if fault not in accounts:
                accounts[fault] = self._act(order, fault)
                self._save(order.drill, list(accounts.values()))
            if "error" in accounts[fault]:
                failed[fault] = accounts[fault]["error"]
            else:
                applied.append(fault)
        self._bucket.say(path, {"applied": applied, "failed": failed, "at_ns": str(clock.now_ns())})

    def withdraw(self, drill: str) -> None:
        """Take back what would stand in the way of teardown and record; what it leaves for `heal` are objects."""
        self._stopped.setdefault(drill, threading.Event()).set()
        accounts = self.accounts(drill)
        if not accounts:
            return
        for fault, future in self._pending.pop(drill, []):
            accounts = [_completed(one, fault, future) for one in accounts]
        self._save(drill, accounts)
        scene = self._scene(self._order(drill, accounts))
        if self._port is not None:
            self._port.withdraw([scene.rule(one["fault"]) for one in accounts])
            self._port.furnish(scene.engines, {})
            self._port.release(scene.engines)
        if any(one["fault"] == "F20" for one in accounts):
            platform.take_right_back(scene)

    def heal(self, order: Order) -> None:
        """Bring every stored object back, and remove what was made: the next drill finds the exchange as it was."""
        accounts = self.accounts(order.drill)
        undone = 0
        if accounts:
            scene = self._scene(self._order(order.drill, accounts))
            undone = scene.objects.undo()
            for one in accounts:
                if one["fault"] == "F15" and "error" not in one:
                    scene.client("logs", scene.region).delete_log_group(logGroupName=one["resource"])
        self._bucket.say(f"{order.drill}/{HEAL}.json", {"undone": undone, "at_ns": str(clock.now_ns())})

    def accounts(self, drill: str) -> list[Account]:
        """What was done in a drill so far, a fault at a time."""
        path = self._state / f"{drill}-faults.json"
        return msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]]) if path.exists() else []

    def _act(self, order: Order, fault: str) -> Account:
        account: Account = {"fault": fault, "phase": order.body["phase"], "order": dict(order.body)}
        try:
            account |= INJECTIONS[fault](self._scene(order, fault))
        except Exception as error:  # noqa: BLE001 - whatever it is: the drill hears that the fault was not injected
            LOG.warning("%s: fault %s was not injected: %s", order.drill, fault, error)
            account["error"] = f"{type(error).__name__}: {error}"
        return {**account, "at_ns": str(clock.now_ns())}

    def _order(self, drill: str, accounts: list[Account]) -> Order:
        return Order(drill, INJECT, "", accounts[0]["order"])

    def _scene(self, order: Order, fault: str = "") -> Scene:
        body: Mapping[str, Any] = order.body
        armed = msgspec.json.decode(self._bucket.read(f"orders/{order.drill}/arm.json"))
        stopped = self._stopped.setdefault(order.drill, threading.Event())

        def later(act: Callable[[Callable[[], bool]], Account]) -> None:
            self._pending.setdefault(order.drill, []).append((fault, self._pool.submit(act, stopped.is_set)))

        store: ObjectClient = self._client(FAULT, "s3", "")
        return Scene(
            drill=order.drill,
            nonce=Nonce(armed["nonce"]),
            journal=str(body["journal"]),
            evidence=str(body["evidence"]),
            site=str(body["site"]),
            region=str(body["region"]),
            from_epoch=int(body["from_epoch"]),
            epoch=int(body["epoch"]),
            symbols=tuple(body["symbols"]),
            captures=str(body["captures"]),
            witness=self._bucket,
            objects=StoredChanges(store, self._state / f"{order.drill}-faults"),
            client=lambda service, region: self._client(FAULT, service, region),
            port=self._port,
            later=later,
            unblind=self._unblind,
        )

    def _save(self, drill: str, accounts: list[Account]) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        path = self._state / f"{drill}-faults.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(accounts))
        os.replace(fresh, path)  # noqa: PTH105 - the atomic rename is the point


def _completed(account: Account, fault: str, future: Future[Account]) -> Account:
    """The account with what came of the part that ran beside."""
    if account["fault"] != fault:
        return account
    try:
        return {**account, **future.result(LATER_S)}
    except Exception as error:  # noqa: BLE001 - the reveal says it; the catalogue then counts it as not injected
        return {**account, "error": f"{type(error).__name__}: {error}"}
