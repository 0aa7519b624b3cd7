"""The one shape of every bucket: private, encrypted, TLS only, and versioned but for the mailbox of the witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import GetAtt, Ref, Sub, Template, s3

from templates.frame import account_tags
from templates.policies import Document, document, statement
from templates.settings import Settings

QUARTER_DAYS = 90


def add_bucket(
    template: Template,
    settings: Settings,
    title: str,
    name: str,
    *,
    versioned: bool = True,
    allow: Sequence[Document] = (),
    **more: Any,
) -> None:
    """Add bucket `<name>-<account>` and its policy: TLS only, and what `allow` lets AWS services do.

    The bucket is retained whatever happens to the stack. Not `versioned` is for what is overwritten each second for as
    long as the exchange runs.
    """
    template.add_resource(
        s3.Bucket(
            title,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            BucketName=Sub(f"{name}-${{AWS::AccountId}}"),
            VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled" if versioned else "Suspended"),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
            ),
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            Tags=account_tags(),
            **more,
        )
    )
    statements = [*([_tls_only(title)] if settings.require_tls else []), *allow]
    if not statements:
        return
    template.add_resource(
        s3.BucketPolicy(
            f"{title}Policy",
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Bucket=Ref(title),
            PolicyDocument=document(*statements),
        )
    )


def _tls_only(title: str) -> Document:
    return statement(
        "TlsOnly",
        ["s3:*"],
        [GetAtt(title, "Arn"), Sub(f"${{{title}.Arn}}/*")],
        effect="Deny",
        condition={"Bool": {"aws:SecureTransport": "false"}},
        principal="*",
    )


def classes(*kept: tuple[str, str, int]) -> s3.LifecycleConfiguration:
    """Retention by class: (name, prefix, days). What no class names is kept for ever; broken uploads go at once.

    What is kept for longer than a quarter gets cheaper from day 30. A lock or a legal hold outlasts every class.
    """
    return s3.LifecycleConfiguration(
        Rules=[
            *(
                s3.LifecycleRule(
                    Id=name,
                    Status="Enabled",
                    Prefix=prefix,
                    ExpirationInDays=days,
                    NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=days),
                    **_cheaper(days),
                )
                for name, prefix, days in kept
            ),
            s3.LifecycleRule(
                Id="sweep",
                Status="Enabled",
                AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
            ),
        ]
    )


def _cheaper(days: int) -> dict[str, Any]:
    if days <= QUARTER_DAYS:
        return {}
    return {"Transitions": [s3.LifecycleRuleTransition(StorageClass="STANDARD_IA", TransitionInDays=30)]}
