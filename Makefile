# Everything that is run by hand has a name here; `make help` lists them.

MUSL := x86_64-unknown-linux-musl
WINDOWS := x86_64-pc-windows-gnu

.DEFAULT_GOAL := help
.PHONY: help check demo demo-check demo-image release windows

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

check: ## what CI runs: format, clippy, licences, tests, the demonstration, the Windows build
	.ci/run

demo: ## scan the demonstration stick with the demonstration lists
	cargo run --release -- scan --demo

demo-image: ## make the demonstration stick and its lists again (dosfstools, mtools, e2fsprogs, ewf-tools)
	tests/data/make-demo.py

demo-check: ## check the stick with ewfverify, mmls, fls and icat, and that it can be made again
	tests/data/check-demo.py
	tests/data/make-demo.py --check

release: ## the static Linux binary (needs musl-gcc: Debian's musl-tools)
	rustup target add $(MUSL)
	CC_x86_64_unknown_linux_musl=musl-gcc cargo build --release --locked --target $(MUSL)
	sha256sum target/$(MUSL)/release/onscene

windows: ## check that the Windows build compiles
	rustup target add $(WINDOWS)
	cargo check --locked --target $(WINDOWS)
