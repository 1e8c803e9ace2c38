#!/usr/bin/env python3
"""Lists of random MD5 digests: lists.py COUNT OUT [--named]. The same count gives the same list."""

import random
import sys

BATCH = 1_000_000


def main() -> None:
    count, out = int(sys.argv[1]), sys.argv[2]
    named = "--named" in sys.argv
    source = random.Random(count)
    with open(out, "wb") as file:
        for first in range(0, count, BATCH):
            digests = source.randbytes(16 * min(BATCH, count - first)).hex("\n", -16)
            if named:
                digests = digests.replace("\n", "  name\n") + "  name"
            file.write(digests.encode() + b"\n")


if __name__ == "__main__":
    main()
