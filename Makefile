# The front door. Each target is a few words of cargo; the work is in crates/xtask.

CARGO_TARGET_DIR ?= target
HOWDAH := $(CARGO_TARGET_DIR)/release/howdah
NEXTEST := 0.9.143

.PHONY: help tools components build demo images test e2e bench bench-faults bench-operator clean

help: ## Show this help
	@echo "Targets:"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1: \2/p' $(MAKEFILE_LIST)

# Everything else that is needed comes through cargo or is built by `components`: no cmake, no Go, no Python.
tools:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust with rustup (Debian's own package is older than rust-toolchain.toml asks for)" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: install the Debian package build-essential" >&2; exit 1; }

components: tools ## Build the bundles of Postgres, PgBouncer and other programs that are missing
	@cargo xtask components

build: tools ## Build the howdah program, and the library that Envoy loads, for release
	cargo build --release --package howdah --package howdah-envoy-filter

demo: components build ## Start pocket, and a cluster of three Postgres instances on it
	@$(HOWDAH) up
	@$(HOWDAH) apply -f examples/simple.yaml
	@$(HOWDAH) status simple --wait
	@echo
	@echo "The cluster is ready. To talk to it:"
	@echo
	@echo "    $(HOWDAH) psql simple"
	@echo

images: build ## Build the container images: IMAGES="--base trixie-root --postgres 17"
	@cargo xtask images $(IMAGES)

test: components ## Run everything that a change must pass
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked --version $(NEXTEST)
	@cargo xtask test

e2e: components ## Run the system tests alone
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked --version $(NEXTEST)
	@cargo xtask e2e

bench: components build ## Run the benchmarks
	cargo bench --package howdah-e2e --bench platform --bench api

bench-faults: components build ## Inject faults and print how long writes were away: FAULTS="--runs 30 --side ours,patroni"
	cargo bench --package howdah-e2e --bench faults -- $(FAULTS)

bench-operator: components build ## Measure the operator with many clusters: OPERATOR="--empty 1000 --single 0"
	cargo bench --package howdah-e2e --bench operator -- $(OPERATOR)

clean: ## Remove what cargo built; the components stay, they are shared by all clones
	cargo clean
