"""Where the local stack keeps its things; nothing outside the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"

TEMPLATE = ROOT / "template.yaml"
SOURCES = (TEMPLATE, ROOT / "functions", ROOT / "layers")

LOGS = LOCAL / "logs"
RUN = LOCAL / "run"
EMULATOR_STATE = LOCAL / "state"
BUILD = LOCAL / "build"
BUILD_CACHE = LOCAL / "build-cache"
PORTS_FILE = LOCAL / "ports.json"
API_ID_FILE = RUN / "api-id"
STACK_FILE = LOCAL / "stack.json"
DYNAMODB_LOCAL = LOCAL / "dynamodb-local"

VENVS = LOCAL / "venvs"
SAM = VENVS / "sam" / "bin" / "sam"
MINISTACK_PYTHON = VENVS / "ministack" / "bin" / "python"
# SAM looks for a python3.13 with pip on the PATH, and this is the one environment that has it.
PYTHON_WITH_PIP_FOLDER = VENVS / "uv" / "bin"
