# All builds, tests and checks; CI calls only these targets. Needs Go, make and git.
# Other tools are built from source into bin/, once, at the versions in the go.mod
# files under hack/.

GO      ?= go
BIN     := bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The commit's time, not the clock: the same commit gives the same bytes.
EPOCH   ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1)

# Parameters of the targets below.
CONFIG    ?= examples/filters.yaml
FUZZTIME  ?= 30s
ROUNDS    ?= 3
SEED      ?=
SEEDS     ?= 2000
DURATION  ?=
TESTFLAGS ?=
ARGS      ?=
SCALE     ?= full
ROWS      ?=
BASELINE  ?=
# A registry with its organization, ghcr.io/brigadecore. Empty: nothing is pushed.
PUSH      ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

##@ The gateway

.PHONY: build
build: ## Build bin/k8s-gateway, one static binary.
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)" -o $(BIN)/k8s-gateway ./cmd/k8s-gateway

.PHONY: run
run: build ## Run the gateway against the cluster of $KUBECONFIG with CONFIG=examples/filters.yaml, more flags in ARGS=.
	@test -n "$$KUBECONFIG" || { echo "make run: set KUBECONFIG to the cluster to watch (make demo needs none)" >&2; exit 2; }
	$(BIN)/k8s-gateway --config $(CONFIG) $(ARGS)

.PHONY: image
image: ## Build the container image, with docker or with buildah.
	VERSION=$(VERSION) $(if $(IMAGE),IMAGE=$(IMAGE)) hack/image.sh

.PHONY: image-test
image-test: ## Build the image and run `k8s-gateway --version` from its root file system.
	VERSION=$(VERSION) hack/image.sh test

##@ The release

.PHONY: release
release: $(BIN)/helm ## Build a release into dist/: archives, image, SBOMs, chart, notes, checksums. PUSH=ghcr.io/brigadecore pushes image and chart.
	@GOWORK=off $(GO) -C hack/release build -o ../../$(BIN)/release .
	@$(BIN)/release --version=$(VERSION) --commit=$(COMMIT) --epoch=$(EPOCH) --out=dist --helm=$(BIN)/helm $(if $(PUSH),--push=$(PUSH))
	@$(BIN)/helm lint --strict dist/brigade-k8s-gateway-*.tgz --set project=p

.PHONY: release-test
release-test: ## Build the release twice, from two clones, compare all bytes, and inspect archives, SBOMs, image and chart.
	hack/release-test.sh

.PHONY: release-sign
release-sign: ## Sign the pushed image, the pushed chart and the checksums with the identity of the release workflow.
	cosign sign --yes $(PUSH)/brigade-k8s-gateway@$$(cat dist/image-digest.txt)
	cosign sign --yes $(PUSH)/charts/brigade-k8s-gateway@$$(cat dist/chart-digest.txt)
	cosign sign-blob --yes --bundle dist/checksums.txt.sigstore.json dist/checksums.txt

.PHONY: release-publish
release-publish: ## Create the release on GitHub, in the release workflow.
	gh release create "$(VERSION)" --verify-tag --title "$(VERSION)" --notes-file dist/notes.md \
		dist/*.tar.gz dist/*.zip dist/*.tgz dist/sbom/* dist/checksums.txt dist/checksums.txt.sigstore.json

.PHONY: registry-login
registry-login: $(BIN)/helm ## Log in to the registry of the image and the chart, as REGISTRY_USER with REGISTRY_PASSWORD.
	@printf '%s' "$$REGISTRY_PASSWORD" | $(BIN)/helm registry login ghcr.io --username "$$REGISTRY_USER" --password-stdin
	@printf '%s' "$$REGISTRY_PASSWORD" | docker login ghcr.io --username "$$REGISTRY_USER" --password-stdin

##@ Tests and checks

.PHONY: demo
demo: build control-plane $(BIN)/brig $(BIN)/kubectl ## See Events become Brigade builds on a control plane of your own. DURATION=60s ends by itself with a verdict.
	@$(GO) build -o $(BIN)/demo ./test/demo
	@$(BIN)/demo --config=$(CONFIG) $(if $(DURATION),--duration=$(DURATION))

.PHONY: record-events
record-events: build control-plane $(addprefix $(BIN)/,brig kubectl) ## Record Events of the demo's control plane again, for examples/events. The numbers in its tests change.
	@$(GO) build -o $(BIN)/demo ./test/demo
	@$(BIN)/demo --config=$(CONFIG) --record=examples/events/demo.json.gz

.PHONY: test
test: build control-plane $(addprefix $(BIN)/,brig eventlistenersink helm kube-score kubectl prometheus promtool) ## Run all tests: benchmarks once, unit, and integration on a real control plane. More flags for go test in TESTFLAGS=.
	$(GO) test -run '^$$' -bench . -benchtime 1x ./pkg/event ./pkg/filter ./pkg/decide ./pkg/identity ./pkg/limit
	$(GO) test -timeout 25m -count 1 $(TESTFLAGS) ./...

.PHONY: test-browser
test-browser: build control-plane $(addprefix $(BIN)/,helm) ## Test the page in a real Chromium. Needs chromium, node and npm; TESTFLAGS=-update writes the screenshots.
	cd hack/ui && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd test/browser && $(GO) test -timeout 20m -count 1 . $(TESTFLAGS)

.PHONY: test-faults
test-faults: build control-plane ## Break every part the gateway depends on, ROUNDS=3 times each, and compare Events with builds. SEED= repeats the moments of a run.
	cd test/faults && $(GO) test -timeout 4h -count 1 $(TESTFLAGS) -rounds=$(ROUNDS) $(if $(SEED),-seed=$(SEED))

.PHONY: simulate
simulate: ## Run the gateway in fake time on SEEDS=2000 random schedules and check every promise. SEED= prints the trace of one.
	$(GO) test ./test/simulation -count 1 -timeout 4h -v -run '^TestSimulation$$' $(if $(SEED),-seed=$(SEED),-seeds=$(SEEDS))

.PHONY: bench
bench: build control-plane ## Measure the gateway beside a bare client. ROWS=throughput,memory SCALE=small choose, BASELINE= is another gateway.
	@mkdir -p bench
	@$(GO) build -o $(BIN)/bench ./test/bench
	@$(GO) -C hack/plot build -o ../../$(BIN)/plot .
	@$(BIN)/bench --scale=$(SCALE) $(if $(ROWS),--rows=$(ROWS)) $(if $(BASELINE),--baseline=$(BASELINE)) --out=bench/results.json
	@$(BIN)/plot bench/results.json bench

.PHONY: dashboard
dashboard: build control-plane $(addprefix $(BIN)/,helm prometheus) ## Lead a gateway through faults and an outage under a real Prometheus, and draw what the chart's dashboard shows.
	@$(GO) -C hack/plot build -o ../../$(BIN)/plot-dashboard ./dashboard
	$(GO) test ./test/install -count 1 -run '^TestDashboard$$' $(TESTFLAGS) -dashboard=$(CURDIR)/$(BIN)/dashboard.json
	@$(BIN)/plot-dashboard $(BIN)/dashboard.json docs/images/dashboard.png

.PHONY: fuzz
fuzz: ## Run every fuzz target in turn, each for FUZZTIME=30s.
	hack/fuzz.sh $(FUZZTIME)

.PHONY: test-race
test-race: ## Run the unit tests with the race detector. Needs a C compiler.
	CGO_ENABLED=1 $(GO) test -race -timeout 25m ./pkg/... ./cmd/...

.PHONY: vulncheck
vulncheck: ## Check the dependencies for known vulnerabilities. Needs the network.
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## Run the linters, the direction of imports among them.
	$(BIN)/golangci-lint run --allow-parallel-runners ./...
	@for module in test/browser hack/release hack/plot; do \
		echo "golangci-lint in $$module"; \
		(cd $$module && GOWORK=off ../../$(BIN)/golangci-lint run --allow-parallel-runners ./...) || exit 1; \
	done

.PHONY: verify
verify: $(BIN)/actionlint $(BIN)/go-licenses ## Check workflows, licenses and words, regenerate, tidy, format and vet; fail on a difference.
	hack/verify.sh

##@ The tools

# $(call tool,NAME,SET,MODULE,PACKAGE,HOW-LONG): bin/NAME is built from MODULE at
# the version in hack/SET/go.mod, and rebuilt when that file changes.
define tool
$(BIN)/$1: hack/$2/go.mod
	@hack/tool.sh $2 $3 $4 $$@ "$5"
endef

$(eval $(call tool,etcd,etcd,go.etcd.io/etcd/server/v3,go.etcd.io/etcd/server/v3,about 1 minute))
$(eval $(call tool,kube-apiserver,kubernetes,k8s.io/kubernetes,k8s.io/kubernetes/cmd/kube-apiserver,about 4 minutes))
$(eval $(call tool,kube-controller-manager,kubernetes,k8s.io/kubernetes,k8s.io/kubernetes/cmd/kube-controller-manager,about 2 minutes))
$(eval $(call tool,kube-scheduler,kubernetes,k8s.io/kubernetes,k8s.io/kubernetes/cmd/kube-scheduler,about 1 minute))
$(eval $(call tool,kubectl,kubernetes,k8s.io/kubernetes,k8s.io/kubernetes/cmd/kubectl,about 1 minute))
$(eval $(call tool,kwok,kwok,sigs.k8s.io/kwok,sigs.k8s.io/kwok/cmd/kwok,about 2 minutes))
brigade := github.com/brigadecore/brigade
$(eval $(call tool,brigade-controller,brigade,$(brigade),$(brigade)/brigade-controller/cmd/brigade-controller,about 1 minute))
$(eval $(call tool,brig,brigade,$(brigade),$(brigade)/brig/cmd/brig,less than a minute))
$(eval $(call tool,helm,helm,helm.sh/helm/v4,helm.sh/helm/v4/cmd/helm,about 3 minutes))
prometheus := github.com/prometheus/prometheus
$(eval $(call tool,promtool,prometheus,$(prometheus),$(prometheus)/cmd/promtool,about 1 minute))
$(eval $(call tool,prometheus,prometheus,$(prometheus),$(prometheus)/cmd/prometheus,about 2 minutes))
kube-score := github.com/zegl/kube-score
$(eval $(call tool,kube-score,kube-score,$(kube-score),$(kube-score)/cmd/kube-score,less than a minute))
tekton := github.com/tektoncd/triggers
$(eval $(call tool,eventlistenersink,tekton,$(tekton),$(tekton)/cmd/eventlistenersink,about 3 minutes))
golangci-lint := github.com/golangci/golangci-lint/v2
$(eval $(call tool,golangci-lint,lint,$(golangci-lint),$(golangci-lint)/cmd/golangci-lint,about 2 minutes))
go-licenses := github.com/google/go-licenses
$(eval $(call tool,go-licenses,licenses,$(go-licenses),$(go-licenses),less than a minute))
actionlint := github.com/rhysd/actionlint
$(eval $(call tool,actionlint,actionlint,$(actionlint),$(actionlint)/cmd/actionlint,less than a minute))

# etcd and kube-apiserver are taken from KUBEBUILDER_ASSETS if that is set.
.PHONY: control-plane
control-plane: $(if $(KUBEBUILDER_ASSETS),,$(BIN)/etcd $(BIN)/kube-apiserver) ## Build what test/controlplane starts.
control-plane: $(addprefix $(BIN)/,kube-controller-manager kube-scheduler kwok brigade-controller)

.PHONY: clean
clean: ## Remove all that was built, the tools included.
	rm -rf $(BIN) dist

.PHONY: help
help: ## Show this.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ /          { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
