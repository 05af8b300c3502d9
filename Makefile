# Bare make lists the targets; a line "target: ## text" is its help.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO       ?= go
PYTHON   ?= python3
KILLS    ?= 1000
FUZZTIME ?= 30s
BENCHTIME ?= 60s
STAGETIME ?= 1s

LINT_VERSION := v2.15.0
LINT         := .tools/golangci-lint-$(LINT_VERSION)
# What reads tables beside DuckDB in the tests; pinned there.
PY_REQUIRES  := local/catalog/testdata/requirements.txt
VENV         := .venv/.installed
PYICEBERG    := $(CURDIR)/.venv/bin/python
# What stands for AWS in the tests, at the versions that these files pin.
EMULATORS    := laketest/awslocal/testdata
MOTO         := .tools/moto/.installed
KINESALITE   := .tools/kinesalite/.installed
VERSITYGW    := v1.8.0
CHECKOV      := 3.3.30

# What is deployed, and where: make deploy ENV=staging REGION=eu-west-1
ENV    ?= dev
REGION ?= us-east-1
STATE  ?=
TF     := terraform -chdir=deploy/terraform

# Packages in which goroutines share state; the race detector costs five to ten
# times the time, so the rest runs without it. aws/dynamodb and aws/s3 would take
# three and two minutes, mostly for sweeps of faults.
RACE := ./admin/... ./client/... ./collect/... ./ingest/... ./query/... ./raw/... ./serve/... \
        ./local/keys/... ./local/store/... ./local/stream/... ./local/ledger/... ./assemble/... \
        ./aws/firehose/... ./aws/kinesis/... ./lambda/...

.PHONY: help build test check lint format unit race e2e e2e-aws lambdas emulators aws-local aws-demo demo bench bench-aws soak fuzz docs clean versitygw package deploy undeploy terraform

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/lake (needs Go and a C compiler)
	@mkdir -p bin
	CGO_ENABLED=1 $(GO) build -trimpath -buildvcs=auto -pgo=bench/lake.pgo -o bin/lake ./cmd/lake

test: check unit race e2e ## everything that must hold: format, vet, lint, tests, races, crash sweeps, kills
	@echo "all tests passed"

check: lint ## format, vet and lint
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$bad" ]; then echo "not formatted (run make format):"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...

lint: $(LINT) ## golangci-lint with .golangci.yml
	$(LINT) run ./...

format: $(LINT) ## gofmt and goimports over everything
	$(LINT) fmt ./...

unit: $(VENV) emulators ## every package's tests, crash sweeps included, with PyIceberg as a second reader
	LAKE_AWS=required LAKE_PYICEBERG=$(PYICEBERG) $(GO) test -timeout 15m $$($(GO) list ./... | grep -v -E "/e2e(/|$$)")

race: ## the packages that share state between goroutines, under the race detector
	$(GO) test -race -short -timeout 15m $(RACE)

e2e: build lambdas $(VENV) emulators ## the real binaries: kills under load, documents, architecture, the emulated cloud
	LAKE_AWS=required LAKE_BIN=$(CURDIR)/bin/lake LAKE_PYICEBERG=$(PYICEBERG) $(GO) test -count=1 -timeout 20m ./e2e/...

e2e-aws: ## the same against a lake in an account of AWS; OUTPUTS=FILE is what terraform output -json wrote
	LAKE_E2E_AWS=1 LAKE_E2E_OUTPUTS=$(abspath $(OUTPUTS)) $(GO) test -count=1 -timeout 60m -v -run TestAnAccount ./e2e/aws

lambdas: ## build the Lambdas' bootstraps for this machine into bin/lambda
	@mkdir -p bin/lambda
	CGO_ENABLED=0 $(GO) build -tags lambda.norpc -trimpath -buildvcs=false -ldflags "-s -w" -o bin/lambda/ ./cmd/lambda-...

package: ## zip the Lambdas for arm64 and amd64 into dist, with checksums
	$(GO) run ./deploy/pack -go $(GO)

deploy: ## deploy the lake to AWS: init, plan, ask, apply; ENV=dev REGION=us-east-1 STATE=bucket-of-the-state
	@test -n "$(STATE)" || { echo "name the bucket of the state: make deploy ENV=$(ENV) STATE=my-states (docs/aws.md says how it is made)"; exit 2; }
	@test -f dist/SHA256SUMS || { echo "run make package first"; exit 2; }
	$(TF) init -reconfigure -backend-config=envs/$(ENV)/backend.hcl -backend-config=bucket=$(STATE) -backend-config=region=$(REGION)
	$(TF) plan -var-file=envs/$(ENV)/lake.tfvars -var region=$(REGION) -var packages=$(CURDIR)/dist -out $(ENV).tfplan
	@read -r -p "apply this plan to $(ENV)? (yes/no) " answer; test "$$answer" = yes
	$(TF) apply $(ENV).tfplan

undeploy: ## take a deployed lake away: init, plan, ask, destroy; ENV=dev REGION=us-east-1 STATE=bucket-of-the-state
	@test -n "$(STATE)" || { echo "name the bucket of the state: make undeploy ENV=$(ENV) STATE=my-states"; exit 2; }
	$(TF) init -reconfigure -backend-config=envs/$(ENV)/backend.hcl -backend-config=bucket=$(STATE) -backend-config=region=$(REGION)
	$(TF) plan -destroy -var-file=envs/$(ENV)/lake.tfvars -var region=$(REGION) -var packages=$(CURDIR)/dist -out $(ENV).tfplan
	@read -r -p "destroy $(ENV) with what is in it? (yes/no) " answer; test "$$answer" = yes
	$(TF) apply $(ENV).tfplan

terraform: emulators lambdas .tools/checkov-$(CHECKOV)/.installed ## checkov over deploy/terraform; dev and prod made, used and destroyed on an emulated AWS (15 minutes)
	cd deploy/terraform && $(CURDIR)/.tools/checkov-$(CHECKOV)/bin/checkov --config-file .checkov.yaml
	LAKE_AWS=required LAKE_TERRAFORM=all $(GO) test -count=1 -timeout 30m -v ./e2e/terraform

.tools/checkov-$(CHECKOV)/.installed:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check checkov==$(CHECKOV)
	@touch $@

emulators: $(MOTO) $(KINESALITE) ## install what stands for AWS in the tests (moto, kinesalite) into .tools

aws-local: emulators ## an emulated AWS with the resources of one lake, until Ctrl-C; FLAGS="-shards 4 -functions DIR"
	$(GO) run ./cmd/lake-aws-local $(FLAGS)

aws-demo: lambdas emulators ## the whole way over an emulated AWS: producers, Kinesis, Lambda, DynamoDB, Firehose, S3, Glue, SQL; FLAGS="-demo 10000"
	$(GO) run ./cmd/lake-aws-local -functions bin/lambda -demo 3000 $(FLAGS)

versitygw: .tools/versitygw-$(VERSITYGW) ## build a second S3 server that the tests of aws/s3 then use too (3 minutes)

.tools/versitygw-$(VERSITYGW):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW)
	@mv .tools/versitygw $@

demo: build ## see it work in ./demo-data: real and generated events, two kills, SQL, the proof
	@bin/lake demo

bench: build ## measure every stage and the whole way, write docs/performance.md; BENCHTIME=60s STAGETIME=1s
	GO=$(GO) LAKE_BIN=bin/lake BENCHTIME=$(BENCHTIME) STAGETIME=$(STAGETIME) bench/run.sh

bench-aws: lambdas ## measure what the lake on AWS costs, write bench/aws.md
	LAKE_AWS_NUMBERS=$(CURDIR)/bench/aws.md $(GO) test -count=1 -timeout 30m -run TestNumbers ./bench/aws

soak: build ## kill the real binary KILLS=1000 times under load, then compare id by id
	KILLS=$(KILLS) LAKE_BIN=$(CURDIR)/bin/lake $(GO) test -count=1 -timeout 0 -v -run TestKills ./e2e

fuzz: ## every fuzz target for FUZZTIME=30s
	@for file in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "$$target in $$(dirname $$file)"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); \
	  done; \
	done

docs: ## write the generated parts of docs/ again
	$(GO) run ./cmd/lake docs docs

clean: ## remove what was built and the demo's data
	rm -rf bin dist demo-data .tools .venv

$(LINT):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/golangci-lint $@

$(VENV): $(PY_REQUIRES)
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $(PY_REQUIRES)
	@touch $@

$(MOTO): $(EMULATORS)/requirements.txt
	$(PYTHON) -m venv .tools/moto
	.tools/moto/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(KINESALITE): $(EMULATORS)/kinesalite/package.json $(EMULATORS)/kinesalite/package-lock.json
	@mkdir -p .tools/kinesalite
	cp $^ .tools/kinesalite/
	cd .tools/kinesalite && npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
