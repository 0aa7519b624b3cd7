"""Our envelopes are DSSE as others read it, by both kinds of key, and have one spelling only."""

from __future__ import annotations

import base64
import json

import pytest
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.signer._key import SSlibKey

from drill.core.evidence.canonical import NotCanonical, canonical
from drill.core.evidence.envelope import BadEnvelope, encoding, read_envelope, seal
from drill.core.evidence.keys import BadKey, FileKey, PublicKey, published, read_keys
from tests.core.signing import signer


@pytest.fixture(params=[False, True], ids=["Ed25519", "P-256"])
def key(request, tmp_path):
    return signer(tmp_path, p256=request.param)


def theirs(key: PublicKey) -> SSlibKey:
    """The key as securesystemslib wants it."""
    p256 = b"ED25519" not in key.pem and len(key.pem) > 150
    kind, scheme = ("ecdsa", "ecdsa-sha2-nistp256") if p256 else ("ed25519", "ed25519")
    if p256:
        return SSlibKey(key.keyid, kind, scheme, {"public": key.pem.decode()})
    der = base64.b64decode("".join(key.pem.decode().splitlines()[1:-1]))
    return SSlibKey(key.keyid, kind, scheme, {"public": der[-32:].hex()})


def test_another_library_verifies_our_envelope(key):
    content = seal(b'{"a":1}', [key])
    envelope = Theirs.from_dict(json.loads(content))
    assert set(envelope.verify([theirs(key.public)], 1)) == {key.public.keyid}
    assert envelope.payload == read_envelope(content).content == b'{"a":1}'
    assert envelope.pae() == encoding("application/vnd.in-toto+json", b'{"a":1}')


def test_only_the_key_that_signed_verifies(key, tmp_path):
    other = signer(tmp_path, "other")
    envelope = read_envelope(seal(b"{}", [key]))
    assert envelope.signers({key.public.keyid: key.public}) == [key.public.keyid]
    assert envelope.signers({key.public.keyid: other.public}) is None
    assert envelope.signers({}) is None


def test_every_signature_has_to_hold(key, tmp_path):
    other = signer(tmp_path, "other")
    both = {one.public.keyid: one.public for one in (key, other)}
    envelope = read_envelope(seal(b"{}", [key, other]))
    assert envelope.signers(both) == list(both)
    assert envelope.signers({key.public.keyid: key.public}) is None


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda plain: {**plain, "payload": plain["payload"].rstrip("=")}, BadEnvelope),
        (lambda plain: {**plain, "payload": plain["payload"] + "\n"}, BadEnvelope),
        (lambda plain: {**plain, "payload": "eyJhIjoxfR=="}, BadEnvelope),  # spare bits set: the same bytes, respelled
        (lambda plain: {**plain, "payloadType": "text/plain"}, BadEnvelope),
        (lambda plain: {**plain, "signatures": []}, BadEnvelope),
        (lambda plain: {**plain, "more": 1}, NotCanonical),
    ],
)
def test_an_envelope_has_one_spelling(key, change, refusal):
    plain = json.loads(seal(b'{"a":1}', [key]))
    with pytest.raises(refusal):
        read_envelope(canonical(change(plain)))


def test_json_with_a_second_spelling_is_refused(key):
    content = seal(b"{}", [key])
    doubled = content.replace(b'{"payload":', b'{"payload":"e30=","payload":', 1)
    for other in (json.dumps(json.loads(content)).encode(), content + b"\n", doubled, b"", b"[" * 5000):
        with pytest.raises(NotCanonical):
            read_envelope(other)


def test_a_list_of_keys_is_read_as_it_is_published(tmp_path):
    keys = [signer(tmp_path, "a").public, signer(tmp_path, "b", p256=True).public]
    assert list(read_keys(published(keys), "list")) == [key.keyid for key in keys]


def test_what_is_no_key_is_refused(tmp_path):
    (tmp_path / "x.pem").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(BadKey, match=r"x\.pem: no private key in PEM"):
        FileKey(tmp_path / "x.pem")
    with pytest.raises(BadKey, match="expected a public key in PEM"):
        read_keys(b"ssh-ed25519 AAAA", "key")
    with pytest.raises(BadKey, match="no public key in PEM"):
        read_keys(b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n", "key")
