# Everything that is run by hand has a name here; `make help` lists them.

MUSL := x86_64-unknown-linux-musl
WINDOWS := x86_64-pc-windows-gnu

.DEFAULT_GOAL := help
.PHONY: help bench bench-sets bench-survey check demo demo-check demo-image fuzz mutations release soak windows

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

bench: ## a whole scan against hashdeep and against merely reading, about 1 GB (minutes)
	benches/scan.sh

bench-sets: ## compiled sets against hfind and md5deep, up to 100 million entries (root; 10 GB of disk; minutes)
	benches/sets.sh

bench-survey: ## listing an NTFS volume of 500,000 files against fls -r (root; minutes)
	benches/survey.sh

check: ## what CI runs: format, clippy, licences, tests, the demonstration, the Windows build
	.ci/run

demo: ## scan the demonstration stick with the demonstration lists
	cargo run --release -- scan --demo

demo-image: ## make the demonstration stick and its lists again (dosfstools, mtools, e2fsprogs, ewf-tools)
	tests/data/make-demo.py

demo-check: ## check the stick with ewfverify, mmls, fls and icat, and that it can be made again
	tests/data/check-demo.py
	tests/data/make-demo.py --check

fuzz: ## every fuzz target for five minutes each (a C++ compiler; minutes)
	fuzz/run.sh 300

mutations: ## twenty times the damaged images of the tests, some 60,000, with peak memory (about an hour)
	MUTATIONS=20 cargo test --release --lib -- --test-threads=1 --nocapture container filesystem volume

release: ## the static Linux binary (needs musl-gcc: Debian's musl-tools)
	rustup target add $(MUSL)
	CC_x86_64_unknown_linux_musl=musl-gcc cargo build --release --locked --target $(MUSL)
	sha256sum target/$(MUSL)/release/onscene

soak: ## fifty kills at random moments, and the killed examiner twenty times (minutes)
	ONSCENE_KILLS=50 cargo test --release --test journeys interrupted -- --nocapture
	for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
		cargo test --release --test journeys examiner_that_is_killed || exit 1; done

windows: ## check that the Windows build compiles
	rustup target add $(WINDOWS)
	cargo check --locked --target $(WINDOWS)
