"""Whatever happened to a drill, what is recomputed from its bundle is what was filed: times, RPO and verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.core.evidence.amendments import RefusedAmendment, check
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.statement import Amendment, FindingClosed, FindingOpened, Hold, SignOff
from drill.core.evidence.verification import LATER, verify
from drill.core.versions import content_hash
from tests.core import real, worlds
from tests.evidence import filing
from tests.evidence.filing import OTHER

DOCUMENTS = sorted(set(worlds.documents()) - {"registration"})


def red(symbol: str) -> dict:
    validation = worlds.documents()["validation"]
    checks = [{**one, "passed": one["passed"] and one["symbol"] != symbol} for one in validation["checks"]]
    return {**validation, "checks": checks}


def short(symbol: str, seq: int) -> dict:
    recovered = worlds.documents()["recovered"]
    row = {**recovered["symbols"][symbol], "seq": seq, "status": "damaged"}
    return {**recovered, "symbols": {**recovered["symbols"], symbol: row}}


damages = st.fixed_dictionaries(
    {},
    optional={
        **{name.replace("-", "_"): st.none() for name in DOCUMENTS},
        "validation": st.none() | st.sampled_from(worlds.LISTING).map(red),
        "recovered": st.none() | st.builds(short, st.sampled_from(worlds.LISTING), st.integers(0, 9)),
        "inventory": st.none() | st.just({**worlds.documents()["inventory"], "orphans": [{"id": "vpc-1"}]}),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages, st.integers(0, len(worlds.healthy().events)))
def test_the_recomputed_verdict_is_the_filed_one(ours, keys, damage, dropped):
    """Documents missing, symbols damaged, checks red, events lost: every outcome is filed and verified alike."""
    evidence = worlds.changed(**damage)
    kept = [event for at, event in enumerate(evidence.events) if at != dropped]
    record = filing.record(ours, worlds.replaced(evidence, kept))
    found = verify(record.bundle(), keys)
    assert json.loads(msgspec.json.encode(found.verdict)) == json.loads(record.filed[record.drill]["verdict.json"])


@pytest.mark.parametrize("path", sorted(LATER))
def test_a_verdict_that_an_earlier_version_filed_is_compared_in_what_it_says(ours, keys, path):
    """A field that came later is missing from it, and from nothing else; another field that is missing is broken."""
    evidence = worlds.changed(recovered=short("AAPL", 3))
    for left_out, authentic in ((path, True), ("symbols_ok", False)):
        record = filing.record(ours, evidence)
        filed = dict(record.filed[record.drill])
        verdict = json.loads(filed["verdict.json"])
        *within, name = left_out.split(".")
        del (verdict[within[0]] if within else verdict)[name]
        filed["verdict.json"] = json.dumps(verdict).encode()
        chain = filing.closed(type(record.chain)(links=record.chain.links[:4]), record.drill, filed, ours)
        bundle = replace(record, chain=chain, filed={record.drill: filed}).bundle()
        if authentic:
            [note] = verify(bundle, keys).notes
            assert note == f"{path}: filed by a version that did not know it, so not compared"
        else:
            with pytest.raises(BrokenLink, match="symbols_ok: filed null, recomputed"):
                verify(bundle, keys)


def test_a_verdict_that_other_sources_judged_is_broken_with_a_hint_of_what_to_try(ours, keys):
    """A rule that was added since may see more in old evidence: that is said, and is no forgery by itself."""
    for sources, told in (("5" * 64, "; sources 555555555555… judged it"), (content_hash("drill"), "")):
        registration = {**worlds.documents()["registration"], "versions": {"sources:drill": sources}}
        record = filing.record(ours, worlds.changed(registration=registration))
        filed = dict(record.filed[record.drill])
        filed["verdict.json"] = filed["verdict.json"].replace(b'"symbols_ok":3', b'"symbols_ok":2')
        chain = filing.closed(type(record.chain)(links=record.chain.links[:4]), record.drill, filed, ours)
        with pytest.raises(BrokenLink) as found:
            verify(replace(record, chain=chain, filed={record.drill: filed}).bundle(), keys)
        assert found.value.where == "verdict.json"
        assert found.value.why.startswith("symbols_ok: filed 2, recomputed 3" + told)
        assert bool(told) == ("sources" in found.value.why)


REFUSED = [
    (Amendment(author=" ", reason="r", text="t"), "author: must not be empty"),
    (FindingOpened(finding="f 1", what="w", owner="o", due="2027-01-01", author="a"), "expected capitals"),
    (FindingOpened(finding="F-1", what="w", owner="o", due="soon", author="a"), "expected a date"),
    (FindingOpened(finding="F-1", what="w", owner="", due="2027-01-01", author="a"), "owner: must not be empty"),
    (FindingClosed(finding="F-1", retest=OTHER, author="a", reason="r"), "was never opened"),
    (SignOff(role="reviewed", person="p", statement="s"), "nobody has prepared it yet"),
    (Hold(on=True, author="a", reason="", objects=1), "reason: must not be empty"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_breaks_a_rule_is_not_appended(record, body, why):
    with pytest.raises(RefusedAmendment, match=why):
        check(record.chain, record.drill, body)


def test_a_finding_closes_with_a_later_drill_that_passed_and_with_no_other(record, ours):
    opened = record.say(FindingOpened(finding="F-1", what="w", owner="o", due="2027-01-01", author="a"))
    for retest, why in [
        (OTHER, "is no retest of it"),
        (record.drill, "is no retest of it"),
        ("drill-unknown", "has no outcome in the chain"),
    ]:
        with pytest.raises(RefusedAmendment, match=why):
            check(opened.chain, record.drill, FindingClosed(finding="F-1", retest=retest, author="a", reason="r"))
    later = "drill-20261204-aaaaaa"
    for evidence, passed in [(worlds.changed(recovered=None), False), (worlds.healthy(), True)]:
        filed = filing.artifacts(filing.of(later, evidence))
        chain = filing.closed(filing.registered(opened.chain, later, filed, ours), later, filed, ours)
        closure = FindingClosed(finding="F-1", retest=later, author="a", reason="r")
        if passed:
            check(chain, record.drill, closure)
        else:
            with pytest.raises(RefusedAmendment, match="a finding closes with a drill that passed"):
                check(chain, record.drill, closure)


def test_a_link_that_breaks_a_rule_is_a_broken_link_for_the_auditor(record, keys):
    """Whoever appends past the command line is found by whoever verifies."""
    forged = record.say(SignOff(role="reviewed", person="p", statement="s"))
    with pytest.raises(BrokenLink, match="amendments: link 6: nobody has prepared it yet"):
        verify(forged.bundle(), keys)


def test_a_real_failover_is_registered_after_its_impact_and_before_its_declaration(ours, keys):
    before = {**real.documents()["acked-primary"], "last_ack_ns": str(filing.BEFORE - 1)}
    record = filing.record(ours, real.changed(acked_primary=before))
    found = verify(record.bundle(), keys).verdict
    assert (found.outcome, found.marks.t0_impact) == ("FAILOVER", filing.BEFORE - 1)
    late = filing.record(ours, worlds.changed(acked_primary=before))
    with pytest.raises(BrokenLink, match="the impact at"):
        verify(late.bundle(), keys)
