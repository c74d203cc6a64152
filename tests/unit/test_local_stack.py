"""`make up` and its like: what they say when they cannot, and what they take from the caller."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest

from local import dynamodb_local, ports, processes
from local.console import LocalStackError, number, run, words
from local.emulator import process as emulator_process
from local.paths import MINISTACK_PYTHON, ROOT
from local.ports import Ports, choose_ports
from local.processes import Program, bare_environment
from tests import conftest

LISTENING = "import socket; socket.create_server(('127.0.0.1', 0)).accept()"
TALKING = """
from local.console import run
def talk():
    while True:
        print("all day long")
raise SystemExit(run(talk))
"""


@pytest.fixture(autouse=True)
def no_ports_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SPENDGATE_API_PORT", "SPENDGATE_EMULATOR_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ports, "PORTS_FILE", tmp_path / "ports.json")
    return tmp_path / "ports.json"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    monkeypatch.setattr(processes, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(processes, "RUN", tmp_path / "run")
    ours = Program("listener", "local.unused")
    yield ours
    ours.stop(grace_seconds=5)


def start(program: Program) -> psutil.Process:
    program.start([sys.executable, "-c", LISTENING], bare_environment())
    process = program.process()
    assert process is not None
    return process


def test_what_cannot_be_done_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails() -> int:
        raise LocalStackError("Nothing is running.")

    assert run(fails) == 1
    assert capsys.readouterr().err == "\nNothing is running.\n"


def test_an_interruption_is_told_with_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    def is_interrupted() -> int:
        raise KeyboardInterrupt

    assert run(is_interrupted, interrupted="Stop it with: make down") == 130
    assert capsys.readouterr().err == "\nStop it with: make down\n"


def test_a_reader_who_has_seen_enough_is_told_nothing_more() -> None:
    command = [sys.executable, "-c", TALKING]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as talking:
        assert talking.stdout is not None
        assert talking.stderr is not None
        assert talking.stdout.readline() == "all day long\n"
        talking.stdout.close()
        assert talking.stderr.read() == ""
    assert talking.returncode != 0


@pytest.mark.parametrize("said", ["many", "-3", "0", "1.5"])
def test_what_is_no_number_is_named(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS", said)
    with pytest.raises(LocalStackError, match=f"REQUESTS={said} is not an integer"):
        number("REQUESTS")


def test_an_open_quote_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGS", 'list "open')
    with pytest.raises(LocalStackError, match='ARGS=list "open cannot be split into words'):
        words("ARGS")


def test_a_wanted_port_that_another_program_has_is_refused_with_the_reason(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPENDGATE_API_PORT", str(taken))
    with pytest.raises(LocalStackError, match=f"SPENDGATE_API_PORT={taken} .*already in use"):
        choose_ports()


@pytest.mark.parametrize("said", ["http", "99999", "0", "-1"])
def test_a_wanted_port_that_is_none_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPENDGATE_EMULATOR_PORT", said)
    with pytest.raises(LocalStackError, match=f"SPENDGATE_EMULATOR_PORT={said} "):
        choose_ports()


def test_one_port_is_not_given_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    api = ports.any_free_port()
    monkeypatch.setenv("SPENDGATE_API_PORT", str(api))
    monkeypatch.setenv("SPENDGATE_EMULATOR_PORT", str(api))
    with pytest.raises(LocalStackError, match=f"SPENDGATE_EMULATOR_PORT={api} .*the API uses it"):
        choose_ports()


def test_a_remembered_port_that_another_program_has_meanwhile_is_left_to_it(
    taken: int, no_ports_yet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator_port = ports.any_free_port()
    no_ports_yet.write_text(json.dumps({"api": taken, "emulator": emulator_port}))
    chosen = choose_ports()
    assert chosen.api not in {taken, emulator_port}
    assert chosen.emulator == emulator_port
    assert f"Port {taken} is taken; the api moves to {chosen.api}" in capsys.readouterr().out
    assert ports.remembered_ports() == chosen


def test_the_callers_settings_reach_no_function_of_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("POWERTOOLS_LOG_LEVEL", "MINISTACK_HOST", "SERVICES", "AWS_PROFILE", "TZ"):
        monkeypatch.setenv(name, "of-another-project")
    assert "of-another-project" not in emulator_process._environment(Ports(8787, 4577)).values()


def test_tests_need_nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-another-project")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://nowhere")

    conftest.pytest_configure()

    client = boto3.session.Session().client("dynamodb")
    assert client.meta.endpoint_url == "https://dynamodb.us-east-1.amazonaws.com"


def test_why_the_engine_cannot_be_fetched_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb_local, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(dynamodb_local, "DYNAMODB_LOCAL", tmp_path / "engine")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with (
        pytest.raises(LocalStackError, match=r"could not be fetched with npm(.|\n)*ECONNREFUSED"),
        dynamodb_local.dynamodb_local(),
    ):
        pass
    assert list((tmp_path / "engine").iterdir()) == []


def test_a_program_that_was_killed_is_told_from_one_that_was_stopped(program: Program) -> None:
    assert not program.ended_by_itself()
    killed = start(program)
    assert not program.ended_by_itself()
    killed.kill()
    killed.wait()
    assert program.ended_by_itself()
    stopped = start(program)
    assert program.stop(grace_seconds=5)
    assert not stopped.is_running()
    assert not program.ended_by_itself()


@pytest.mark.parametrize("written", ["", '{"api": 87', "[1, 2]", '{"api": 1}'])
def test_a_damaged_file_of_ports_is_named_and_no_second_stack_starts(
    written: str, no_ports_yet: Path
) -> None:
    no_ports_yet.write_text(written)

    with pytest.raises(LocalStackError, match=r"ports\.json is damaged .*make down"):
        choose_ports()

    assert no_ports_yet.read_text() == written


@pytest.mark.parametrize("written", ["", '{"pid": 1', "{}", "[]"])
def test_a_program_whose_identity_file_is_damaged_is_found_by_its_command(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(processes, "RUN", tmp_path / "run")
    program = Program("listener", str(tmp_path))  # another worker's folder has the same name
    program.start([sys.executable, "-c", LISTENING, program.module], bare_environment())
    started = program.process()
    assert started is not None
    try:
        (tmp_path / "run" / "listener.json").write_text(written)

        found = program.process()

        assert found is not None
        assert found.pid == started.pid
        assert json.loads((tmp_path / "run" / "listener.json").read_text())["pid"] == started.pid
    finally:
        program.stop(grace_seconds=5)


def test_a_program_that_was_started_can_be_found_by_its_command(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of a process is empty for a moment after its start."""
    commands: list[list[str]] = [[], [], [sys.executable]]
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _process: commands.pop(0))

    start(program)

    assert commands == []


def test_a_damaged_identity_file_of_a_program_that_has_ended_is_no_obstacle(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "listener.json").write_text("{")

    assert program.process() is None
    assert not program.ended_by_itself()


def test_saved_state_that_is_cut_short_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_process, "EMULATOR_STATE", tmp_path)
    (tmp_path / "sqs.json").write_text("{}")
    emulator_process.check_saved_state()
    (tmp_path / "dynamodb.json").write_text('{"__ministack_format__": 2, "payl')

    with pytest.raises(LocalStackError, match=r"dynamodb\.json is damaged .*make clean"):
        emulator_process.check_saved_state()


def test_a_state_that_could_not_be_written_is_said_with_the_space_that_is_free(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_process, "EMULATOR", program)
    monkeypatch.setattr(emulator_process, "SAVED_FILE", tmp_path / "saved")
    monkeypatch.setattr(emulator_process, "_SCRATCH", tmp_path / "scratch")
    start(program)

    with pytest.raises(LocalStackError, match=r"could not write its state.* \d+ MB are free"):
        emulator_process.stop_emulator()


def test_the_emulator_knows_which_state_it_could_not_write(tmp_path: Path) -> None:
    (tmp_path / "dynamodb.json").mkdir()  # a file cannot take its place, as on a full disk
    code = (
        "from local.emulator.server import SavedServices, persistence\n"
        "saved = SavedServices()\n"
        "persistence.save_all({'sqs': dict, 'dynamodb': dict})\n"
        "print(saved.failed)\n"
    )
    environment = bare_environment() | {"PERSIST_STATE": "1", "STATE_DIR": str(tmp_path)}

    done = subprocess.run(
        [MINISTACK_PYTHON, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "['dynamodb']"
