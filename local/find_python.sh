#!/bin/sh
# Prints the path of a Python of the version in .python-version, or an error message.
# Tries $PYTHON first, if it is set.
version=$(cat "$(dirname "$0")/../.python-version")
pyenv_python=$(pyenv prefix "$(pyenv latest "$version" 2>/dev/null)" 2>/dev/null)/bin/python
for candidate in "${PYTHON:-}" "python$version" python3 python "$pyenv_python"; do
  [ -n "$candidate" ] || continue
  found=$("$candidate" -c '
import sys
version = "%d.%d" % sys.version_info[:2]
print(sys.executable if version == sys.argv[1] else "")' "$version" 2>/dev/null)
  if [ -n "$found" ]; then
    echo "$found"
    exit 0
  fi
done
[ -z "${PYTHON:-}" ] || echo "PYTHON=$PYTHON does not run, or is not Python $version." >&2
echo "Spendgate needs Python $version. Install it (\"pyenv install $version\", or the system's" >&2
echo "packages python$version and python$version-venv), or pass its path: make PYTHON=/path/to/python$version" >&2
exit 1
