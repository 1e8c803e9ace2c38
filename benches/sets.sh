#!/usr/bin/env bash
# Compiled sets against hfind and md5deep on the same lists in one run: import of 1 million digests, start with 10
# million, 20,000 cold look-ups among 10 million, and a set of 100 million. benches/sets.sh [MILLIONS] [ROUNDS];
# MILLIONS is the size of the last set, 100 when not given, 0 leaves it out. Root, for dropping the page cache. SCALE=100
# divides every size by a hundred, for a quick look.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in hfind md5deep python3; do
    command -v $tool >/dev/null || { echo "SKIPPED: $tool is missing (Debian: sleuthkit hashdeep python3)" >&2; exit 0; }
done
[ -n "${BUILT:-}" ] || cargo build --release --quiet
binary="$PWD/${CARGO_TARGET_DIR:-target}/release/onscene"
scale="${SCALE:-1}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
benches/lists.py $((1000000 / scale)) "$work/1m.txt" --named
benches/lists.py $((10000000 / scale)) "$work/10m.txt" --named
python3 - "$binary" "$work" "${1:-100}" "${2:-5}" "$PWD/benches/lists.py" "$scale" <<'P'
import glob, os, statistics, subprocess, sys, time
binary, work, millions, rounds, lists = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
scale = int(sys.argv[6])
if scale > 1:
    print(f"every size below is divided by {scale}", flush=True)
NOTHING = subprocess.DEVNULL

def run(*command):
    """Seconds and the peak of memory in MiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=NOTHING, stderr=NOTHING, stdin=NOTHING)
    _, status, used = os.wait4(process.pid, 0)
    return time.monotonic() - began, used.ru_maxrss / 1024

def without(pattern):
    for path in glob.glob(pattern):
        os.remove(path)

def build(out, source, *more):
    without(out)
    return run(binary, "set", "build", out, "--role", "alert", "--list", "random=" + source, *more)

def show(what, ours, theirs, goal):
    ratios = sorted(a / b for a, b in zip(ours, theirs))
    print(f"{what}: {statistics.median(ours):.3f} against {statistics.median(theirs):.3f}, median ratio "
          f"{statistics.median(ratios):.4f} ({ratios[0]:.4f} to {ratios[-1]:.4f}), goal {goal}", flush=True)

one, ten = f"{work}/1m.txt", f"{work}/10m.txt"
ours, theirs = [], []
for _ in range(rounds):
    ours.append(build(f"{work}/1m.set", one)[0])
    without(one + "-*")
    theirs.append(run("hfind", "-i", "md5sum", one)[0])
show("import of 1 million, s, against hfind -i md5sum", ours, theirs, 0.1)

built = build(f"{work}/10m.set", ten)
print(f"set of 10 million: built in {built[0]:.1f} s with {built[1]:.0f} MiB", flush=True)
small = f"{work}/small"
with open(small, "wb") as file:
    file.write(b"a file")
theirs = [run("md5deep", "-m", ten, small)]
ours = [run(binary, "set", "info", f"{work}/10m.set") for _ in range(rounds)]
load = statistics.median(seconds for seconds, _ in ours)
print(f"start with 10 million: {load * 1000:.1f} ms and {max(m for _, m in ours):.0f} MiB against md5deep -m "
      f"{theirs[0][0]:.1f} s and {theirs[0][1]:.0f} MiB: ratios {load / theirs[0][0]:.5f} and "
      f"{max(m for _, m in ours) / theirs[0][1]:.4f}, goals 0.001 and 0.03", flush=True)

run("hfind", "-i", "md5sum", ten)
with open(ten) as file:
    wanted = [line.split()[0] for at, line in enumerate(file) if at % (1000 // scale or 1) == 0]
# Half are in the list.
wanted += ["%032x" % (int(digest, 16) ^ 1) for digest in wanted]
sought = f"{work}/wanted.txt"
with open(sought, "w") as file:
    file.write("\n".join(wanted) + "\n")

def cold():
    subprocess.run(["sync"])
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
    except OSError:
        return "warm, because the page cache cannot be dropped here"
    return "cold"

ours, theirs, state = [], [], ""
for _ in range(max(rounds // 2, 1)):
    state = cold()
    with open(sought) as file:
        began = time.monotonic()
        answer = subprocess.run([binary, "set", "lookup", f"{work}/10m.set", "-"], stdin=file, capture_output=True)
        ours.append(time.monotonic() - began)
    found = answer.stdout.count(b"found     ")
    cold()
    theirs.append(run("hfind", "-f", sought, ten)[0])
    if found != len(wanted) // 2:
        raise SystemExit(f"{found} found of {len(wanted) // 2}")
show(f"{len(wanted)} look-ups among 10 million ({state}), s, against hfind", ours, theirs, 0.2)

if millions:
    great = f"{work}/great.txt"
    subprocess.run([lists, str(millions * 1_000_000 // scale), great], check=True)
    seconds, memory = build(f"{work}/great.set", great)
    size = os.path.getsize(f"{work}/great.set")
    opened = statistics.median(run(binary, "set", "info", f"{work}/great.set")[0] for _ in range(rounds))
    raw = millions * 16_000_000 // scale
    print(f"set of {millions} million: built in {seconds:.1f} s with {memory:.0f} MiB (goals 60 s, 1024 MiB); opened and "
          f"described in {opened * 1000:.1f} ms (goal 50); {size} bytes, {max(size - (64 << 20), 0) / raw:.3f} times the raw "
          f"digests and 64 MiB (goal 1.1)", flush=True)
P
[ "$scale" = 1 ] || exit 0
for set in "$work/10m.set" "$work/great.set"; do
    [ -e "$set" ] && cargo bench --quiet --bench lookups -- "$set"
done
