"""A third party's word for the heads: asked for over HTTP, kept beside them, checked by the auditor. Off by default."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from drill.aws.time_stamp import TimeStampError, authority
from drill.core.evidence.anchor import Head, read_anchor, write_anchor
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.canonical import canonical
from drill.core.evidence.time_stamp import BadAuthority, Verifier
from drill.settings import Settings
from tests.evidence.authority import Authority

HEAD = canonical(Head(number=7, sha256="ab" * 32, at_ns="1"))


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return Authority()


@pytest.fixture
def served(trusted: Authority) -> Iterator[tuple[str, list[bytes]]]:
    """The authority behind HTTP, and what it answers next in place of an honest stamp."""
    instead: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(instead.pop() if instead else trusted.answer(asked))

        def log_message(self, *_: object) -> None:
            """A test's output is for the test."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", instead
        server.shutdown()
        thread.join()


def anchored(head: bytes, stamp: bytes | None):
    return read_anchor(write_anchor([(head, stamp)]), "anchor")


def test_it_is_off_unless_an_address_is_set(monkeypatch):
    monkeypatch.delenv("AEX_TSA_URL", raising=False)
    assert Settings().tsa_url == ""


def test_a_head_is_stamped_and_the_stamp_is_checked(served, trusted):
    stamp = authority(served[0])(HEAD)
    told = Verifier(trusted.pem, "tsa.pem").check(anchored(HEAD, stamp))
    assert told == "checked: 1 of 1 heads, the last head 7 at 2026-11-21 12:00:00 UTC"


def test_without_the_authoritys_certificate_it_is_said_that_nothing_was_checked(served):
    stamp = authority(served[0])(HEAD)
    assert Verifier.unchecked(anchored(HEAD, stamp)) == "1 by a third party, NOT checked (give --tsa)"
    assert Verifier.unchecked(anchored(HEAD, None)) == ""


def test_a_stamp_over_another_head_breaks(served, trusted):
    stamp = authority(served[0])(HEAD)
    other = canonical(Head(number=8, sha256="cd" * 32, at_ns="1"))
    with pytest.raises(BrokenLink, match="time stamp of head 8: does not hold"):
        Verifier(trusted.pem, "tsa.pem").check(anchored(other, stamp))


def test_a_stamp_of_another_authority_breaks(served):
    stamp = authority(served[0])(HEAD)
    with pytest.raises(BrokenLink, match="does not hold"):
        Verifier(Authority().pem, "tsa.pem").check(anchored(HEAD, stamp))


def test_a_stamp_with_another_time_than_was_signed_breaks(served, trusted):
    stamp = authority(served[0])(HEAD)
    forged = stamp.replace(b"20261121120000Z", b"20201121120000Z")
    assert forged != stamp
    with pytest.raises(BrokenLink, match="does not hold"):
        Verifier(trusted.pem, "tsa.pem").check(anchored(HEAD, forged))


@pytest.mark.parametrize("part", [b"20261121120000Z", hashlib.sha512(HEAD).digest()], ids=["time", "imprint"])
@pytest.mark.parametrize("at", range(0, 15, 5))
def test_a_damaged_stamp_is_no_stamp(served, trusted, part, at):
    stamp = authority(served[0])(HEAD)
    place = stamp.index(part) + at
    damaged = stamp[:place] + bytes([stamp[place] ^ 0x01]) + stamp[place + 1 :]
    with pytest.raises(BrokenLink, match="does not hold"):
        Verifier(trusted.pem, "tsa.pem").check(anchored(HEAD, damaged))


def test_an_answer_to_another_question_is_refused(served, trusted):
    address, instead = served
    stamp = authority(address)(b"something else")
    instead.append(stamp)
    with pytest.raises(TimeStampError, match="over something else"):
        authority(address)(HEAD)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_answer_is_refused(served, answer):
    served[1].append(answer)
    with pytest.raises(TimeStampError, match="time-stamp authority http://127"):
        authority(served[0])(HEAD)


def test_an_authority_that_does_not_answer_is_named(served):
    with pytest.raises(TimeStampError, match="AEX_TSA_URL names its address"):
        authority("http://127.0.0.1:9")(HEAD)
    with pytest.raises(TimeStampError, match="expected an http or https address"):
        authority("ftp://example")(HEAD)


def test_a_certificate_that_is_none_is_refused():
    with pytest.raises(BadAuthority, match=r"tsa\.pem: no certificate in PEM"):
        Verifier(b"x", "tsa.pem")
