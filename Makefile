# DataStub: see README.md. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# Debian packages: a C compiler and ZeroMQ to build, the plant of the demo, and
# the real peers that tests and benchmarks talk to. (Where Debian starts what it
# installs, mosquitto, prometheus and etcd are daemons: the demo does without them.)
# And what images hold besides programs and libraries.
BUILD_PACKAGES := gcc libc6-dev pkg-config libzmq3-dev
DEMO_PACKAGES  := python3 python3-pymodbus python3-serial python3-serial-asyncio
PEER_PACKAGES  := python3-zmq mbpoll libmodbus-dev socat curl jq mosquitto mosquitto-clients prometheus libcoap3-bin
IMAGE_PACKAGES := ca-certificates tzdata
# KubeEdge keeps what is applied in etcd; the rest of it is built (make kubeedge).
KUBEEDGE_PACKAGES := etcd-server
# A node that is not Debian's has its npm in it, which Debian's would be in the way of.
NODE_PACKAGES  := $(if $(shell command -v npm),,nodejs npm)
FUZZTIME ?= 30s

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install = @missing=(); for p in $(1); do \
	  dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$$p"); done; \
	if (($${\#missing[@]})); then echo "installing $${missing[*]}"; \
	  apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; fi

.PHONY: deps
deps: ## install the Debian packages that are missing, those of the tests too
	$(call install,$(BUILD_PACKAGES) $(DEMO_PACKAGES) $(PEER_PACKAGES) $(IMAGE_PACKAGES) $(KUBEEDGE_PACKAGES) $(NODE_PACKAGES))

.PHONY: build
build: ## build bin/mapper, bin/cloudsvc and bin/datastub
	$(call install,$(BUILD_PACKAGES))
	go build -o bin/ ./mapper/cmd/mapper ./cloudsvc/cmd/cloudsvc ./cloudsvc/cmd/datastub

# Images are stamped with what git knows, as it is not in what they are built from.
IMAGE_ENGINE  ?= $(firstword $(shell command -v docker podman))
IMAGE_NAME    ?= datastub
IMAGE_VERSION ?= $(shell git describe --tags --always --dirty)

.PHONY: image
image: ## build the images of mapper and cloudsvc with docker or podman; IMAGE_NAME=registry/datastub names them
	@[[ -n "$(IMAGE_ENGINE)" ]] || { echo "make image: there is neither docker nor podman here: install one" >&2; exit 1; }
	@$(IMAGE_ENGINE) info >/dev/null 2>&1 || { echo "make image: $(IMAGE_ENGINE) does not work here: see '$(IMAGE_ENGINE) info'" >&2; exit 1; }
	@for target in mapper cloudsvc; do \
	  $(IMAGE_ENGINE) build --target $$target --tag $(IMAGE_NAME)/$$target:$(IMAGE_VERSION) --tag $(IMAGE_NAME)/$$target:latest \
	    --build-arg VERSION=$(IMAGE_VERSION) --build-arg REVISION=$$(git rev-parse HEAD) .; \
	done

.PHONY: demo
demo: build ## run everything on this machine and print live values; DEMO_SECONDS=20 ends by itself
	$(call install,$(DEMO_PACKAGES))
	@go build -o bin/ ./hack/demo
	@exec bin/demo

.PHONY: kubeedge
kubeedge: deps ## build the KubeEdge that tests run under: some 12 minutes the first time
	@go run ./hack/kubeedge/cmd/kubeedge --build-only

# Tests that run whole programs run one package at a time.
.PHONY: test
test: deps kubeedge ## fuzz each decoder for 10s, then run all tests with the race detector
	@hack/fuzz.sh 10s
	go test -race -timeout 20m $$(go list ./... | grep -v /hack/)
	go test -race -timeout 20m -p 1 ./hack/...

.PHONY: e2e
e2e: deps kubeedge ## run only the end-to-end tests, with the programs as processes, and a real KubeEdge
	go test -race -count=1 -timeout 20m -p 1 ./hack/e2e/...

.PHONY: chaos
chaos: deps kubeedge ## kill spools and mappers a thousand times, cloudsvc 300 times, let the power go a hundred times, 100 devices under KubeEdge for 10 minutes: as root, an hour
	go test -count=1 -timeout 30m -v -run '^TestKill$$' ./dataplane/spool -kills 1000
	go test -race -count=1 -timeout 90m -v -run '^(TestKills|TestHooks|TestPowerLoss.*)$$' ./hack/e2e -kills 1000 -falls 300 -outages 100
	go test -race -count=1 -timeout 30m -v -run '^TestCrowd$$' ./hack/e2e/kubeedge -crowd 10m

.PHONY: lint
lint: deps bin/golangci-lint ## check style and the arrows between packages
	bin/golangci-lint run ./...

bin/golangci-lint: hack/tools/go.mod hack/tools/go.sum
	go -C hack/tools build -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: bench
bench: deps build ## measure beside peers in the same run, then the micro-benchmarks; README=README.md keeps the lines
	@go build -buildvcs=auto -o bin/ ./hack/bench
	@bin/bench $(if $(README),--readme $(README))
	go test -run '^$$' -bench . -benchmem -benchtime 200ms $$(go list ./... | grep -v /hack/)

.PHONY: fuzz
fuzz: deps ## fuzz each decoder for FUZZTIME (30s)
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
