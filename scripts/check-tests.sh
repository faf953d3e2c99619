#!/usr/bin/env bash
# Holds the tests to three rules: every run of them looks for data races, every package
# that starts goroutines looks for those that its tests leave behind, and every test
# that SECURITY.md names is there.
set -euo pipefail
cd "$(dirname "$0")/.."
faults=0

while IFS=: read -r file line command; do
  echo "$file:$line: go test without -race:$command"
  faults=1
done < <(grep -nE '^[^#]*\bgo test\b' Makefile .ci/run scripts/*.sh | grep -v -- '-race' | grep -v 'scripts/check-tests.sh' || true)

starts='^[[:space:]]*(go (func\b|[A-Za-z_.]+\()|.*\.Go\()'
while read -r package; do
  # A package without tests of its own is looked after by those of its importers.
  if ls "$package"/*_test.go >/dev/null 2>&1 && ! grep -qE 'goleak\.(VerifyTestMain|Find)\(' "$package"/*_test.go; then
    echo "$package: starts goroutines, and its tests do not look for leaks: call goleak.VerifyTestMain in TestMain"
    faults=1
  fi
done < <(grep -rlE --include='*.go' "$starts" . | xargs -n1 dirname | sort -u)

while read -r test; do
  if ! grep -rqE --include='*_test.go' "^func $test\(" .; then
    echo "SECURITY.md: there is no $test"
    faults=1
  fi
done < <(grep -oE '\b(Test|Fuzz)[A-Z]\w*' SECURITY.md | sort -u)
exit $faults
