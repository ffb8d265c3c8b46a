# The manual of this repository: `make help` lists what it can do.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# How long `make fuzz` runs each target.
FUZZTIME ?= 30s
# Which benchmarks `make bench` runs, and how often. Ten runs are what benchstat likes to compare.
BENCH ?= .
COUNT ?= 1
# How often `make conformance` runs the suite.
RUNS ?= 1
# Flags for the harness that `make bench-peers` runs: PEERS='-rounds 9 -growth' is all there is, PEERS='-work stdio-1' a row.
PEERS ?=
# Flags for `make chaos` and `make soak`, such as: SOAK='-sessions 1000 -time 10s'
CHAOS ?=
SOAK ?=

# The linters are pinned in a module of their own; users of the SDK do not inherit them.
TOOL := tool -modfile=$(CURDIR)/tools/lint/go.mod
ERRCHECK := errcheck -ignoretests -exclude $(CURDIR)/tools/lint/errcheck.txt

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Generate, build, and let the hello client call the hello server: the whole thing, once
	go run ./gen
	go build ./...
	go run ./examples/hello/client

.PHONY: generate
generate: ## Write generated/ from spec/
	go run ./gen

.PHONY: check-generate
check-generate: ## Fail, and name the files, if generated/ is not what spec/ says
	go run ./gen -check

.PHONY: build
build: ## Compile all packages
	go build ./...

.PHONY: test
test: ## Run all tests; needs nothing but Go
	go test ./...

.PHONY: race
race: ## Run all tests under the race detector, short where they move megabytes, those of tools/bench and tools/authserver too; needs a C compiler
	go test -race -short ./...
	go -C tools/bench test -race -short ./...
	go -C tools/authserver test -race -short ./...

.PHONY: lint
lint: ## Check formatting, import directions, vet, staticcheck, errcheck, known vulnerabilities
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "not formatted:"; echo "$$unformatted"; exit 1; fi
	go run ./tools/imports
	go vet ./...
	go $(TOOL) staticcheck ./...
	go $(TOOL) $(ERRCHECK) ./...
	go -C tools/bench vet ./...
	go -C tools/bench $(TOOL) staticcheck ./...
	go -C tools/bench $(TOOL) $(ERRCHECK) ./...
	go -C tools/authserver vet ./...
	go -C tools/authserver $(TOOL) staticcheck ./...
	go -C tools/authserver $(TOOL) $(ERRCHECK) ./...
	tools/lint/vulns

.PHONY: cross
cross: ## Build for Linux, macOS and Windows, on amd64 and arm64, and vet for macOS and Windows
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "GOOS=$$os GOARCH=$$arch go build ./..."; \
		GOOS=$$os GOARCH=$$arch go build ./... || exit 1; \
	done; done
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=windows GOARCH=amd64 go vet ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s), one after the other, up to the first failure
	@go test -list '^Fuzz' ./... \
	| awk '/^Fuzz/ {target[n++] = $$1} /^ok/ {for (i = 0; i < n; i++) print $$2, target[i]; n = 0}' \
	| while read -r package target; do \
		echo "fuzzing $$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || exit 1; \
	done

.PHONY: chaos
chaos: ## Let 200 clients talk to a server over connections that fail in every way, for a minute, and check what came of it
	go run ./tools/chaos $(CHAOS)

.PHONY: soak
soak: ## Hold 15,000 sessions with open streams on one server process, and call on 5% of them each second, for a minute
	go run ./tools/soak $(SOAK)

.PHONY: bench
bench: ## Run the benchmarks of generated/mcp, runtime and server; BENCH picks some, COUNT repeats them
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./generated/... ./runtime/... ./server

.PHONY: bench-check
bench-check: ## Say what the hot paths allocate, and fail if one allocates more than it may; make test does this too
	@go test -count 1 -v ./tools/allocs | awk '/^=== RUN/ {name = $$3} / allocations of at most / {sub(/^.*go:[0-9]+: /, ""); printf "%-24s %s\n", name, $$0} /^(--- FAIL|FAIL|ok)/'

.PHONY: bench-peers
bench-peers: ## Race servers of several SDKs and a bare one as whole processes, print the table and put it in docs/performance.md; some ten minutes
	go -C tools/bench run . -doc ../../docs/performance.md $(PEERS)

.PHONY: conformance
conformance: ## Run the official conformance suite, RUNS times (1), against our server and client; needs npm
	go run ./tools/conformance -runs $(RUNS)
