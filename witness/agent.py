"""The agent: follows a drill's orders and lets injector, saboteur and canary obey them.

Polls four times a second and survives a store in trouble. Each order is obeyed once: what has been said is not done
again after a restart, what has not been said is.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from engine.messages import Environment
from witness import clock
from witness.bucket import ObjectClient, Order, WitnessBucket, persist
from witness.canary import sing
from witness.injections import Injections
from witness.injections.injections import HEAL, INJECT
from witness.injector import Injector
from witness.killer import EcsKiller, HttpKiller, Killer
from witness.saboteur import CONTROL, Saboteur
from witness.world_port import WorldPort

POLL_SECONDS = 0.25
RANK = ("arm", INJECT, "sabotage", "restore", "canary", "close", HEAL)
"""Orders found in the same poll (after a restart) are taken up in this sequence; others are for other witnesses."""
CLOSE, ARM = "close", "arm"
ATTEMPTS = 5
LOG = logging.getLogger(__name__)

Sing = Callable[[str, list[str], Environment], dict[str, dict[str, str]]]


class Agent:
    """Reads orders in one thread; each obeys in its own, the saboteur's one after the other."""

    def __init__(
        self,
        bucket: WitnessBucket,
        injector: Injector,
        saboteur: Saboteur,
        name: str,
        song: Sing = sing,
        *,
        injections: Injections | None = None,
    ) -> None:
        self._bucket = bucket
        self._injector = injector
        self._saboteur = saboteur
        self._name = name
        self._sing = song
        self._seen: dict[str, str] = {}
        self._closed: set[str] = set()
        self._stopped = threading.Event()
        self._acts: dict[str, Callable[[Order], None]] = {
            "arm": self._arm,
            "sabotage": saboteur.sabotage,
            "restore": saboteur.restore,
            "canary": self._canary,
            "close": saboteur.restore,
        }
        if injections is not None:
            self._acts |= {INJECT: injections.inject, HEAL: injections.heal}
        self._sabotage_line = ThreadPoolExecutor(1, thread_name_prefix="saboteur")
        self._others = ThreadPoolExecutor(8, thread_name_prefix="order")

    def run(self) -> None:
        """Poll until `stop`."""
        while not self._stopped.wait(POLL_SECONDS):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 - the store may be in trouble: log, and poll again
                LOG.warning("orders: %s", error)
        self.join()

    def stop(self) -> None:
        """Ask `run` to return; an armed injector is disarmed (it arms again on restart)."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the orders in hand."""
        self._others.shutdown()
        self._sabotage_line.shutdown()

    def poll(self) -> None:
        """Take up every order that is new or was written again."""
        marks = self._bucket.marks()
        fresh = [(key, mark) for key, mark in marks.items() if self._seen.get(key) != mark and rank_of(key) in RANK]
        self._closed |= {drill_of(key) for key, _ in fresh if verb_of(key) == CLOSE}
        for key, mark in sorted(fresh, key=lambda one: RANK.index(rank_of(one[0]))):
            try:
                order = self._bucket.order(key, mark)
            except (ValueError, msgspec.DecodeError) as error:
                LOG.warning("order %s cannot be read: %s", key, error)  # until it is written again
                self._seen[key] = mark
                continue
            self._seen[key] = mark
            line = self._others if order.verb in {"arm", "canary"} else self._sabotage_line
            line.submit(self._obey, order)

    def _obey(self, order: Order) -> None:
        """Obey; an order that cannot be obeyed is answered with an error, never with silence."""
        where = f"{order.drill}/{order.verb}"
        if order.verb == "sabotage" and order.drill in self._closed:
            LOG.info("order %s refused: the drill is closed", where)
            return
        LOG.info("order %s", where)
        try:
            self._acts[rank_of(order.verb)](order)
        except Exception as error:
            LOG.exception("order %s", where)
            word = {"error": f"{type(error).__name__}: {error}", "at_ns": str(clock.now_ns())}
            path = f"{order.drill}/{'loss' if order.verb == ARM else order.verb}.json"
            persist(lambda: self._bucket.say(path, word), f"say error of {where}")

    def _arm(self, order: Order) -> None:
        key = f"orders/{order.drill}/arm.json"

        def cancelled() -> bool:
            return self._stopped.is_set() or order.drill in self._closed or self._seen.get(key) != order.mark

        self._injector.obey(order, cancelled)

    def _canary(self, order: Order) -> None:
        path = f"{order.drill}/canary.json"
        said = persist(lambda: self._bucket.word(path), "look for the canary's word", ATTEMPTS)
        if order.drill in self._closed or (said and said.get("order") == order.mark):
            return
        body: dict[str, Any] = order.body
        environment = Environment[str(body.get("environment", Environment.LIVE.name))]
        symbols = [str(symbol) for symbol in body["symbols"]]
        marks = self._sing(str(body.get("name", self._name)), symbols, environment)
        word = {"order": order.mark, "symbols": marks, "at_ns": str(clock.now_ns())}
        persist(lambda: self._bucket.say(path, word), "say the canary's word")


def drill_of(key: str) -> str:
    """The drill of `orders/<drill>/<verb>.json`."""
    return key.split("/")[1]


def verb_of(key: str) -> str:
    """The verb of `orders/<drill>/<verb>.json`."""
    return key.rpartition("/")[2].removesuffix(".json")


def rank_of(key: str) -> str:
    """The kind of order: its verb, and one kind for the injections of all phases."""
    verb = verb_of(key)
    return INJECT if verb.startswith(INJECT) else verb


def clients(saboteur_role: str | None, injector_role: str | None) -> Callable[[str, str, str], Any]:
    """boto3 clients by part (control or fault), service and region, with the part's role assumed when one is named."""
    import boto3  # noqa: PLC0415 - half a second: not before the arguments are known to be good

    def client(part: str, service: str, region: str) -> Any:
        role = saboteur_role if part == CONTROL else injector_role
        where = {"region_name": region} if region else {}
        if not role:
            return boto3.session.Session().client(service, **where)
        lent = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=f"aex-{part}")["Credentials"]
        return boto3.session.Session(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"]).client(
            service, **where
        )

    return client


def follow(
    bucket: WitnessBucket,
    *,
    killer: str,
    name: str,
    state: Path,
    saboteur_role: str | None,
    injector_role: str | None,
) -> None:
    """Follow orders until SIGTERM or SIGINT."""
    client = clients(saboteur_role, injector_role)

    def store(part: str) -> ObjectClient:
        lent: ObjectClient = client(part, "s3", "")
        return lent

    def accounts(drill: str) -> list[dict[str, Any]]:
        injections.withdraw(drill)
        return injections.accounts(drill)

    on_aws = killer == "ecs"
    port: Killer = EcsKiller(lambda region: client("fault", "ecs", region)) if on_aws else HttpKiller(killer)
    saboteur = Saboteur(bucket, store, state, accounts)
    injections = Injections(bucket, client, None if on_aws else WorldPort(killer), state, saboteur.show_truth)
    agent = Agent(bucket, Injector(bucket, port), saboteur, name, injections=injections)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()
