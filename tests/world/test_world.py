from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from emulator.admission import WorldError
from emulator.airflow import Airflow
from emulator.plan import KEPT, Settings, exchange_plan, furnish
from emulator.processes import MARK, Record, read_records, write_record
from emulator.settings import ACCOUNT
from emulator.upkeep import upkeep
from emulator.world import MOST_RESTARTS, REFUSED, records_of, standing_of
from witness.__main__ import parser as witness_parser

STANDIN = Path(__file__).with_name("standin.py")
PAUSE = (sys.executable, "-S", "-c", "import signal; signal.pause()")
DEADLINE_S = 20.0


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


class Supervised:
    def __init__(self, var: Path) -> None:
        self.var = var
        self.popen: subprocess.Popen[str] | None = None

    def start(self, scenario: str, *command: str) -> subprocess.Popen[str]:
        argv = [sys.executable, str(STANDIN), str(self.var), scenario, "--", *command]
        self.popen = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return self.popen

    def run(self, scenario: str, *command: str) -> tuple[int, str, str]:
        popen = self.start(scenario, *command)
        out, err = popen.communicate(timeout=DEADLINE_S)
        return popen.returncode, out, err

    def mark(self) -> str:
        return (records_of(self.var) / "mark").read_text().strip()

    def up(self, *names: str) -> bool:
        records = {record.name: record for record in read_records(records_of(self.var))}
        return all(name in records and records[name].alive() for name in names)

    def carriers(self) -> list[int]:
        return marked(self.mark())


def marked(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path / "var")
    yield supervised
    if supervised.popen is not None:
        supervised.popen.kill()
        supervised.popen.communicate()


def test_boots_in_order_runs_the_command_and_stops_everything(world: Supervised) -> None:
    code = "import os; print(os.environ['AEX_SEEN']); raise SystemExit(5)"
    status, out, err = world.run("plain", sys.executable, "-S", "-c", code)
    assert (status, out) == (5, "yes\n")
    told = [line.split(" ready ")[0] for line in err.splitlines() if " ready " in line]
    assert told == ["world: first", "world: work", "world: second"]
    assert "3 processes stopped, nothing left" in err.splitlines()[-1]
    assert world.carriers() == []
    assert not list(records_of(world.var).glob("*.json"))


def test_a_command_ended_by_a_signal_has_a_shells_status(world: Supervised) -> None:
    assert world.run("plain", "/bin/sh", "-c", "kill -KILL $$")[0] == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_one_line(world: Supervised) -> None:
    status, _, err = world.run("plain", "no-such-command")
    assert status == REFUSED
    assert "world: cannot start no-such-command: No such file or directory" in err
    assert world.carriers() == []


def test_a_child_that_ignores_sigterm_is_killed_and_named(world: Supervised) -> None:
    status, _, err = world.run("stubborn", "/bin/true")
    assert status == 0
    assert "had to be killed: " in err
    assert world.carriers() == []


def test_a_parent_that_waits_for_a_deaf_child_ends_without_being_killed(world: Supervised) -> None:
    status, _, err = world.run("waiting", "/bin/true")
    assert status == 0
    assert "had to be killed" not in err
    assert world.carriers() == []


@pytest.mark.parametrize("scenario", ["hider", "parent"])
def test_what_a_child_leaves_behind_is_ended(world: Supervised, scenario: str) -> None:
    assert world.run(scenario, "/bin/true")[0] == 0
    assert world.carriers() == []


def test_what_hides_with_an_environment_of_its_own_is_ended(world: Supervised) -> None:
    assert world.run("masked", "/bin/true")[0] == 0
    hidden = int((world.var / "log" / "masked.log").read_text().split()[0])
    assert not psutil.pid_exists(hidden) or psutil.Process(hidden).status() == psutil.STATUS_ZOMBIE


def test_what_the_command_leaves_behind_is_ended(world: Supervised) -> None:
    status, _, err = world.run("plain", "/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & exit 0")
    assert status == 0
    assert "ended 1 more that nobody had stopped" in err
    assert world.carriers() == []


def test_a_failing_step_shows_its_last_lines_and_its_log(world: Supervised) -> None:
    status, _, err = world.run("fails", "/bin/true")
    assert status == REFUSED
    assert f"fails ended (status 3) while the world booted; its log is {world.var}/log/fails.log, and ends:" in err
    assert "  | two: No such thing" in err
    assert world.carriers() == []


def test_a_full_disk_is_named_as_the_cause(world: Supervised) -> None:
    status, _, err = world.run("full", "/bin/true")
    assert status == REFUSED
    assert "the disk is full: make room or choose another place with --var DIR" in err


def test_too_little_space_is_refused_before_anything_starts(world: Supervised) -> None:
    status, _, err = world.run("empty", "/bin/true")
    assert status == REFUSED
    assert err.startswith("world: disk nearly full: ")
    assert len(err.splitlines()) == 1


def test_a_step_that_never_gets_ready_is_given_up(world: Supervised) -> None:
    status, _, err = world.run("impatient", "/bin/true")
    assert status == REFUSED
    assert "never is not ready after 0 s" in err
    assert world.carriers() == []


def test_a_port_in_use_is_refused_with_the_option_that_chooses_another(world: Supervised) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = world.run(f"port:{port}", "/bin/true")
    assert status == REFUSED
    assert err == (
        f"world: port {port}/tcp is in use on 127.0.0.1; choose another with --aws-port PORT (0: any free one)\n"
    )


def test_a_second_world_in_the_same_place_is_refused_and_the_first_lives_on(world: Supervised) -> None:
    first = world.start("plain", *PAUSE)
    eventually(lambda: world.up("second"))
    status, _, err = Supervised(world.var).run("plain", "/bin/true")
    assert status == REFUSED
    assert err.startswith(f"world: another world (pid {first.pid}) runs in {world.var}; show it: ")
    assert "--stop" in err
    assert world.up("first", "second")
    first.send_signal(signal.SIGTERM)
    assert first.wait(DEADLINE_S) == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_boot_ends_it_cleanly(world: Supervised, number: signal.Signals) -> None:
    popen = world.start("never", "/bin/true")
    eventually(lambda: world.up("never"))
    popen.send_signal(number)
    _, err = popen.communicate(timeout=DEADLINE_S)
    assert popen.returncode == 130
    assert err.splitlines()[-1] == f"world: interrupted ({number.name})"
    assert world.carriers() == []


def test_ctrl_c_lets_the_command_end_in_its_own_way(world: Supervised) -> None:
    code = (
        "import signal\nprint('ready', flush=True)\ntry:\n signal.pause()\nexcept KeyboardInterrupt:\n"
        " print('torn down', flush=True)"
    )
    popen = world.start("plain", sys.executable, "-S", "-c", code)
    assert popen.stdout is not None
    assert popen.stdout.readline() == "ready\n"
    popen.send_signal(signal.SIGINT)
    out, err = popen.communicate(timeout=DEADLINE_S)
    assert (popen.returncode, out) == (130, "torn down\n")
    assert err.splitlines()[-1] == "world: interrupted (SIGINT)"
    assert world.carriers() == []


def test_a_second_signal_insists(world: Supervised) -> None:
    code = "import signal\nsignal.signal(2, signal.SIG_IGN)\nprint('ready', flush=True)\nsignal.pause()"
    popen = world.start("plain", sys.executable, "-S", "-c", code)
    assert popen.stdout is not None
    assert popen.stderr is not None
    assert popen.stdout.readline() == "ready\n"
    popen.send_signal(signal.SIGINT)
    eventually(lambda: "stopping" in popen.stderr.readline())  # type: ignore[union-attr]
    popen.send_signal(signal.SIGINT)
    popen.communicate(timeout=DEADLINE_S)
    assert popen.returncode == 130
    assert world.carriers() == []


def test_a_service_that_dies_under_the_command_ends_the_command(world: Supervised) -> None:
    status, _, err = world.run("later", *PAUSE)
    assert status == REFUSED
    assert "later ended (status 7) under the command" in err
    assert world.carriers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_kill_9_of_the_supervisor_ends_its_children(world: Supervised) -> None:
    popen = world.start("plain", *PAUSE)
    eventually(lambda: world.up("first", "second") and len(world.carriers()) == 3)
    popen.kill()
    popen.wait()
    eventually(lambda: world.carriers() == [])


def test_the_next_world_ends_what_a_killed_one_left_and_says_so(world: Supervised) -> None:
    popen = world.start("hider", *PAUSE)
    eventually(lambda: world.up("hider") and len(world.carriers()) == 3)
    mark = world.mark()
    popen.kill()
    popen.wait()
    eventually(lambda: len(marked(mark)) == 1)  # the kernel ended those whose parent died; the hidden one lives on
    status, _, err = world.run("plain", "/bin/true")
    assert status == 0
    assert "world: ended 1 processes that a killed world had left: a descendant (" in err
    assert marked(mark) == []


def test_a_stranger_with_a_recorded_pid_is_left_alone(world: Supervised) -> None:
    records_of(world.var).mkdir(parents=True)
    with subprocess.Popen(PAUSE, start_new_session=True) as stranger:
        write_record(
            records_of(world.var), Record("first", stranger.pid, psutil.Process(stranger.pid).create_time() - 60)
        )
        assert world.run("plain", "/bin/true")[0] == 0
        assert stranger.poll() is None
        stranger.kill()


def test_records_of_other_parts_are_found_and_torn_ones_passed_over(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "t1.json").write_text(json.dumps({"pid": 7, "create_time": 1.5}))
    (tmp_path / "torn.json").write_text('{"pid": 7')
    (tmp_path / "other.json").write_text("[1]")
    assert read_records(tmp_path) == [Record("t1", 7, 1.5)]


def test_the_environment_of_a_running_world_is_a_private_file(world: Supervised) -> None:
    popen = world.start("plain", *PAUSE)
    eventually(lambda: world.up("second"))
    path = world.var / "run" / "environment"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "export AEX_SEEN=yes\n" in path.read_text()
    popen.send_signal(signal.SIGTERM)
    popen.wait(DEADLINE_S)
    assert not path.exists()


@pytest.mark.parametrize("option", ["--show", "--stop"])
def test_show_and_stop_name_an_absent_world(tmp_path: Path, option: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "emulator", "world", "--var", str(tmp_path), option],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == f"world: no world runs in {tmp_path}\n"


def test_stop_ends_a_running_world(world: Supervised) -> None:
    popen = world.start("plain", *PAUSE)
    eventually(lambda: world.up("second"))
    run = [sys.executable, "-m", "emulator", "world", "--var", str(world.var)]
    shown = subprocess.run([*run, "--show"], capture_output=True, text=True, check=True).stdout
    assert sorted(line.split("\t")[1] for line in shown.splitlines()) == ["first", "second", "supervisor"]
    assert subprocess.run([*run, "--stop"], check=False).returncode == 0
    assert popen.wait(DEADLINE_S) == 130
    assert world.carriers() == []
    assert os.path.lexists(world.var / "log" / "first.log")


def pids(world: Supervised) -> dict[str, int]:
    return {record.name: record.pid for record in read_records(records_of(world.var)) if record.alive()}


def ended_well(popen: subprocess.Popen[str]) -> str:
    popen.send_signal(signal.SIGTERM)
    _, err = popen.communicate(timeout=DEADLINE_S)
    assert popen.returncode == 130, err
    assert "nothing left" in err
    return err


def test_in_a_kept_world_what_stands_on_a_dead_service_is_started_again_with_it(world: Supervised) -> None:
    popen = world.start("kept:tower")
    eventually(standing_of(world.var).exists)
    before = pids(world)
    os.kill(before["ground"], signal.SIGKILL)
    eventually(lambda: json.loads(standing_of(world.var).read_text())["restarts"] and world.up("roof"))
    after = pids(world)
    assert after["ground"] != before["ground"]
    assert after["roof"] != before["roof"]
    assert after["beside"] == before["beside"]
    assert (world.var / "log" / "work.log.1").read_text() == "done\n"  # the step between was done again
    err = ended_well(popen)
    assert "ground ended (SIGKILL) although nobody asked it to" in err
    assert "world: ground is back after " in err


def test_in_a_kept_world_a_service_of_its_own_is_started_again_alone(world: Supervised) -> None:
    popen = world.start("kept:tower")
    eventually(standing_of(world.var).exists)
    before = pids(world)
    os.kill(before["beside"], signal.SIGKILL)
    eventually(lambda: json.loads(standing_of(world.var).read_text())["restarts"])
    after = pids(world)
    assert after.pop("beside") != before.pop("beside")
    assert after.items() >= {name: before[name] for name in ("ground", "roof")}.items()
    ended_well(popen)
    assert not standing_of(world.var).exists()


def test_in_a_kept_world_siblings_that_end_together_are_started_again_once_each(world: Supervised) -> None:
    popen = world.start("kept:twins")
    eventually(standing_of(world.var).exists)
    before = pids(world)
    os.kill(popen.pid, signal.SIGSTOP)  # the supervisor sees both ends at once
    for name in ("one", "other"):
        os.kill(before[name], signal.SIGKILL)
    os.kill(popen.pid, signal.SIGCONT)
    eventually(lambda: json.loads(standing_of(world.var).read_text())["restarts"])
    after = pids(world)
    assert after["one"] != before["one"]
    assert after["other"] != before["other"]
    err = ended_well(popen)
    assert [err.count(f"{name} ended (SIGKILL)") for name in ("one", "other")] == [1, 1]
    assert [err.count(f"{name} is back after") for name in ("one", "other")] == [1, 1]


def test_a_kept_world_gives_up_on_a_service_that_ends_again_and_again(world: Supervised) -> None:
    status, _, err = world.run("kept:doomed")
    assert status == REFUSED
    assert err.count("starting it again") == MOST_RESTARTS
    assert "doomed ended (status 7)" in err
    assert f"{MOST_RESTARTS + 1} times within 600 s: given up" in err
    assert world.carriers() == []


def test_a_kept_world_does_its_chores(world: Supervised) -> None:
    popen = world.start("kept:tower")
    log = world.var / "log" / "sweeper.log.1"
    eventually(lambda: log.exists() and log.read_text() == "swept\n")
    ended_well(popen)


def test_a_log_keeps_what_was_said_before_the_last_start(world: Supervised) -> None:
    for _ in range(2):
        assert world.run("plain", "/bin/true")[0] == 0
    assert (world.var / "log" / "work.log.1").read_text() == "done\n"


def test_status_and_down_of_an_absent_instance_are_one_line(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "emulator"]
    shown = subprocess.run([*run, "status", "--var", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout) == (1, "unhealthy  no instance is up; make up\n")
    ended = subprocess.run([*run, "down", "--var", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, f"world: no world runs in {tmp_path}\n")


def test_a_world_that_begins_anew_refuses_the_place_of_a_kept_one(tmp_path: Path) -> None:
    settings = Settings(tmp_path, False, 1, 2, 3, "", 5, 5, 5, 1)
    airflow = Airflow(tmp_path / "airflow", tmp_path, 1)
    journal = settings.aws.state / "s3" / ACCOUNT / f"aex-journal-{ACCOUNT}"
    evidence = journal.with_name(f"aex-evidence-{ACCOUNT}")
    for folder in (journal, evidence, tmp_path / "captures"):
        folder.mkdir(parents=True)
    furnish(replace(settings, keep=True), airflow)
    assert journal.exists()
    assert (tmp_path / "captures").exists()
    with pytest.raises(WorldError, match="holds the journal of the instance that `make up` keeps"):
        furnish(settings, airflow)
    assert journal.exists()
    (tmp_path / KEPT).unlink()
    furnish(settings, airflow)
    assert [path.exists() for path in (journal, evidence, tmp_path / "captures.last")] == [False, True, True]


def test_upkeep_removes_old_logs_and_empty_folders_and_nothing_young(tmp_path: Path) -> None:
    old, young = tmp_path / "airflow/logs/dag_id=x/run/1.log", tmp_path / "airflow/logs/dag_id=x/other/1.log"
    component, task = tmp_path / "airflow/logs/airflow-scheduler.log", tmp_path / "run/tasks/t.log"
    for path in (old, young, component, task):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("said")
    for path in (old, component, task):
        os.utime(path, (0, 0))
    assert upkeep(tmp_path, 30, airflow=False) == 0
    assert [path.exists() for path in (old, old.parent, young, component, task)] == [False, False, True, True, False]


@pytest.mark.parametrize("keep", [False, True])
def test_every_witness_of_the_plan_is_called_as_it_wants_to_be(tmp_path: Path, keep: bool) -> None:
    plan = exchange_plan(Settings(tmp_path, True, 1, 2, 3, "", 5, 5, 5, 1, keep=keep))
    commands = [command for step in plan.steps for command in step.commands]
    called = [command.argv[3:] for command in commands if command.argv[1:3] == ("-m", "witness")]
    verbs = [witness_parser().parse_args(line).verb for line in called]
    assert {"members", "monitor", "agent"} <= set(verbs)
    chosen = witness_parser().parse_args(called[0])
    assert chosen.keep_s == (600 if keep else 0)
