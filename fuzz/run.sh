#!/usr/bin/env bash
# Fuzzes every family for a bounded time: fuzz/run.sh [SECONDS for each]. Needs a C++ compiler, not cargo-fuzz; where
# that is at hand, `cargo fuzz run filesystem` does the same with the address sanitizer.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-60}"
[ -d seeds ] || ./seeds.sh

# Counters at every edge and comparison, for libFuzzer.
flags="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1"
flags+=" -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$flags" cargo build --release --target x86_64-unknown-linux-gnu

for family in container filesystem hashset volume; do
    mkdir -p "corpus/$family" "artifacts/$family"
    # A choice of seed and a few patches each; lists are their own input.
    python3 - "corpus/$family" "$(ls "seeds/$family" | wc -l)" <<'P'
import os, sys
folder, count = sys.argv[1], int(sys.argv[2])
for seed in range(count + 1):
    with open(os.path.join(folder, f"seed-{seed:03}"), "wb") as file:
        file.write(bytes([seed, 0, 4, 0, 0, 83, 11, 0, 0, 0, 0]))
P
    from=("corpus/$family")
    [ "$family" = hashset ] && from+=("seeds/hashset")
    echo "== $family"
    "target/x86_64-unknown-linux-gnu/release/$family" "${from[@]}" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -max_len=16384 -artifact_prefix="artifacts/$family/" -print_final_stats=1 2>"artifacts/$family/log" ||
        { tail -40 "artifacts/$family/log" >&2; exit 1; }
    grep -E 'stat::(number_of_executed_units|slowest_unit_time_sec|peak_rss_mb)' "artifacts/$family/log"
done
