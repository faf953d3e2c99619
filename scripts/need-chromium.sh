#!/usr/bin/env bash
# Makes sure that the tests of the console have a Chromium: installs Debian's where it may,
# otherwise says exactly what to install.
set -euo pipefail
for name in chromium chromium-browser google-chrome google-chrome-stable headless-shell chrome; do
  command -v "$name" >/dev/null && exit 0
done
[ -d "/Applications/Google Chrome.app" ] && exit 0

# Without a font there is no text to look at.
install=(apt-get install -y --no-install-recommends chromium fonts-dejavu-core)
if command -v apt-get >/dev/null; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
  fi
  echo "chromium is missing; installing it: ${install[*]}"
  if "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" "${install[@]}" >/dev/null; then
    command -v chromium >/dev/null && exit 0
  fi
fi
cat >&2 <<'TEXT'
The tests of the console need a Chromium, or Chrome, on the PATH. Install one:
  Debian:  apt-get install chromium
  Ubuntu:  snap install chromium
  Fedora:  dnf install chromium
  macOS:   brew install --cask google-chrome
TEXT
exit 1
