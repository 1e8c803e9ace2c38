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
cargo build --release --quiet
work="$(mktemp -d)"
trap 'umount -l "$work/mount" 2>/dev/null; rm -rf "$work"' EXIT
image="$work/image"
# A record of 1 KiB for each file, a cluster of content for every fourth, and room.
truncate -s $((files * 4096 + (512 << 20))) "$image"
mkntfs -F -Q -q -c 4096 "$image" >/dev/null
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
python3 - "$image" "$rounds" "$files" <<'P'
import os, resource, statistics, subprocess, sys, time
image, rounds, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(image, "rb") as file:
    while file.read(1 << 24):
        pass

def timed(command):
    began = time.monotonic()
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return time.monotonic() - began, output.count(b"\n")

ours, theirs, counts = [], [], None
binary = os.environ.get("CARGO_TARGET_DIR", "target") + "/release/onscene"
for _ in range(rounds):
    a, lines = timed([binary, "list", image])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    b, other = timed(["fls", "-r", "-p", image])
    ours.append(a); theirs.append(b); counts = (lines, other)
ratios = sorted(a / b for a, b in zip(ours, theirs))
print(f"onscene list   {statistics.median(ours):7.2f} s   {counts[0]} entries, largest process {peak // 1024} MiB")
print(f"fls -r         {statistics.median(theirs):7.2f} s   {counts[1]} lines")
print(f"ratio          {statistics.median(ratios):7.3f}     of {rounds} interleaved pairs, from {ratios[0]:.3f} to {ratios[-1]:.3f}")
P
# What the entries themselves take: the process with many entries less the process with none.
