# Gather. `make` alone prints every target with its sentence.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The tools' versions; they are built from source, so that nothing else is needed than Go.
GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
BIN := $(CURDIR)/.bin
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
GOVULNCHECK := $(BIN)/govulncheck-$(GOVULNCHECK_VERSION)

.PHONY: help
help: ## Print this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r target text; do printf '  %-14s %s\n' "$$target" "$$text"; done

.PHONY: run
run: ## Run everything in one process, in memory, on 127.0.0.1:8080 (GATHER_… variables are passed on).
	@mkdir -p $(BIN)
	@echo "Building Gather, which takes a minute the first time …"
	@CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/api
	@exec $(BIN)/api

.PHONY: test
test: redis-server chromium tools ## Run every test with the race detector; installs a redis-server and a chromium where it may.
	go vet ./...
	go test -race -count=1 -timeout 20m ./... # not from the cache: e2e runs binaries that it does not know of

# What talks to an API as any client does, whatever Redis is behind it.
CLIENTS := ^Test(Console_|CLI_|Guides|Monitor_InBrowser)

.PHONY: test-sentinel
test-sentinel: redis-server ## Run the end-to-end tests and the store's behind Sentinels.
	GATHER_E2E_REDIS=sentinel go test -race -count=1 -timeout 15m -skip '$(CLIENTS)' ./e2e/
	GATHER_E2E_REDIS=sentinel go test -race -count=1 -timeout 15m -run TestStore_sentinel ./store/

.PHONY: test-cluster
test-cluster: redis-server ## Run the end-to-end tests on a cluster (make test has the store's).
	GATHER_E2E_REDIS=cluster go test -race -count=1 -timeout 15m -skip '$(CLIENTS)' ./e2e/

.PHONY: chaos
chaos: redis-server ## Break everything that can break, and measure what it costs; CHAOS=Worker for some; DOC=1 writes docs/reliability.md.
	cd e2e && GATHER_CHAOS=1 GATHER_CHAOS_DOC=$(if $(DOC),../docs/reliability.md) go test -race -count=1 -timeout 60m -run '^(TestChaos_.*$(CHAOS)|Test(Sentinel|Cluster)_Failover$(CHAOS))'

.PHONY: soak
soak: redis-server ## Run at half of the measured throughput for SOAK (default 10m), and see that memory stays flat; DOC=1 as above.
	cd e2e && GATHER_SOAK=$(or $(SOAK),10m) GATHER_CHAOS_DOC=$(if $(DOC),../docs/reliability.md) go test -race -count=1 -timeout 120m -run '^TestSoak$$'

.PHONY: compose-test
compose-test: ## Build the image, start docker-compose.yml, scale and break it (needs a Docker engine; without one says so and passes).
	@scripts/compose-test.sh

.PHONY: deploy-test
deploy-test: ## Hold what is under deploy/ against the types of Kubernetes, KEDA and Compose.
	cd deploy && go test -race -count=1 -timeout 10m ./...

.PHONY: redis-server
redis-server:
	@scripts/need-redis.sh

.PHONY: chromium
chromium:
	@scripts/need-chromium.sh

.PHONY: tools
tools:
	@scripts/need-tools.sh

.PHONY: screenshots
screenshots: redis-server chromium ## Take the pictures of the console in docs/.
	cd e2e && GATHER_SCREENSHOTS=../docs go test -race -count=1 -timeout 10m -run '^TestScreenshots$$'

.PHONY: lint
lint: $(GOLANGCI) ## Run the linters, check the formatting, and that tests look for races and leaks.
	$(GOLANGCI) run ./...
	scripts/check-tests.sh

$(GOLANGCI):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities (needs https://vuln.go.dev, or VULNDB=URL; without it says so and passes).
	@scripts/vulncheck.sh $(GOVULNCHECK)

$(GOVULNCHECK):
	@mkdir -p $(BIN)
	GOBIN=$(BIN) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@mv $(BIN)/govulncheck $@

.PHONY: fuzz
fuzz: ## Fuzz every target, or those that FUZZ matches, for FUZZTIME (default 20s) each.
	scripts/fuzz.sh $(or $(FUZZTIME),20s) "$(FUZZ)"

.PHONY: bench
bench: redis-server ## Measure beside the limit and raw asynq; BENCH holds flags, such as BENCH='-rows 1000x0' or BENCH=-h.
	@mkdir -p $(BIN)
	@go build -o $(BIN)/bench ./bench
	@$(BIN)/bench $(BENCH)

.PHONY: docs
docs: ## Write docs/reference.md, every flag and variable, anew.
	go run ./internal/flagdocs docs/reference.md

.PHONY: build
build: ## Build the binaries into .bin/.
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/...

.PHONY: clean
clean: ## Remove what was built.
	rm -rf $(BIN)
