//! From the numbers of inodes, which have 60 bits, to the 56 that a record number has for them.

use crate::read::size;

use super::catalog::Catalog;

/// Bits of a record number that hold the number within the volume.
const NUMBER: u64 = 0x00ff_ffff_ffff_ffff;

/// How inode numbers become record numbers.
pub(super) enum Numbering {
    /// By their low bits. Volumes of a group set one of the highest, in all of them.
    Low,
    /// By their position among all numbers in order, because low bits are not enough in this volume.
    Position(Vec<u64>),
}

impl Numbering {
    /// The numbering of a volume. A name whose file has no record is an entry too.
    pub(super) fn of(catalog: &Catalog) -> Self {
        let targets = catalog.links.iter().map(|(link, _)| link.target);
        let mut all: Vec<u64> = catalog.inodes.iter().map(|(inode, _)| inode.id).chain(targets).collect();
        all.sort_unstable();
        all.dedup();
        let mut low: Vec<u64> = all.iter().map(|id| id & NUMBER).collect();
        low.sort_unstable();
        match low.windows(2).any(|pair| matches!(pair, [one, next] if one == next)) {
            true => Self::Position(all),
            false => Self::Low,
        }
    }

    /// The number that an inode, or what a name leads to, has within the volume; below 2^56.
    pub(super) fn number(&self, id: u64) -> u64 {
        match self {
            Self::Low => id & NUMBER,
            Self::Position(all) => size(all.partition_point(|other| *other < id)) | (1 << 55),
        }
    }
}
