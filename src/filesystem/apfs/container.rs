//! The superblock of a container.
//!
//! Apple File System Reference, section "Container", `nx_superblock_t`.

use crate::read::{Fields, ReadAt};

use super::object::{Header, is_sound, kind};

/// Bytes that are looked at.
pub(super) const LENGTH: usize = 1024;
/// `nx_magic`.
const MAGIC: &[u8] = b"NXSB";
/// Most volumes of a container, the length of `nx_fs_oid`.
const VOLUMES: usize = 100;
/// Least and greatest length of a block.
const BLOCK: std::ops::RangeInclusive<u32> = 4096..=65_536;
/// `NX_INCOMPAT_FUSION`.
const FUSION: u64 = 0x100;
/// `NX_INCOMPAT_VERSION2`.
const VERSION_2: u64 = 2;

/// A copy of the superblock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Container {
    /// First byte of this copy, from the start of the volume.
    pub offset: u64,
    /// Whether its checksum holds.
    pub sound: bool,
    /// The transaction that wrote it.
    pub transaction: u64,
    /// Length of a block in bytes.
    pub block: usize,
    /// Number of blocks.
    pub blocks: u64,
    incompatible: u64,
    /// Of the checkpoint descriptor area: first block or object of its tree, and length with its highest bit for a tree.
    pub descriptors: (u64, u32),
    /// Of this checkpoint's own part of the descriptor area: first index, number of blocks.
    pub own: (u32, u32),
    /// Ephemeral identifier of the space manager.
    pub space_manager: u64,
    /// Block of the object map.
    pub map: u64,
    /// The slots of volumes: number and virtual identifier of the superblock.
    pub volumes: Vec<(u8, u64)>,
}

impl Container {
    /// A copy at `offset`; `None` when it is none, or says of itself what cannot be.
    ///
    /// `bytes` are the whole block, or at least its first [`LENGTH`] bytes when that is not known yet.
    pub(super) fn parse(bytes: &[u8], offset: u64) -> Option<Self> {
        let fields = Fields(bytes);
        let header = Header::parse(bytes)?;
        let block = fields.u32(36)?;
        let plausible = fields.has(32, MAGIC) && BLOCK.contains(&block) && block.is_power_of_two();
        let block = usize::try_from(block).ok().filter(|_| plausible)?;
        let slots = (0..VOLUMES).filter_map(|slot| {
            let id = fields.u64(slot.checked_mul(8)?.checked_add(184)?)?;
            Some((u8::try_from(slot).ok()?, id)).filter(|_| id != 0)
        });
        Some(Self {
            offset,
            sound: header.kind == kind::CONTAINER && bytes.get(..block).is_some_and(is_sound),
            transaction: header.transaction,
            block,
            blocks: fields.u64(40)?,
            incompatible: fields.u64(64)?,
            descriptors: (fields.u64(112)?, fields.u32(104)?),
            own: (fields.u32(136)?, fields.u32(140)?),
            space_manager: fields.u64(152)?,
            map: fields.u64(160)?,
            volumes: slots.collect(),
        })
    }

    /// A copy at `offset`, with its whole block.
    pub(super) fn read(source: &dyn ReadAt, offset: u64) -> Option<Self> {
        let bytes = source.read_vec(offset, LENGTH).ok()?;
        let first = Self::parse(&bytes, offset)?;
        Self::parse(&source.read_vec(offset, first.block).ok()?, offset)
    }

    /// Whether it spans two devices.
    pub(super) const fn is_fusion(&self) -> bool {
        self.incompatible & FUSION != 0
    }

    /// Features without which reading is a guess, in words.
    pub(super) fn unknown_features(&self) -> Option<String> {
        let unknown = self.incompatible & !(VERSION_2 | FUSION);
        match self.incompatible & VERSION_2 {
            0 => Some(format!("incompatible features {:#x} without version 2", self.incompatible)),
            _ => (unknown != 0).then(|| format!("unknown incompatible features {unknown:#x}")),
        }
    }
}
