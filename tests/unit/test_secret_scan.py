"""A secret in a log fails the whole run, however it got there; and the run does not repeat it."""

import os
import re

import pytest

from tests.support.engines import ROOT

BEFORE = """
import logging, subprocess, sys
from spendgate_service.tenants.api_keys import new_key
key = new_key("acme", "admin", name=None, now_ms=1)
half = key.bearer.rpartition(".")[2]
"""

LEAKS = {
    "printed": "print('trusting', key.bearer)",
    "standard_error": "sys.stderr.write(f'{key.bearer}\\n')",
    "log": "logging.getLogger('x').warning('who is %s', key.bearer)",
    "half_a_key": "print(f'secret={half};')",
    "within_a_word": "print(f'--{half}--')",
    "child": "subprocess.run([sys.executable, '-c', f'print({key.bearer!r})'], check=True)",
}
_OPTIONS = ("-p", "tests.support.secret_scan", "-p", "no:cacheprovider")
NO_LEAK = "print(key, key.key.key_id); logging.getLogger('x').warning('%r', key)"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.RunResult:
    """A run of which every test passes, and all but one leak."""
    tests = "".join(
        f"def test_{name}():\n    {does}\n" for name, does in {**LEAKS, "quiet": NO_LEAK}.items()
    )
    pytester.makepyfile(test_it=BEFORE + tests)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    paths = [str(ROOT), str(ROOT / "layers/core/python")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return pytester.runpytest_subprocess(*_OPTIONS)


def test_a_secret_in_a_log_fails_the_run_and_is_not_repeated(run: pytest.RunResult) -> None:
    assert run.ret == pytest.ExitCode.TESTS_FAILED
    run.assert_outcomes(passed=len(LEAKS) + 1)
    _, _, told = run.stdout.str().partition("secrets in logs")
    assert set(re.findall(r"::test_(\w+), captured", told)) == set(LEAKS)
    assert not re.search(r"[A-Za-z0-9_-]{43}", told)
