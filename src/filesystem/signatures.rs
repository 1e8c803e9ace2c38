//! File systems and encryption that are recognised and not read: their names, and what the operator can do.
//!
//! A reader for one of them makes its line here unnecessary. Offsets count from the start of the volume.

use crate::read::{Fields, ReadAt, size};

/// What a volume is, though it cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The name used in reports.
    pub name: &'static str,
    /// Whether the whole volume is encrypted.
    pub encrypted: bool,
    /// What the operator can do.
    pub advice: &'static str,
}

/// One line of the table.
struct Known {
    what: Recognised,
    signs: &'static [Sign],
}

/// Bytes that tell a format; one sign that is there is enough.
enum Sign {
    /// These bytes at each of those places.
    All(&'static [(u64, &'static [u8])]),
    /// These bytes at that place, counted backwards from the end of the volume.
    End(u64, &'static [u8]),
    /// Anything else. Reads a bounded number of bytes.
    Test(fn(&dyn ReadAt) -> bool),
}

/// What the volume is, if it is one of the table. Reads a bounded number of bytes; an unreadable place has no sign.
///
/// Encryption is looked for first: a volume that is encrypted in place may still carry an older signature.
pub fn recognise(volume: &dyn ReadAt) -> Option<Recognised> {
    let found = |encrypted| {
        let lines = KNOWN.iter().filter(move |known| known.what.encrypted == encrypted);
        lines
            .into_iter()
            .find(|known| known.signs.iter().any(|sign| sign.is_on(volume)))
            .map(|known| known.what)
    };
    found(true).or_else(|| found(false))
}

impl Sign {
    fn is_on(&self, volume: &dyn ReadAt) -> bool {
        match self {
            Self::All(places) => places.iter().all(|(at, magic)| has(volume, *at, magic)),
            Self::End(before, magic) => {
                volume.size().checked_sub(*before).is_some_and(|at| has(volume, at, magic))
            }
            Self::Test(test) => test(volume),
        }
    }
}

fn has(volume: &dyn ReadAt, at: u64, magic: &[u8]) -> bool {
    at.checked_add(size(magic.len())).is_some_and(|end| end <= volume.size())
        && volume.read_vec(at, magic.len()).is_ok_and(|bytes| bytes == magic)
}

const TOOL: &str = "examine it with a tool that reads this file system";
const PARTS: &str = "put the volume together read-only in the laboratory and examine what is on it";
const LOCKED: &str = "if the computer it comes from is running, do not power it off: call the digital unit; \
                      look for passwords, recovery keys and key files";

const fn plain(name: &'static str, signs: &'static [Sign]) -> Known {
    Known { what: Recognised { name, encrypted: false, advice: TOOL }, signs }
}

const fn part(name: &'static str, signs: &'static [Sign]) -> Known {
    Known { what: Recognised { name, encrypted: false, advice: PARTS }, signs }
}

const fn locked(name: &'static str, signs: &'static [Sign]) -> Known {
    Known { what: Recognised { name, encrypted: true, advice: LOCKED }, signs }
}

use Sign::{All, End, Test};

/// `4967D63B-2E29-4AD8-8399-F6A339E3D001` as stored.
const BITLOCKER: &[u8] = b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01";
const MD: &[u8] = b"\xfc\x4e\x2b\xa9";
/// Uberblock magic in the order of either processor.
const ZFS: [&[u8]; 2] = [b"\x0c\xb1\xba\0\0\0\0\0", b"\0\0\0\0\0\xba\xb1\x0c"];

/// Every one of them, alphabetical. Each line names the source of its signature.
static KNOWN: &[Known] = &[
    // Apple File System Reference, nx_superblock_t: nx_magic, and nx_keylocker, which encrypted volumes need.
    plain("APFS", &[All(&[(32, b"NXSB")])]),
    locked("APFS with encrypted volumes", &[Test(is_apfs_with_keys)]),
    // bcachefs, bcachefs_format.h: BCHFS_MAGIC at 24 in the superblock at 4096.
    plain("bcachefs", &[All(&[(4120, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef")])]),
    // libbde documentation, "Volume header": Windows 7 and later, and Vista.
    locked("BitLocker", &[All(&[(3, b"-FVE-FS-")])]),
    // libbde documentation, "BitLocker To Go": the volume begins as FAT32.
    locked("BitLocker To Go", &[All(&[(3, b"MSWIN4.1"), (424, BITLOCKER)])]),
    // libfvde documentation, "CoreStorage volume header": block type 0x10, signature CS.
    locked("Core Storage (FileVault 2 or a Fusion drive)", &[All(&[(8, b"\x01\0\x10\0"), (88, b"CS")])]),
    // Linux, fs/erofs/erofs_fs.h.
    plain("EROFS", &[All(&[(1024, b"\xe2\xe1\xf5\xe0")])]),
    // Microsoft, exFAT file system specification, section 3.1.2.
    plain("exFAT", &[All(&[(3, b"EXFAT   "), (510, b"\x55\xaa")])]),
    // Linux, include/linux/f2fs_fs.h.
    plain("F2FS", &[All(&[(1024, b"\x10\x20\xf5\xf2")])]),
    // FreeBSD, sys/geom/eli/g_eli.h: in the last sector.
    locked("GELI", &[End(512, b"GEOM::ELI\0"), End(4096, b"GEOM::ELI\0")]),
    // Inside Macintosh: Files, master directory block, with a length of allocation blocks that is whole sectors.
    plain("HFS", &[Test(is_hfs)]),
    // Apple Technical Note TN1150, "Volume Header": versions 4 and 5.
    plain("HFS+", &[All(&[(1024, b"H+\0\x04")])]),
    plain("HFSX", &[All(&[(1024, b"HX\0\x05")])]),
    // ECMA-119, section 8.
    plain("ISO 9660", &[All(&[(0x8001, b"CD001\x01")])]),
    // Linux, fs/jfs/jfs_superblock.h.
    plain("JFS", &[All(&[(0x8000, b"JFS1")])]),
    // Linux, include/uapi/linux/raid/md_p.h: version 0.90 in the last 64 to 128 KiB, 1.0 near the end, 1.1, 1.2.
    part(
        "Linux RAID member",
        &[All(&[(0, MD), (4, b"\x01\0\0\0")]), All(&[(4096, MD), (4100, b"\x01\0\0\0")])],
    ),
    part("Linux RAID member, superblock at the end", &[Test(is_md_at_end)]),
    // util-linux and Linux, include/linux/swap.h, for pages of 4 to 64 KiB.
    plain("Linux swap", &[Test(is_swap)]),
    // cryptsetup, LUKS1 and LUKS2 on-disk format specifications; LUKS2 has a second header.
    locked("LUKS1", &[All(&[(0, b"LUKS\xba\xbe\0\x01")])]),
    locked("LUKS2", &[All(&[(0, b"LUKS\xba\xbe\0\x02")]), All(&[(0x4000, b"SKUL\xba\xbe\0\x02")])]),
    // LVM2, lib/format_text/layout.h: a label in one of the first four sectors.
    part(
        "LVM2 physical volume",
        &[
            All(&[(0, b"LABELONE"), (24, b"LVM2 001")]),
            All(&[(512, b"LABELONE"), (536, b"LVM2 001")]),
            All(&[(1024, b"LABELONE"), (1048, b"LVM2 001")]),
            All(&[(1536, b"LABELONE"), (1560, b"LVM2 001")]),
        ],
    ),
    // Microsoft, "NTFS: partition boot sector".
    plain("NTFS", &[All(&[(3, b"NTFS    ")])]),
    // libfsrefs documentation, "Volume header".
    plain("ReFS", &[All(&[(3, b"ReFS\0\0\0\0")])]),
    // Linux, fs/reiserfs/reiserfs.h: the three variants, and the place of the oldest.
    plain(
        "ReiserFS",
        &[
            All(&[(0x1_0034, b"ReIsErFs")]),
            All(&[(0x1_0034, b"ReIsEr2Fs")]),
            All(&[(0x1_0034, b"ReIsEr3Fs")]),
            All(&[(0x2034, b"ReIsErFs")]),
        ],
    ),
    // Linux, fs/squashfs/squashfs_fs.h: version 4.
    plain("SquashFS", &[All(&[(0, b"hsqs"), (28, b"\x04\0\0\0")])]),
    // ECMA-167 part 2, section 9: the recognition sequence in sectors of 2048 or 4096 bytes.
    plain("UDF", &[Test(is_udf)]),
    // FreeBSD, sys/ufs/ffs/fs.h: fs_magic of UFS1 and UFS2, of either processor.
    plain(
        "UFS",
        &[
            All(&[(8192 + 1372, b"\x54\x19\x01\0")]),
            All(&[(8192 + 1372, b"\0\x01\x19\x54")]),
            All(&[(0x1_0000 + 1372, b"\x19\x01\x54\x19")]),
            All(&[(0x1_0000 + 1372, b"\x19\x54\x01\x19")]),
        ],
    ),
    // OpenZFS, include/sys/uberblock_impl.h: the ring of uberblocks in the first label.
    plain("ZFS", &[Test(is_zfs)]),
];

/// `nx_keylocker`, the place of the container's key bag, is at 1296.
fn is_apfs_with_keys(volume: &dyn ReadAt) -> bool {
    let bytes = volume.read_vec(0, 1312).unwrap_or_default();
    let fields = Fields(&bytes);
    fields.has(32, b"NXSB") && fields.u64(1304).is_some_and(|blocks| blocks != 0)
}

fn is_hfs(volume: &dyn ReadAt) -> bool {
    let bytes = volume.read_vec(1024, 162).unwrap_or_default();
    let fields = Fields(&bytes);
    let block = fields.u32_be(20).unwrap_or(0);
    // An HFS+ volume can be wrapped into an HFS one, which then holds nothing else.
    fields.has(0, b"BD") && block != 0 && block.is_multiple_of(512)
}

fn is_md_at_end(volume: &dyn ReadAt) -> bool {
    let sectors = volume.size() / 512;
    let old = (volume.size() & !0xffff).checked_sub(0x1_0000);
    let new = sectors.checked_sub(16).map(|sector| sector & !7).and_then(|sector| sector.checked_mul(512));
    let is = |at: Option<u64>, version: &[u8]| {
        at.is_some_and(|at| has(volume, at, MD) && has(volume, at.saturating_add(4), version))
    };
    // Version 0.90 is written in the order of the processor.
    let turned = old.is_some_and(|at| has(volume, at, b"\xa9\x2b\x4e\xfc\0\0\0\0\0\0\0\x5a"));
    is(old, b"\0\0\0\0\x5a\0\0\0") || is(new, b"\x01\0\0\0") || turned
}

fn is_swap(volume: &dyn ReadAt) -> bool {
    [4096_u64, 8192, 16384, 32768, 65536].into_iter().any(|page| {
        let at = page.saturating_sub(10);
        has(volume, at, b"SWAPSPACE2") || has(volume, at, b"SWAP-SPACE")
    })
}

fn is_udf(volume: &dyn ReadAt) -> bool {
    [2048_u64, 4096].into_iter().any(|sector| {
        (0..16_u64).any(|index| {
            let at = sector.saturating_mul(index).saturating_add(0x8001);
            has(volume, at, b"NSR02\x01") || has(volume, at, b"NSR03\x01")
        })
    })
}

fn is_zfs(volume: &dyn ReadAt) -> bool {
    let ring = volume.read_vec(0x2_0000, 0x2_0000).unwrap_or_default();
    ring.chunks_exact(1024).any(|block| ZFS.iter().any(|magic| block.starts_with(magic)))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::read::Memory;

    fn name(bytes: Vec<u8>) -> Option<&'static str> {
        recognise(&Memory(bytes)).map(|found| found.name)
    }

    #[test]
    fn every_plain_signature_is_recognised_and_the_table_is_in_order() {
        let names: Vec<String> = KNOWN.iter().map(|known| known.what.name.to_lowercase()).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        for known in KNOWN {
            for sign in known.signs {
                let mut bytes = vec![0; 200_000];
                match sign {
                    All(places) => {
                        for (at, magic) in *places {
                            bytes[*at as usize..][..magic.len()].copy_from_slice(magic);
                        }
                    }
                    End(before, magic) => {
                        let at = bytes.len() - *before as usize;
                        bytes[at..][..magic.len()].copy_from_slice(magic);
                    }
                    Test(_) => continue,
                }
                assert_eq!(name(bytes), Some(known.what.name));
            }
        }
    }

    #[test]
    fn zeros_and_volumes_of_any_length_have_no_sign() {
        for length in [0, 1, 511, 512, 1030, 4096, 0x1_0000, 300_000] {
            assert_eq!(name(vec![0; length]), None);
            name(vec![0xff; length]);
        }
    }

    #[test]
    fn encryption_goes_before_an_older_signature() {
        let mut bytes = vec![0; 100_000];
        bytes[3..11].copy_from_slice(b"-FVE-FS-");
        bytes[1024..1028].copy_from_slice(b"H+\0\x04");
        let found = recognise(&Memory(bytes)).unwrap();
        assert!(found.encrypted && found.advice.contains("do not power it off"));
    }

    #[test]
    fn superblocks_of_raid_members_are_found_at_the_end() {
        let length = 1_000_000;
        let mut bytes = vec![0; length];
        let at = (length & !0xffff) - 0x1_0000;
        bytes[at..at + 12].copy_from_slice(b"\xfc\x4e\x2b\xa9\0\0\0\0\x5a\0\0\0");
        assert_eq!(name(bytes), Some("Linux RAID member, superblock at the end"));
        let mut bytes = vec![0; length];
        let at = ((length / 512 - 16) & !7) * 512;
        bytes[at..at + 8].copy_from_slice(b"\xfc\x4e\x2b\xa9\x01\0\0\0");
        assert_eq!(name(bytes), Some("Linux RAID member, superblock at the end"));
    }

    /// A volume as the usual tool makes it: name, size in MiB, command before the path of the image.
    const MADE: &[(&str, u64, &[&str])] = &[
        ("exFAT", 16, &["mkfs.exfat"]),
        ("F2FS", 64, &["mkfs.f2fs", "-q"]),
        ("HFS", 8, &["hformat", "-f"]),
        ("Linux swap", 8, &["mkswap"]),
        (
            "LUKS1",
            8,
            &["cryptsetup", "luksFormat", "-q", "--type", "luks1", "-i", "10", "-d", "/etc/hostname"],
        ),
        ("NTFS", 8, &["mkntfs", "-F", "-Q", "-q"]),
        ("ReiserFS", 64, &["mkreiserfs", "-q", "-ff"]),
        ("UDF", 8, &["mkudffs", "-b", "2048"]),
    ];

    fn made(path: &Path, mebibytes: u64, command: &[&str]) -> bool {
        std::fs::File::create(path).unwrap().set_len(mebibytes << 20).unwrap();
        let paths = std::env::var("PATH").unwrap_or_default() + ":/sbin:/usr/sbin";
        let output = Command::new(command[0]).args(&command[1..]).arg(path).env("PATH", paths).output();
        output.is_ok_and(|output| output.status.success())
    }

    #[test]
    fn volumes_made_by_the_usual_tools_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        for (expected, mebibytes, command) in MADE {
            if !made(&path, *mebibytes, command) {
                eprintln!("skipped: {} is missing or did not run", command[0]);
                continue;
            }
            assert_eq!(name(std::fs::read(&path).unwrap()), Some(*expected));
        }
    }

    #[test]
    fn images_of_the_test_data_are_recognised() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let below = "shared/testdata/filesystems/dfvfs";
        let folder =
            ["..", "../.."].iter().map(|up| root.join(up).join(below)).find(|folder| folder.is_dir());
        let Some(folder) = folder else {
            eprintln!("skipped: no shared test data");
            return;
        };
        let expected = [("apfs.raw", "APFS"), ("hfsplus.raw", "HFS+"), ("iso9660.raw", "ISO 9660")];
        for (file, expected) in expected {
            assert_eq!(name(std::fs::read(folder.join(file)).unwrap()), Some(expected), "{file}");
        }
    }
}
