#!/usr/bin/env bash
# How long a listing of NTFS volume with many files takes, against `fls -r` of The Sleuth Kit on the same image, and how
# much memory an entry takes. benches/survey.sh [FILES] [ROUNDS]; needs root, ntfs-3g, sleuthkit, python3.
set -euo pipefail
cd "$(dirname "$0")/.."
files="${1:-500000}"
rounds="${2:-3}"
for tool in mkntfs ntfs-3g fls python3; do
    command -v $tool >/dev/null || { echo "SKIPPED: $tool is missing" >&2; exit 0; }
done
[ -n "${BUILT:-}" ] || cargo build --release --quiet
work="$(mktemp -d)"
trap 'umount -l "$work/mount" 2>/dev/null; rm -rf "$work"' EXIT
image="$work/image"
# A record of 1 KiB for each file, a cluster of content for every fourth, and room.
truncate -s $((files * 4096 + (512 << 20))) "$image"
mkntfs -F -Q -q -c 4096 "$image" >/dev/null 2>&1
mkdir "$work/mount"
ntfs-3g "$image" "$work/mount"
echo "making $files files"
python3 - "$work/mount" "$files" <<'P'
import os, sys
root, files = sys.argv[1], int(sys.argv[2])
for number in range(files):
    folder = f"{root}/folder {number // 1000:04}"
    if number % 1000 == 0:
        os.mkdir(folder)
    with open(f"{folder}/IMG_{number:07}.JPG", "wb") as file:
        # Most are resident, every fourth has a cluster of its own.
        file.write(b"%d" % number * (1 if number % 4 else 300))
P
umount "$work/mount"
python3 - "$image" "$rounds" "$PWD/${CARGO_TARGET_DIR:-target}/release/onscene" "$work" <<'P'
import json, resource, signal, statistics, subprocess, sys, time
image, rounds, binary, work = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
with open(image, "rb") as file:
    while file.read(1 << 24):
        pass

def timed(command):
    began = time.monotonic()
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return time.monotonic() - began, output.count(b"\n")

def survey():
    """From the start of the process, its self tests included, until every entry is known."""
    began = time.monotonic()
    command = [binary, "scan", image, "--json", "--out", work + "/cases", "--alert-digest", "0" * 31 + "1"]
    scan = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in scan.stdout:
        event = json.loads(line)
        volume = event.get("volume") or event
        if "filesystem" in str(event) and "files" in str(event):
            taken = time.monotonic() - began
            scan.send_signal(signal.SIGINT)
            scan.communicate()
            return taken, volume.get("files", 0) + volume.get("directories", 0)
    raise SystemExit("no volume was told of")

ours, lists, theirs = [], [], []
for _ in range(rounds):
    ours.append(survey())
    lists.append(timed([binary, "list", image]))
    theirs.append(timed(["fls", "-r", "-p", image]))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
median = lambda runs: statistics.median(seconds for seconds, _ in runs)
ratios = lambda runs: sorted(a / b for (a, _), (b, _) in zip(runs, theirs))
for name, runs in (("survey", ours), ("onscene list", lists), ("fls -r", theirs)):
    ratio = ratios(runs)
    print(f"{name:13} {median(runs):7.2f} s {runs[0][1]:8} entries   ratio {statistics.median(ratio):6.3f} "
          f"({ratio[0]:.3f} to {ratio[-1]:.3f})")
entries = lists[0][1]
print(f"{rounds} interleaved rounds; the largest process, everything included, took {peak >> 10} MiB: {peak * 1024 // entries} bytes an entry")
P
