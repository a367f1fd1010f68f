# Every target is a command or two that you could type yourself. All that is
# needed is Go; 'make e2e' finds a container engine or says what is missing.

GOLANGCI_LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# What 'make e2e' proves, and on what; see 'bin/inroads run --help'.
PROFILE            ?= core
CLAIMS             ?=
PROCS              ?=
KEEP               ?=
KUBERNETES_VERSION ?=
NODE_IMAGE         ?=
ARGS               ?=
# What 'make faults' breaks, and how often it proves the claims before that.
FAULTS             ?=
HEALTHY            ?=
# Flags of 'go test', such as -v; -race wants CGO_ENABLED=1.
TESTFLAGS          ?=

# One binary for every Linux, as a container of nothing else needs it, and lighter.
export CGO_ENABLED ?= 0

version_flag = $(if $(KUBERNETES_VERSION),--kubernetes-version=$(KUBERNETES_VERSION))
run_flags    = --profile=$(PROFILE) $(if $(CLAIMS),--claim=$(CLAIMS)) $(if $(PROCS),--procs=$(PROCS)) \
               $(if $(KEEP),--keep) $(version_flag) $(if $(NODE_IMAGE),--node-image=$(NODE_IMAGE)) $(ARGS)

faults_flags = $(if $(CLAIMS),--claim=$(CLAIMS)) $(if $(FAULTS),--fault=$(FAULTS)) $(if $(HEALTHY),--healthy=$(HEALTHY)) \
               $(if $(KEEP),--keep) $(version_flag) $(if $(NODE_IMAGE),--node-image=$(NODE_IMAGE)) $(ARGS)

# What 'make census' counts: a cluster that is there, how many runs it kills, and
# what their times are drawn from.
KUBECONFIG_OF      ?=
POINTS             ?= 20
SEED               ?= 1

# What 'make bench' measures: how often, and which figures.
ROUNDS             ?=
ONLY               ?=

.DEFAULT_GOAL := help
.PHONY: help build e2e faults test census bench lint fmt node-image image sweep clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/inroads
	go build -o bin/inroads ./cmd/inroads

e2e: build ## prove the claims on a cluster made for it: PROFILE, CLAIMS=a,b PROCS=n KEEP=1 KUBERNETES_VERSION NODE_IMAGE ARGS
	bin/inroads run $(strip $(run_flags))

faults: build ## break a cluster made for it, fault by fault, and see each claim notice: CLAIMS FAULTS=a,b HEALTHY=n KEEP=1 KUBERNETES_VERSION NODE_IMAGE ARGS
	bin/inroads faults $(strip $(faults_flags))

test: ## vet, and run the tests that need no cluster: TESTFLAGS
	go vet ./...
	go test $(TESTFLAGS) ./...

census: ## count what runs leave that end, fail, are interrupted and are killed: KUBECONFIG_OF=file POINTS=n SEED=n ARGS
	INROADS_CENSUS=1 INROADS_CENSUS_KUBECONFIG=$(abspath $(KUBECONFIG_OF)) INROADS_CENSUS_POINTS=$(POINTS) INROADS_CENSUS_SEED=$(SEED) INROADS_CENSUS_ARGS='$(ARGS)' \
	go test ./cmd/inroads -run '^TestCensus$$' -v -count=1 -timeout=3h

bench: build ## measure inroads beside what kind costs and beside upstream's tests: ROUNDS=n ONLY=a,b KUBERNETES_VERSION ARGS
	go build -o bin/bench ./cmd/bench
	go build -o bin/bench-meter ./cmd/bench/meter
	bin/bench $(if $(ROUNDS),--rounds=$(ROUNDS)) $(if $(ONLY),--only=$(ONLY)) $(version_flag) $(ARGS)

lint: ## run golangci-lint
	go run $(GOLANGCI_LINT) run

fmt: ## format the code
	go run $(GOLANGCI_LINT) fmt

node-image: build ## build the node image that needs no registry: KUBERNETES_VERSION
	bin/inroads node-image build $(version_flag)

image: build ## write a container image of inroads, to run it in a cluster, to bin/inroads.tar
	bin/inroads image --output bin/inroads.tar

sweep: build ## remove what killed runs left on this machine
	bin/inroads sweep

clean: ## remove bin and _artifacts
	rm -rf bin _artifacts
