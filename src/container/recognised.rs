//! Image formats that are known and not read yet: named with what to do, never taken for raw.
//!
//! A reader for one of them replaces its line here by one in `FORMATS`.

use crate::read::{Error, Fields, ReadAt, size};

/// Most bytes looked at from either end of a file.
const REACH: usize = 4096;

/// A format that is known and not read.
pub struct Recognised {
    /// Its name in tables and reports.
    pub name: &'static str,
    /// What the operator can do.
    pub advice: &'static str,
    /// Its signature.
    sign: Sign,
}

/// Where a signature stands.
enum Sign {
    /// At that byte from the start of the first segment file.
    Start(usize, &'static [u8]),
    /// That many bytes before the end of the last segment file.
    End(usize, &'static [u8]),
    /// Anything else: the first bytes of the first segment file and the last bytes of the last one.
    Test(fn(&[u8], &[u8]) -> bool),
}

const QEMU: &str = "convert a copy with `qemu-img convert -O raw` and scan that";
const MAC: &str = "convert a copy with `hdiutil convert -format UDTO` on a Mac and scan that";
const LOGICAL: &str =
    "it holds files, not a medium: export them to a folder with the tool that made it and scan that";

use Sign::{End, Start, Test};

/// Every one of them, alphabetical. Each line names the source of its signature.
pub static RECOGNISED: &[Recognised] = &[
    // libewf, Expert Witness Compression Format, "AD encryption".
    known("AD encrypted image", "decrypt it with FTK Imager and its password or key", Start(0, b"ADCRYPT\0")),
    // AccessData: first bytes of a logical image made by FTK Imager.
    known("AD1 logical image", LOGICAL, Start(0, b"ADSEGMENTEDFILE\0")),
    // AFFLIB, afflib.h: AF_HEADER.
    known("AFF", "convert it with `affconvert -r` and scan the raw image", Start(0, b"AFF10\r\n\0")),
    // AFF4 Standard v1.0, section 2.1: a ZIP volume with the segment container.description.
    known("AFF4", "export it as raw with the tool that made it and scan that", Test(is_aff4)),
    // Android Open Source Project, libsparse, sparse_format.h.
    known(
        "Android sparse image",
        "convert it with `simg2img` and scan the raw image",
        Start(0, b"\x3a\xff\x26\xed"),
    ),
    // Bochs, iodev/hdimage/hdimage.h.
    known("Bochs image", QEMU, Start(0, b"Bochs Virtual HD Image")),
    // MAME, chd.h.
    known("CHD", "convert a copy with `chdman` and scan that", Start(0, b"MComprHD")),
    // libmodi documentation: encrypted disk image, version 2 at the start and version 1 at the end.
    known("DMG, encrypted", "it opens only with its password; convert it on a Mac", Start(0, b"encrcdsa")),
    known(
        "DMG, encrypted (version 1)",
        "it opens only with its password; convert it on a Mac",
        End(8, b"cdsaencr"),
    ),
    // libewf, Expert Witness Compression Format, section "File header".
    known("L01 (EnCase logical evidence)", LOGICAL, Start(0, b"LVF\t\r\n\xff\0")),
    known("Lx01 (EnCase 7 logical evidence)", LOGICAL, Start(0, b"LEF2\r\n\x81\0")),
    // QEMU, docs/interop/parallels.txt.
    known("Parallels", QEMU, Start(0, b"WithoutFreeSpace")),
    known("Parallels (extended)", QEMU, Start(0, b"WithouFreSpacExt")),
    // QEMU, docs/interop/qed_spec.rst.
    known("QED", QEMU, Start(0, b"QED\0")),
    // libmodi documentation: sparse disk image.
    known("Sparse image of a Mac", MAC, Start(0, b"sprs\0\0\0")),
    // VirtualBox, VDICore.h: VDI_IMAGE_SIGNATURE after 64 bytes of text.
    known("VDI", QEMU, Start(64, b"\x7f\x10\xda\xbe")),
    // VMware, Virtual Disk Format 5.0: the older copy-on-write extent.
    known("VMDK, copy on write", QEMU, Start(0, b"COWD\x01\0\0\0")),
    // QEMU, block/vmdk.c: VMDKSESparseConstHeader.
    known("VMDK, space-efficient", QEMU, Start(0, b"\xbe\xba\xfe\xca\0\0\0\0")),
    // Microsoft, Windows Imaging File Format.
    known("WIM", LOGICAL, Start(0, b"MSWIM\0\0\0")),
];

const fn known(name: &'static str, advice: &'static str, sign: Sign) -> Recognised {
    Recognised { name, advice, sign }
}

impl Recognised {
    /// The error that names the format and what to do.
    pub(super) fn unsupported(&self) -> Error {
        Error::unsupported("disk image", 0, format!("its format is {}; {}", self.name, self.advice))
    }
}

/// The format whose signature the image carries, if it is one of the table.
pub(super) fn find(first: &dyn ReadAt, last: &dyn ReadAt) -> Option<&'static Recognised> {
    let head = front(first);
    let tail = back(last);
    RECOGNISED.iter().find(|known| match known.sign {
        Start(offset, magic) => Fields(&head).has(offset, magic),
        End(before, magic) => {
            tail.len().checked_sub(before).is_some_and(|offset| Fields(&tail).has(offset, magic))
        }
        Test(test) => test(&head, &tail),
    })
}

fn front(source: &dyn ReadAt) -> Vec<u8> {
    let length = usize::try_from(source.size()).unwrap_or(REACH).min(REACH);
    source.read_vec(0, length).or_else(|_| source.read_vec(0, length.min(512))).unwrap_or_default()
}

fn back(source: &dyn ReadAt) -> Vec<u8> {
    let length = usize::try_from(source.size()).unwrap_or(REACH).min(REACH);
    let from = source.size().saturating_sub(size(length));
    source.read_vec(from, length).unwrap_or_default()
}

/// A ZIP file that names the segment which every AFF4 volume has, in front or in its directory.
fn is_aff4(head: &[u8], tail: &[u8]) -> bool {
    let name = b"container.description";
    let holds = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    head.starts_with(b"PK\x03\x04") && (holds(head) || holds(tail))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::read::Memory;

    fn opened(bytes: Vec<u8>) -> Result<(), String> {
        crate::container::open(vec![Arc::new(Memory(bytes))]).map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_format_of_the_table_is_refused_by_name_with_advice() {
        let names: Vec<String> = RECOGNISED.iter().map(|known| known.name.to_lowercase()).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        for known in RECOGNISED {
            let mut bytes = vec![0; 10_000];
            match known.sign {
                Start(at, magic) => bytes[at..at + magic.len()].copy_from_slice(magic),
                End(before, magic) => bytes[10_000 - before..][..magic.len()].copy_from_slice(magic),
                Test(_) if known.name == "AFF4" => {
                    bytes[..4].copy_from_slice(b"PK\x03\x04");
                    bytes[30..51].copy_from_slice(b"container.description");
                }
                Test(_) => unreachable!("{}", known.name),
            }
            let error = opened(bytes).unwrap_err();
            assert!(error.contains(known.name) && error.contains(known.advice), "{error}");
        }
    }

    #[test]
    fn zeros_and_a_plain_zip_file_are_raw() {
        let mut zip = vec![0; 100];
        zip[..4].copy_from_slice(b"PK\x03\x04");
        for plain in [Vec::new(), vec![0; 1], vec![0; 5000], zip] {
            assert_eq!(opened(plain), Ok(()));
        }
    }
}
