"""The paths of the local stack; all are inside the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"

TEMPLATE = ROOT / "template.yaml"
SOURCES = (TEMPLATE, ROOT / "console", ROOT / "functions", ROOT / "layers")

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
# SAM needs a python3.13 with pip on the PATH; this is the only environment that has pip.
PYTHON_WITH_PIP_FOLDER = VENVS / "uv" / "bin"
