# What a person does with this tree. `make` alone lists it.

GO          ?= go
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     := $(GO) run mvdan.cc/gofumpt@v0.12.0
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
PLUGIN      := dashboards/plugin
PLATFORMS   ?= $(sort $(shell $(GO) env GOOS)/$(shell $(GO) env GOARCH) linux/amd64 linux/arm64)
FUZZTIME    ?= 60s
RELEASES    ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
CONFIG      ?= sonde.yaml
ARGS        ?=

.DEFAULT_GOAL := help
.PHONY: help build plugin front demo drill up test page lint fmt packages unit bench bench-agent bench-pages fuzz release clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/sonde, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/sonde ./cmd/sonde

plugin: front ## build Grafana's data source, for its plugin folder: dashboards/plugin/dist
	@for p in $(PLATFORMS); do \
	   echo "$(PLUGIN)/dist/gpx_sonde for $$p"; \
	   CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' \
	     -o $(PLUGIN)/dist/gpx_sonde_$${p%/*}_$${p#*/} ./cmd/sonde-datasource || exit 1; \
	 done

front: $(PLUGIN)/node_modules/.package-lock.json
	cd $(PLUGIN) && npm run --silent typecheck && npm run --silent build

$(PLUGIN)/node_modules/.package-lock.json: $(PLUGIN)/package.json $(PLUGIN)/package-lock.json
	cd $(PLUGIN) && npm ci --loglevel=error

demo: build ## three regions, a simulated world, one outage to look at
	@bin/sonde demo $(ARGS)

drill: build ## stage all outages, and print the score
	@bin/sonde drill run --all $(ARGS)

up: build ## hub and agent with $(CONFIG), embedded store
	@bin/sonde up --config $(CONFIG) $(ARGS)

test: packages page lint unit ## lint, and every test with the race detector

page: # what the browser's test needs, where npm is at hand
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory front && cd $(PLUGIN) && npm run --silent testpage; \
	 else echo "no npm here, so the data source's front end is neither built nor tested"; fi

unit: ## every test with the race detector
	@race=-race; command -v gcc >/dev/null || command -v clang >/dev/null || { race=; echo "no C compiler here, so tests run without the race detector"; }; \
	 set -x; $(GO) test $$race -timeout 20m ./...

lint: ## go vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(STATICCHECK) ./...
	@unformatted=$$($(GOFUMPT) -l cmd internal probes dashboards/*.go); \
	 if [ -n "$$unformatted" ]; then echo "not formatted (make fmt mends it):"; echo "$$unformatted"; exit 1; fi

fmt: ## format all Go files
	$(GOFUMPT) -w cmd internal probes dashboards/*.go

packages: ## install the Debian packages that tests use (as root; else those tests skip)
	@.ci/packages chromium gcc libc6-dev nginx-light systemd

bench: ## what a probe costs beside others, and benchmarks of this tree
	@.ci/packages prometheus-blackbox-exporter util-linux
	$(GO) test ./internal/bench -run '^TestCompare$$' -v -count 1 -timeout 60m -compare -table "$$PWD/bin/bench.txt" $(ARGS)
	$(GO) test -run '^$$' -bench . -benchmem $$($(GO) list ./... | grep -v /internal/bench)
	@cat bin/bench.txt

bench-agent: build ## what an agent of many targets costs beside Prometheus with blackbox_exporter
	@.ci/packages prometheus prometheus-blackbox-exporter util-linux
	$(GO) test ./internal/bench -run '^TestAgents$$' -v -count 1 -timeout 60m -agents -sonde "$$PWD/bin/sonde" -table "$$PWD/bin/bench-agent.txt" $(ARGS)

bench-pages: ## how well pages are read, against the corpus, and what it costs beside Chromium
	@.ci/packages chromium
	@mkdir -p bin
	@$(GO) test ./probes/page -run '^TestCorpus$$' -v -count 1 >bin/pages.txt || { cat bin/pages.txt; exit 1; }
	@grep -E 'recall|SKIP|not here' bin/pages.txt
	$(GO) test ./probes/page -run '^TestCompare$$' -v -count 1 -compare -timeout 20m

fuzz: ## each fuzz target for FUZZTIME
	@for p in $$($(GO) list ./...); do \
	   for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	     echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	   done; \
	 done

release: ## archives of this version for RELEASES and their checksums: bin/release
	@GO="$(GO)" .ci/release "$(VERSION)" $(RELEASES)

clean: ## remove what was built
	rm -rf bin $(PLUGIN)/dist $(PLUGIN)/dist-test
