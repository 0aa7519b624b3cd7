"""Whatever is changed in a bundle is found: generated cases of every class, none undetected.

What only the anchor can show (a tail that was cut off, a history written anew with our own key) is authentic without
it, and that is said: `anchor NOT checked`.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drill.core.evidence.anchor import read_anchor
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.bundle import read_bundle
from drill.core.evidence.canonical import sha256
from drill.core.evidence.statement import Amendment, Outcome, Registration, Subject
from drill.core.evidence.verification import NOT_CHECKED, verify
from tests.core import worlds
from tests.evidence import filing
from tests.evidence.filing import OTHER, listed

generated = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
REGIONS = ("first bytes", "first third", "middle third", "last third", "last bytes")


def broken(content, keys, anchor=None):
    """The place at which verification stops; it must stop."""
    with pytest.raises(BrokenLink) as found:
        verify(content, keys, anchor)
    return found.value.where


def place(draw, size, region):
    """A position in this region of a file."""
    third = size // 3
    low, high = {
        "first bytes": (0, min(8, size)),
        "first third": (0, third),
        "middle third": (third, 2 * third),
        "last third": (2 * third, size),
        "last bytes": (max(0, size - 8), size),
    }[region]
    return draw(st.integers(low, max(low, high - 1)))


def flipped(draw, content, region=None):
    at = place(draw, len(content), region or draw(st.sampled_from(REGIONS)))
    return content[:at] + bytes([content[at] ^ draw(st.integers(1, 255))]) + content[at + 1 :]


def test_an_untouched_bundle_is_authentic(record, keys, anchor):
    found = verify(record.bundle(), keys, anchor)
    assert (found.drill, found.verdict.outcome, found.links) == (worlds.DRILL, "PASS", 5)
    assert found.anchor.startswith("checked: 5 heads")
    assert verify(record.bundle(), keys).anchor == NOT_CHECKED


FILES = sorted(["manifest.json", *filing.artifacts(worlds.healthy())])


@pytest.mark.parametrize("name", FILES)
def test_any_one_byte_of_any_artifact(record, keys, name):
    filed = {**record.filed[record.drill], "manifest.json": listed(record.drill, record.filed[record.drill])}

    @settings(generated, max_examples=4)
    @given(st.data())
    def flip(data):
        for region in REGIONS:
            touched = {**filed, name: flipped(data.draw, filed[name], region)}
            listing = touched.pop("manifest.json")
            assert broken(record.pack(touched, listing, record.links()), keys) == name

    flip()


@generated
@given(st.data())
def test_any_one_byte_of_any_link(record, keys, data):
    links = record.links()
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = flipped(data.draw, links[at])
    filed = record.filed[record.drill]
    assert broken(record.pack(filed, listed(record.drill, filed), links), keys).startswith("link ")


@settings(generated, max_examples=100)
@given(st.data())
def test_any_one_byte_of_the_zip_itself(record, keys, data):
    broken(flipped(data.draw, record.bundle()), keys)


@generated
@given(st.binary(min_size=1, max_size=64), st.booleans())
def test_bytes_before_or_after_the_zip(record, keys, more, first):
    broken(more + record.bundle() if first else record.bundle() + more, keys)


@generated
@given(st.sets(st.integers(0, 12), min_size=1))
def test_dropped_links(crowded, keys, at):
    links = [link for number, link in enumerate(crowded.links()) if number not in at]
    filed = crowded.filed[crowded.drill]
    packed = crowded.pack(filed, listed(crowded.drill, filed), links)
    broken(packed, keys)
    broken(packed, keys, read_anchor(filing.anchored(crowded.chain), "anchor.json"))


@generated
@given(st.permutations(range(5)).filter(lambda order: list(order) != [0, 1, 2, 3, 4]))
def test_reordered_links(record, keys, order):
    filed = record.filed[record.drill]
    links = [record.links()[at] for at in order]
    assert broken(record.pack(filed, listed(record.drill, filed), links), keys).startswith("link ")


@generated
@given(st.data())
def test_a_link_that_was_truncated(record, keys, data):
    links = record.links()
    at = data.draw(st.integers(0, len(links) - 1))
    links[at] = links[at][: data.draw(st.integers(0, len(links[at]) - 1))]
    filed = record.filed[record.drill]
    assert broken(record.pack(filed, listed(record.drill, filed), links), keys) == f"link {at + 1}"


@pytest.mark.parametrize("length", range(13))
def test_a_chain_that_ends_before_the_drills_outcome(crowded, keys, length):
    filed = crowded.filed[crowded.drill]
    broken(crowded.pack(filed, listed(crowded.drill, filed), crowded.links()[:length]), keys)


@generated
@given(st.data())
def test_artifacts_of_two_drills_swapped(record, keys, data):
    ours, theirs = record.filed[record.drill], record.filed[OTHER]
    different = sorted(name for name in set(ours) & set(theirs) if ours[name] != theirs[name])
    names = data.draw(st.sets(st.sampled_from(different), min_size=1))
    swapped = {**ours, **{name: theirs[name] for name in names}}
    assert broken(record.pack(swapped, listed(record.drill, ours), record.links()), keys) in names
    assert broken(record.pack(swapped, listed(record.drill, swapped), record.links()), keys) == "manifest.json"


def test_the_whole_content_of_another_drill_under_this_ones_name(record, keys):
    theirs = record.filed[OTHER]
    for listing in (listed(record.drill, theirs), listed(OTHER, theirs)):
        assert broken(record.pack(theirs, listing, record.links()), keys) == "manifest.json"


@generated
@given(st.data())
def test_an_artifact_left_out_or_added(record, keys, data):
    filed = dict(record.filed[record.drill])
    listing = listed(record.drill, filed)
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(filed)))
        del filed[name]
    else:
        name = data.draw(st.from_regex(r"raw/[a-z]{3,9}\.json", fullmatch=True).filter(lambda name: name not in filed))
        filed[name] = b"{}"
    assert broken(record.pack(filed, listing, record.links()), keys) == name


@pytest.mark.parametrize("first", range(1, 14))
def test_links_signed_with_another_key_from_one_on(crowded, keys, stranger, first):
    """Whoever has no key of ours signs with his own, and introduces it as his forerunners did."""
    bodies = [(link.body, link.statement.subject[0], link.predicate.drill) for link in crowded.chain.links]
    chain = type(crowded.chain)(links=crowded.chain.links[: first - 1])
    for body, subject, drill in [*bodies[first - 1 :]]:
        if first > 1 and stranger.public.keyid not in chain.keys:
            chain = filing.introduced(chain, stranger)
        at_ns = filing.BEFORE if isinstance(body, Registration) else filing.AFTER
        chain = filing.said(chain, body, subject, [stranger], drill=drill, at_ns=at_ns)
    forged = replace(crowded, chain=chain)
    assert broken(forged.bundle(), keys).startswith("link ")


@generated
@given(st.sampled_from(["PASS", "PASS_WITH_OBSERVATIONS", "PARTIAL", "FAIL", "INVALID"]), st.data())
def test_the_verdict_edited_in_json_and_manifest_alike(ours, keys, wanted, data):
    """Without our key the outcome's signature shows it; with our key the evidence does."""
    record = filing.record(ours, worlds.changed(recovered=None))
    filed = dict(record.filed[record.drill])
    verdict = json.loads(filed["verdict.json"])
    edits = {"outcome": wanted, "symbols_ok": 3, "control": "missed", "teardown": "orphans:1"}
    name = data.draw(st.sampled_from(sorted(edit for edit, value in edits.items() if verdict[edit] != value)))
    filed["verdict.json"] = json.dumps({**verdict, name: edits[name]}).encode()
    if name == "outcome":
        filed["report.json"] = json.dumps({"result": {"verdict": {"outcome": wanted}}}).encode()
    assert broken(record.pack(filed, listed(record.drill, filed), record.links()), keys) == "manifest.json"
    resigned = filing.closed(type(record.chain)(links=record.chain.links[:4]), record.drill, filed, ours)
    assert broken(replace(record, chain=resigned, filed={record.drill: filed}).bundle(), keys) == "verdict.json"


@generated
@given(st.integers(1, 4), st.integers(1, 4))
def test_the_tail_cut_off_is_caught_with_the_anchor(record, keys, more, cut):
    """What was said after the outcome disappears: authentic as far as it goes, and shorter than what was anchored."""
    longer = record
    for number in range(more):
        longer = longer.say(Amendment(author="A. Auditor", reason="late news", text=f"number {number}"))
    anchor = read_anchor(filing.anchored(longer.chain), "anchor.json")
    kept = replace(longer, chain=type(longer.chain)(links=longer.chain.links[: 5 + max(0, more - cut)]))
    assert verify(kept.bundle(), keys).anchor == NOT_CHECKED
    assert broken(kept.bundle(), keys, anchor).startswith("link ")
    assert verify(longer.bundle(), keys, anchor).links == 5 + more


@generated
@given(st.data())
def test_history_rewritten_and_signed_again_with_our_own_key_is_caught_with_the_anchor(
    record, ours, keys, anchor, data
):
    """Another drill never happened, or ended otherwise: nothing in the bundle contradicts it, the anchor does."""
    kept = []
    for link in record.chain.links[1:]:
        body = link.body
        if link.predicate.drill == OTHER and isinstance(body, Outcome):
            body = data.draw(st.sampled_from([None, Outcome(outcome="PASS", sentence="x", rules=(), artifacts=1)]))
        if body is not None:
            kept.append((body, link.statement.subject[0], link.predicate.drill))
    if data.draw(st.booleans()):
        kept.append((Amendment(author="a", reason="b", text="c"), Subject.of("x", sha256(b"x")), record.drill))
    forged = replace(record, chain=filing.rechained(kept, ours))
    assert verify(forged.bundle(), keys).anchor == NOT_CHECKED
    assert broken(forged.bundle(), keys, anchor).startswith("link ")


@generated
@given(st.sampled_from(sorted(worlds.documents())))
def test_evidence_made_up_and_sealed_with_our_own_key_is_caught_with_the_anchor(record, ours, keys, anchor, name):
    """A consistent forgery by who holds the key: only a place that he cannot write to shows it."""
    documents = worlds.healthy().documents
    changed = worlds.changed(**{name.replace("-", "_"): {**documents[name], "made": "up"}})
    forged = filing.record(ours, changed)
    assert verify(forged.bundle(), keys).anchor == NOT_CHECKED
    assert broken(forged.bundle(), keys, anchor).startswith("link ")


def test_what_a_bundle_says_of_itself_is_compared_with_its_parts(record):
    assert read_bundle(record.bundle()).drill == record.drill


@generated
@given(st.integers(1, 3))
def test_links_of_a_stranger_after_the_drills_own(record, keys, stranger, more):
    """Signatures that hold, by a key that introduced itself: nobody the auditor trusts stands at the end."""
    chain = filing.introduced(record.chain, stranger)
    for number in range(more):
        body = Amendment(author="S", reason="r", text=str(number))
        chain = filing.said(chain, body, Subject.of("x", sha256(b"x")), [stranger], drill=OTHER)
    assert broken(replace(record, chain=chain).bundle(), keys) == f"link {len(chain.links)}"


@generated
@given(st.integers(2, 4), st.text(min_size=1, max_size=9))
def test_a_link_replaced_by_another_that_we_signed(record, ours, keys, number, text):
    """With our key one link is made anew: the next one still names the one that was there."""
    kept = type(record.chain)(links=record.chain.links[: number - 1])
    body = Amendment(author="A", reason=text, text=text)
    forged = filing.said(kept, body, Subject.of("x", sha256(b"x")), [ours], drill=OTHER)
    links = [*(link.content for link in forged.links), *record.links()[number:]]
    filed = record.filed[record.drill]
    assert broken(record.pack(filed, listed(record.drill, filed), links), keys) == f"link {number + 1}"
