"""The chain's anchor: a bucket in another region than the evidence, where heads are written once and locked."""

from __future__ import annotations

from troposphere import Template, s3

from templates.buckets import add_bucket
from templates.frame import blank, offer
from templates.settings import Settings


def anchor(settings: Settings) -> Template:
    """The anchor's bucket. No class of retention sweeps it: it is small, and each head stands for all before it."""
    template = blank("anchor: heads of the evidence chain, away from the evidence")
    add_bucket(
        template,
        settings,
        "AnchorBucket",
        "aex-evidence-anchor",
        ObjectLockEnabled=True,
        ObjectLockConfiguration=s3.ObjectLockConfiguration(ObjectLockEnabled="Enabled"),
    )
    offer(template, "AnchorBucket")
    return template
