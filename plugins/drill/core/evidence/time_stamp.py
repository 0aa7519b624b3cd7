"""Checking an authority's time stamps (RFC 3161) over anchored heads. Needs rfc3161-client; nothing else here does."""

from __future__ import annotations

import base64

from drill.core.evidence.anchor import Anchor
from drill.core.evidence.broken import BrokenLink


class BadAuthority(ValueError):
    """A certificate that cannot be used, or the library is not there; the message says what to do."""


class Verifier:
    """Checks stamps against the authority's root certificates (a PEM file with one or more).

    Raises BadAuthority.
    """

    def __init__(self, pem: bytes, where: str) -> None:
        try:
            from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - optional
            from rfc3161_client import VerifierBuilder  # noqa: PLC0415
        except ModuleNotFoundError as absent:
            raise BadAuthority(f"--tsa: {absent}; install it with `pip install rfc3161-client`") from absent
        builder = VerifierBuilder()
        try:
            for certificate in load_pem_x509_certificates(pem):
                builder = builder.add_root_certificate(certificate)
        except ValueError as refused:
            raise BadAuthority(f"{where}: no certificate in PEM: {refused}") from refused
        self._verifier = builder.build()

    @staticmethod
    def unchecked(anchor: Anchor | None) -> str:
        """What to say where no certificate was given; empty where there is nothing to check."""
        there = sum(one.token is not None for one in anchor.heads) if anchor else 0
        return f"{there} by a third party, NOT checked (give --tsa)" if there else ""

    def check(self, anchor: Anchor) -> str:
        """Check every stamp and say how many there are and when the last was given. Raises BrokenLink."""
        from rfc3161_client import VerificationError, decode_timestamp_response  # noqa: PLC0415

        stamped = [one for one in anchor.heads if one.token is not None]
        told = f"none of the {len(anchor.heads)} heads was stamped"
        for one in stamped:
            where = f"time stamp of head {one.read().number}"
            try:
                response = decode_timestamp_response(base64.b64decode(one.token or "", validate=True))
                self._verifier.verify_message(response, one.content)
            except (ValueError, VerificationError) as refused:
                raise BrokenLink(where, f"does not hold: {refused}") from refused
            last = f"head {one.read().number} at {response.tst_info.gen_time:%Y-%m-%d %H:%M:%S} UTC"
            told = f"checked: {len(stamped)} of {len(anchor.heads)} heads, the last {last}"
        return told
