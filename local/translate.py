"""Prints, as JSON, what the SAM transform makes of the template on standard input.

It runs in the emulator's environment, which has the translator that the emulator itself uses.
"""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class _NoManagedPolicies:
    """We name no AWS managed policies, so there are none to look up."""

    def load(self) -> dict[str, str]:
        """Answer the policies known by name."""
        return {}


if __name__ == "__main__":
    translated = transform(yaml_parse(sys.stdin.read()), {}, _NoManagedPolicies())
    json.dump(translated, sys.stdout)
