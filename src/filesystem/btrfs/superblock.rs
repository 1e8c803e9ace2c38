//! The superblock: geometry, the roots of the first trees, the chunks that lead to the others.

use super::checksum::Kind;
use super::node::Pointer;
use crate::read::{Error, Fields, Result};

/// Bytes of a superblock.
pub(super) const SIZE: usize = 4096;
/// What stands at byte 64 of every superblock.
pub(super) const MAGIC: &[u8] = b"_BHRfS_M";

/// Incompatible features that change how the volume is read.
pub(super) mod incompat {
    /// Missing file extents are holes.
    pub const NO_HOLES: u64 = 1 << 9;
    /// Zones that are written in sequence: superblocks lie elsewhere.
    pub const ZONED: u64 = 1 << 12;
    /// Several extent trees and checksum trees.
    pub const EXTENT_TREE_V2: u64 = 1 << 13;
    /// Data are where a further tree says.
    pub const RAID_STRIPE_TREE: u64 = 1 << 14;
    /// All bits whose meaning is known.
    pub const KNOWN: u64 = 0x1_7fff;
}

/// Flags of the superblock: the volume is a copy of metadata without any data.
pub(super) const METADUMP: u64 = 1 << 33 | 1 << 34;

/// An older state of the volume, as the superblock remembers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backup {
    /// The root tree of that state.
    pub root: Pointer,
    /// The chunk tree of that state.
    pub chunk_root: Pointer,
}

/// What the superblock says. Offsets count from the start of the volume unless they are called logical.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Identifier of the file system.
    pub fsid: [u8; 16],
    /// Number of the last transaction.
    pub generation: u64,
    /// Flags.
    pub flags: u64,
    /// The root tree.
    pub root: Pointer,
    /// The chunk tree.
    pub chunk_root: Pointer,
    /// Logical place of the log tree; 0 when there is none.
    pub log_root: u64,
    /// Number of devices.
    pub devices: u64,
    /// This device's number.
    pub device: u64,
    /// Bytes of this device.
    pub device_bytes: u64,
    /// Bytes of a sector.
    pub sector: u64,
    /// Bytes of a node.
    pub node: usize,
    /// Incompatible features.
    pub incompat: u64,
    /// The kind of all checksums.
    pub checksum: Kind,
    /// The name that the volume gives itself.
    pub label: String,
    /// Chunk items, each behind its key.
    pub system_chunks: Vec<u8>,
    /// Older states, newest first.
    pub backups: Vec<Backup>,
}

impl Superblock {
    /// Reads a superblock that stands at `offset`. Source: Btrfs on-disk format, "Superblock".
    pub(super) fn parse(bytes: &[u8], offset: u64) -> Result<Self> {
        let fields = Fields(bytes);
        let short = || Error::corrupt("superblock", offset, "4096 bytes", "fewer");
        if !fields.has(64, MAGIC) {
            return Err(Error::corrupt("superblock", offset, "the signature _BHRfS_M", "something else"));
        }
        let number = |at| fields.u64(at).ok_or_else(short);
        let checksum = fields.u16(196).ok_or_else(short)?;
        let checksum = Kind::of(checksum)
            .ok_or_else(|| Error::unsupported("kind of checksums", offset.saturating_add(196), checksum))?;
        let block = |at, what, least: u32| {
            let length = fields.u32(at).ok_or_else(short)?;
            match length.is_power_of_two() && (least..=65536).contains(&length) {
                true => Ok(length),
                false => {
                    let place = offset.saturating_add(u64::try_from(at).unwrap_or(0));
                    Err(Error::corrupt(what, place, format!("a power of two from {least} to 65536"), length))
                }
            }
        };
        let level = |at| fields.u8(at).ok_or_else(short);
        let generation = number(72)?;
        let chunks = usize::try_from(fields.u32(160).ok_or_else(short)?).unwrap_or(usize::MAX).min(2048);
        let label = fields.bytes(299, 256).ok_or_else(short)?;
        let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut backups: Vec<Backup> = (0..4_usize).filter_map(|at| backup(fields, at)).collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.root.generation));
        Ok(Self {
            fsid: fields.array(32).ok_or_else(short)?,
            generation,
            flags: number(56)?,
            root: Pointer::root(number(80)?, generation, level(198)?),
            chunk_root: Pointer::root(number(88)?, number(164)?, level(199)?),
            log_root: number(96)?,
            devices: number(136)?,
            device: number(201)?,
            device_bytes: number(209)?,
            sector: block(144, "size of a sector", 512)?.into(),
            node: usize::try_from(block(148, "size of a node", 4096)?).unwrap_or(4096),
            incompat: number(188)?,
            checksum,
            label: String::from_utf8_lossy(label).into_owned(),
            system_chunks: fields.bytes(811, chunks).ok_or_else(short)?.to_vec(),
            backups,
        })
    }

    /// Whether it has that incompatible feature.
    pub(super) const fn has(&self, feature: u64) -> bool {
        self.incompat & feature != 0
    }
}

fn backup(fields: Fields<'_>, at: usize) -> Option<Backup> {
    let start = at.checked_mul(168)?.checked_add(2859)?;
    let bytes = Fields(fields.bytes(start, 168)?);
    let root = Pointer::root(bytes.u64(0)?, bytes.u64(8)?, bytes.u8(152)?);
    let chunk_root = Pointer::root(bytes.u64(16)?, bytes.u64(24)?, bytes.u8(153)?);
    (root.logical != 0).then_some(Backup { root, chunk_root })
}
