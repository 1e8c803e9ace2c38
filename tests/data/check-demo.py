#!/usr/bin/env python3
"""Checks the demonstration stick with tools that are not ours: ewfverify, mmls, fls and icat.

Every file that expected.json names must be listed at its path and state by The Sleuth Kit, and what icat reads of it must
have the digests that were taken when it was made.
"""

import hashlib
import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
IMAGE = HERE / "demo-usb.E01"
EXPECTED = HERE.parent.parent / "hashsets" / "demo" / "expected.json"


def output(*command):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE).stdout


def main():
    expected = json.loads(EXPECTED.read_text())
    verified = output("ewfverify", "-d", "sha1", IMAGE).decode()
    medium = expected["medium"]
    for name in ("md5", "sha1"):
        assert verified.count(medium[name]) == 2, f"{name} stored and calculated must be {medium[name]}"
    starts = [int(line.split()[2]) for line in output("mmls", IMAGE).decode().splitlines()
              if re.match(r"\d+:\s+\d+:\d+\s", line)]
    assert len(starts) == 2, starts
    listed = {}
    for volume, start in enumerate(starts, 1):
        for line in output("fls", "-o", start, "-F", "-rp", IMAGE).decode().splitlines():
            kind, path = line.split(":\t", 1)
            listed[volume, path] = (re.search(r"[0-9]+", kind).group(), "*" in kind)
    groups = [expected["findings"], expected["known_good"]["items"], expected["ignored"], expected["never_alert"]]
    items = [item for group in groups for item in group]
    for item in items:
        inode, deleted = listed[item["volume"], item["path"]]
        assert deleted == (item.get("state") == "deleted"), item["path"]
        recover = ["-r"] if deleted else []
        content = output("icat", *recover, "-o", starts[item["volume"] - 1], IMAGE, inode)
        assert len(content) == item["size"], (item["path"], len(content))
        for name in ("md5", "sha1", "sha256"):
            assert hashlib.new(name, content).hexdigest() == item[name], (item["path"], name)
    print(f"medium verified; {len(items)} of {len(items)} files agree with fls and icat")


if __name__ == "__main__":
    main()
