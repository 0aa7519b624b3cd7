"""`python -m engine journal`: what an operator types, what comes out, and the exit status."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from engine.__main__ import main
from engine.export import COLUMNS
from engine.messages import Command, Kind
from engine.storage import FileStore
from engine.venue import Venue
from tests.engine.epochs import Epochs, traded
from tests.engine.written_journal import SYMBOL, quotes, written

ROOT = Path(__file__).resolve().parents[2]
FLOW = quotes(60)
FIRST = f"epoch=1/symbol={SYMBOL}/frames.gz"
SECOND = f"epoch=2/symbol={SYMBOL}/frames.gz"


def filed(epochs: Epochs, folder: Path) -> str:
    """The epochs' stores as an exchange's bucket; gives the address."""
    for name, store in (("journal", epochs.journal), ("recovered", epochs.recovered)):
        files = FileStore(folder / name)
        for entry in store.list():
            files.put(entry.key, store.get(entry.key))
    return f"file://{folder}/"


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Two epochs, 40 commands and 20, and a zombie of the first epoch that went on for 7."""
    return filed(traded(FLOW, [40], zombie=quotes(7)), tmp_path)


def run(capsys: Any, *words: str) -> tuple[int, list[str], list[str]]:
    capsys.readouterr()
    status = main(["journal", *words])
    told = capsys.readouterr()
    return status, told.out.splitlines(), told.err.splitlines()


def change(address: str, key: str, raw: bytes | None) -> None:
    path = Path(address.removeprefix("file://"), "journal", key)
    if raw is None:
        path.unlink()
    else:
        path.write_bytes(raw)


def test_a_sound_journal_is_status_0_and_says_what_was_checked(address: str, capsys: Any) -> None:
    status, out, err = run(capsys, "verify", address)
    assert (status, err) == (0, [])
    assert out == [
        (
            "AAL      sound    seq 60  17 frames in 3 objects, 60 of 60 checkpoints agree, "
            "0 duplicates, 2 refused above a fence"
        ),
        "1 of 1 symbols sound",
    ]


def test_the_journal_folder_itself_is_as_good_an_address(address: str, capsys: Any) -> None:
    assert run(capsys, "verify", f"{address}journal/") == run(capsys, "verify", address.rstrip("/"))


def test_json_says_the_same_for_programs(address: str, capsys: Any) -> None:
    status, (line,), _ = run(capsys, "verify", address, "--json")
    document = json.loads(line)
    venue = Venue(SYMBOL)
    for seq, command in enumerate(FLOW, 1):
        venue.apply(seq, command)
    assert status == 0
    assert (document["sound"], document["seq"], document["epochs"]) == (True, 60, [1, 2])
    assert (document["digest"], document["findings"]) == (venue.digest().hex(), [])


def test_without_replay_there_is_no_digest(address: str, capsys: Any) -> None:
    status, (line,), _ = run(capsys, "verify", address, "--json", "--no-replay")
    document = json.loads(line)
    assert (status, document["digest"], document["checkpoints"], document["frames"]) == (0, "", 0, 17)


def test_up_to_an_epoch(address: str, capsys: Any) -> None:
    status, (line,), _ = run(capsys, "verify", address, "--json", "--epoch", "1")
    document = json.loads(line)
    # As long as nobody has replaced epoch 1, what its zombie wrote counts.
    assert (status, document["epochs"], document["seq"], document["refused"]) == (0, [1], 47, 0)


@pytest.mark.parametrize(
    ("key", "damage", "said"),
    [
        (FIRST, None, "AAL gap: epoch=1/symbol=AAL/"),
        (FIRST, b"", "AAL bad_gzip: epoch=1/symbol=AAL/frames.gz offset 0"),
        (SECOND, "cut", "AAL truncated: epoch=2/symbol=AAL/frames.gz offset"),
        (SECOND, "flip", "AAL checksum: epoch=2/symbol=AAL/frames.gz offset 0, seq 41: expected"),
    ],
)
def test_damage_is_status_1_and_names_symbol_object_offset_expected_found_and_what_to_do(
    address: str, capsys: Any, key: str, damage: Any, said: str
) -> None:
    raw = bytearray(b"".join(written(FLOW[40:], epoch=2)[0]))
    if damage in {"cut", "flip"}:
        whole = bytearray(gzip.decompress(Path(address.removeprefix("file://"), "journal", key).read_bytes()))
        whole[100] ^= damage == "flip"
        raw = whole[:-9] if damage == "cut" else whole
        damage = gzip.compress(bytes(raw))
    change(address, key, damage)
    status, out, err = run(capsys, "verify", address)
    assert status == 1
    assert "DAMAGED" in out[0]
    assert out[-1] == "0 of 1 symbols sound"
    assert err[0].startswith(said)
    assert ": expected " in err[0]
    assert ", found " in err[0]
    assert err[1].startswith("  do: ")
    findings = json.loads(run(capsys, "verify", address, "--json")[1][0])["findings"]
    assert {"symbol", "object", "offset", "seq", "expected", "found", "advice"} <= findings[0].keys()


def test_a_lost_record_of_an_opening_is_status_1(address: str, capsys: Any) -> None:
    Path(address.removeprefix("file://"), "recovered", "epoch=2", SYMBOL, "opened.json").unlink()
    status, _, err = run(capsys, "verify", address)
    assert status == 1
    assert err[0].startswith("AAL lineage: ")


def test_a_primary_that_left_its_own_journal_is_named_at_the_first_seq_that_differs(
    tmp_path: Path, capsys: Any
) -> None:
    strange, _ = written(FLOW, after=(strangely_begun(), bytes(32)))
    store = FileStore(tmp_path / "journal")
    store.put(FIRST, gzip.compress(b"".join(strange)))
    status, out, err = run(capsys, "verify", f"file://{tmp_path}/")
    assert status == 1
    assert "0 of 12 checkpoints agree" in out[0]
    assert err[0].startswith("AAL divergence: no object offset 0, seq 5: expected digest ")
    assert len(err) == 2


def strangely_begun() -> Venue:
    venue = Venue(SYMBOL)
    venue.canary.last_price = 1
    return venue


def test_thousands_of_findings_are_counted_not_told(tmp_path: Path, capsys: Any) -> None:
    FileStore(tmp_path / "journal").put(FIRST, gzip.compress(b"AEXF" * 5000))
    status, _, err = run(capsys, "verify", f"file://{tmp_path}/")
    assert status == 1
    assert len(err) <= 41


def test_ls_lists_symbols_and_objects(address: str, capsys: Any) -> None:
    status, (line,), _ = run(capsys, "ls", address, "--json")
    assert (status, json.loads(line)["epochs"], json.loads(line)["objects"]) == (0, [1, 2], 3)
    status, out, _ = run(capsys, "ls", address)
    assert out[0].startswith("AAL")
    assert out[0].endswith("epochs 1, 2")
    status, out, _ = run(capsys, "ls", address, "--objects", "--json")
    assert [json.loads(line)["object"] for line in out] == [FIRST, FIRST.replace("frames", "zombie"), SECOND]


def test_show_draws_frames_and_commands_in_a_range(address: str, capsys: Any) -> None:
    status, out, err = run(capsys, "show", address, "--from", "39", "--to", "42")
    assert (status, err) == (0, [])
    assert [line.split("  ")[0] for line in out] == ["AAL epoch 1 seq 37..40", "AAL epoch 2 seq 41..44"]
    _, out, _ = run(capsys, "show", address, "--from", "39", "--to", "42", "--commands")
    assert [line.split()[1] for line in out if line.startswith("  seq")] == ["39", "40", "41", "42"]
    assert "  seq 39  39 ns  member 1 #39 NEW SELL 1 @ 103 GTC" in out
    assert "  seq 40  40 ns  member 1 #40 CANCEL of 1 #36" in out
    _, out, _ = run(capsys, "show", address, "--from", "39", "--to", "42", "--commands", "--json")
    assert [json.loads(line)["seq"] for line in out] == [39, 40, 41, 42]


def test_show_an_object_as_it_lies_there(address: str, capsys: Any) -> None:
    zombie = FIRST.replace("frames", "zombie")
    status, out, _ = run(capsys, "show", address, "--object", zombie)
    assert status == 0
    assert [line.split("  ")[0] for line in out] == ["AAL epoch 1 seq 45..47", "AAL epoch 1 seq 41..44"]
    change(address, zombie, b"\x1f\x8bnonsense")
    status, _, err = run(capsys, "show", address, "--object", zombie)
    assert (status, "bad_gzip" in err[0]) == (1, True)


def test_export_gives_every_command_back(address: str, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "commands.jsonl"
    status, _, _ = run(capsys, "export", address, "--out", str(out))
    documents = [json.loads(line) for line in out.read_text().splitlines()]
    assert status == 0
    assert [list(document) for document in documents] == [list(COLUMNS["commands"])] * 60
    assert [document["seq"] for document in documents] == list(range(1, 61))
    assert [again(document) for document in documents] == FLOW


def again(row: dict[str, Any]) -> Command:
    names = {"kind": Kind[row["kind"].upper()], "side": row["side"] == "sell"}
    return Command(*(row[name] for name in ("ts_ns", "command_id", "target_id", "price", "qty", "customer")), **names)


@pytest.mark.parametrize("content", ["commands", "trades"])
def test_parquet_holds_the_same_rows(address: str, capfdbinary: Any, tmp_path: Path, content: Any) -> None:
    out = tmp_path / "rows.parquet"
    assert main(["journal", "export", address, "--content", content, "--out", str(out)]) == 0
    capfdbinary.readouterr()
    assert main(["journal", "export", address, "--content", content]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    table = parquet.read_table(out)
    assert table.to_pylist() == [json.loads(line) for line in lines]
    assert {field.name: str(field.type) for field in table.schema} == COLUMNS[content]
    assert len(lines) > 10
    assert list(tmp_path.glob(".part-*")) == []


def test_trades_are_those_of_the_engine(address: str, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "trades.jsonl"
    assert run(capsys, "export", address, "--content", "trades", "--out", str(out))[0] == 0
    venue = Venue(SYMBOL)
    fills = [(seq, *fill) for seq, command in enumerate(FLOW, 1) for fill in venue.apply(seq, command).fills]
    names = ("seq", "maker_id", "taker_id", "price", "qty")
    assert [tuple(json.loads(line)[name] for name in names) for line in out.read_text().splitlines()] == fills


def test_export_of_a_damaged_journal_gives_the_prefix_and_status_1(address: str, capsys: Any, tmp_path: Path) -> None:
    change(address, SECOND, None)
    out = tmp_path / "commands.parquet"
    status, _, _ = run(capsys, "export", address, "--out", str(out))
    assert (status, parquet.read_metadata(out).num_rows) == (0, 40)  # a lost tail cannot be seen in the journal
    change(address, FIRST, gzip.compress(gzip.decompress(Path(address[7:], "journal", FIRST).read_bytes())[:-9]))
    status, _, err = run(capsys, "export", address, "--out", str(out))
    assert (status, parquet.read_metadata(out).num_rows) == (1, 36)
    assert "truncated" in err[0]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["verify", "file:///nowhere/"], 2, "journal/epoch=E/symbol=S/"),
        (["verify", "bucket"], 2, "unknown scheme"),
        (["verify", "{address}", "--symbols", "MSFT"], 2, "no object of MSFT"),
        (["verify", "{address}", "--symbols", "AAL,"], 2, "separated by commas"),
        (["verify", "{address}", "--epoch", "0"], 2, "positive integer"),
        (["show", "{address}", "--object", "none"], 2, "no such key"),
        (["export", "{address}", "--out", "rows.csv"], 2, "FILE.parquet or FILE.jsonl"),
        (["export", "{address}", "--out", "/nowhere/rows.jsonl"], 3, "No such file"),
        (["verify"], 2, "address"),
        ([], 2, "verify|ls|show|export"),
    ],
)
def test_what_cannot_be_done_is_one_line(address: str, capsys: Any, words: list[str], status: int, said: str) -> None:
    try:
        ended = main(["journal", *(word.format(address=address) for word in words)])
    except SystemExit as left:
        ended = int(left.code or 0)
    told = capsys.readouterr()
    assert (ended, told.out, told.err.count("\n")) == (status, "", 1)
    assert said in told.err


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(address: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "engine", "journal", "verify", address]
    environment = {**os.environ, "TERM": "xterm"}
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, check=False, env=environment)
    os.close(theirs)
    drawn = os.read(ours, 1 << 16)
    os.close(ours)
    assert ended.returncode == 0
    assert b"verify" in drawn
    assert b"symbols sound" not in drawn
    plain = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
    assert (plain.returncode, plain.stderr, plain.stdout) == (0, b"", ended.stdout)


def test_compact_puts_an_ended_epoch_into_large_objects_and_leaves_the_zombie_where_it_is(
    capsys: Any, address: str
) -> None:
    _, before, _ = run(capsys, "verify", address)
    status, out, _ = run(capsys, "compact", address)
    assert status == 0
    assert [line.split()[:3] for line in out] == [[SYMBOL, "epoch", "1"], [SYMBOL, "epoch", "2"]]
    assert "1 objects written" in out[0]
    assert "0 objects written" in out[1]
    kept = [entry.key for entry in FileStore(Path(address.removeprefix("file://"), "journal")).list()]
    zombie = f"epoch=1/symbol={SYMBOL}/zombie.gz"
    assert kept == [f"epoch=1/symbol={SYMBOL}/0-compacted/{1:020}-{40:020}.gz", zombie, SECOND]
    status, after, _ = run(capsys, "verify", address)
    assert (status, after[-1]) == (0, before[-1])
