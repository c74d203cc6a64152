#!/bin/sh
# Finds a Chromium for the tests of the console; installs Debian's where there is none.
set -eu
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests of the console need Chromium: install the package chromium, or Google Chrome." >&2
  exit 1
fi
echo "==> Installing Chromium"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
