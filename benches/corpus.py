#!/usr/bin/env python3
"""A seeded corpus for the benchmark: files of log-normal size, and a list of digests with some of them planted.

  corpus.py OUT FILES ENTRIES     makes OUT/files/..., OUT/md5.txt, OUT/hashdeep.txt
"""
import hashlib
import math
import os
import random
import sys


def main(out, files, entries):
    rng = random.Random(20261121)
    folder = os.path.join(out, "files")
    planted = []
    total = 0
    for number in range(files):
        size = int(math.exp(rng.gauss(math.log(100e3), 0.95)))
        if number % 1500 == 1499:
            size = int(math.exp(rng.uniform(math.log(8e6), math.log(60e6))))
        content = rng.randbytes(size)
        place = os.path.join(folder, f"d{number % 16:02d}", f"s{number // 16 % 32:02d}")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"f{number:06d}.bin"), "wb") as file:
            file.write(content)
        total += size
        if number % 100 == 7:
            planted.append((size, hashlib.md5(content).hexdigest()))
    lines = [(rng.randrange(1, 10**7), rng.randbytes(16).hex()) for _ in range(entries - len(planted))] + planted
    rng.shuffle(lines)
    with open(os.path.join(out, "md5.txt"), "w") as plain, open(os.path.join(out, "hashdeep.txt"), "w") as deep:
        deep.write("%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n##\n")
        for number, (size, digest) in enumerate(lines):
            plain.write(digest + "\n")
            deep.write(f"{size},{digest},f{number}\n")
    print(f"{files} files, {total / 1e6:.0f} MB, {entries} entries, {len(planted)} of them planted")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
