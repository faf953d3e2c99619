#!/usr/bin/env bash
# Makes sure that the test of the guides has what they use: installs Debian's where it may,
# otherwise says exactly what to install.
set -euo pipefail
missing=()
need() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null || missing+=("$2")
}
need curl curl
need jq jq
need openssl openssl
need python3 python3
need redis-cli redis-tools
[ ${#missing[@]} -eq 0 ] && exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if command -v apt-get >/dev/null; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo -n)
  fi
  echo "the guides use ${missing[*]}; installing: ${install[*]}"
  if "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" "${install[@]}" >/dev/null; then
    exit 0
  fi
fi
cat >&2 <<TEXT
The tests run the commands of the guides, which use programs that are not on the PATH. Install them:
  Debian, Ubuntu:  apt-get install ${missing[*]}
  others:          the packages of curl (7.84 or newer), jq, openssl, python3 and redis
TEXT
exit 1
