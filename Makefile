# make demo               see it work (KEEP=1 leaves it running)
# make test               all tests that need no more than Python 3.11, a JDK and Maven
# make check              the fast part: format, lint, types, imports, unit tests
# make properties-nightly 100,000 other streams rather than the same 2,000, ten million keys; SEED=n for a certain run
# make mutations          shows that those streams notice mistakes: the kernel with one at a time
# make chaos-nightly      every fault three times, at least 100 SIGKILLs (an hour); SEED=n for another run
# make integration-nightly the integration tests that take too long for each change; HEADWATER_REDIS_SERVER has TLS
# make test-more          what else CI tests: other servers (may use apt-get), the wheel, the image, the chart (Go)
# make bench              measures everything on this machine (long: four of 13 parts took 21 min) and writes the pages in pipelines/bench
# make kernel             the jar that computes
# make golden             the golden files of the unit tests, written anew: review the difference
# make venv               the virtual environment in .venv

SHELL := /bin/sh
BIN := .venv/bin
JAR := operators/lib/headwater-kernel.jar
KERNEL_SOURCES := operators/kernel/pom.xml $(shell find operators/kernel/src/main -type f 2>/dev/null)
KERNEL_TEST_SOURCES := $(KERNEL_SOURCES) $(shell find operators/kernel/src/test -type f 2>/dev/null)
KERNEL_TESTED := operators/kernel/target/.tested
MAVEN := mvn --batch-mode --quiet
PYTEST := $(BIN)/python -m pytest

.DELETE_ON_ERROR:
.PHONY: demo test check properties-nightly mutations chaos-nightly integration-nightly test-more bench kernel golden venv links prerequisites clean

demo: venv kernel
	$(BIN)/headwater demo $(if $(KEEP),--keep)

check: venv links
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -n 2 tests/unit

test: check kernel $(KERNEL_TESTED)
	$(PYTEST) -m 'not needs_apt and not slow' tests/properties
	$(BIN)/python -c 'from headwater.pipelines.stack.artifacts import fetch_all; fetch_all()'
	$(PYTEST) -n 2 --dist loadfile -m 'not needs_apt and not slow and not nightly' tests/integration

properties-nightly: venv links $(KERNEL_TESTED)
	HEADWATER_PROPERTY_EXAMPLES=100000 HEADWATER_PROPERTY_SEED=$(or $(SEED),$(shell date +%s)) $(PYTEST) -s tests/properties
	HEADWATER_HOSTILE_KEYS=10000000 $(MAVEN) --file operators/kernel/pom.xml surefire:test -Dtest=HostileKeysTest

mutations: venv links $(KERNEL_TESTED)
	$(BIN)/python -m tests.mutations.run

chaos-nightly: venv kernel
	mkdir -p build
	$(BIN)/headwater chaos --rounds 3 --kills 100 --rate 150 --drivers 3000 --seed $(or $(SEED),1) \
		--json build/chaos.json --markdown build/chaos.md

integration-nightly: venv kernel
	$(PYTEST) -m nightly tests/integration

test-more: venv kernel
	.ci/test_more.sh

bench: venv kernel
	.ci/bench.sh $(ONLY)

kernel: $(JAR)

golden: venv
	$(BIN)/python -m tests.golden

venv: .venv/.installed

# mypy finds the package through these: setuptools' own mapping of names to folders is nothing to it.
links:
	mkdir -p headwater
	for part in schemas operators pipelines; do ln -sfn ../$$part headwater/$$part; done

prerequisites:
	@.ci/prerequisites.sh

.venv/.installed: requirements.lock pyproject.toml .ci/venv.sh | prerequisites
	.ci/venv.sh

# Built elsewhere and moved: a JVM that has the old jar open keeps it.
$(JAR): $(KERNEL_SOURCES) .ci/kernel.sh | prerequisites
	.ci/kernel.sh $@

$(KERNEL_TESTED): $(KERNEL_TEST_SOURCES) | prerequisites
	$(MAVEN) --file operators/kernel/pom.xml test
	touch $@

clean:
	rm -rf .venv headwater build dist *.egg-info operators/kernel/target operators/lib
