"""What was decided before the drill began, and which paragraph is answered by which field."""

from __future__ import annotations

from drill.core.report import ClockOffset, Plan, Report, clauses
from drill.report import words
from drill.report.sections.blocks import (
    Block,
    Bullets,
    Heading,
    Line,
    Section,
    absent,
    cells,
    code,
    facts,
    line,
    nothing,
    say,
    table,
    yes,
)


def plan(report: Report) -> Section:
    """Everything registered."""
    found = report.plan
    objectives = (cells(one.name, one.limit, one.source) for one in found.objectives.listed)
    sites = (
        cells(one.name, one.role, one.region, one.environment, words.count(one.epoch, "none")) for one in found.sites
    )
    approvals = (
        cells(one.step, one.by, one.decision, words.moment(one.at_ns, "never"), words.duration(one.waited_ns))
        for one in found.approvals
    )
    return Section(
        "plan",
        "Plan",
        (
            _registered(found),
            Heading("Objectives"),
            table("objective|*limit|*source", objectives, otherwise="None was registered."),
            Heading("Sites and what they share"),
            table("*site|role|region|environment|#epoch", sites, otherwise="None was registered."),
            say(f"Shared: {'; '.join(found.shared_dependencies) or 'not recorded'}."),
            Heading("Approvals"),
            table("*step|*by|decision|at|#waited", approvals) if found.approvals else say("None was asked for."),
            Heading("Isolation and clocks"),
            _isolation(found),
            table(
                "*host|#offset|#limit|within", map(_clock, found.clocks), otherwise="Clock offsets were not measured."
            ),
        ),
    )


def _registered(found: Plan) -> Block:
    scope, seeds, registration = found.scope, found.seeds, found.registration
    whole = len(scope.symbols) == scope.listing
    symbols = "" if whole or not scope.symbols else f": {', '.join(scope.symbols)}"
    excluded = "; ".join(f"{one.what}: {one.reason}" for one in scope.exclusions) or "nothing"
    number = f", chain #{registration.chain_number}" if registration and registration.chain_number is not None else ""
    registered = (
        line(absent("never: refused before registration"))
        if registration is None
        else line(f"{words.moment(registration.at_ns)}{number} ", code(registration.sha256))
    )
    nonce = line(
        f"{'blind' if seeds.blind else 'not blind'}; commitment ",
        code(seeds.nonce_sha256 or "none"),
        "; revealed: ",
        code(seeds.nonce) if seeds.nonce else absent("not revealed"),
    )
    return facts(
        "",
        (
            ("drill", code(found.drill_id)),
            ("kind", f"{found.kind}, scenario {found.scenario}"),
            ("trigger", found.trigger),
            ("requester", found.requester),
            ("registered", registered),
            ("scope", f"{len(scope.symbols)} of {scope.listing} listed symbols{symbols}"),
            ("excluded", excluded),
            ("test symbols", ", ".join(scope.test_symbols) or "none"),
            ("workload seed", code(seeds.workload)),
            ("nonce", nonce),
        ),
    )


def _isolation(found: Plan) -> Block:
    if not found.isolation:
        return nothing("Isolation was not examined.")
    return Bullets(
        tuple(
            line(yes(one.held, held="held", broken="did not hold", unknown="not run"), f" {one.statement}")
            for one in found.isolation
        )
    )


def _clock(one: ClockOffset) -> tuple[Line, ...]:
    offset = one.offset_ns
    shown = "not measured" if offset is None else words.milliseconds(abs(offset))
    within = yes(None if offset is None else abs(offset) <= one.limit_ns, unknown="not measured")
    return cells(one.host, shown, words.milliseconds(one.limit_ns), within)


def versions(report: Report) -> Section:
    """Everything that took part, by content."""
    rows = (cells(one.kind, one.name, code(one.version), one.differs) for one in report.plan.versions)
    columns = "kind|name|version or content hash|*difference from production and the last drill"
    return Section("versions", "Versions", (table(columns, rows, dense=True, otherwise="Not recorded."),))


def regulation(report: Report) -> Section:  # noqa: ARG001 - read off the model, the same for every report
    """Paragraph by paragraph."""
    rows = (cells(clause, ", ".join(fields)) for clause, fields in clauses().items())
    note = say(
        "Engineering input, not legal advice. Fields are named as in the JSON record; docs/regulation.md says where "
        "each is kept."
    )
    return Section(
        "regulation",
        "Where each paragraph is answered",
        (note, table("paragraph|*fields of the record", rows, dense=True)),
    )
