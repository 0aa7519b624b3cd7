"""The plan of a drill: what was asked for, checked at the border before anything is registered or built."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import rfc8785

from drill.core.bad_plan import BadPlan
from drill.core.faults import INJECTABLE
from drill.core.presets import applied, smoke_is_small
from engine.listing import SYMBOLS as LISTED

KINDS = ("loss", "planned")
PURPOSES = ("drill", "failover")
APPROVERS = 2  # different people who must approve a real failover before anything is declared
ASSUMED_DETECTION_S = 60  # method.md §0: nothing is lost in a planned exercise, so nobody can detect it
IMPACT_PERCENT = 125  # method.md §0: production's ack p99 during an exercise, of the equal window before
ASSUMED_DECISION_S = 900  # method.md §2: a machine declared, so a human's decision is assumed, drawn and added
OBSERVATION_SHARE = 0.25  # assumed time over this share of the objective is an observation
SNAPSHOT_INTERVALS, SNAPSHOT_SLACK_S = 2, 10  # a snapshot older than so many intervals and seconds is an observation
CLOCK_GATE_MS = 500
PERFORMANCE_FACTOR = 2
FULL_SIZE_ACKS = 100_000
FULL_LISTING = 100
ACKNOWLEDGED_SHARE = 0.99
OFFERED_SHARE = 0.9  # of the configured rate: bursts and connecting sessions are no fault
JUDGED_LOAD_S = 15  # from here on at least one whole 10-s window lies in the load at the DR site

REHYDRATE = ("snapshot", "genesis", "both")
__all__ = ["BadPlan", "Plan", "drill_id_of", "fingerprint", "loss_moment_ns", "make_plan", "nonce_of", "site_of"]

DRILL_ID = re.compile(r"^[a-z0-9][a-z0-9-]{5,40}$")
REGION = re.compile(r"^[a-z]{2}(-[a-z]+)+-\d$")
NONCE = re.compile(r"^[0-9a-f]{64}$")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was decided before the drill began. Registered (hashed) before the loss, never changed after.

    Times are whole seconds unless the name says otherwise; regions are AWS region names; `symbols` is the scope.
    """

    drill_id: str
    kind: str  # loss | planned
    scenario: str  # site
    purpose: str  # drill | failover: a real loss, nothing is injected or torn down | failback: its way home
    trigger: str  # manual | scheduled
    requester: str
    listing: tuple[str, ...]
    symbols: tuple[str, ...]
    test_symbols: tuple[str, ...]
    primary_region: str
    dr_region: str
    rto_objective_s: int
    rpo_objective_orders: int
    window_s: int
    load_s: int
    workload_seed: int
    faults: tuple[str, ...]
    nonce_sha256: str
    blind: bool
    from_epoch: int = 1
    rehydrate: str = "genesis"  # snapshot | genesis | both: two ways, whose digests must agree
    failback: bool = False  # the exchange goes home to its primary before the DR site is torn down
    assumed_decision_s: int = ASSUMED_DECISION_S
    assumed_detection_s: int = 0  # measured where something is lost
    impact_percent: int = IMPACT_PERCENT
    preset: str = ""  # of the form: smoke | weekly | loss | cold_start, empty: none
    approvers: int = 0  # different people who must approve; a drill asks nobody
    of: str = ""  # failback: the failover at whose site the exchange trades
    requester_approves: bool = False  # policy: whether who asked for a failover may be one of them

    @property
    def planned(self) -> bool:
        """True for an exercise: production trades on, and the DR site is of an environment of its own."""
        return self.kind == "planned"

    @property
    def real(self) -> bool:
        """True where this is no drill: the exchange is lost, and what is done stays."""
        return self.purpose != "drill"

    @property
    def failover(self) -> bool:
        """True where the exchange moves for good: what is built stays."""
        return self.purpose == "failover"

    @property
    def homecoming(self) -> bool:
        """True for the way home from a real failover."""
        return self.purpose == "failback"

    @property
    def environment(self) -> str:
        """What the DR site and its members are: LIVE takes over, DRILL rehearses beside."""
        return "DRILL" if self.planned else "LIVE"

    @property
    def root(self) -> str:
        """Prefix of everything that the DR site writes into the journal bucket: an exercise has its own."""
        return f"drills/{self.drill_id}/" if self.planned else ""

    @property
    def assumed_s(self) -> int:
        """Time that nobody measures and that is added to the recovery time all the same."""
        return self.assumed_detection_s + self.assumed_decision_s

    @property
    def site(self) -> str:
        """The DR site's name, also the first label of its internal names: `dr-` and the id's last word.

        The way home leaves from the failover's site.
        """
        return site_of(self.of or self.drill_id)

    @property
    def epoch(self) -> int:
        """The epoch that the DR site takes."""
        return self.from_epoch + 1

    @property
    def home_epoch(self) -> int:
        """The epoch that the primary takes when the exchange goes home."""
        return self.from_epoch + 2

    @property
    def partial(self) -> bool:
        """True where the scope is less than the exchange's own listing; a smoke drill is so by definition."""
        return self.preset == "smoke" or set(self.symbols) != set(self.listing)

    def sha256(self) -> str:
        """The plan's fingerprint: SHA-256 of its canonical JSON (RFC 8785)."""
        return fingerprint(msgspec.to_builtins(self))


def fingerprint(plan: Mapping[str, Any]) -> str:
    """The fingerprint of a plan as it was filed: a plan of an older version has fewer fields and keeps its own."""
    return hashlib.sha256(rfc8785.dumps(dict(plan))).hexdigest()


def _whole(params: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        msg = f"parameter '{name}': expected a whole number from {low} to {high}, got {value!r}"
        raise BadPlan(msg)
    return value


def _words(params: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = params.get(name) or ()
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        msg = f"parameter '{name}': expected names separated by commas, got {value!r}"
        raise BadPlan(msg)
    return tuple(word.strip().upper() for word in words if word.strip())


def _known(name: str, asked: tuple[str, ...], known: Iterable[str], hint: str) -> None:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        msg = f"parameter '{name}': {', '.join(unknown)} unknown; {hint}"
        raise BadPlan(msg)
    if len(set(asked)) != len(asked):
        msg = f"parameter '{name}': a name stands twice in {', '.join(asked)}"
        raise BadPlan(msg)


def _kind(params: Mapping[str, Any], faults: tuple[str, ...]) -> str:
    kind = params.get("kind", "loss")
    if kind not in KINDS:
        msg = f"parameter 'kind': expected {' or '.join(KINDS)}, got {kind!r}"
        raise BadPlan(msg)
    if kind == "planned" and faults:
        msg = f"parameter 'faults': a planned exercise leaves production's journal alone; {faults[0]} needs kind=loss"
        raise BadPlan(msg)
    return str(kind)


def _region(params: Mapping[str, Any], primary_region: str, default: str) -> str:
    region = params.get("region", default)
    if not isinstance(region, str) or not REGION.match(region):
        msg = f"parameter 'region': expected a name like us-west-2, got {region!r}"
        raise BadPlan(msg)
    if region == primary_region:
        msg = f"parameter 'region': {region} is the primary's own; a recovery there proves nothing, choose another"
        raise BadPlan(msg)
    return region


def nonce_of(params: Mapping[str, Any]) -> str | None:
    """A nonce given for reproduction (64 hex digits), or None: the drill then draws a secret one and is blind."""
    nonce = params.get("nonce") or None
    if nonce is not None and not (isinstance(nonce, str) and NONCE.match(nonce)):
        msg = f"parameter 'nonce': expected 64 hex digits, got {nonce!r}"
        raise BadPlan(msg)
    return nonce


def _choice(params: Mapping[str, Any], name: str, default: str, among: tuple[str, ...]) -> str:
    value = params.get(name) or default
    if value not in among:
        msg = f"parameter '{name}': expected one of {', '.join(among)}, got {value!r}"
        raise BadPlan(msg)
    return str(value)


def _yes(params: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = params.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        msg = f"parameter '{name}': expected true or false, got {value!r}"
        raise BadPlan(msg)
    return value


def _failback(params: Mapping[str, Any], kind: str, *, default: bool) -> bool:
    """Nothing moved in an exercise, so nothing goes home."""
    if kind != "planned":
        return _yes(params, "failback", default=default)
    if _yes(params, "failback", default=False):
        msg = "parameter 'failback': production trades on in a planned exercise; it needs kind=loss"
        raise BadPlan(msg)
    return False


KNOWN_PARAMETERS = frozenset(
    {
        "purpose",
        "preset",
        "kind",
        "impact_percent",
        "symbols",
        "region",
        "rto_objective_s",
        "rpo_objective_orders",
        "window_s",
        "load_s",
        "seed",
        "faults",
        "nonce",
        "rehydrate",
        "failback",
    }
)


def make_plan(
    params: Mapping[str, Any],
    *,
    drill_id: str,
    trigger: str,
    requester: str,
    listing: tuple[str, ...],
    test_symbols: tuple[str, ...],
    primary_region: str,
    dr_region: str,
    nonce_sha256: str,
    from_epoch: int = 1,
    rehydrate: str = "genesis",
    failback: bool = False,
    requester_approves: bool = False,
) -> Plan:
    """Check `params` (as the form gives them) and return the plan, or raise BadPlan naming the parameter.

    `listing` is what the exchange lists today (without test symbols): symbols absent from it cannot be recovered.
    `from_epoch` is the epoch in which it trades today; `rehydrate` and `failback` are what the parameters default to.
    `requester_approves` is the policy for a real failover, which has no nonce and assumes no time.
    """
    unknown = sorted(set(params) - KNOWN_PARAMETERS)
    if unknown:
        msg = f"parameter '{unknown[0]}': unknown; expected one of {', '.join(sorted(KNOWN_PARAMETERS))}"
        raise BadPlan(msg)
    params = applied(params, listing)
    purpose = _choice(params, "purpose", "drill", PURPOSES)
    real = purpose != "drill"
    if real:
        _nothing_of_a_drill(params, requester)
    if not DRILL_ID.match(drill_id):
        msg = f"drill id {drill_id!r}: expected 6 to 41 lower-case letters, digits and hyphens"
        raise BadPlan(msg)
    _known("symbols", listing, LISTED, "the exchange can list the Nasdaq-100 of November 2016")
    symbols = _words(params, "symbols") or listing
    _known("symbols", symbols, listing, f"the exchange lists {len(listing)} symbols, {listing[0]} to {listing[-1]}")
    if params.get("preset") == "smoke":
        smoke_is_small(symbols)
    faults = _words(params, "faults")
    _known("faults", faults, INJECTABLE, f"this version injects {', '.join(INJECTABLE)}")
    kind = _kind(params, faults)
    return Plan(
        drill_id=drill_id,
        kind=kind,
        scenario="site",
        purpose=purpose,
        trigger=trigger,
        requester=requester,
        listing=listing,
        symbols=tuple(sorted(symbols)),
        test_symbols=test_symbols,
        primary_region=primary_region,
        dr_region=_region(params, primary_region, dr_region),
        rto_objective_s=_whole(params, "rto_objective_s", 7200, 1, 604_800),
        rpo_objective_orders=_whole(params, "rpo_objective_orders", 0, 0, 10**9),
        window_s=_whole(params, "window_s", 60, 10, 86_400),
        load_s=_whole(params, "load_s", 30, 5, 3_600),
        workload_seed=_whole(params, "seed", 1, 0, 2**31),
        faults=faults,
        nonce_sha256="" if real else nonce_sha256,
        blind=not real and nonce_of(params) is None,
        from_epoch=from_epoch,
        rehydrate=_choice(params, "rehydrate", rehydrate, REHYDRATE),
        failback=_failback(params, kind, default=failback and not real),
        assumed_decision_s=0 if real else ASSUMED_DECISION_S,
        approvers=APPROVERS if real else 0,
        requester_approves=real and requester_approves,
        assumed_detection_s=ASSUMED_DETECTION_S if kind == "planned" else 0,
        preset=str(params.get("preset") or ""),
        impact_percent=_whole(params, "impact_percent", IMPACT_PERCENT, 100, 100_000),
    )


def _nothing_of_a_drill(params: Mapping[str, Any], requester: str) -> None:
    """Raises BadPlan where a real failover is asked for with what only a drill may have, or by nobody."""
    for name in ("preset", "symbols", "faults", "nonce", "failback"):
        if params.get(name):
            msg = (
                f"parameter '{name}': {params[name]!r} is a drill's; a real failover takes the whole exchange as it is"
            )
            raise BadPlan(msg)
    if params.get("kind", "loss") != "loss":
        msg = f"parameter 'kind': nothing is planned about a real failover, got {params['kind']!r}"
        raise BadPlan(msg)
    if not requester:
        msg = "parameter 'purpose': a real failover is asked for by a named person; trigger it signed in to Airflow"
        raise BadPlan(msg)


def drill_id_of(run_id: str) -> str:
    """The drill's one id: the run id where it has the form of one, else `drill-` and a short hash of it (UI runs)."""
    if DRILL_ID.match(run_id):
        return run_id
    return "drill-" + hashlib.sha256(run_id.encode()).hexdigest()[:8]


def site_of(drill_id: str) -> str:
    """The name of a drill's site."""
    return "dr-" + drill_id.rsplit("-", 1)[-1]


def loss_moment_ns(nonce: str, window_start_ns: int, window_s: int) -> int:
    """The committed moment of the loss: drawn by the secret nonce in the last half of the trading window.

    UTC nanoseconds. The same nonce, start and window give the same moment.
    """
    draw = int.from_bytes(hashlib.sha256(f"{nonce}|loss".encode()).digest()[:8], "little")
    half_ns = window_s * 500_000_000
    return window_start_ns + half_ns + draw % half_ns
