//! The superblock of one volume.
//!
//! Apple File System Reference, section "Volumes", `apfs_superblock_t`.

use crate::read::Fields;

use super::block::{Address, Blocks, Notes};
use super::object::{Header, is_sound, kind};

/// `apfs_magic`.
const MAGIC: &[u8] = b"APSB";
/// `APFS_FS_UNENCRYPTED` and `APFS_FS_ONEKEY` of `apfs_fs_flags`.
const UNENCRYPTED: u64 = 1;
const ONE_KEY: u64 = 8;
/// Incompatible features: names without case or normal form, data-less snapshots, encryption that was rolled, an
/// unfinished restore, a sealed volume.
const CASE_INSENSITIVE: u64 = 1;
const KNOWN_FEATURES: u64 = 0x3f;
const SEALED: u64 = 0x20;

/// A volume as its superblock describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    /// Its block.
    pub block: u64,
    /// Whether its checksum holds.
    pub sound: bool,
    flags: u64,
    incompatible: u64,
    /// Block of the object map.
    pub map: u64,
    /// Identifier of the root of the file-system tree.
    pub root: u64,
    /// Block of the root of the tree of physical extents.
    pub references: u64,
    /// Block of the root of the tree of snapshots.
    pub snapshots: u64,
    /// How many snapshots there are by its own word.
    pub snapshot_count: u64,
    /// Block of the root of the tree of file extents, in a sealed volume.
    pub extents: u64,
    /// Identifier of the state of an encryption that is under way; 0 when none is.
    rolling: u64,
    /// Its name; possibly hostile bytes.
    pub name: Vec<u8>,
    /// When it was made and last changed, nanoseconds since 1970.
    pub created: u64,
    /// See above.
    pub modified: u64,
}

impl Superblock {
    /// Reads and checks one; `None`, with a note, when it cannot be used.
    pub(super) fn read(blocks: &Blocks, address: Address, notes: &mut Notes) -> Option<Self> {
        let place = blocks.extent(address.block, 1);
        let what = "superblock of an APFS volume";
        if !blocks.has(address.block, 1) {
            let expected = format!("a block below {}", blocks.count);
            notes.corrupt(what, place, &expected, &address.block.to_string());
            return None;
        }
        let bytes = blocks.read(address.block).map_err(|why| notes.unreadable(what, place, &why)).ok()?;
        let (sound, header) = (is_sound(&bytes), Header::parse(&bytes)?);
        let is_volume = header.kind == kind::VOLUME && Fields(&bytes).has(32, MAGIC);
        let plausible = match sound {
            true => is_volume && (address.id == address.block || header.id == address.id),
            false => !notes.quiet && (header.kind == kind::VOLUME || Fields(&bytes).has(32, MAGIC)),
        };
        if !plausible {
            let found = format!("type {:#x}, object {}", header.kind, header.id);
            notes.corrupt(what, place, &format!("type 0xd, object {}", address.id), &found);
            return None;
        }
        notes.read(place);
        if !sound {
            notes.corrupt(what, place, "a checksum that holds (it is used as it is)", "another one");
        }
        Self::parse(&bytes, address.block, sound)
    }

    fn parse(bytes: &[u8], block: u64, sound: bool) -> Option<Self> {
        let fields = Fields(bytes);
        let name = fields.bytes(704, 256)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some(Self {
            block,
            sound,
            flags: fields.u64(264)?,
            incompatible: fields.u64(56)?,
            map: fields.u64(128)?,
            root: fields.u64(136)?,
            references: fields.u64(144)?,
            snapshots: fields.u64(152)?,
            snapshot_count: fields.u64(216)?,
            extents: fields.u64(1032)?,
            rolling: fields.u64(976)?,
            name: name.get(..end)?.to_vec(),
            created: fields.u64(304)?,
            modified: fields.u64(256)?,
        })
    }

    /// Whether its tree and files are encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.flags & UNENCRYPTED == 0
    }

    /// Whether it was being encrypted or decrypted: some extents are one, others are the other.
    pub(super) const fn is_rolling(&self) -> bool {
        self.sound && self.rolling != 0
    }

    /// Whether one key is for the whole of it.
    pub(super) const fn has_one_key(&self) -> bool {
        self.flags & ONE_KEY != 0
    }

    /// Whether it is a sealed system volume.
    pub(super) const fn is_sealed(&self) -> bool {
        self.incompatible & SEALED != 0
    }

    /// Whether names differ by case.
    pub(super) const fn is_case_sensitive(&self) -> bool {
        self.incompatible & CASE_INSENSITIVE == 0
    }

    /// Incompatible features that nobody here knows.
    pub(super) fn unknown_features(&self) -> Option<u64> {
        Some(self.incompatible & !KNOWN_FEATURES).filter(|unknown| *unknown != 0)
    }
}
