#!/usr/bin/env bash
# Runs docker-compose.yml for real and breaks it. Where no Docker engine answers, or
# nothing there knows Compose, it says so in one line, and goes on: that is no fault.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "compose-test: NOT RUN, $1"
  exit 0
}
command -v docker >/dev/null || skip "there is no docker"
timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || skip "no Docker engine answers"
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || skip "there is neither docker compose nor docker-compose"

scripts/need-redis.sh # for the stand-in of its image
cd e2e # go test without a package shows its figures at once
GATHER_COMPOSE=1 exec go test -race -count=1 -timeout 15m -run '^TestCompose$'
