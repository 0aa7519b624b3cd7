"""A whole site, and the account-wide stacks beside it: stateless steps that look at AWS and do what is next.

`advance` and `retreat` may be called by anyone, as often as wanted, by a trigger as well as by a loop: all state is
in CloudFormation. Independent stacks are created and deleted side by side.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from drill.aws import fence, stacks
from drill.aws.clients import account_id, client
from drill.aws.stacks import Failure, StackOrder, StackRef, StackState
from templates.settings import Settings

if TYPE_CHECKING:
    import boto3

    from drill.aws.inventory import Resource
    from templates.stacks import Stack

Work = TypeVar("Work")
PARALLEL = 8
# Deleted in this order; stacks of one rank side by side. Tasks first, so that nothing writes into what goes next.
TEARDOWN = (("edge", "symbols"), ("compute", "streams", "stores"), ("network",))
FAMILIES = frozenset(family for rank in TEARDOWN for family in rank)
TASKS = frozenset({"edge", "symbols"})
OF_AN_EPOCH = FAMILIES - {"network"}
"""What carries the epoch in a name or a right, and so is built anew for the next one."""


class SiteError(Exception):
    """Base of this module's errors."""


class SiteFailedError(SiteError):
    """A stack failed; `failures` say which resource and why."""

    def __init__(self, site: str, failures: Sequence[Failure]) -> None:
        super().__init__(f"site {site}: " + "; ".join(f"{f.stack}/{f.logical_id}: {f.reason}" for f in failures))
        self.failures = tuple(failures)


class SiteTimeoutError(SiteError):
    """The site was not ready in time; the message names the stacks that were not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a site is: every stack's state, and why those that failed did."""

    states: tuple[StackState, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every stack is there."""
        return all(state.complete for state in self.states)

    @property
    def gone(self) -> bool:
        """Whether no stack is left."""
        return all(state.gone for state in self.states)

    @property
    def failed(self) -> bool:
        """Whether a stack failed and none is still moving: nothing will change any more."""
        return any(state.failed for state in self.states) and not any(state.moving for state in self.states)


def why(standing: Standing) -> str:
    """The failures of a site in one line."""
    return "; ".join(f"stack {one.stack}: {one.logical_id}: {one.reason}" for one in standing.failures)


def account_refs(settings: Settings) -> list[StackRef]:
    """The stacks that outlive every drill."""
    from templates.stacks import account_stacks  # noqa: PLC0415 - troposphere is slow to import

    return [StackRef(stack.name, stack.region) for stack in account_stacks(settings)]


def site_refs(settings: Settings) -> list[StackRef]:
    """The stacks of a site, in order of creation."""
    from templates.stacks import site_stacks  # noqa: PLC0415 - troposphere is slow to import

    return [StackRef(stack.name, stack.region) for stack in site_stacks(settings)]


def standing_refs(
    session: boto3.Session, site: str, regions: Iterable[str], families: frozenset[str] = FAMILIES
) -> list[StackRef]:
    """The stacks of a site that exist, found by name in AWS: what a teardown must remove, whatever was planned."""
    pattern = _pattern(site, families)
    found = (state.ref for region in sorted(set(regions)) for state in stacks.listing(session, region))
    return [ref for ref in found if pattern.fullmatch(ref.name)]


def without(session: boto3.Session, resources: Iterable[Resource], site: str, regions: Iterable[str]) -> list[Resource]:
    """The resources that are not a site's: neither named after it nor one of its stacks' own."""
    refs = standing_refs(session, site, regions)
    made = {(ref.region, name) for ref in refs for name in stacks.physical_ids(session, ref)}
    own = {name for _, name in made} | {ref.name for ref in refs} | _zones(session, made)
    ends = {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in own} | own
    return [
        found
        for found in resources
        if f"aex-{site}" not in found.id
        and f"{site}.aex" not in found.id
        and found.id not in own
        and found.id.rsplit("/", 1)[-1].rsplit(":", 1)[-1] not in ends
    ]


def _zones(session: boto3.Session, made: Iterable[tuple[str, str]]) -> set[str]:
    """The hosted zones that Cloud Map made for private namespaces; no stack names them."""
    zones = set()
    for region, name in made:
        if name.startswith("ns-"):
            namespace = client(session, "servicediscovery", region).get_namespace(Id=name)["Namespace"]
            zones.add(str(namespace["Properties"]["DnsProperties"]["HostedZoneId"]))
    return zones


def advance(session: boto3.Session, settings: Settings, *, account: bool = False) -> Standing:
    """Create every stack whose siblings are ready, and say how far the site is; `account` includes its stacks.

    After a failure nothing new is started.
    """
    planned = _planned(settings, account=account)
    refs = {stack.name: StackRef(stack.name, stack.region) for stack in planned}
    supplied = {ref.name: ref for ref in account_refs(settings)} | refs
    states = {ref.name: state for ref, state in stacks.progress(session, supplied.values()).items()}
    if not any(state.failed for state in states.values()):
        ready = [
            stack for stack in planned if states[stack.name].gone and all(states[name].complete for name in stack.needs)
        ]
        orders = [_order(settings, stack, states) for stack in ready]
        _side_by_side(lambda order: stacks.create(session, order, template_bucket=_bucket(session, order)), orders)
        states |= {ref.name: state for ref, state in stacks.progress(session, refs.values()).items()}
    standing = tuple(states[name] for name in refs)
    return Standing(states=standing, failures=_failures(session, standing))


def retreat(
    session: boto3.Session,
    site: str,
    regions: Iterable[str],
    *,
    retry: bool = False,
    families: frozenset[str] = FAMILIES,
) -> Standing:
    """Delete what may be deleted now (see TEARDOWN), and say what is left of `families`; `gone` when nothing is.

    A stack whose deletion failed is reported with its reason; it is tried again only with `retry`.
    """
    there = stacks.progress(session, standing_refs(session, site, regions, families))
    if "stores" in families and there and not any(state.moving for state in there.values()):
        # CloudFormation cannot delete a role that somebody gave a policy.
        fence.lift(session, site)
    rank = min((_rank(site, ref) for ref in there), default=0)
    skipped = {"DELETE_IN_PROGRESS"} if retry else {"DELETE_IN_PROGRESS", "DELETE_FAILED"}
    due = [ref for ref, state in there.items() if _rank(site, ref) == rank and state.status not in skipped]
    _side_by_side(lambda ref: stacks.delete(session, ref), due)
    left = tuple(stacks.progress(session, there).values())
    failures = _failures(session, (state for state in left if state.status == "DELETE_FAILED"))
    return Standing(states=left, failures=failures)


def deploy(
    session: boto3.Session,
    settings: Settings,
    on_progress: Callable[[Standing], None] | None = None,
    *,
    account: bool = False,
    interval_s: float = 0.25,
    timeout_s: float = 1800,
) -> Standing:
    """Create a site and wait for it.

    Raises:
        SiteFailedError: a stack failed; those that failed have been rolled back by CloudFormation.
        SiteTimeoutError: not complete after `timeout_s`.
    """
    return _until(
        lambda: advance(session, settings, account=account),
        lambda standing: standing.complete,
        on_progress,
        site=settings.site,
        interval_s=interval_s,
        timeout_s=timeout_s,
    )


def remove(
    session: boto3.Session,
    site: str,
    regions: Iterable[str],
    on_progress: Callable[[Standing], None] | None = None,
    *,
    families: frozenset[str] = FAMILIES,
    interval_s: float = 0.25,
    timeout_s: float = 1800,
) -> Standing:
    """Delete a site, or some families of its stacks, and wait until they are gone. Raises as `deploy` does."""
    wanted = sorted(set(regions))
    retreat(session, site, wanted, retry=True, families=families)
    return _until(
        lambda: retreat(session, site, wanted, families=families),
        lambda standing: standing.gone,
        on_progress,
        site=site,
        interval_s=interval_s,
        timeout_s=timeout_s,
    )


def _until(
    step: Callable[[], Standing],
    done: Callable[[Standing], bool],
    on_progress: Callable[[Standing], None] | None,
    *,
    site: str,
    interval_s: float,
    timeout_s: float,
) -> Standing:
    deadline = time.monotonic() + timeout_s
    while True:
        standing = step()
        if on_progress:
            on_progress(standing)
        if done(standing):
            return standing
        if standing.failed and standing.failures:
            raise SiteFailedError(site, standing.failures)
        if time.monotonic() > deadline:
            late = [f"{state.ref.name} {state.status}" for state in standing.states if not state.complete]
            raise SiteTimeoutError(f"site {site}: not done after {timeout_s} s: {late}")
        time.sleep(interval_s)


def _planned(settings: Settings, *, account: bool) -> list[Stack]:
    from templates.stacks import account_stacks, site_stacks  # noqa: PLC0415 - troposphere is slow to import

    return [*(account_stacks(settings) if account else ()), *site_stacks(settings)]


def _order(settings: Settings, stack: Stack, states: dict[str, StackState]) -> StackOrder:
    ours = stack.name.startswith(f"aex-{settings.site}-")
    owner = {"Drill": settings.drill_id, "Site": settings.site} if ours else {"Drill": "none", "Site": "account"}
    return StackOrder(
        ref=StackRef(stack.name, stack.region),
        body=stack.body,
        parameters={feed.parameter: states[feed.source].outputs[feed.parameter] for feed in stack.feeds},
        tags={"Application": "AEX"} | owner,
    )


def _bucket(session: boto3.Session, order: StackOrder) -> str | None:
    """Where a large template goes; the account is asked only if there is one."""
    if len(order.body.encode()) <= stacks.INLINE_BYTES:
        return None
    return f"aex-evidence-{account_id(session)}"


def _failures(session: boto3.Session, states: Iterable[StackState]) -> tuple[Failure, ...]:
    found = (stacks.failure(session, state.ref, stack_id=state.stack_id) for state in states if state.failed)
    return tuple(failure for failure in found if failure)


def _pattern(site: str, families: frozenset[str] = FAMILIES) -> re.Pattern[str]:
    """Exact: site `dr` must not match the stacks of site `dr-7`."""
    return re.compile(rf"aex-{re.escape(site)}-({'|'.join(sorted(families))})(-\d+)?")


def _rank(site: str, ref: StackRef) -> int:
    matched = _pattern(site).fullmatch(ref.name)
    family = matched[1] if matched else ""
    return next(rank for rank, families in enumerate(TEARDOWN) if family in families)


def _side_by_side(act: Callable[[Work], object], work: Sequence[Work]) -> None:
    """Run `act` over `work` on a few threads; the first exception is raised after all have ended."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        for outcome in [pool.submit(act, item) for item in work]:
            outcome.result()
