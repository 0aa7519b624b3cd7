"""From a drill's closing steps to the auditor: the kit that `drill run` leaves verifies with the bare package alone."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from drill import __main__ as command
from drill import clock, copies, records
from drill import docket as docketing
from drill.aws.chain_store import ChainError
from drill.aws.evidence_store import EvidenceExistsError
from drill.aws.signing_key import signing_key
from drill.aws.time_stamp import TimeStampError
from drill.bundle import NotSealed, bundle
from drill.core.evidence.anchor import read_anchor, write_anchor
from drill.core.evidence.broken import BrokenLink
from drill.core.evidence.canonical import sha256
from drill.core.evidence.keys import published, read_keys
from drill.core.evidence.statement import Amendment, FindingClosed, FindingOpened, KeyNotice, SignOff
from drill.core.evidence.verification import NOT_CHECKED, verify
from drill.core.report import decode, json_schema
from drill.operators import step
from drill.operators.judge import JudgeOperator
from drill.operators.report import ReportOperator
from drill.operators.seal import SealOperator
from drill.report.record import render_json
from drill.report.renderings import RECORD, RENDERINGS, renderings
from drill.rerender import BadRecord, load, rerender
from tests.core import worlds
from tests.core.signing import private_key
from tests.drill.filed import filed, full
from tests.evidence.filing import AFTER, BEFORE, SECOND, of

ROOT = Path(__file__).resolve().parents[2]
LATER = "drill-20261127-aaaaaa"


@pytest.fixture
def moment(monkeypatch):
    """The platform's clock, to be set."""
    now: Any = SimpleNamespace(ns=BEFORE)

    def tell() -> int:
        now.ns += 1_000
        return int(now.ns)

    monkeypatch.setattr(clock, "now_ns", tell)
    return now


def undrawn(report):
    """The record, and a page of its first line alone: drawing the whole takes a second that most tests do not need."""
    return {RECORD: render_json(report), "report.html": report.result.verdict.sentence.encode()}


@pytest.fixture
def closed(fresh, context, moment, account, monkeypatch):
    """Run a drill's registration and its closing steps as the DAG does; gives its docket."""

    def close(drill=worlds.DRILL, evidence=None, settings=fresh.settings, *, drawn=False):
        monkeypatch.setattr(step, "Settings", lambda: settings)
        monkeypatch.setattr("drill.operators.report.renderings", renderings if drawn else undrawn)
        docket = type(fresh)(drill, settings, account.session)
        filed(docket, of(drill, evidence or full()))
        moment.ns = BEFORE
        records.register(docket)
        moment.ns = AFTER
        run_context = {**context, "dag_run": SimpleNamespace(run_id=drill, dag_id="dr_drill")}
        for kind in (JudgeOperator, ReportOperator, SealOperator):
            kind(task_id=kind.phase).execute(run_context)
        return docket

    return close


@pytest.fixture
def kit(closed, tmp_path):
    """Folder of reports as `drill run` leaves it."""
    docket = closed()
    copies.copy(docket, tmp_path)
    copies.auditors_kit(docket, tmp_path)
    return tmp_path


def verified(docket):
    keys = docket.chain().read().keys
    return verify(bundle(docket), keys, read_anchor(write_anchor(docket.chain().heads()), "anchor"))


def test_a_drill_is_sealed_and_its_bundle_is_authentic(closed):
    docket = closed(drawn=True)
    found = verified(docket)
    assert (found.drill, found.verdict.outcome, found.links) == (worlds.DRILL, "PASS", 3)
    assert found.anchor == "checked: 2 heads up to link 3 of 3 are in this chain"
    assert {*RENDERINGS, "verdict.json"} <= set(json_names(docket))
    assert bundle(docket) == bundle(docket), "the same store gives the same bytes"


def json_names(docket):
    return [one["name"] for one in json.loads(docket.find("manifest.json"))["artifacts"]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recovered": None},
        {"word_reveal": None},
        {"inventory": None},
        {"acked_seqs": None},
        {"validation": None, "recovered": None, "acked_dr": None},
    ],
    ids=str,
)
def test_whatever_the_outcome_it_is_filed_as_it_is_recomputed(closed, changes):
    docket = closed(evidence=full(**changes))
    assert verified(docket).verdict.outcome == json.loads(docket.find("outcome.json"))["outcome"]


def test_the_seal_goes_on_where_its_first_try_stopped(fresh, context, moment, account, monkeypatch):
    filed(fresh, full())
    records.register(fresh)
    moment.ns = AFTER
    for kind in (JudgeOperator, ReportOperator):
        kind(task_id=kind.phase).execute(context)

    def unreachable(*_: object, **__: object) -> None:
        raise ChainError("no route")

    with monkeypatch.context() as broken:
        broken.setattr(records, "close", unreachable)
        with pytest.raises(ChainError):
            SealOperator(task_id="seal").execute(context)
    first = fresh.find("manifest.json")
    context["ti"] = SimpleNamespace(try_number=2, queued_dttm=None)
    SealOperator(task_id="seal").execute(context)
    context["ti"] = SimpleNamespace(try_number=3, queued_dttm=None)
    SealOperator(task_id="seal").execute(context)
    assert fresh.find("manifest.json") == first
    assert [link.number for link in fresh.chain().read().of(worlds.DRILL)] == [2, 3]
    assert verified(fresh).verdict.outcome == "PASS"


def test_two_writers_cannot_fork_the_chain(closed, account, settings, moment):
    """Between reading and putting, somebody else takes the place: the second one reads again and takes the next."""
    docket = closed()
    put = account.s3.put_object
    raced: list[str] = []

    def first(**order):
        if order["Key"] == "chain/000000000004.json" and not raced:
            raced.append(order["Key"])
            records.amend(docket, Amendment(author="B", reason="first", text="x"))
        return put(**order)

    account.s3.put_object = first
    link = records.amend(docket, Amendment(author="A", reason="second", text="y"))
    assert (raced, link.number) == (["chain/000000000004.json"], 5)
    assert [one.predicate.number for one in docket.chain().read().links] == [1, 2, 3, 4, 5]
    assert [one.author for one in verified(docket).standing.amendments] == ["B", "A"]


def test_a_link_cannot_be_written_over(closed, account, settings):
    docket = closed()
    with pytest.raises(EvidenceExistsError, match="evidence is never written over"):
        docket.chain()._home.put("chain/000000000002.json", b"{}")


def test_a_head_that_was_not_anchored_is_anchored_by_the_next_try(closed, account, settings):
    docket = closed()
    account.s3.versions.pop((settings.anchor_bucket, "heads/000000000003.json"))
    SealOperator(task_id="seal").start(docket, {})
    assert len(docket.chain().heads()) == 2


def test_heads_are_stamped_where_an_authority_is_set_and_a_silent_one_stops_no_drill(closed, settings, monkeypatch):
    asked: list[bytes] = []

    def stamp(content: bytes) -> bytes:
        asked.append(content)
        if len(asked) == 1:
            raise TimeStampError("time-stamp authority http://tsa: no route")
        return b"stamp"

    monkeypatch.setattr(docketing, "authority", lambda _: stamp)
    docket = closed(settings=settings.model_copy(update={"tsa_url": "http://tsa"}))
    assert [token for _, token in docket.chain().heads()] == [None, b"stamp"]
    assert asked == [head for head, _ in docket.chain().heads()]


def test_what_was_put_over_a_sealed_artifact_or_an_anchored_head_does_not_count(closed, account, settings):
    """The drill's own role may put objects; it cannot delete the version that was sealed."""
    docket = closed()
    before, heads = bundle(docket), docket.chain().heads()
    account.s3.put_object(Bucket=settings.evidence_bucket, Key=f"drills/{worlds.DRILL}/verdict.json", Body=b"{}")
    account.s3.put_object(Bucket=settings.anchor_bucket, Key="heads/000000000003.json", Body=b"{}")
    assert (bundle(docket), docket.chain().heads()) == (before, heads)


def test_a_drill_without_an_outcome_has_no_bundle(docket):
    with pytest.raises(NotSealed, match="its outcome is MISSING"):
        bundle(docket)


# --- keys


def test_a_rotated_key_is_introduced_by_the_old_one_and_old_bundles_verify_with_the_old_key(closed, tmp_path):
    docket = closed()
    before, old = bundle(docket), docket.chain().read().keys
    reference = f"file:{private_key(tmp_path / 'next.pem', p256=True)}"
    following = signing_key(docket.home, "us-west-2", reference)
    link = records.introduce(docket, following, "planned rotation")
    assert link.keyids == (*old, following.public.keyid), "both signed it"
    later = closed(LATER, settings=docket.settings.model_copy(update={"signing_key": reference}))
    new = {following.public.keyid: following.public}
    keys = read_keys(published(later.chain().read().keys.values()), "list")
    assert verify(before, old).verdict.outcome == "PASS"
    assert verify(bundle(later), keys).links == 6
    with pytest.raises(BrokenLink, match="is not among the 1 given"):
        verify(bundle(later), old)
    with pytest.raises(BrokenLink, match="is not among the 1 given"):
        verify(bundle(docket), new)
    assert verify(bundle(docket), keys).signed_by == tuple(old)
    assert records.introduce(docket, following, "again").number == link.number


def test_a_lost_key_is_replaced_and_that_is_on_record(closed, tmp_path):
    """The key's region is gone: a new key begins without the old one's signature, and says so."""
    docket = closed()
    before, old = bundle(docket), docket.chain().read().keys
    lost = docket.settings.model_copy(update={"signing_key": f"file:{private_key(tmp_path / 'b.pem')}"})
    later = closed(LATER, settings=lost)
    chain = later.chain().read()
    [notice] = [link.body for link in chain.links[3:] if isinstance(link.body, KeyNotice)]
    assert "without the signature of key" in notice.reason
    assert verify(before, old).verdict.outcome == "PASS"
    assert verify(bundle(later), {notice.keyid: chain.keys[notice.keyid]}).verdict.outcome == "PASS"


@pytest.fixture
def region_lost(account, settings):
    """The region of key and evidence is gone with everything in it; the anchor lies in another one."""

    def lose():
        for bucket, key in [place for place in account.s3.versions if place[0] == settings.evidence_bucket]:
            del account.s3.versions[bucket, key]

    return lose


def test_after_the_loss_of_the_keys_region_the_chain_goes_on_from_its_copies(closed, account, tmp_path, region_lost):
    """Rehearsal of docs/evidence.md: a new key, the links put back as they were, and the anchor says that they are."""
    docket = closed()
    copies.copy(docket, tmp_path)
    copies.auditors_kit(docket, tmp_path)
    handed_out, old = bundle(docket), docket.chain().read().keys
    region_lost()
    assert (
        verify(handed_out, old, read_anchor(write_anchor(docket.chain().heads()), "anchor")).verdict.outcome == "PASS"
    )

    for link in sorted((tmp_path / "chain").iterdir()):
        account.s3.put_object(Bucket=docket.settings.evidence_bucket, Key=f"chain/{link.name}", Body=link.read_bytes())
    elsewhere = docket.settings.model_copy(update={"signing_key": f"file:{private_key(tmp_path / 'b.pem', p256=True)}"})
    later = closed(LATER, settings=elsewhere)
    chain = later.chain().read()
    new = {keyid: key for keyid, key in chain.keys.items() if keyid not in old}
    found = verify(bundle(later), new, read_anchor(write_anchor(later.chain().heads()), "anchor"))
    assert (len(new), found.links, found.anchor) == (1, 6, "checked: 4 heads up to link 6 of 6 are in this chain")


def test_nobody_begins_a_second_history_beside_the_anchored_one(closed, tmp_path, region_lost):
    """Without the copies the chain would begin anew at link 1: the anchor holds another head there, and refuses."""
    docket = closed()
    region_lost()
    another = docket.settings.model_copy(update={"signing_key": f"file:{private_key(tmp_path / 'b.pem')}"})
    with pytest.raises(EvidenceExistsError, match=r"heads/000000000002\.json was written with other"):
        closed(LATER, settings=another)


# --- the report, later


def said_since(docket):
    """A correction, a finding that was settled, one that is open, and the names on the last lines of page 1."""
    due = {"owner": "Matching", "due": "2027-01-31", "author": "A. Author"}
    for body in (
        Amendment(author="A. Author", reason="typing error", text="MSFT, not <MSTF>"),
        FindingOpened(finding="F-1", what="the drain is slow", **due),
        FindingOpened(finding="F-2", what="the run-book is old", **due),
    ):
        records.amend(docket, body)


def test_a_report_shows_what_was_said_since_and_what_was_filed_stays(closed, account, tmp_path):
    docket = closed(drawn=True)
    copies.copy(docket, tmp_path)
    copies.auditors_kit(docket, tmp_path)
    folder = tmp_path / worlds.DRILL
    filed_files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name in RENDERINGS}
    assert renderings(load(folder)) == filed_files, "nothing was said: the renderings are the sealed ones"

    said_since(docket)
    closed(LATER)
    records.amend(docket, FindingClosed(finding="F-1", retest=LATER, author="A. Author", reason="retested"))
    records.amend(docket, SignOff(role="prepared", person="P. Preparer", statement="as filed"))
    records.amend(docket, SignOff(role="reviewed", person="R. Reviewer", statement="as filed"))
    records.amend(docket, SignOff(role="signed off", person="O. Officer", statement="as filed"))
    records.hold(docket, on=True, author="C. Counsel", reason="inquiry 7")
    stored = [account.s3.versions[place] for place in account.s3.versions if worlds.DRILL in place[1]]
    assert all(version["held"] for versions in stored for version in versions)
    copies.renew(docket, tmp_path)

    written = rerender(folder, None)
    assert sorted(path.relative_to(folder).as_posix() for path in written) == sorted(f"amended/{n}" for n in RENDERINGS)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in RENDERINGS} == filed_files
    report = decode((folder / "amended/report.json").read_bytes())
    assert report == load(folder / "bundle.zip")
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads((folder / "amended/report.json").read_bytes()))
    close = report.close
    assert [(one.link, one.author, one.text) for one in close.amendments] == [(4, "A. Author", "MSFT, not <MSTF>")]
    assert [(one.finding_id, one.owner, one.status) for one in close.findings] == [
        ("F-1", "Matching", f"closed with {LATER} by A. Author"),
        ("F-2", "Matching", "open"),
    ]
    assert [(one.role, one.name) for one in close.attestations] == [
        ("prepared", "P. Preparer"),
        ("reviewed", "R. Reviewer"),
        ("signed off", "O. Officer"),
    ]
    assert close.retention.lock.endswith("legal hold (C. Counsel: inquiry 7)")
    assert (close.filing.chain_number, close.filing.as_of_link) == (3, 13)
    assert close.filing.record_sha256 == sha256(filed_files["report.json"])
    page = html.unescape((folder / "amended/report.html").read_text())
    for told in ("AMENDED, 1 correction", "MSFT, not <MSTF>", "prepared: P. Preparer", close.filing.record_sha256):
        assert told in page
    assert verified(docket).verdict.outcome == "PASS"


def test_a_chain_that_is_broken_is_not_rendered(closed, tmp_path):
    docket = closed()
    copies.copy(docket, tmp_path)
    copies.auditors_kit(docket, tmp_path)
    (tmp_path / "chain/000000000002.json").unlink()
    with pytest.raises(BadRecord, match="the chain beside it is BROKEN at link 2"):
        load(tmp_path / worlds.DRILL)


# --- the command line


@pytest.fixture
def bare(kit, tmp_path_factory):
    """Run `python -m drill` where Airflow, boto3 and everything else of the platform cannot be imported."""
    home = tmp_path_factory.mktemp("bare")
    (home / "sitecustomize.py").write_text(
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        f"ALLOWED = {sorted({'drill', 'engine', 'msgspec', 'rfc8785', 'cryptography', 'cffi', '_cffi_backend'})!r}\n"
        "class Only(MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        top = name.split('.')[0]\n"
        "        if top not in ALLOWED and top not in sys.stdlib_module_names:\n"
        "            raise ModuleNotFoundError(f'No module named {top!r} in the bare package', name=top)\n"
        "sys.meta_path.insert(0, Only())\n"
    )
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AEX_", "AWS_"))}
    path = os.pathsep.join([str(home), str(ROOT / "plugins"), str(ROOT)])

    def call(*arguments: str):
        return subprocess.run(
            [sys.executable, "-m", "drill", *arguments], capture_output=True, text=True, timeout=60, check=False,
            cwd=kit, env={**outside, "PYTHONPATH": path, "AEX_REPORTS": str(kit)},
        )  # fmt: skip

    return call


ZIP = f"{worlds.DRILL}/bundle.zip"


def test_what_the_bare_package_installs_is_what_an_auditor_needs_and_no_more():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.split("[<>=~]", one)[0] for one in project["dependencies"]} == {"cryptography", "msgspec", "rfc8785"}


def test_an_auditor_verifies_with_the_bare_package_alone(bare, kit):
    ended = bare("verify", ZIP, "--key", "keys.pem", "--anchor", "anchor.json")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == f"PASS  {worlds.DRILL}"
    assert lines[1].startswith("Could AEX have reopened within two hours? Yes")
    assert lines[-1] == "authentic, verdict recomputed"
    without = bare("verify", ZIP, "--key", "keys.pem", "--json")
    said = json.loads(without.stdout)
    assert (said["authentic"], said["verdict"], said["anchor"], said["orders_lost"]) == (True, "PASS", NOT_CHECKED, 0)
    assert "anchor          NOT checked" in bare("verify", ZIP, "--key", "keys.pem").stdout


def test_a_broken_bundle_is_status_6_with_the_first_broken_link(bare, kit):
    content = (kit / ZIP).read_bytes()
    at = content.index(b'"lost":0')
    (kit / ZIP).write_bytes(content[:at] + b'"lost":1' + content[at + 8 :])
    ended = bare("verify", ZIP, "--key", "keys.pem")
    assert (ended.returncode, ended.stdout) == (6, "")
    assert ended.stderr.startswith(f"drill verify: {ZIP} is BROKEN at zip: ")
    said = json.loads(bare("verify", ZIP, "--key", "keys.pem", "--json").stdout)
    assert (said["status"], said["authentic"], said["broken"]) == (6, False, "zip")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.zip", "--key", "keys.pem"), "none.zip: No such file or directory"),
        ((ZIP, "--key", "none.pem"), "`python -m drill key` prints the public key"),
        ((ZIP, "--key", "anchor.json"), "expected a public key in PEM"),
        ((ZIP, "--key", "keys.pem", "--anchor", "keys.pem"), "no anchor file"),
        ((ZIP, "--key", "keys.pem", "--tsa", "keys.pem"), "give --anchor FILE too"),
        ((ZIP,), "--key"),
    ],
)
def test_what_cannot_be_verified_is_refused_in_one_line(kit, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(kit)
    for json_too in ((), ("--json",)):
        status: object
        try:
            status = command.main(["verify", *arguments, *json_too])
        except SystemExit as left:
            status = left.code
        out = capsys.readouterr()
        said = json.loads(out.out) if json_too else {"error": out.err.splitlines()[-1], "status": 2}
        assert (status, said["status"]) == (2, 2)
        assert told in said["error"]


def test_history_and_comparison_need_nothing_but_files(bare, kit):
    [row] = json.loads(bare("history", "--json").stdout)["drills"]
    assert (row["id"], row["verdict"], row["copy"]) == (worlds.DRILL, "PASS", True)
    ended = bare("compare", worlds.DRILL, worlds.DRILL, "--json")
    rows = {row["name"]: row for row in json.loads(ended.stdout)["rows"]}
    assert (rows["verdict"]["a"], rows["verdict"]["same"]) == ("PASS", True)
    assert bare("compare", worlds.DRILL, "drill-x").returncode == 2


def test_a_drill_that_only_the_chain_knows_is_in_the_history(kit, closed, monkeypatch, capsys):
    """Somebody else ran it, and it never ended: loud, although there is no copy."""
    elsewhere = kit / worlds.DRILL
    (elsewhere / "raw/registration.json").unlink()
    (kit / "chain/000000000003.json").unlink()
    monkeypatch.setenv("AEX_REPORTS", str(kit))
    assert command.main(["history"]) == 0
    assert capsys.readouterr().out.startswith(f"{worlds.DRILL}  MISSING                !! This drill was registered")


@pytest.fixture
def say(closed, account, monkeypatch, capsys):
    """Run a verb against the store in memory; its status and its answer in JSON."""
    docket = closed()
    monkeypatch.setattr("drill.aws.sessions.default_session", account.session)
    monkeypatch.setattr(command, "_settings_in_force", lambda: docket.settings)

    def call(*arguments):
        status = command.main([*arguments, "--json"])
        return status, json.loads(capsys.readouterr().out.splitlines()[-1])

    return call


def test_what_is_said_about_a_drill_is_appended_and_verified(say, closed):
    said = ("amend", worlds.DRILL, "--author", "A. Author", "--reason", "typing error", "--text", "MSFT, not MSTF")
    assert say(*said)[1]["link"] == 4
    finding = ("finding", worlds.DRILL, "--id", "F-1", "--what", "slow", "--owner", "Ops", "--due", "2027-01-31")
    assert say(*finding, "--author", "A")[0] == 0
    settle = ("settle", worlds.DRILL, "--id", "F-1", "--author", "A", "--reason", "retested", "--retest")
    status, refused = say(*settle, LATER)
    assert (status, "has no outcome in the chain" in refused["error"]) == (1, True)
    later = closed(LATER)
    assert say(*settle, LATER)[0] == 0
    sign = ("sign-off", worlds.DRILL, "--statement", "as filed", "--role")
    assert "prepared comes first" in say(*sign, "reviewed", "--person", "Q")[1]["error"]
    assert say(*sign, "prepared", "--person", "P. Preparer")[0] == 0
    assert (
        "another person has to say that it is reviewed"
        in say(*sign, "reviewed", "--person", "p.  preparer")[1]["error"]
    )
    assert "reviewed comes first" in say(*sign, "signed-off", "--person", "O. Officer")[1]["error"]
    assert say(*sign, "reviewed", "--person", "R. Reviewer")[0] == 0
    assert "another person has to say" in say(*sign, "signed-off", "--person", "P. Preparer")[1]["error"]
    assert say(*sign, "signed-off", "--person", "O. Officer")[0] == 0
    standing = verified(type(later)(worlds.DRILL, later.settings, later.sessions)).standing
    assert [(one.finding, one.status, one.retest) for one in standing.findings] == [("F-1", "closed", LATER)]
    assert [(one.role, one.person) for one in standing.sign_offs] == [
        ("prepared", "P. Preparer"),
        ("reviewed", "R. Reviewer"),
        ("signed off", "O. Officer"),
    ]


def test_key_bundle_and_anchor_are_what_verify_wants(say, tmp_path):
    key = say("key")[1]["keys"][0]
    assert key == say("key", "--all")[1]["keys"][0]
    (tmp_path / "key.pem").write_text(key["pem"])
    assert say("bundle", worlds.DRILL, "--out", str(tmp_path / "b.zip"))[0] == 0
    assert say("anchor", "--out", str(tmp_path / "a.json"))[0] == 0
    kit = [str(tmp_path / "b.zip"), "--key", str(tmp_path / "key.pem"), "--anchor", str(tmp_path / "a.json")]
    status, answer = say("verify", *kit)
    assert (status, answer["authentic"], answer["signed_by"]) == (0, True, [key["keyid"]])
    status, answer = say("bundle", "drill-20261231-nobody", "--out", str(tmp_path / "c.zip"))
    assert (status, "MISSING" in answer["error"]) == (1, True)


def test_a_registration_after_the_fact_is_none(fresh, context, moment):
    filed(fresh, full())
    moment.ns = worlds.T0 + SECOND
    records.register(fresh)
    moment.ns = AFTER
    for kind in (JudgeOperator, ReportOperator, SealOperator):
        kind(task_id=kind.phase).execute(context)
    with pytest.raises(BrokenLink, match="lies outside registration and outcome"):
        verified(fresh)
