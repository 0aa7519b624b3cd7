"""For every fault of the catalogue: the verdict that the method asks for, filed, and recomputed from the bundle."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.core import faults
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.statement import Outcome
from drill.core.evidence.verification import verify
from tests.evidence import filing
from tests.evidence.catalogue import FAULTS

few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("fault", FAULTS)
def test_the_recomputed_verdict_is_the_filed_one_and_the_one_that_the_catalogue_asks_for(ours, keys, fault):
    expected = FAULTS[fault]

    @few
    @given(st.data())
    def filed_and_recomputed(data):
        record = filing.record(ours, expected.evidence(data.draw))
        found = verify(record.bundle(), keys)
        said = {ruling.rule for ruling in found.verdict.rulings if ruling.outcome == expected.outcome}
        assert (found.verdict.outcome, said >= {expected.rule} - {""}) == (expected.outcome, True), said
        assert found.verdict.rulings or not expected.rule
        assert json.loads(msgspec.json.encode(found.verdict)) == json.loads(record.filed[record.drill]["verdict.json"])
        [outcome] = [link.body for link in record.chain.of(record.drill) if isinstance(link.body, Outcome)]
        assert outcome.outcome == expected.outcome

    filed_and_recomputed()


@pytest.mark.parametrize("fault", [name for name, one in FAULTS.items() if one.rule])
def test_a_drill_with_a_fault_that_is_filed_as_passed_is_broken_whoever_signs_it(ours, keys, fault):
    """The healthy drill's verdict and report over this fault's evidence, sealed with our own key."""

    @settings(few, max_examples=3)
    @given(st.data())
    def whitewashed(data):
        honest, healthy = filing.record(ours, FAULTS[fault].evidence(data.draw)), filing.record(ours)
        told = {name: healthy.filed[healthy.drill][name] for name in ("verdict.json", "report.json", "report.html")}
        filed = {**honest.filed[honest.drill], **told}
        chain = filing.closed(type(honest.chain)(links=honest.chain.links[:-1]), honest.drill, filed, ours)
        forged = replace(honest, chain=chain, filed={honest.drill: filed})
        with pytest.raises(BrokenLink, match=r"verdict\.json: .*: filed .*, recomputed"):
            verify(forged.bundle(), keys)

    whitewashed()


@pytest.mark.parametrize("fault", faults.CATALOGUE, ids=lambda one: one.id)
def test_the_product_expects_of_a_fault_what_the_method_says(fault):
    expected = FAULTS[fault.id]
    assert (fault.verdict, getattr(fault, "rule", expected.rule)) == (expected.outcome, expected.rule)
