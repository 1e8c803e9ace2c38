//! The volume header (TN1150, "Volume Header") and the forks of the special files in it.

use super::fork::Fork;
use crate::model::Run;
use crate::read::{Error, Fields, Result};

/// Bytes of a volume header.
pub(super) const LENGTH: usize = 512;
/// Where it stands, from the start of the volume; its copy begins that many bytes before the end.
pub(super) const PLACE: u64 = 1024;

/// Bits of the attributes of a volume.
pub(super) mod attribute {
    /// It was unmounted as it should be.
    pub(in super::super) const UNMOUNTED: u32 = 1 << 8;
    /// It has a journal.
    pub(in super::super) const JOURNALED: u32 = 1 << 13;
}

/// The special files whose forks the header holds, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Allocation,
    Extents,
    Catalog,
    Attributes,
    Startup,
}

impl Special {
    /// The special files that are B-trees.
    pub(super) const TREES: [Self; 3] = [Self::Extents, Self::Catalog, Self::Attributes];

    /// Its file number, by which the extents overflow file knows it.
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Allocation => 6,
            Self::Extents => 3,
            Self::Catalog => 4,
            Self::Attributes => 8,
            Self::Startup => 7,
        }
    }

    /// Its name in problems.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Allocation => "allocation file",
            Self::Extents => "extents overflow file",
            Self::Catalog => "catalog file",
            Self::Attributes => "attributes file",
            Self::Startup => "startup file",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Allocation => 0,
            Self::Extents => 1,
            Self::Catalog => 2,
            Self::Attributes => 3,
            Self::Startup => 4,
        }
    }
}

/// A parsed volume header.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// Where it was read, in bytes from the start of the volume.
    pub(super) at: u64,
    /// First byte of the file system: not 0 in a wrapper.
    pub(super) base: u64,
    /// Whether it is HFSX.
    pub(super) extended: bool,
    pub(super) attributes: u32,
    /// Block of the journal info block.
    pub(super) journal: u32,
    /// Bytes of an allocation block, a power of two.
    pub(super) block_size: u64,
    pub(super) blocks: u32,
    /// The number that the next new file gets.
    pub(super) next_number: u32,
    forks: [Fork; 5],
}

impl Header {
    /// Parses the header at byte `at` of a volume whose file system begins at `base`.
    pub(super) fn parse(bytes: &[u8], at: u64, base: u64) -> Result<Self> {
        let fields = Fields(bytes);
        let short = || Error::corrupt("volume header", at, format!("{LENGTH} bytes"), bytes.len());
        let signature = fields.array::<4>(0).ok_or_else(short)?;
        let extended = match &signature {
            b"H+\0\x04" => false,
            b"HX\0\x05" => true,
            _ => {
                let found = format!("{signature:02x?}");
                return Err(Error::corrupt("volume header", at, "H+ version 4 or HX version 5", found));
            }
        };
        let number = |offset: usize| fields.u32_be(offset).ok_or_else(short);
        let block_size = number(40)?;
        if !block_size.is_power_of_two() || !(512..=1 << 30).contains(&block_size) {
            let place = at.saturating_add(40);
            return Err(Error::corrupt("block size", place, "a power of two of at least 512", block_size));
        }
        let blocks = number(44)?;
        if blocks == 0 {
            return Err(Error::corrupt("number of blocks", at.saturating_add(44), "blocks", "none"));
        }
        let fork = |offset: usize| fields.bytes(offset, Fork::LENGTH).and_then(Fork::parse).ok_or_else(short);
        Ok(Self {
            at,
            base,
            extended,
            attributes: number(4)?,
            journal: number(12)?,
            block_size: block_size.into(),
            blocks,
            next_number: number(64)?,
            forks: [fork(112)?, fork(192)?, fork(272)?, fork(352)?, fork(432)?],
        })
    }

    /// The fork of a special file.
    pub(super) fn fork(&self, special: Special) -> Fork {
        self.forks.get(special.index()).copied().unwrap_or_default()
    }

    /// Takes the fork of a special file from a copy of the header.
    pub(super) fn take_fork(&mut self, special: Special, copy: &Self) {
        if let Some(fork) = self.forks.get_mut(special.index()) {
            *fork = copy.fork(special);
        }
    }

    /// Length of the file system in bytes.
    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.blocks).saturating_mul(self.block_size)
    }

    /// Whether the bit of the attributes is set.
    pub(super) const fn has(&self, bit: u32) -> bool {
        self.attributes & bit != 0
    }

    /// The bytes of an extent, in bytes from the start of the volume; `None` when it leaves the file system.
    pub(super) fn run(&self, (start, count): (u32, u32)) -> Option<Run> {
        let end = start.checked_add(count)?;
        let offset = u64::from(start).checked_mul(self.block_size)?.checked_add(self.base)?;
        (end <= self.blocks).then(|| Run::new(offset, u64::from(count).saturating_mul(self.block_size)))
    }
}
