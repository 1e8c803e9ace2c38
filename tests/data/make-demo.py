#!/usr/bin/env python3
"""Makes the demonstration stick and the demonstration hash lists from nothing.

The pictures are drawn here (gradients, rings, stripes, noise) and the documents are written here: nothing in them comes
from anywhere else. Digests are computed with hashlib while the files are made, so expected.json owes nothing
to the program that it tests. Needs python3, dosfstools, mtools, e2fsprogs and ewf-tools; no root.

    tests/data/make-demo.py            writes tests/data/demo-usb.E01 and hashsets/demo/*
    tests/data/make-demo.py --check    makes the medium again and compares it with expected.json, writes nothing
"""

import datetime
import hashlib
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
SETS = HERE.parent.parent / "hashsets" / "demo"
EPOCH = int(datetime.datetime(2024, 6, 1, 12, 0, 0, tzinfo=datetime.timezone.utc).timestamp())
ENV = dict(os.environ, TZ="UTC", LC_ALL="C.UTF-8", SOURCE_DATE_EPOCH=str(EPOCH), E2FSPROGS_FAKE_TIME=str(EPOCH),
           MTOOLS_SKIP_CHECK="1", MTOOLSRC="/dev/null")
SECTOR = 512
FAT_START, FAT_SECTORS = 2048, 34 * 2048
EXT_START, EXT_SECTORS = FAT_START + FAT_SECTORS, 16 * 2048
MEDIUM_SECTORS = EXT_START + EXT_SECTORS + 2048


# ---- pictures -------------------------------------------------------------------------------------------------

def noise(seed):
    """A linear congruential generator: the same numbers on every machine."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 56


def draw(kind, seed, width, height):
    """Rows of (red, green, blue)."""
    grain = noise(seed)
    a, b, c = (next(grain) for _ in range(3))
    rows = []
    for y in range(height):
        row = []
        for x in range(width):
            if kind == "gradient":
                pixel = ((x * 255 // width + a) % 256, (y * 255 // height + b) % 256, (c + x + y) % 256)
            elif kind == "rings":
                d = (x - width // 2) ** 2 + (y - height // 2) ** 2
                pixel = (a, b, (d // 40) % 256) if (d // 300) % 2 else (c, (d // 60) % 256, a)
            elif kind == "stripes":
                pixel = (a, c, b) if ((x + 2 * y) // (6 + seed % 7)) % 2 else (b, (x * 2) % 256, c)
            elif kind == "noise":
                pixel = (next(grain), next(grain), next(grain))
            else:
                inside = abs(x - width // 2) + abs(y - height // 2) < (30 + seed % 20)
                pixel = (b, a, c) if inside else (x * 200 // width, c, y * 200 // height)
            row.append(pixel)
        rows.append(row)
    return rows


def png(rows):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    raw = b"".join(b"\0" + bytes(v for pixel in row for v in pixel) for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def bmp(rows):
    width, height = len(rows[0]), len(rows)
    pad = b"\0" * (-3 * width % 4)
    body = b"".join(bytes(v for r, g, b in row for v in (b, g, r)) + pad for row in reversed(rows))
    return (b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 2835, 2835, 0, 0) + body)


ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
QUANTITY = [min(255, 6 + 3 * (i // 8 + i % 8)) for i in range(64)]
# cos((2 x + 1) u pi / 16) scaled by 4096, as integers: no machine's rounding can change a picture.
COSINE = [[4096] * 8, [4017, 3406, 2276, 799, -799, -2276, -3406, -4017], [3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784],
          [3406, -799, -4017, -2276, 2276, 4017, 799, -3406], [2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896],
          [2276, -4017, 799, 3406, -3406, -799, 4017, -2276], [1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567],
          [799, -2276, 3406, -4017, 4017, -3406, 2276, -799]]
# Our own Huffman tables, complete and flat: 12 lengths of DC as 4-bit codes, all 256 AC symbols as 9-bit codes.
DC = {symbol: (symbol, 4) for symbol in range(12)}
AC = {symbol: (symbol, 9) for symbol in range(256)}


def jpeg(rows):
    """A baseline JPEG (ITU-T T.81), three components without subsampling."""
    width, height = len(rows[0]), len(rows)
    planes = [[], [], []]
    for row in rows:
        planes[0].append([(77 * r + 150 * g + 29 * b) // 256 - 128 for r, g, b in row])
        planes[1].append([(-43 * r - 85 * g + 128 * b) // 256 for r, g, b in row])
        planes[2].append([(128 * r - 107 * g - 21 * b) // 256 for r, g, b in row])
    bits, count, last = [], 0, [0, 0, 0]
    for top in range(0, height, 8):
        for left in range(0, width, 8):
            for component, plane in enumerate(planes):
                block = [[plane[min(top + y, height - 1)][min(left + x, width - 1)] for x in range(8)] for y in range(8)]
                values = transform(block)
                bits.extend(entropy(values, values[0] - last[component]))
                last[component] = values[0]
    acc = 0
    out = bytearray()
    for value, length in bits + [(0x7F, 7)]:
        acc, count = (acc << length) | value, count + length
        while count >= 8:
            count -= 8
            byte = (acc >> count) & 0xFF
            out.append(byte)
            if byte == 0xFF:
                out.append(0)
        acc &= (1 << count) - 1

    def segment(marker, body):
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
    return (b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
            + segment(0xDB, b"\0" + bytes(QUANTITY[i] for i in ZIGZAG))
            + segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0")
            + segment(0xC4, b"\0" + bytes(12 if n == 4 else 0 for n in range(1, 17)) + bytes(range(12)))
            + segment(0xC4, b"\x10" + bytes(255 if n == 9 else 0 for n in range(1, 17)) + bytes(range(255)))
            + segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0") + bytes(out) + b"\xff\xd9")


def transform(block):
    rows = [[sum(row[x] * COSINE[u][x] for x in range(8)) for u in range(8)] for row in block]
    values = []
    for v in range(8):
        for u in range(8):
            total = sum(rows[y][u] * COSINE[v][y] for y in range(8))
            # A quarter of C(u) C(v), where C(0) is the root of one half: 2896 / 4096.
            scale = (2896 if u == 0 else 4096) * (2896 if v == 0 else 4096)
            divisor = 4 * 4096**4 * QUANTITY[8 * v + u]
            values.append((2 * total * scale + divisor) // (2 * divisor))
    return values


def entropy(values, difference):
    def magnitude(value):
        size = abs(value).bit_length()
        return size, (value if value >= 0 else value + (1 << size) - 1, size)
    size, extra = magnitude(difference)
    codes = [DC[size], extra]
    run = 0
    for index in ZIGZAG[1:]:
        if values[index] == 0:
            run += 1
            continue
        while run > 15:
            codes.append(AC[0xF0])
            run -= 16
        size, extra = magnitude(values[index])
        codes += [AC[run << 4 | size], extra]
        run = 0
    return codes + ([AC[0]] if run else [])


# ---- documents ------------------------------------------------------------------------------------------------

def text(title, lines):
    words = "the quick brown fox jumps over a lazy dog while seven wizards bake bread by an old stone bridge".split()
    grain = noise(zlib.crc32(title.encode()))
    body = [" ".join(words[next(grain) % len(words)] for _ in range(9)) + "." for _ in range(lines)]
    return ("\n".join([title, ""] + body) + "\n").encode()


def table(rows):
    grain = noise(rows)
    lines = [f"2024-05-{1 + i % 28:02},item {i},{next(grain)}.{next(grain) % 100:02}" for i in range(rows)]
    return ("date,what,amount\n" + "\n".join(lines) + "\n").encode()


def pdf(message):
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"]
    stream = f"BT /F 18 Tf 30 100 Td ({message}) Tj ET".encode()
    objects += [b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
                b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    xref = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % p for p in places)
    return out + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % xref


def archive(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            info = zipfile.ZipInfo(name, (2024, 5, 20, 9, 30, 0))
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            packed.writestr(info, content)
    return out.getvalue()


# ---- what is on the stick -------------------------------------------------------------------------------------

LONG = "Holiday at the lake, summer evening (edited, version 2).png"
FOREIGN = "Größe – 写真 ☀.jpg"
SPARSE = b"begin" + b"\0" * (3 * 1024 * 1024) + b"end"


def camera():
    """The FAT32 volume: path -> content, and the paths that are deleted afterwards."""
    kinds = ["gradient", "rings", "stripes", "diamond"]
    files = {f"DCIM/100DEMO/IMG_{n:04}.JPG": jpeg(draw(kinds[n % 4], n, 160, 120)) for n in range(1, 9)}
    files |= {
        f"DCIM/101DEMO/{FOREIGN}": jpeg(draw("diamond", 90, 120, 90)),
        f"DCIM/101DEMO/{LONG}": png(draw("rings", 91, 160, 120)),
        "DCIM/101DEMO/scan.bmp": bmp(draw("stripes", 92, 64, 48)),
        "DCIM/101DEMO/a deleted shopping list.txt": text("Shopping", 12),
        "MISC/AUTPRINT.MRK": b"[HDR]\r\nGEN REV = 01.10\r\n",
        "MISC/EMPTY.DAT": b"",
        "README.TXT": text("This stick holds generated pictures and nothing else", 6),
    }
    return files, ["DCIM/100DEMO/IMG_0006.JPG", "DCIM/101DEMO/a deleted shopping list.txt"]


def home(camera_files):
    """The ext4 volume: path -> content."""
    pictures = "home/demo/Pictures"
    files = {f"{pictures}/gradient-{n:02}.png": png(draw("gradient", 20 + n, 96, 72)) for n in range(1, 5)}
    files |= {
        f"{pictures}/noise.png": png(draw("noise", 31, 48, 48)),
        f"{pictures}/sorted/2023/rings.png": png(draw("rings", 32, 128, 96)),
        f"{pictures}/sorted/2023/diamond.jpg": jpeg(draw("diamond", 33, 128, 96)),
        f"{pictures}/sorted/2024/old/very/deep/stripes.bmp": bmp(draw("stripes", 34, 50, 40)),
        # The same bytes as a picture of the camera, under the name of a document.
        "home/demo/.cache/app/notes.txt": camera_files["DCIM/100DEMO/IMG_0003.JPG"],
        "home/demo/Documents/budget.csv": table(80),
        "home/demo/Documents/empty.txt": b"",
        "home/demo/Documents/letter.txt": text("A letter", 40),
        "home/demo/Documents/licence.txt": text("Licence of a well-known program", 60),
        "home/demo/Documents/manual.html": b"<!doctype html><title>Manual</title><p>" + text("Manual", 30),
        "home/demo/Documents/photos.zip": archive([("packed/one.png", png(draw("gradient", 41, 60, 40))),
                                                   ("packed/about.txt", text("About", 8))]),
        "home/demo/Documents/report.pdf": pdf("A report about nothing"),
        "home/demo/disk.bin": SPARSE,
    }
    return files


FOUND = [  # volume, path, deleted, (list, category), action
    (1, "DCIM/100DEMO/IMG_0003.JPG", False, ("demo-pictures.json", "1")),
    (1, "DCIM/100DEMO/IMG_0006.JPG", True, ("demo-pictures.json", "2")),
    (1, f"DCIM/101DEMO/{LONG}", False, ("demo-pictures.json", "3")),
    (2, "home/demo/.cache/app/notes.txt", False, ("demo-pictures.json", "1")),
    (2, "home/demo/Pictures/sorted/2023/rings.png", False, ("demo-md5.txt", None)),
]
IGNORED = (1, f"DCIM/101DEMO/{FOREIGN}")
EMPTY = [(1, "MISC/EMPTY.DAT"), (2, "home/demo/Documents/empty.txt")]
KNOWN_GOOD = [(2, "home/demo/Documents/licence.txt"), (2, "home/demo/Documents/manual.html")]


# ---- volumes --------------------------------------------------------------------------------------------------

def run(*command, **more):
    subprocess.run([str(part) for part in command], check=True, env=ENV, stdout=subprocess.DEVNULL, **more)


def folders(paths):
    found = {"/".join(p.split("/")[:depth]) for p in paths for depth in range(1, p.count("/") + 1)}
    return sorted(found)


def modified(path):
    """A fixed time of the spring of 2024 for each path, even seconds as FAT keeps them."""
    return EPOCH - 86400 * 30 + zlib.crc32(path.encode()) % (86400 * 15) * 2


def stage(work, path, content):
    place = work / "stage" / hashlib.sha256(path.encode()).hexdigest()[:16] / path.rsplit("/", 1)[-1]
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    os.utime(place, (modified(path), modified(path)))
    return place


def fat_volume(work, files, deleted):
    image = work / "fat.raw"
    with open(image, "wb") as out:
        out.truncate(FAT_SECTORS * SECTOR)
    run("mkfs.fat", "-F", 32, "-s", 1, "-S", 512, "-R", 32, "-f", 2, "-h", FAT_START,
        # Before -i: it sets both the date of the label, which is wanted, and a volume id, which is not.
        "--invariant", "-i", "0DE30001", "-n", "CAMERA", image)
    for folder in folders(files) + ["DCIM/EMPTY"]:
        run("mmd", "-i", image, f"::{folder}")
    for path, content in files.items():
        run("mcopy", "-m", "-i", image, stage(work, path, content), f"::{path}")
    for path in deleted:
        run("mdel", "-i", image, f"::{path}")
    return image.read_bytes()


def ext_volume(work, files):
    image = work / "ext.raw"
    run("mke2fs", "-q", "-F", "-t", "ext4", "-b", 1024, "-L", "demo-home", "-U", "0de30002-0000-4000-8000-000000000002",
        "-E", "hash_seed=0de30003-0000-4000-8000-000000000003,lazy_itable_init=0", image, f"{EXT_SECTORS // 2}k")
    commands = [f'mkdir "{folder}"' for folder in folders(files) + ["home/demo/Empty"]]
    for path, content in files.items():
        commands.append(f'write "{stage(work, path, content)}" "{path}"')
    # debugfs adds a name without counting it.
    commands += ['ln "home/demo/Pictures/gradient-01.png" "home/demo/Pictures/favourite.png"',
                 'sif "home/demo/Pictures/gradient-01.png" links_count 2',
                 'symlink "home/demo/latest.jpg" "Pictures/sorted/2023/diamond.jpg"']
    for path in files:
        owner = [(field, 1000) for field in ("uid", "gid")] if path.startswith("home/demo/") else []
        stamps = [(field, f"@{modified(path)}") for field in ("mtime", "atime")]
        commands += [f'sif "{path}" {field} {value}' for field, value in owner + stamps + [("mode", "0100644")]]
    script = work / "commands"
    script.write_text("\n".join(commands) + "\n")
    run("debugfs", "-w", "-f", script, image, stderr=subprocess.DEVNULL)
    run("e2fsck", "-f", "-n", image, stderr=subprocess.DEVNULL)
    return image.read_bytes()


def medium(fat, ext):
    def partition(kind, start, count):
        # CHS fields beyond cylinder 1023 are written as FE FF FF, as partitioning tools do.
        return struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, count)
    record = bytearray(SECTOR)
    record[440:444] = b"\x0d\xe3\x00\x04"
    record[446:478] = partition(0x0C, FAT_START, FAT_SECTORS) + partition(0x83, EXT_START, EXT_SECTORS)
    record[510:] = b"\x55\xaa"
    disk = bytearray(MEDIUM_SECTORS * SECTOR)
    disk[:SECTOR] = record
    disk[FAT_START * SECTOR:FAT_START * SECTOR + len(fat)] = fat
    disk[EXT_START * SECTOR:EXT_START * SECTOR + len(ext)] = ext
    return bytes(disk)


# ---- lists and expectations -----------------------------------------------------------------------------------

def digests(content):
    return {name: hashlib.new(name, content).hexdigest() for name in ("md5", "sha1", "sha256")}


def absent(number):
    return f"onscene demonstration: a file that is not on the stick, number {number}".encode()


def vics(volumes):
    records = []

    def add(category, content, **more):
        digest = digests(content)
        record = {"MediaID": 1000 + len(records), "Category": category, "MD5": digest["md5"].upper(),
                  "SHA1": digest["sha1"].upper(), "MediaSize": len(content), "DateUpdated": "2024-06-01T12:00:00Z"}
        record.update(more)
        records.append(record)
    listed = {(name, category): (v, path) for v, path, _, (name, category) in FOUND}
    for category in (1, 2, 3):
        volume, path = listed["demo-pictures.json", str(category)]
        add(category, volumes[volume][path], VictimIdentified="false", IsDistributed="false")
    add(0, volumes[IGNORED[0]][IGNORED[1]])
    for number in range(1, 9):
        add(number % 3 + 1, absent(number), Series="Demonstration ] } , \\\" series", Tags="generated, harmless")
    del records[-1]["SHA1"]
    return {"@odata.context": "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/UK/$metadata#Media",
            "value": records}


def lists(volumes):
    plain = [volumes[v][path] for v, path, _, (name, _) in FOUND if name == "demo-md5.txt"]
    plain += [b""] + [absent(number) for number in range(20, 26)]
    md5 = "# DEMONSTRATION ONLY: generated pictures, the empty file, and files that do not exist\n"
    md5 += "".join(hashlib.md5(content).hexdigest() + "\n" for content in plain)
    good = "".join(f"{hashlib.sha256(volumes[v][p]).hexdigest()}  {p.rsplit('/', 1)[-1]}\n" for v, p in KNOWN_GOOD)
    return {"demo-pictures.json": json.dumps(vics(volumes), indent=1) + "\n", "demo-md5.txt": md5,
            "demo-known-good.txt": good}


def expected(volumes, disk):
    def item(volume, path):
        content = volumes[volume][path]
        return {"volume": volume, "path": path, "size": len(content), **digests(content)}
    findings = []
    for volume, path, deleted, (name, category) in FOUND:
        findings.append({**item(volume, path), "state": "deleted" if deleted else "allocated", "action": "alert",
                         "list": name, "category": category})
        if deleted:
            # FAT overwrites the first byte of a deleted short name; `_` stands for it.
            folder, _, short = path.rpartition("/")
            findings[-1]["path"] = f"{folder}/_{short[1:]}"
    return {
        "profile": "uk",
        "medium": {"size": len(disk), **digests(disk)},
        "findings": findings,
        "known_good": {"count": len(KNOWN_GOOD), "items": [item(*place) for place in KNOWN_GOOD]},
        "ignored": [item(*IGNORED)],
        "never_alert": [item(*place) for place in EMPTY],
    }


def acquire(disk, work):
    raw, target = work / "demo-usb.raw", work / "demo-usb"
    raw.write_bytes(disk)
    run("ewfacquire", "-u", "-q", "-f", "encase6", "-c", "best", "-d", "sha1", "-m", "removable", "-M", "physical",
        "-S", "100MiB", "-C", "onscene demonstration", "-E", "DEMO-1", "-e", "the onscene contributors",
        "-D", "Generated stick, nothing on it is real", "-N", "see tests/data/README.md", "-P", 512, "-t", target, raw,
        stderr=subprocess.DEVNULL)
    run("ewfverify", "-q", "-d", "sha1", f"{target}.E01")
    return pathlib.Path(f"{target}.E01")


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        fat_files, deleted = camera()
        volumes = {1: fat_files, 2: home(fat_files)}
        disk = medium(fat_volume(work, fat_files, deleted), ext_volume(work, volumes[2]))
        facts = expected(volumes, disk)
        outputs = lists(volumes) | {"expected.json": json.dumps(facts, indent=1, ensure_ascii=False) + "\n"}
        if sys.argv[1:] == ["--check"]:
            stale = [name for name, body in outputs.items() if (SETS / name).read_text() != body]
            sys.exit(f"differs from what this script makes here: {', '.join(stale)}" if stale else 0)
        SETS.mkdir(parents=True, exist_ok=True)
        for name, body in outputs.items():
            (SETS / name).write_text(body)
        shutil.copyfile(acquire(disk, work), HERE / "demo-usb.E01")
        print(f"tests/data/demo-usb.E01: {(HERE / 'demo-usb.E01').stat().st_size} bytes, medium {len(disk)} bytes")


if __name__ == "__main__":
    main()
