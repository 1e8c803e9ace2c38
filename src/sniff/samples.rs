//! Starts of files of known kinds: written by hand from their specifications, and made by other programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Class, sniff};

/// Kind and first bytes, by hand.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    fn at(pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let end = pieces.iter().map(|(offset, bytes)| offset + bytes.len()).max().unwrap();
        let mut all = vec![0; end];
        for (offset, bytes) in pieces {
            all[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        all
    }
    let ftyp = |brands: &[&[u8]]| {
        let list = brands.concat();
        [&(list.len() as u32 + 12).to_be_bytes()[..], b"ftyp", &list[..4], &[0; 4], &list[4..]].concat()
    };
    let frame = |length: usize, start: &[u8]| {
        let one = at(&[(0, start), (length - 1, &[0])]);
        [one.clone(), one].concat()
    };
    let maker = |name: &[u8]| {
        at(&[
            (0, b"II*\0\x08\0\0\0\x02\0"),
            (10, b"\x0f\x01\x02\0\x12\0\0\0\x40\0\0\0"),
            (22, b"\x4a\x01\x04\0\x01\0\0\0\x80\0\0\0"),
            (64, name),
        ])
    };
    vec![
        ("3GP video", ftyp(&[b"3gp4", b"isom"])),
        ("AAC sound", frame(64, b"\xff\xf1\x50\x80\x08\x1f\xfc")),
        ("AES Crypt file", b"AES\x02\0\0\x1bCREATED_BY".to_vec()),
        ("Android backup", b"ANDROID BACKUP\n5\n1\nnone\n".to_vec()),
        ("Android backup, encrypted", b"ANDROID BACKUP\n5\n1\nAES-256\n".to_vec()),
        ("ARJ archive", b"\x60\xea\x2b\0\x22\x0b\x01\x02\x10\0\x02\x8a".to_vec()),
        ("AVIF picture", ftyp(&[b"avif", b"mif1", b"miaf"])),
        ("AVIF picture", ftyp(&[b"mif1", b"miaf", b"avif"])),
        ("BitLocker volume", at(&[(0, b"\xeb\x58\x90-FVE-FS-"), (510, b"\x55\xaa")])),
        ("BMP picture", at(&[(0, b"BM\x36\x01\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), (60, &[1])])),
        ("Camera raw, ARW", maker(b"SONY ")),
        ("Camera raw, CR2", b"II*\0\x10\0\0\0CR\x02\0".to_vec()),
        ("Camera raw, CR3", ftyp(&[b"crx ", b"isom"])),
        ("Camera raw, DNG", b"MM\0*\0\0\0\x08\0\x01\xc6\x12\0\x01\0\0\0\x04\x01\x04\0\0".to_vec()),
        ("Camera raw, NEF", maker(b"NIKON CORPORATION")),
        ("Camera raw, PEF", maker(b"PENTAX")),
        ("Camera raw, RAF", b"FUJIFILMCCD-RAW 0201".to_vec()),
        ("eCryptfs file", b"\0\0\0\0\0\0\x10\0\x12\x34\x56\x78\x2e\xb5\xe1\x8d".to_vec()),
        ("Flash animation", b"CWS\x0a\x40\x20\x01\0\x78\xda".to_vec()),
        ("HEIC picture", ftyp(&[b"heic", b"mif1", b"heic"])),
        ("HEIC picture", ftyp(&[b"mif1", b"mif1", b"heic"])),
        ("HEIF picture", ftyp(&[b"mif1", b"miaf", b"jpeg"])),
        ("HTML page", b"\xef\xbb\xbf\r\n<!DOCTYPE HTML><title>x".to_vec()),
        ("Icon or cursor", b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0\x28".to_vec()),
        ("ISO 9660 or UDF image", at(&[(0x8000, b"\x01CD001\x01")])),
        ("JPEG 2000 picture", b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ".to_vec()),
        ("JPEG picture", b"\xff\xd8\xff\xe1".to_vec()),
        ("JPEG XL picture", b"\xff\x0a\xfa\x7f\x90\x08\x08\x06\x01\0\x78\0".to_vec()),
        ("LZMA stream", b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\x34".to_vec()),
        (
            "Mail message",
            b"Return-Path: <a@example.org>\r\nReceived: from b\r\n\tby c; Mon, 1 Jan 2024\r\nFrom: a\r\n\
              Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nBody without a colon\r\n"
                .to_vec(),
        ),
        (
            "Mail store, mbox",
            b"From a@example.org Mon Jan  1 10:00:00 2024\nReturn-Path: <a>\nTo: b\n".to_vec(),
        ),
        ("Mail store, mbox", b"From - Mon Jan 01 10:00:00 2024\r\nX-Mozilla-Status: 0001\r\n".to_vec()),
        ("Mail store, PST or OST", b"!BDN\x12\x34\x56\x78SM".to_vec()),
        ("Matroska video", b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska".to_vec()),
        ("MP3 sound", frame(417, b"\xff\xfb\x90\x64")),
        ("MP3 sound", b"ID3\x04\0\0\0\0\0\0".to_vec()),
        ("MP4 video", ftyp(&[b"isom", b"iso2", b"avc1", b"mp41"])),
        ("MP4 video", ftyp(&[b"mp42", b"3gp4"])),
        ("MPEG transport stream", [b"\x47\x40\0\x10".as_slice(), &[0xff; 184]].concat().repeat(4)),
        (
            "MPEG transport stream",
            [b"\0\x01\x02\x03\x47\x40\0\x10".as_slice(), &[0xff; 184]].concat().repeat(4),
        ),
        ("MPEG-4 sound", ftyp(&[b"M4A ", b"mp42", b"isom"])),
        ("Office document (zip)", at(&[(0, b"PK\x03\x04\x14\0\x06\0"), (30, b"[Content_Types].xml")])),
        ("Ogg sound", at(&[(0, b"OggS\0\x02"), (28, b"OpusHead")])),
        ("Ogg stream", at(&[(0, b"OggS\0\x02"), (28, b"\x80theora")])),
        ("OpenPGP message", b"\x8c\x0d\x04\x09\x03\x0212345678\xff\xd2\x40".to_vec()),
        ("OpenPGP message", b"\x85\x02\x0c\x0312345678\x01\x0f\xff".to_vec()),
        ("OpenPGP message", b"-----BEGIN PGP MESSAGE-----\n\n".to_vec()),
        ("PCX picture", at(&[(0, b"\x0a\x05\x01\x08\0\0\0\0\x3f\0\x3f\0"), (64, b"\0\x03\x40\0")])),
        ("PDF document", b"%PDF-1.4\n".to_vec()),
        ("Portable anymap", b"P6\n# a comment\n160 120\n255\n\x80".to_vec()),
        ("QuickTime video", ftyp(&[b"qt  "])),
        ("QuickTime video", b"\0\0\x06\x5bmoov\0\0\0\x6cmvhd".to_vec()),
        ("QuickTime video", b"\0\0\0\x08wide\x01\x23\x45\x67mdat".to_vec()),
        ("rar archive", b"Rar!\x1a\x07\0\xcf\x90\x73\0\0\x0d\0".to_vec()),
        ("rar archive, encrypted", b"Rar!\x1a\x07\0\xce\x99\x73\x80\0\x0d\0".to_vec()),
        ("rar archive, encrypted", b"Rar!\x1a\x07\x01\0\x12\x34\x56\x78\x21\x04\0\0".to_vec()),
        ("SVG drawing", b"<?xml version=\"1.0\"?>\n<svg xmlns=\"x\">".to_vec()),
        ("TGA picture", b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x20\x08".to_vec()),
        ("Thumbnail database, Windows", b"CMMM\x20\0\0\0".to_vec()),
        ("TIFF picture", b"MM\0*\0\0\0\x08\0\0".to_vec()),
        ("WebM video", b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm".to_vec()),
        ("WebP picture", b"RIFF\x24\0\0\0WEBPVP8 ".to_vec()),
        ("zip archive", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec()),
        ("zip archive, encrypted", b"PK\x03\x04\x14\0\x09\0\x08\0".to_vec()),
    ]
}

#[test]
fn every_sample_written_from_a_specification_is_named() {
    for (name, bytes) in all() {
        let found = sniff(&bytes).map(|found| found.name);
        assert_eq!(found, Some(name), "{:02x?}", &bytes[..bytes.len().min(24)]);
    }
}

#[test]
fn the_demonstration_stick_is_a_disk_image() {
    let stick = include_bytes!("../../tests/data/demo-usb.E01");
    assert_eq!(sniff(stick).map(|found| (found.name, found.class)), Some(("EWF image", Class::Container)));
}

/// What other programs write, each from a shell command that leaves a file `out`.
const MADE: &[(&str, &str)] = &[
    ("ar archive", "ar cr out in"),
    ("bzip2 stream", "bzip2 -c in > out"),
    ("bzip2 stream", "bzip2 -c /dev/null > out"),
    ("cpio archive", "echo in | cpio -o -H newc > out"),
    ("gzip stream", "gzip -c in > out"),
    ("ISO 9660 or UDF image", "genisoimage -quiet -o out in"),
    (
        "LUKS volume",
        "truncate -s 32M out && echo secret | cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 out -",
    ),
    ("LZMA stream", "xz --format=lzma -c in > out"),
    ("OpenPGP message", "gpg --batch --homedir . --passphrase x --pinentry-mode loopback -o out -c in"),
    ("OpenPGP message", "gpg --batch --homedir . --passphrase x --pinentry-mode loopback -a -o out -c in"),
    ("OpenSSL encrypted file", "openssl enc -aes-256-cbc -pbkdf2 -pass pass:x -in in -out out"),
    ("QCOW2 disk image", "qemu-img create -f qcow2 out 1M"),
    ("Raw disk image", "truncate -s 4M out && mke2fs -q -F out"),
    ("Raw disk image", "truncate -s 4M out && mkfs.fat out"),
    ("SQLite database", "sqlite3 out 'create table a(b)'"),
    ("SquashFS image", "mksquashfs in out -quiet"),
    ("tar archive", "tar cf out in"),
    ("tar archive", "tar cf out --format=v7 in"),
    ("VDI disk image", "qemu-img create -f vdi out 1M"),
    ("VHD disk image", "qemu-img create -f vpc out 1M"),
    ("VHDX disk image", "qemu-img create -f vhdx out 8M"),
    ("VMDK disk image", "qemu-img create -f vmdk out 1M"),
    ("xz stream", "xz -c in > out"),
    ("zip archive", "python3 -m zipfile -c out in"),
    ("zstd stream", "zstd -q -c in > out"),
];

#[test]
fn what_other_programs_write_is_named() {
    let mut seen = 0;
    for (name, command) in MADE {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in"), "some text to be packed\n".repeat(300)).unwrap();
        let made = Command::new("sh").arg("-c").arg(command).current_dir(folder.path()).output();
        let bytes = std::fs::read(folder.path().join("out")).unwrap_or_default();
        if bytes.is_empty() || !made.is_ok_and(|made| made.status.success()) {
            eprintln!("SKIPPED {name}: cannot be made here with `{command}`");
            continue;
        }
        let head = &bytes[..bytes.len().min(super::HEAD)];
        assert_eq!(sniff(head).map(|found| found.name), Some(*name), "{command}");
        seen += 1;
    }
    eprintln!("{seen} of {} kinds were made and named", MADE.len());
}

#[test]
fn every_good_picture_of_the_public_test_images_is_a_picture() {
    let Some(data) = test_data() else {
        eprintln!("SKIPPED: the public test images are not beside the project");
        return;
    };
    let (mut pictures, mut missed) = (0, Vec::new());
    for folder in ["image-rs/tests/images", "image-rs/tests/reference", "pdq/data"] {
        for entry in walkdir::WalkDir::new(data.join(folder)).into_iter().flatten() {
            let path = entry.path();
            let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
            // Texts, hash values and digests lie beside the pictures.
            let other = ["csv", "md", "txt", "dat", "bin", "pdq", "log", ""].contains(&extension.as_str());
            if other || !entry.file_type().is_file() {
                continue;
            }
            let bytes = std::fs::read(path).unwrap();
            match sniff(&bytes[..bytes.len().min(4096)]) {
                Some(found) if found.class == Class::Picture => pictures += 1,
                found => missed.push(format!("{}: {found:?}", path.display())),
            }
        }
    }
    eprintln!("{pictures} pictures were recognised");
    assert!(pictures > 300 && missed.is_empty(), "not recognised: {missed:#?}");
}

#[test]
fn public_disk_images_are_disk_images() {
    let Some(data) = test_data().map(|data| data.join("filesystems")) else {
        eprintln!("SKIPPED: the public disk images are not beside the project");
        return;
    };
    for (path, name) in [
        ("dfvfs/apfs.raw", "Raw disk image"),
        ("dfvfs/ext2.E01", "EWF image"),
        ("dfvfs/ext2.qcow2", "QCOW2 disk image"),
        ("dfvfs/ext2.vhd", "VHD disk image"),
        ("dfvfs/ext2.vmdk", "VMDK disk image"),
        ("dfvfs/hfsplus.raw", "Raw disk image"),
        ("dfvfs/iso9660.raw", "ISO 9660 or UDF image"),
        ("go-exfat/test.exfat", "Raw disk image"),
        ("ntfs-colinfinck/testfs1", "Raw disk image"),
        ("rust-fatfs/fat12.img", "Raw disk image"),
        ("rust-fatfs/fat16.img", "Raw disk image"),
    ] {
        let bytes = std::fs::read(data.join(path)).unwrap();
        let found = sniff(&bytes[..bytes.len().min(super::HEAD)]);
        assert_eq!(found.map(|found| found.name), Some(name), "{path}");
    }
}

/// `../shared/testdata` beside the project, or one level further up.
fn test_data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["..", "../.."].iter().map(|up| root.join(up).join("shared/testdata")).find(|path| path.is_dir())
}
