"""The anchor: heads of the chain that lie where whoever writes the chain cannot change them.

A chain alone does not show that its tail was cut off, and whoever holds our key could write another history and sign
it. An anchored head is a number and a hash, put into a second bucket (another region, another stack, Object Lock)
when the link was made; a time-stamp token by a third party over it says the same without us.
"""

from __future__ import annotations

import base64

import msgspec

from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.chain import Chain

PREFIX = "heads/"
STAMP_SUFFIX = ".tsr"  # a time-stamp response, RFC 3161


class BadAnchor(ValueError):
    """An anchor file that is none."""


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chain as far as one link: its number and SHA-256, and when it was anchored (UTC ns of our clock)."""

    number: int
    sha256: str
    at_ns: str


class Anchored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head as stored (the bytes, base64), and the third party's time-stamp token over them, where there is one."""

    head: str
    token: str | None = None

    @property
    def content(self) -> bytes:
        """The head's bytes: what the token is over."""
        return base64.b64decode(self.head, validate=True)

    def read(self) -> Head:
        """The head."""
        return msgspec.json.decode(self.content, type=Head)


class Anchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file for `verify --anchor`: every anchored head, in order of numbers."""

    heads: tuple[Anchored, ...]


def head_name(number: int) -> str:
    """Name of an anchored head's object."""
    return f"{PREFIX}{number:012d}.json"


def write_anchor(heads: list[tuple[bytes, bytes | None]]) -> bytes:
    """The anchor file of these heads (bytes as stored, token or None)."""
    rows = tuple(Anchored(head=_text(head), token=None if token is None else _text(token)) for head, token in heads)
    return msgspec.json.format(msgspec.json.encode(Anchor(heads=rows)), indent=1) + b"\n"


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def read_anchor(content: bytes, where: str) -> Anchor:
    """The anchor in these bytes. Raises BadAnchor, also where it holds no head."""
    try:
        anchor = msgspec.json.decode(content, type=Anchor)
        heads = [one.read() for one in anchor.heads]
    except (msgspec.MsgspecError, ValueError) as refused:
        raise BadAnchor(
            f"{where}: no anchor file (`python -m drill anchor --out FILE` writes one): {refused}"
        ) from refused
    if not heads:
        raise BadAnchor(f"{where}: it holds no head, so it anchors nothing")
    return anchor


def compare(chain: Chain, anchor: Anchor) -> Head:
    """Compare each anchored head with the chain, and return the last. Raises BrokenLink at the first difference."""
    heads = sorted((one.read() for one in anchor.heads), key=lambda head: head.number)
    for head in heads:
        where = f"link {head.number}"
        if not 0 < head.number <= len(chain.links):
            raise BrokenLink(
                where,
                f"was anchored and is not in this bundle, whose chain ends with link {len(chain.links)}: "
                "its tail was cut off, or the bundle is older than the anchor",
            )
        found = chain.links[head.number - 1].sha256
        if found != head.sha256:
            raise BrokenLink(
                where, f"has SHA-256 {found[:16]}…, {head.sha256[:16]}… was anchored: history was rewritten"
            )
    return heads[-1]
