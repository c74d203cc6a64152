"""Break each rule of the client once, and see that a test notices.

Run in an environment with the SDKs: `python tools/mutants.py [NAME ...]`. Each mutant is a copy of
this directory with one change; a mutant that survives its tests is a hole in them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE / "src"), str(HERE)]

from tests.support.service import running_service
from tools import unasync

SCENARIOS = "tests/sdk/test_scenarios.py"
RANDOM = "tests/sdk/test_random.py"
LEASES = "tests/test_lease_rules.py"


@dataclass(frozen=True)
class Mutant:
    """One broken rule, and the tests that must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = (
    Mutant("a 504 releases", "_outcomes.py", "503, 529})", "503, 504, 529})",
           f"{SCENARIOS} -k may_have_billed"),
    Mutant("a 500 is left", "_outcomes.py", "429, 500, 503", "429, 503",
           f"{SCENARIOS} -k three_errors"),
    Mutant("a read timeout releases", "_outcomes.py", '"ConnectTimeout", ', '"ReadTimeout", ',
           f"{SCENARIOS} -k may_have_billed"),
    Mutant("a refused connection is left", "_outcomes.py", '{"ConnectError", ', "{",
           f"{SCENARIOS} -k refused_connection"),
    Mutant("SDKs retry a refusal", "_refusals.py", '"x-should-retry": "false"', '"x-a": "b"',
           f"{SCENARIOS} -k refusal_reaches"),
    Mutant("the extra chunk passes", "_outcomes.py",
           "swallow_usage and self._is_stream", "False and self._is_stream",
           f"{SCENARIOS} -k settled_at_its_usage"),
    Mutant("no usage is asked for", "_calls.py", '"include_usage": True', '"include_usage": False',
           f"{SCENARIOS} -k settled_at_its_usage"),
    Mutant("an abort settles at the estimate", "_outcomes.py",
           "or call.may_reason:", "or True:", f"{SCENARIOS} -k aborted"),
    Mutant("a broken body is not settled", "_outcomes.py",
           'return None, "estimate"\n', 'return replace(estimate, input_tokens=0), ""\n',
           f"{SCENARIOS} -k breaks_off"),
    Mutant("a cancelled settlement is lost", "_async/_io.py",
           "return await asyncio.shield(task)\n\n\nasync def undone", "raise asyncio.CancelledError\n\n\nasync def undone",
           f"{SCENARIOS} -k settled_at_the_usage"),
    Mutant("our header leaves", "_async/transport.py",
           "headers.pop(_subjects.SUBJECTS_HEADER, None)", "pass", f"{RANDOM} -k copies"),
    Mutant("azure's names are not mapped", "_calls.py",
           "models.get(model, model), body", "model, body", f"{RANDOM} -k azure"),
    Mutant("a new key for each attempt", "_async/_http.py",
           "headers = {**request.headers,",
           'import uuid\n        headers = {**request.headers, "Idempotency-Key": uuid.uuid4().hex,',
           "tests/test_client.py -k lost_response"),
    Mutant("a refusal is repeated", "_retry.py", "if status == 429:", "if status == 0:",
           "tests/test_rules.py -k repeated"),
    Mutant("an exception releases", "_async/hold.py", "        if not self._finished:\n",
           "        if error is not None:\n            await self.release()\n        if not self._finished:\n",
           "tests/test_client.py -k after_the_provider_was_paid"),
    Mutant("a cancelled reserve keeps its hold", "_async/_io.py", "undo(task.result())", "pass",
           "tests/test_client.py -k cancelled_reserve"),
    Mutant("any event loop will do", "_async/_io.py", "elif self._loop() is not loop:", "elif False:",
           "tests/test_client.py -k bound_to_its_loop"),
    Mutant("base64 counts", "estimators.py", "if part is not None and _is_binary(node):",
           "if False:",
           "tests/test_rules.py -k base64"),
    Mutant("letters are counted", "estimators.py", 'text.encode("utf-8", "surrogatepass")', "text",
           "tests/test_rules.py -k bytes_not"),
    Mutant("the cache is not input", "usage.py", " + read + written", "",
           "tests/test_rules.py -k read_by_its_shape"),
    Mutant("no heartbeat", "_heartbeat.py", "self._extend(beat.reservation_id, beat.ttl_seconds)",
           "pass", "tests/test_guards.py -k would_expire"),
    Mutant("a heartbeat outlives its owner", "_heartbeat.py", " or self.owner() is None", "",
           "tests/test_guards.py -k ends_with_its_owner"),
    Mutant("no tokens for what has no price", "_async/hold.py", "if instead is None:", "if True:",
           "tests/test_guards.py -k unknown_price"),
    Mutant("a lost settlement is forgotten", "_async/hold.py",
           "later: %s\", delivery.kind, error)\n                runtime.keep(delivery)",
           "later: %s\", delivery.kind, error)",
           "tests/test_guards.py -k delivered_later"),
    Mutant("a local grant is not recorded", "_async/hold.py",
           "not in_lambda()):\n                runtime.keep(delivery)", "not in_lambda()):",
           "tests/test_guards.py -k service_is_back"),
    Mutant("the cap's window never ends", "_local_cap.py", "<= now - self.per", "< -1",
           "tests/test_guards.py -k slides"),
    Mutant("the journal is written too late", "_async/hold.py",
           "await _io.run_blocking(runtime.journal.write, delivery)", "pass",
           "tests/test_guards.py -k before_its_first_attempt"),
    Mutant("the journal is never emptied", "_journal.py",
           "        self._entry(delivery.id).unlink(missing_ok=True)\n", "",
           "tests/test_process.py -k kill_9"),
    Mutant("no lock on an entry", "_journal.py", "            _lock_file(descriptor)\n",
           "            pass\n", "tests/test_process.py -k living_one"),
    Mutant("no flush at exit", "_runtime.py", "atexit.register(_at_exit)", "",
           "tests/test_process.py -k before_the_process_ends"),
    Mutant("a child shares its parent's connections", "_runtime.py",
           "    os.register_at_fork(after_in_child=_after_fork_in_child)", "    pass",
           "tests/test_process.py -k fork"),
    Mutant("a lease outlives its period", "_leases/tenure.py",
           "LAST_SECONDS = 1.0", "LAST_SECONDS = -5.0", f"{LEASES} -k second_before_the_period"),
    Mutant("a lease admits until it expires", "_leases/tenure.py",
           "self.ends_at - interval,", "self.ends_at,", f"{LEASES} -k renewal_interval_before"),
    Mutant("entries explain nothing", "_leases/tenure.py",
           "since = dict(self.captured)", "since: dict[str, int] = {}", f"{LEASES} -k 100_lines"),
    Mutant("a refused block is final", "_leases/holder.py",
           "step.amounts and not self._asks_only_for_need", "False", f"{LEASES} -k refused_block"),
    Mutant("a late call of a lease is lost", "_leases/tenure.py",
           "self.overdue.add(call)", "call.is_open = False", f"{LEASES} -k max_call_seconds"),
    Mutant("an idle lease keeps its money", "_leases/tenures.py",
           "back if is_idle else", "back if False else", f"{LEASES} -k idle_lease"),
    Mutant("a surplus is kept", "_leases/sizing.py",
           "KEEP_FACTOR = 2", "KEEP_FACTOR = 1000", f"{LEASES} -k above_twice"),
    Mutant("a lease is not renewed for its calls", "_leases/tenures.py",
           "bool(tenure.calls) or not", "not", f"{LEASES} -k in_flight_the_lease"),
)  # fmt: skip


def survives(mutant: Mutant, stack: Path) -> bool:
    """Whether the tests of a mutant pass."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "client")
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(HERE, copy, ignore=ignored)
        package = copy / "src/spendgate"
        path = package / mutant.file
        text = path.read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed"
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        unasync.main(str(package))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
             *_split(mutant.tests)],
            cwd=copy, capture_output=True, text=True, check=False,
            env={**os.environ, "SPENDGATE_TEST_STACK": str(stack), "PYTHONPATH": ""},
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.returncode == 0


def _split(tests: str) -> list[str]:
    path, _, keyword = tests.partition(" -k ")
    return [path, "-k", keyword]


def main(names: list[str]) -> int:
    """Run the mutants that are named, or all; 1 if one survives."""
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    survivors = 0
    with running_service() as service, tempfile.TemporaryDirectory() as folder:
        fields = asdict(service)
        stack = Path(folder, "stack.json")
        stack.write_text(json.dumps({**fields, "api_url": fields["url"]}), encoding="utf-8")
        for mutant in chosen:
            survived = survives(mutant, stack)
            survivors += survived
            print(f"{'SURVIVED' if survived else 'noticed '} {mutant.name}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} broken rules are noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
