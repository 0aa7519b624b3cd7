"""What is asked of the store, or said to it: keys, bundles, the anchor, amendments, findings, sign-offs, holds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drill.verbs.answer import Answer, Refused

if TYPE_CHECKING:
    from drill.core.evidence.chain import Link
    from drill.core.evidence.statement import Body
    from drill.docket import Docket
    from drill.settings import Settings

REFUSED = 1
NO_DRILL = "none"  # the chain belongs to all drills


def add(verbs: Any) -> None:
    """The verbs and their options."""
    key = verbs.add_parser("key", help="the public key that verifies today's evidence, as PEM")
    key.add_argument("--all", action="store_true", help="every key that the chain ever introduced: the published list")
    key.add_argument("--introduce", metavar="KEY", help="announce the next key, signed by today's; then set it")
    key.add_argument("--reason", default="planned rotation", help="with --introduce")
    bundle = verbs.add_parser("bundle", help="write a drill's bundle for an auditor")
    bundle.add_argument("drill", metavar="DRILL")
    bundle.add_argument("--out", type=Path, required=True, metavar="FILE")
    anchor = verbs.add_parser("anchor", help="write the anchored heads of the chain, from the other region")
    anchor.add_argument("--out", type=Path, required=True, metavar="FILE")
    _add_said(verbs)


def _add_said(verbs: Any) -> None:
    amend = _about(verbs, "amend", "correct a filed drill: what is filed stays", "author", "reason", "text")
    amend.set_defaults(body=_amendment)
    finding = _about(verbs, "finding", "open a finding on a drill", "author", "what", "owner", "due")
    finding.add_argument("--id", required=True, dest="finding", help="such as F-2026-01")
    finding.set_defaults(body=_finding)
    settle = _about(verbs, "settle", "close a finding with a later drill that passed", "author", "reason", "retest")
    settle.add_argument("--id", required=True, dest="finding")
    settle.set_defaults(body=_settlement)
    sign = _about(
        verbs,
        "sign-off",
        "stand by a record: prepared, reviewed by another, signed off",
        "person",
        "statement",
    )
    sign.add_argument("--role", required=True, choices=("prepared", "reviewed", "signed-off"))
    sign.set_defaults(body=_sign_off)
    hold = _about(verbs, "hold", "legal hold: nothing of the drill may be deleted", "author", "reason")
    hold.add_argument("--lift", action="store_true", help="lift it")


def _about(verbs: Any, name: str, text: str, *required: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    made.add_argument("drill", metavar="DRILL")
    for option in required:
        made.add_argument(f"--{option}", required=True)
    return made


def key(arguments: argparse.Namespace, settings: Settings) -> Answer:
    """Print the public key (or all of them), or announce the next one."""
    from drill.aws.sessions import default_session  # noqa: PLC0415
    from drill.aws.signing_key import signing_key  # noqa: PLC0415
    from drill.core.evidence.keys import published  # noqa: PLC0415
    from drill.records import introduce  # noqa: PLC0415

    home = default_session(settings.dr_region)
    if arguments.introduce:
        docket = _docket(settings, NO_DRILL)
        following = signing_key(home, settings.dr_region, arguments.introduce)
        return _appended(introduce(docket, following, arguments.reason), f"key {following.public.keyid[:16]}…")
    if arguments.all:
        keys = list(_docket(settings, NO_DRILL).chain().read().keys.values())
    else:
        keys = [signing_key(home, settings.dr_region, settings.signing_key).public]
    return Answer(
        published(keys).decode().rstrip(), {"keys": [{"keyid": one.keyid, "pem": one.pem.decode()} for one in keys]}
    )


def bundle(arguments: argparse.Namespace, settings: Settings) -> Answer:
    """Write a drill's bundle."""
    from drill.bundle import NotSealed, bundle  # noqa: PLC0415

    try:
        content = bundle(_docket(settings, arguments.drill))
    except NotSealed as missing:
        raise Refused(str(missing), REFUSED) from missing
    return _written(arguments.out, content)


def anchor(arguments: argparse.Namespace, settings: Settings) -> Answer:
    """Write the anchor file."""
    from drill.core.evidence.anchor import write_anchor  # noqa: PLC0415

    return _written(arguments.out, write_anchor(_docket(settings, NO_DRILL).chain().heads()))


def say(arguments: argparse.Namespace, settings: Settings) -> Answer:
    """Append an amendment, a finding, its settlement or a sign-off."""
    from drill.copies import renew  # noqa: PLC0415
    from drill.core.evidence.amendments import RefusedAmendment  # noqa: PLC0415
    from drill.records import amend  # noqa: PLC0415

    docket = _docket(settings, arguments.drill)
    try:
        link = amend(docket, arguments.body(arguments))
    except RefusedAmendment as refused:
        raise Refused(str(refused), REFUSED) from refused
    renew(docket, Path(settings.reports))
    return _appended(link, arguments.verb)


def hold(arguments: argparse.Namespace, settings: Settings) -> Answer:
    """Set or lift the legal hold on every object of a drill, and put that on record."""
    from drill.copies import renew  # noqa: PLC0415
    from drill.core.evidence.amendments import RefusedAmendment  # noqa: PLC0415
    from drill.records import hold as held  # noqa: PLC0415

    docket = _docket(settings, arguments.drill)
    try:
        link = held(docket, on=not arguments.lift, author=arguments.author, reason=arguments.reason)
    except RefusedAmendment as refused:
        raise Refused(str(refused), REFUSED) from refused
    renew(docket, Path(settings.reports))
    return _appended(link, "hold lifted" if arguments.lift else "hold set")


def _docket(settings: Settings, drill: str) -> Docket:
    from drill.aws.sessions import default_session  # noqa: PLC0415
    from drill.docket import Docket  # noqa: PLC0415

    return Docket(drill, settings, default_session)


def _written(path: Path, content: bytes) -> Answer:
    from drill.core.evidence.canonical import sha256  # noqa: PLC0415

    try:
        path.write_bytes(content)
    except OSError as refused:
        raise Refused(f"{path}: {refused.strerror}", REFUSED) from refused
    digest = sha256(content)
    return Answer(
        f"{path}: {len(content):,} bytes, SHA-256 {digest}", {"file": str(path), "size": len(content), "sha256": digest}
    )


def _appended(link: Link, what: str) -> Answer:
    return Answer(
        f"{what}: link {link.number}, SHA-256 {link.sha256}", {"link": link.number, "sha256": link.sha256, "what": what}
    )


def _amendment(said: argparse.Namespace) -> Body:
    from drill.core.evidence.statement import Amendment  # noqa: PLC0415

    return Amendment(author=said.author, reason=said.reason, text=said.text)


def _finding(said: argparse.Namespace) -> Body:
    from drill.core.evidence.statement import FindingOpened  # noqa: PLC0415

    return FindingOpened(finding=said.finding, what=said.what, owner=said.owner, due=said.due, author=said.author)


def _settlement(said: argparse.Namespace) -> Body:
    from drill.core.evidence.statement import FindingClosed  # noqa: PLC0415

    return FindingClosed(finding=said.finding, retest=said.retest, author=said.author, reason=said.reason)


def _sign_off(said: argparse.Namespace) -> Body:
    from drill.core.evidence.statement import SignOff  # noqa: PLC0415

    return SignOff(role=said.role.replace("-", " "), person=said.person, statement=said.statement)


VERBS = {
    "key": key,
    "bundle": bundle,
    "anchor": anchor,
    "amend": say,
    "finding": say,
    "settle": say,
    "sign-off": say,
    "hold": hold,
}
