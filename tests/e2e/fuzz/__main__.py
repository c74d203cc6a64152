"""`make fuzz`: schemathesis over the OpenAPI document of the running stack, for as long as wanted.

EXAMPLES (100) is how many requests are made up for each operation in each phase, SEED (that of
today) makes a run come again.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2

from local.bootstrap import StackFile
from local.console import number, run, say
from local.paths import ROOT
from local.up import INTERRUPTED, up
from tests.e2e.client import Caller, Json, new_name

_HERE = Path(__file__).parent
_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_SUBJECTS = ("agent:researcher", "agent:*", "session:s-42")


@dataclass(frozen=True, slots=True)
class Arena:
    """A tenant to be fuzzed: its keys, and objects that requests can lead to."""

    keys: dict[str, str]
    ids: dict[str, list[str]]

    def environment(self, stack: StackFile, *, invalid_one_in: int) -> dict[str, str]:
        """What the configuration and the hooks of schemathesis read."""
        in_use = [key.split(".")[2] for key in self.keys.values()]
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NO_PROXY": "127.0.0.1",
            "SCHEMATHESIS_HOOKS": "tests.e2e.fuzz.hooks",
            "SPENDGATE_OPERATOR_KEY": stack.operator_key,
            **{f"SPENDGATE_{role.upper()}_KEY": key for role, key in self.keys.items()},
            "SPENDGATE_IDS": json.dumps(self.ids),
            "SPENDGATE_KEY_IDS": json.dumps(in_use),
            "SPENDGATE_INVALID_ONE_IN": str(invalid_one_in),
        }


def new_arena(stack: StackFile) -> Arena:
    """A tenant with budgets and open reservations."""
    with httpx2.Client(base_url=stack.api_url, timeout=60, trust_env=False) as http:

        def make(key: str, path: str, body: Json) -> Json:
            return Caller(http, key).post(path, body, expected=201).body

        admin = make(stack.operator_key, "/v1/tenants", {"tenant_id": new_name("fuzz")})
        admin_key = str(admin["admin_key"])
        caller_key = str(make(admin_key, "/v1/keys", {"role": "caller"})["secret"])
        budgets = [
            make(admin_key, "/v1/budgets", {"subject": subject, "unit": "usd", "limit": 1000})
            for subject in _SUBJECTS
        ]
        wish = {"subjects": {"agent": "researcher"}, "amounts": {"usd": 1}}
        more = {"amount": 1, "reason": "r"}
        requests = [
            make(caller_key, "/v1/increase-requests", {"budget_id": budget["budget_id"], **more})
            for budget in budgets
            if not budget["subject"].endswith("*")
        ]
        reservations = [make(caller_key, "/v1/reservations", wish) for _ in range(6)]
    ids = {
        "budgets": [budget["budget_id"] for budget in budgets],
        "increase-requests": [request["id"] for request in requests],
        "reservations": [reservation["reservation_id"] for reservation in reservations],
    }
    return Arena({"admin": admin_key, "caller": caller_key}, ids)


def fuzz(
    stack: StackFile,
    *,
    seed: int,
    examples: int,
    scratch: Path,
    invalid_one_in: int = 1,
    live: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run all phases and all checks; what it says is on the standard output.

    Of the requests just outside a boundary of the schema, `invalid_one_in` so many is sent.
    Keys are in the environment and never in the arguments, and schemathesis hides them.
    """
    command = [
        str(_SCHEMATHESIS), "--config-file", str(_HERE / "schemathesis.toml"),
        "run", f"{stack.api_url}/v1/openapi.json", "--url", stack.api_url,
        "--checks", "all", "--seed", str(seed), "--max-examples", str(examples),
        "--workers", "2", "--no-color",
    ]  # fmt: skip
    say(f"seed {seed}: {shlex.join(command)}")
    return subprocess.run(
        command,
        cwd=scratch,
        env=new_arena(stack).environment(stack, invalid_one_in=invalid_one_in),
        stdout=None if live else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main() -> int:
    """Fuzz the local stack; the exit status is schemathesis' own."""
    seed = number("SEED", least=0)
    if seed is None:
        seed = int(time.strftime("%Y%m%d"))
    examples = number("EXAMPLES") or 100
    scratch = ROOT / ".local" / "fuzz"
    scratch.mkdir(parents=True, exist_ok=True)
    return fuzz(up(), seed=seed, examples=examples, scratch=scratch, live=True).returncode


if __name__ == "__main__":
    sys.exit(run(main, interrupted=INTERRUPTED))
