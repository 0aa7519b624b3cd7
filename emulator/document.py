"""S3's XML documents, built from CloudFormation's properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(tag: str, content: Mapping[str, Any]) -> bytes:
    """Render nested mappings as XML; a list repeats its element, None leaves it out."""
    root = Element(tag, xmlns=NAMESPACE)
    _fill(root, content)
    rendered: bytes = tostring(root)
    return rendered


def _fill(element: Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            child = SubElement(element, name)
            if isinstance(item, Mapping):
                _fill(child, item)
            else:
                child.text = str(item).lower() if isinstance(item, bool) else str(item)


def lifecycle(given: Mapping[str, Any]) -> bytes:
    """AWS::S3::Bucket LifecycleConfiguration as PutBucketLifecycleConfiguration wants it."""
    return document("LifecycleConfiguration", {"Rule": [_rule(rule) for rule in given["Rules"]]})


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    expiration = {
        "Date": rule.get("ExpirationDate"),
        "Days": rule.get("ExpirationInDays"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent is None and "NoncurrentVersionExpirationInDays" in rule:
        noncurrent = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    return {
        "ID": rule.get("Id"),
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Status": rule["Status"],
        "Expiration": expiration if any(value is not None for value in expiration.values()) else None,
        "Transition": [_transition(item, "Days") for item in _listed(rule, "Transition")],
        "NoncurrentVersionTransition": [
            _transition(item, "NoncurrentDays") for item in _listed(rule, "NoncurrentVersionTransition")
        ],
        "NoncurrentVersionExpiration": noncurrent,
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
    }


def _listed(rule: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    single = rule.get(name)
    listed: list[Mapping[str, Any]] = rule.get(f"{name}s") or ([single] if single else [])
    return listed


def _transition(item: Mapping[str, Any], days: str) -> dict[str, Any]:
    return {
        "Date": item.get("TransitionDate"),
        days: item.get("TransitionInDays"),
        "StorageClass": item["StorageClass"],
    }


def object_lock(given: Mapping[str, Any]) -> bytes:
    """ObjectLockConfiguration as PutObjectLockConfiguration wants it."""
    content: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    retention = (given.get("Rule") or {}).get("DefaultRetention")
    if retention:
        content["Rule"] = {"DefaultRetention": retention}
    return document("ObjectLockConfiguration", content)


def logging(given: Mapping[str, Any]) -> bytes:
    """LoggingConfiguration as PutBucketLogging wants it."""
    target = {"TargetBucket": given["DestinationBucketName"], "TargetPrefix": given.get("LogFilePrefix", "")}
    return document("BucketLoggingStatus", {"LoggingEnabled": target})


def encryption(given: Mapping[str, Any]) -> bytes:
    """BucketEncryption as PutBucketEncryption wants it."""
    rules = []
    for rule in given["ServerSideEncryptionConfiguration"]:
        default = rule.get("ServerSideEncryptionByDefault") or {}
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": {
                    "SSEAlgorithm": default.get("SSEAlgorithm"),
                    "KMSMasterKeyID": default.get("KMSMasterKeyID"),
                },
                "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
            }
        )
    return document("ServerSideEncryptionConfiguration", {"Rule": rules})


def ownership(given: Mapping[str, Any]) -> bytes:
    """OwnershipControls as PutBucketOwnershipControls wants it."""
    return document("OwnershipControls", {"Rule": given["Rules"]})
