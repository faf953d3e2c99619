#!/usr/bin/env bash
# Fuzzes every target of the module, or those whose name matches, for the given time each.
set -euo pipefail
time=${1:?usage: fuzz.sh TIME [PATTERN]}
pattern=${2:-}
grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do
  sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file" | while read -r target; do
    [[ $target =~ $pattern ]] || continue
    echo "== $(dirname "$file") $target"
    # An input that is new is minimized within a few runs: the time is for new ones.
    go test -race -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x "$(dirname "$file")" </dev/null
  done
done
