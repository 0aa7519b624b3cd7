"""What is kept for how long, by class, read from the rendered documents; and that reads of the evidence are logged."""

from __future__ import annotations

import dataclasses

import pytest

from templates.__main__ import FEW, PRIMARY, both_sites
from templates.settings import FIVE_YEARS_DAYS


@pytest.fixture(scope="module", name="buckets")
def _buckets():
    """Properties of every bucket of the account, by the title of its resource."""
    documents = [stack.template.to_dict() for stack in both_sites(FEW, PRIMARY.symbols_per_task)]
    return {
        title: resource
        for document in documents
        for title, resource in document["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket"
    }


def kept(bucket):
    """Days by prefix."""
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    for rule in rules:
        if "ExpirationInDays" in rule:
            assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == rule["ExpirationInDays"], rule
    return {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}


def test_records_are_kept_for_five_years_and_more_and_the_chain_for_ever(buckets):
    evidence = kept(buckets["EvidenceBucket"])
    assert evidence["drills/"] >= FIVE_YEARS_DAYS
    assert evidence == {"drills/": 2555, "templates/": 90}, "chain/ is in no class, so nothing sweeps it"
    assert "LifecycleConfiguration" not in buckets["AnchorBucket"]["Properties"]


def test_no_setting_keeps_records_for_less():
    for days in (0, FIVE_YEARS_DAYS - 1):
        with pytest.raises(ValueError, match="records are kept for five years"):
            dataclasses.replace(PRIMARY, record_retention_days=days)


def test_what_an_exercise_wrote_goes_after_a_quarter_and_nothing_outlives_the_journal_it_rests_on(buckets):
    journal = kept(buckets["JournalBucket"])
    assert journal == {"journal/": 2555, "snapshots/": 2555, "recovered/": 2555, "drills/": 90}


@pytest.mark.parametrize("title", ["EvidenceBucket", "AnchorBucket"])
def test_evidence_and_anchor_are_versioned_and_locked_and_outlive_their_stack(buckets, title):
    bucket = buckets[title]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["Properties"]["ObjectLockEnabled"] is True


def test_reads_of_the_evidence_are_logged_into_a_bucket_that_is_kept_as_long(buckets):
    logging = buckets["EvidenceBucket"]["Properties"]["LoggingConfiguration"]
    assert logging == {"DestinationBucketName": {"Ref": "AccessLogBucket"}, "LogFilePrefix": "evidence/"}
    assert kept(buckets["AccessLogBucket"]) == {"evidence/": kept(buckets["EvidenceBucket"])["drills/"]}
