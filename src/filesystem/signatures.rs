//! File systems and sets that are recognised and not read: their names, and what the operator can do.
//!
//! A reader for one of them makes its line here unnecessary. Offsets count from the start of the volume.

use crate::read::{Fields, ReadAt, size};

/// What a volume is, though it cannot be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The name used in reports.
    pub name: &'static str,
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
    /// Anything else. Reads a bounded number of bytes.
    Test(fn(&dyn ReadAt) -> bool),
}

/// What the volume is, if it is one of the table. Reads a bounded number of bytes; an unreadable place has no sign.
/// Encryption is another room's matter, and looked for before this.
pub fn recognise(volume: &dyn ReadAt) -> Option<Recognised> {
    KNOWN.iter().find(|known| known.signs.iter().any(|sign| sign.is_on(volume))).map(|known| known.what)
}

impl Sign {
    fn is_on(&self, volume: &dyn ReadAt) -> bool {
        match self {
            Self::All(places) => places.iter().all(|(at, magic)| has(volume, *at, magic)),
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
/// What to do about anything that is encrypted.
pub(super) const LOCKED: &str = "if the computer it comes from is running, do not power it off: call the digital unit; \
                      look for passwords, recovery keys and key files";

const fn plain(name: &'static str, signs: &'static [Sign]) -> Known {
    Known { what: Recognised { name, advice: TOOL }, signs }
}

const fn part(name: &'static str, signs: &'static [Sign]) -> Known {
    Known { what: Recognised { name, advice: PARTS }, signs }
}

use Sign::{All, Test};

/// Uberblock magic in the order of either processor.
const ZFS: [&[u8]; 2] = [b"\x0c\xb1\xba\0\0\0\0\0", b"\0\0\0\0\0\xba\xb1\x0c"];

/// Every one of them, alphabetical. Each line names the source of its signature.
static KNOWN: &[Known] = &[
    // Linux, include/uapi/linux/bcache.h: bcache_magic at 24 in the superblock at 4096.
    part("bcache", &[All(&[(4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81")])]),
    // bcachefs, bcachefs_format.h: BCHFS_MAGIC at 24 in the superblock at 4096.
    plain("bcachefs", &[All(&[(4120, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef")])]),
    // FreeBSD, sys/disk/bsd.h: the magic number stands twice, in the second sector.
    part("BSD disklabel", &[All(&[(512, b"\x57\x45\x56\x82"), (512 + 132, b"\x57\x45\x56\x82")])]),
    // Linux, fs/erofs/erofs_fs.h.
    plain("EROFS", &[All(&[(1024, b"\xe2\xe1\xf5\xe0")])]),
    // Linux, include/linux/f2fs_fs.h.
    plain("F2FS", &[All(&[(1024, b"\x10\x20\xf5\xf2")])]),
    // Inside Macintosh: Files, master directory block, with a length of allocation blocks that is whole sectors.
    plain("HFS", &[Test(is_hfs)]),
    // Linux, fs/jfs/jfs_superblock.h.
    plain("JFS", &[All(&[(0x8000, b"JFS1")])]),
    // util-linux and Linux, include/linux/swap.h, for pages of 4 to 64 KiB.
    plain("Linux swap", &[Test(is_swap)]),
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
    // illumos, sys/dktp/fdisk.h and sys/vtoc.h: VTOC_SANE in the second sector of a Solaris partition.
    part("Solaris slices", &[All(&[(512 + 12, b"\xee\xde\x0d\x60")])]),
    // Linux, fs/squashfs/squashfs_fs.h: version 4.
    plain("SquashFS", &[All(&[(0, b"hsqs"), (28, b"\x04\0\0\0")])]),
    // Linux, block/partitions/sun.h: SUN_LABEL_MAGIC, and the sum of all words is zero.
    part("Sun disk label", &[Test(is_sun_label)]),
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
    // Storage Spaces of Windows: the header of its database; found by observation, not documented.
    part("Windows storage spaces", &[All(&[(4096, b"SPACEDB ")])]),
    // OpenZFS, include/sys/uberblock_impl.h: the ring of uberblocks in the first label.
    plain("ZFS", &[Test(is_zfs)]),
];

fn is_hfs(volume: &dyn ReadAt) -> bool {
    let bytes = volume.read_vec(1024, 162).unwrap_or_default();
    let fields = Fields(&bytes);
    let block = fields.u32_be(20).unwrap_or(0);
    // An HFS+ volume can be wrapped into an HFS one, which then holds nothing else.
    fields.has(0, b"BD") && block != 0 && block.is_multiple_of(512)
}

fn is_sun_label(volume: &dyn ReadAt) -> bool {
    let bytes = volume.read_vec(0, 512).unwrap_or_default();
    let words = bytes.chunks_exact(2).filter_map(|pair| Fields(pair).u16_be(0));
    Fields(&bytes).has(508, b"\xda\xbe") && words.fold(0, |sum, word| sum ^ word) == 0
}

fn is_swap(volume: &dyn ReadAt) -> bool {
    [4096_u64, 8192, 16384, 32768, 65536].into_iter().any(|page| {
        let at = page.saturating_sub(10);
        has(volume, at, b"SWAPSPACE2") || has(volume, at, b"SWAP-SPACE")
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

    /// A volume as the usual tool makes it: name, size in MiB, command before the path of the image.
    const MADE: &[(&str, u64, &[&str])] = &[
        ("F2FS", 64, &["mkfs.f2fs", "-q"]),
        ("HFS", 8, &["hformat", "-f"]),
        ("Linux swap", 8, &["mkswap"]),
        ("ReiserFS", 64, &["mkreiserfs", "-q", "-ff"]),
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
}
