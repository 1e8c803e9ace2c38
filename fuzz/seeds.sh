#!/usr/bin/env bash
# Makes small images of every kind that the tools at hand can make, as seeds: fuzz/seeds/FAMILY/NAME.
set -uo pipefail
cd "$(dirname "$0")"
export PATH="$PATH:/usr/sbin:/sbin"
rm -rf seeds
mkdir -p seeds/{filesystem,container,volume,hashset} work/root/DCIM/100
trap 'rm -rf work' EXIT

made() {
    # made FILE COMMAND...: keeps the file when the command worked, says so when not.
    local file="$1"
    shift
    "$@" >work/log 2>&1 || { echo "SKIPPED: $file: $(tail -1 work/log)" >&2; rm -f "$file"; }
}

sized() {
    rm -f "$1"
    truncate -s "$2" "$1"
}

for number in 1 2 3 4 5 6 7 8; do
    head -c $((number * 3000)) /dev/urandom >"work/root/DCIM/100/IMG_000$number.JPG"
done
seq 20000 >"work/root/numbers.txt"
ln -s numbers.txt work/root/link
ln work/root/numbers.txt work/root/hard

files=seeds/filesystem
for bits in 12 16 32; do
    case $bits in 12) size=1M ;; 16) size=9M ;; 32) size=34M ;; esac
    sized $files/fat$bits $size
    made $files/fat$bits mkfs.fat -F $bits -s 1 $files/fat$bits
    made $files/fat$bits mcopy -s -i $files/fat$bits work/root/DCIM work/root/numbers.txt ::
    made $files/fat$bits mdel -i $files/fat$bits ::DCIM/100/IMG_0003.JPG
done
sized $files/exfat 4M
made $files/exfat mkfs.exfat -c 4096 $files/exfat
sized $files/ntfs 2M
made $files/ntfs mkntfs -F -Q -q -s 512 -c 4096 $files/ntfs
for number in 1 2 3 4; do
    [ -f $files/ntfs ] && made $files/ntfs ntfscp -f $files/ntfs "work/root/DCIM/100/IMG_000$number.JPG" "IMG_$number.JPG"
done
for kind in ext2 ext3 ext4; do
    sized $files/$kind 3M
    made $files/$kind mke2fs -q -F -t $kind -b 1024 -d work/root $files/$kind
done
sized $files/xfs 20M
printf '/\n0 0\nd--755 0 0\nnumbers ---644 0 0 work/root/numbers.txt\nfolder d--755 0 0\none ---644 0 0 work/root/DCIM/100/IMG_0001.JPG\n$\n$\n' >work/proto
made $files/xfs mkfs.xfs -q --unsupported -p work/proto $files/xfs
sized $files/btrfs 110M
made $files/btrfs mkfs.btrfs -q -m single -r work/root $files/btrfs
made $files/iso genisoimage -quiet -J -R -o $files/iso work/root
made $files/udf genisoimage -quiet -udf -J -R -o $files/udf work/root
for image in apfs hfsplus; do
    from=../../shared/testdata/filesystems/dfvfs/$image.raw
    [ -f $from ] && cp $from $files/$image
done

cp $files/fat12 work/medium
images=seeds/container
for format in vpc vhdx vmdk qcow2; do
    made $images/$format qemu-img convert -q -f raw -O $format work/medium $images/$format
done
made $images/qcow2z qemu-img convert -q -c -f raw -O qcow2 work/medium $images/qcow2z
made $images/stream qemu-img convert -q -f raw -O vmdk -o subformat=streamOptimized work/medium $images/stream
cp ../tests/data/demo-usb.E01 $images/ewf

tables=seeds/volume
sized $tables/mbr 4M
printf 'label: dos\n2048,2048,c\n4096,,5\n6144,1024,83\n' | made $tables/mbr sfdisk -q $tables/mbr
sized $tables/gpt 4M
printf 'label: gpt\n2048,2048\n4096,2048\n' | made $tables/gpt sfdisk -q $tables/gpt
sized $tables/apm 4M
made $tables/apm parted -s $tables/apm mklabel mac mkpart primary 64s 4000s

cp ../hashsets/demo/* seeds/hashset/ 2>/dev/null
[ -d ../../shared/testdata/hashlists ] && find ../../shared/testdata/hashlists -type f -size -64k -exec cp {} seeds/hashset/ \;
for family in seeds/*; do echo "$family: $(ls "$family" | wc -l) seeds"; done
