"""A guarded call of the Python client beside the bare SDK: CPU, waiting time, round trips."""

import json
import os
import subprocess
from typing import Any

from rich.console import Console

from bench.report import Report
from local.paths import ROOT

_PYTHON = ROOT / ".local/venvs/client-openai3/bin/python"
_PROGRAM = ROOT / "clients/python/tools/measure.py"
_IMPORT_AIM = 1.3


def run(_console: Console) -> Report:
    """Measure in the client's own environment; the provider and the service are stubs."""
    report = Report("client", "OpenAI's SDK, bare and guarded (times in ms)")
    measured = _measure()
    report.rows.extend(_row(call) for call in measured["calls"])
    imports = measured["imports"]
    report.notes.append("CPU is the application's process, without provider and service.")
    report.notes.append(
        f"import httpx2 {imports['httpx2']:.0f} ms, import spendgate {imports['spendgate']:.0f} ms"
    )
    ratio = imports["spendgate"] / imports["httpx2"]
    report.aim_at_most("import spendgate / import httpx2", ratio, _IMPORT_AIM)
    return report


def _measure() -> dict[str, Any]:
    if not _PYTHON.exists():
        raise SystemExit("the client's environment is missing; run: make test-client")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients/python/src")}
    done = subprocess.run(
        [_PYTHON, _PROGRAM], stdout=subprocess.PIPE, text=True, check=True, env=environment
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _row(call: dict[str, Any]) -> dict[str, object]:
    bare, guarded = call["bare"], call["guarded"]
    return {
        "call": call["name"],
        "CPU bare": round(bare["cpu_ms"], 2),
        "CPU guarded": round(guarded["cpu_ms"], 2),
        "CPU added": round(guarded["cpu_ms"] - bare["cpu_ms"], 2),
        "p50 bare": round(bare["wall_ms"], 2),
        "p50 guarded": round(guarded["wall_ms"], 2),
        "round trips": call["round_trips"],
    }
