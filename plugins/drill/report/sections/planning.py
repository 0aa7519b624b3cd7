"""What was decided before the drill began, and which paragraph is answered by which field."""

from __future__ import annotations

from drill.core.report import ClockOffset, Plan, Report, clauses
from drill.report import words
from drill.report.sections import blocks as b


def plan(report: Report) -> b.Section:
    """Everything registered."""
    found = report.plan
    objectives = (b.cells(one.name, one.limit, one.source) for one in found.objectives.listed)
    sites = (
        b.cells(one.name, one.role, one.region, one.environment, words.count(one.epoch, "none")) for one in found.sites
    )
    approvals = (
        b.cells(one.step, one.by, one.decision, words.moment(one.at_ns, "never"), words.duration(one.waited_ns))
        for one in found.approvals
    )
    return b.Section(
        "plan",
        "Plan",
        (
            _registered(found),
            b.Heading("Objectives"),
            b.table("objective|*limit|*source", objectives, otherwise="None was registered."),
            b.Heading("Sites and what they share"),
            b.table("*site|role|region|environment|#epoch", sites, otherwise="None was registered."),
            b.say(f"Shared: {'; '.join(found.shared_dependencies) or 'not recorded'}."),
            b.Heading("Approvals"),
            b.table("*step|*by|decision|at|#waited", approvals) if found.approvals else b.say("None was asked for."),
            b.Heading("Isolation and clocks"),
            _isolation(found),
            b.table(
                "*host|#offset|#limit|within", map(_clock, found.clocks), otherwise="Clock offsets were not measured."
            ),
        ),
    )


def _registered(found: Plan) -> b.Block:
    scope, seeds, registration = found.scope, found.seeds, found.registration
    whole = len(scope.symbols) == scope.listing
    symbols = "" if whole or not scope.symbols else f": {', '.join(scope.symbols)}"
    excluded = "; ".join(f"{one.what}: {one.reason}" for one in scope.exclusions) or "nothing"
    number = f", chain #{registration.chain_number}" if registration and registration.chain_number is not None else ""
    registered = (
        b.line(b.absent("never: refused before registration"))
        if registration is None
        else b.line(f"{words.moment(registration.at_ns)}{number} ", b.code(registration.sha256))
    )
    nonce = b.line(
        f"{'blind' if seeds.blind else 'not blind'}; commitment ",
        b.code(seeds.nonce_sha256 or "none"),
        "; revealed: ",
        b.code(seeds.nonce) if seeds.nonce else b.absent("not revealed"),
    )
    return b.facts(
        "",
        (
            ("drill", b.code(found.drill_id)),
            ("kind", f"{found.kind}, scenario {found.scenario}"),
            ("trigger", found.trigger),
            ("requester", found.requester),
            ("registered", registered),
            ("scope", f"{len(scope.symbols)} of {scope.listing} listed symbols{symbols}"),
            ("excluded", excluded),
            ("test symbols", ", ".join(scope.test_symbols) or "none"),
            ("workload seed", b.code(seeds.workload)),
            ("nonce", nonce),
        ),
    )


def _isolation(found: Plan) -> b.Block:
    if not found.isolation:
        return b.nothing("Isolation was not examined.")
    return b.Bullets(
        tuple(
            b.line(b.yes(one.held, held="held", broken="did not hold", unknown="not run"), f" {one.statement}")
            for one in found.isolation
        )
    )


def _clock(one: ClockOffset) -> tuple[b.Line, ...]:
    offset = one.offset_ns
    shown = "not measured" if offset is None else words.milliseconds(abs(offset))
    within = b.yes(None if offset is None else abs(offset) <= one.limit_ns, unknown="not measured")
    return b.cells(one.host, shown, words.milliseconds(one.limit_ns), within)


def versions(report: Report) -> b.Section:
    """Everything that took part, by content."""
    rows = (b.cells(one.kind, one.name, b.code(one.version), one.differs) for one in report.plan.versions)
    columns = "kind|name|version or content hash|*difference from production and the last drill"
    return b.Section("versions", "Versions", (b.table(columns, rows, dense=True, otherwise="Not recorded."),))


def regulation(report: Report) -> b.Section:  # noqa: ARG001 - read off the model, the same for every report
    """Paragraph by paragraph."""
    rows = (b.cells(clause, ", ".join(fields)) for clause, fields in clauses().items())
    note = b.say(
        "Engineering input, not legal advice. Fields are named as in the JSON record; docs/regulation.md says where "
        "each is kept."
    )
    return b.Section(
        "regulation",
        "Where each paragraph is answered",
        (note, b.table("paragraph|*fields of the record", rows, dense=True)),
    )
