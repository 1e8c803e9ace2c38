#!/usr/bin/env bash
# A whole scan with an MD5 list against hashdeep with the same list, and against merely reading the same bytes.
#
#   benches/scan.sh [FILES] [ENTRIES] [ROUNDS]      default 5000 files (about 1 GB), 1,000,000 entries, 5 rounds
#
# The commands run in turn, round by round, so that a machine whose speed drifts slows all of them; what is printed
# are medians and their ratios. Needs python3; hashdeep is skipped aloud when it is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."
files="${1:-5000}" entries="${2:-1000000}" rounds="${3:-5}"
cargo build --release --quiet
binary="$PWD/${CARGO_TARGET_DIR:-target}/release/onscene"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 benches/corpus.py "$work" "$files" "$entries"
cd "$work"

read_only() { find files -type f -print0 | xargs -0 -P 2 -n 500 cat >/dev/null; }
scan() { rm -rf cases; "$binary" scan files --alert md5.txt >screen 2>&1 || test $? = 1; }
hashdeep_scan() { hashdeep -r -c md5 -m -k hashdeep.txt files >hashdeep.out 2>/dev/null || true; }

# Prints the wall seconds of one run of a shell function.
seconds() {
    local began ended
    began=$(date +%s.%N)
    "$1"
    ended=$(date +%s.%N)
    awk -v a="$began" -v b="$ended" 'BEGIN {print b - a}'
}

median() { sort -n "$1" | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }

peers=(read_only scan)
if command -v hashdeep >/dev/null; then peers+=(hashdeep_scan); else echo "SKIPPED: hashdeep is not installed" >&2; fi
for peer in "${peers[@]}"; do "$peer"; done # once, uncounted: everything is in the cache from here on
for _ in $(seq "$rounds"); do
    for peer in "${peers[@]}"; do seconds "$peer" >>"$peer.times"; done
done

found=$(grep -c '^MATCH' screen || true)
echo "matches: $found$(test -f hashdeep.out && echo ", hashdeep: $(wc -l <hashdeep.out)")"
ours=$(median scan.times)
printf '%-14s %10s %s\n' command 'median s' 'scan / it'
for peer in "${peers[@]}"; do
    it=$(median "$peer.times")
    printf '%-14s %10.3f %.2f\n' "$peer" "$it" "$(awk -v a="$ours" -v b="$it" 'BEGIN {print a / b}')"
done
