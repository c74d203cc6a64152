"""Reads a SAM template from standard input and prints the expanded template as JSON.

Runs in the emulator's environment, which has the version of the transform that the emulator uses.
"""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class _NoManagedPolicies:
    """The template names no AWS managed policy, so there is none to look up."""

    def load(self) -> dict[str, str]:
        """Return the known policies by name."""
        return {}


if __name__ == "__main__":
    expanded = transform(yaml_parse(sys.stdin.read()), {}, _NoManagedPolicies())
    json.dump(expanded, sys.stdout)
