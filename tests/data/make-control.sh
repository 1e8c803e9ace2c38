#!/bin/sh
# Makes src/scan/control.img: the smallest FAT12 volume that holds the harmless control file.
# Needs dosfstools and mtools. The control digests in src/scan/control.rs are those of the text below.
set -eu
cd "$(dirname "$0")/../.."
image=src/scan/control.img
rm -f "$image"
export SOURCE_DATE_EPOCH=315532800 TZ=UTC
mkfs.fat -C -F 12 -S 512 -s 1 -f 1 -r 16 -R 1 -i 0c017201 -n CONTROL "$image" 48 >/dev/null
printf 'onscene control file: harmless, made to be found by every run.\n' > control.txt
touch -d @315532800 control.txt
mcopy -m -i "$image" control.txt ::CONTROL.TXT
sha256sum control.txt
md5sum control.txt
sha1sum control.txt
rm control.txt
