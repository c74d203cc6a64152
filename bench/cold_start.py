"""Measures the start of each function, relative to importing boto3 and creating a client.

Each start is a new interpreter; all kinds take turns. The benchmark measures the CPU time of
importing the function and creating its objects, including the DynamoDB client, but no call.
"""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from bench.report import Report, median
from local.paths import ROOT

STARTS = 20
AIM = 1.0

_REFERENCE = "boto3 and a client"
_STARTS = {
    _REFERENCE: "import boto3; boto3.client('dynamodb')",
    "reserve": "import app; app.app.reservations",
    "settle": "import app; app.app.settlements",
    "check": "import app; app.app.balances",
    "authorizer": "import app; app.app.table",
    "rollover": "import app; app.app.table",
    "admin": "import app; app.app.table",
}
_PARTS = {
    "part: import boto3": "import boto3",
    "part: pydantic's core after boto3": "import boto3|import pydantic_core",
    "part: bodies of reserve after the core and the domain": (
        "import boto3, pydantic_core, spendgate_service.reservations.reserve|"
        "import spendgate_service.api.handlers.reserve"
    ),
    "part: powertools after boto3": "import boto3|import spendgate_service.observability",
    "part: store and domain after boto3": (
        "import boto3|import spendgate_service.reservations.reserve"
    ),
}
"""The code before a bar runs first and is not measured."""

_LAMBDA = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "TABLE_NAME": "table",
}

_MEASURED = """
import time, sys
{before}
started = time.process_time()
{measured}
print((time.process_time() - started) * 1000, len(sys.modules))
"""


def run(console: Console) -> Report:
    """Start every function in turn, STARTS times."""
    report = Report("cold_start", f"Starts in a fresh interpreter (CPU ms, median of {STARTS})")
    taken: dict[str, list[float]] = {name: [] for name in (*_STARTS, *_PARTS)}
    modules: dict[str, int] = {}
    for _ in track(range(STARTS), description="starts", console=console, transient=True):
        for name, code in (_STARTS | _PARTS).items():
            cpu_ms, modules[name] = _start(name, code)
            taken[name].append(cpu_ms)
    least = median(taken[_REFERENCE])
    for name, milliseconds in taken.items():
        ratio = median(milliseconds) / least
        report.add(
            {
                "start": name,
                "CPU ms": round(median(milliseconds), 1),
                "x": round(ratio, 2),
                "modules": modules[name],
            }
        )
        if name in ("reserve", "settle"):
            report.aim_at_most(f"{name}, against boto3 and a client", ratio, AIM)
    report.notes += _layer_sizes()
    return report


def _start(name: str, code: str) -> tuple[float, int]:
    before, _, measured = code.rpartition("|")
    environment = {
        **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
        "PYTHONPATH": f"{ROOT}/layers/core/python:{ROOT}/functions/{name}",
        **_LAMBDA,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
        "DEAD_LETTER_QUEUE_URL": "queue",
        "SETTLEMENT_QUEUE_URL": "queue",
    }
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED.format(before=before, measured=measured)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    milliseconds, modules = done.stdout.split()
    return float(milliseconds), int(modules)


def _layer_sizes() -> list[str]:
    """Return the size of the third-party layer and of its packages that no function imports."""
    everything = "; ".join(
        f"sys.path.insert(0, '{ROOT}/functions/{name}'); import app; del sys.modules['app'], "
        "sys.path[0]"
        for name in _STARTS
        if name != _REFERENCE
    )
    code = (
        f"import sys; {everything}; import genai_prices; genai_prices.calc_price("
        "genai_prices.Usage(input_tokens=1), 'gpt-4o', provider_id='openai'); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    environment = os.environ | _LAMBDA | {"PYTHONPATH": f"{ROOT}/layers/core/python"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    imported = {*done.stdout.split(), "tzdata"}  # read as files, by zoneinfo
    packages = Path(sys.prefix).glob("lib/python3*/site-packages")
    site = next(packages)
    wanted = (ROOT / "layers/deps/requirements.txt").read_text(encoding="utf-8")
    names = [
        line.partition("==")[0].replace("-", "_") for line in wanted.splitlines() if "==" in line
    ]
    sizes = {name: _bytes_of(site / name) for name in names if (site / name).is_dir()}
    unused = {name: size for name, size in sizes.items() if name not in imported}
    return [
        f"layer of third-party packages: {sum(sizes.values()) / 1e6:.1f} MB with bytecode",
        "never imported by any function: "
        + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in unused.items()),
    ]


def _bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
