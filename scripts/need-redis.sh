#!/usr/bin/env bash
# Makes sure that the tests have a real redis-server: installs Debian's where it
# may, otherwise says exactly what to install.
set -euo pipefail
command -v redis-server >/dev/null && exit 0

install=(apt-get install -y --no-install-recommends redis-server)
if command -v apt-get >/dev/null; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
  fi
  echo "redis-server is missing; installing it: ${install[*]}"
  # Only the program is wanted: the tests start servers of their own.
  if "${as_root[@]}" apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive "${as_root[@]}" "${install[@]}" >/dev/null; then
    command -v redis-server >/dev/null && exit 0
  fi
fi
cat >&2 <<'TEXT'
The tests need a redis-server (7.0 or newer) on the PATH. Install one:
  Debian, Ubuntu:  apt-get install redis-server
  Fedora:          dnf install redis
  macOS:           brew install redis
TEXT
exit 1
