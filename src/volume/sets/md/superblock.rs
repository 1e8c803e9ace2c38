//! Superblocks of Linux MD members, of every version and byte order.
//!
//! Source: Linux, include/uapi/linux/raid/md_p.h; drivers/md/md.c, `super_90_load` and `super_1_load`.

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Fields, ReadAt};

const MAGIC: u32 = 0xa92b_4efc;
const SECTOR: u64 = 512;
/// Length of a superblock of version 0.90.
const OLD: usize = 4096;
/// Length of one of version 1 before the roles of the devices.
const NEW: usize = 256;
/// Most devices of an array of version 1.
const MAX_DEVICES: u32 = 1920;

/// What one member says of itself and of its array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    /// 0.90, 1.0, 1.1 or 1.2.
    pub version: &'static str,
    /// Its own place on the member.
    pub place: Extent,
    /// Identifier of the array, in the order in which it is written out.
    pub array: [u8; 16],
    /// Name of the array; empty in version 0.90.
    pub name: String,
    pub level: i32,
    pub layout: u32,
    /// Bytes that stand on one member before the next one's turn; 0 where that means nothing.
    pub chunk: u64,
    /// Bytes of each member that the array uses; 0 where each has its own length.
    pub used: u64,
    /// Devices that make up the array.
    pub devices: u32,
    /// Where its data lie on the member.
    pub data: Extent,
    /// Number among the devices.
    pub role: Role,
    /// Grows with each change: a member with fewer was left behind.
    pub events: u64,
    /// Whether the shape of the array was being changed.
    pub reshaping: bool,
    /// Whether this member was being filled.
    pub recovering: bool,
    /// Whether its checksum is right.
    pub sound: bool,
}

/// What a member is in its array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// One of the devices that make it up.
    Active(u32),
    /// It stands by.
    Spare,
    /// It has failed.
    Faulty,
    /// It keeps the journal of the array.
    Journal,
}

impl Superblock {
    /// The superblock of a member, the one with the right checksum before others.
    pub(super) fn read(member: &dyn ReadAt) -> Option<Self> {
        let sectors = member.size() / SECTOR;
        let end = sectors.checked_sub(16).map(|sector| (sector & !7).saturating_mul(SECTOR));
        let places = [("1.1", Some(0)), ("1.2", Some(8 * SECTOR)), ("1.0", end)];
        let new = places.into_iter().filter_map(|(version, at)| Self::new(member, version, at?));
        let mut found: Vec<Self> = new.chain(Self::old(member)).collect();
        found.sort_by_key(|superblock| !superblock.sound);
        found.into_iter().next()
    }

    /// Bytes that a member must have at least for what its superblock says.
    pub(super) const fn is_too_short(&self, size: u64) -> bool {
        self.data.end() > size
    }

    pub(super) fn damage(&self) -> Option<Problem> {
        let detail = format!(
            "the checksum of the MD superblock (version {}) at byte {} is wrong: it is used all the same",
            self.version, self.place.offset
        );
        (!self.sound).then(|| Problem::new(ProblemKind::Corrupt, detail).at(self.place))
    }

    fn new(member: &dyn ReadAt, version: &'static str, at: u64) -> Option<Self> {
        let head = member.read_vec(at, NEW).ok()?;
        let fields = Fields(&head);
        let number = |offset| fields.u64(offset);
        if fields.u32(0)? != MAGIC || fields.u32(4)? != 1 {
            return None;
        }
        let most = fields.u32(220)?.min(MAX_DEVICES);
        let length = NEW.checked_add(usize::try_from(most).ok()?.checked_mul(2)?)?;
        let bytes = member.read_vec(at, length).unwrap_or(head.clone());
        let sound = checksum(&bytes, 216, u32::from_le_bytes) == fields.u32(216)?;
        // Another array's superblock may lie where this version has its own.
        if !sound && number(144)?.checked_mul(SECTOR)? != at {
            return None;
        }
        let device = usize::try_from(fields.u32(160)?).ok()?;
        let role = device.checked_mul(2).and_then(|at| Fields(&bytes).u16(NEW.checked_add(at)?));
        let features = fields.u32(8)?;
        let sectors = |offset| Some(number(offset)?.saturating_mul(SECTOR));
        let name = fields.bytes(32, 32)?;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        Some(Self {
            version,
            place: Extent::new(at, crate::read::size(bytes.len())),
            array: fields.array(16)?,
            name: String::from_utf8_lossy(name.get(..end)?).into_owned(),
            level: fields.u32(72)?.cast_signed(),
            layout: fields.u32(76)?,
            chunk: u64::from(fields.u32(88)?).saturating_mul(SECTOR),
            used: sectors(80)?,
            devices: fields.u32(92)?,
            data: Extent::new(sectors(128)?, sectors(136)?),
            role: match role {
                Some(0xffff) | None => Role::Spare,
                Some(0xfffe) => Role::Faulty,
                Some(0xfffd) => Role::Journal,
                Some(role) => Role::Active(u32::from(role)),
            },
            events: number(200)?,
            reshaping: features & 4 != 0,
            recovering: features & 2 != 0,
            sound,
        })
    }

    fn old(member: &dyn ReadAt) -> Option<Self> {
        let at = (member.size() & !0xffff).checked_sub(0x1_0000)?;
        let bytes = member.read_vec(at, OLD).ok()?;
        let fields = Fields(&bytes);
        // Written in the order of the processor.
        let little = fields.u32(0)? == MAGIC;
        if !little && fields.u32_be(0)? != MAGIC {
            return None;
        }
        let number = |offset| if little { fields.u32(offset) } else { fields.u32_be(offset) };
        let long = |offset| if little { fields.u64(offset) } else { fields.u64_be(offset) };
        if number(4)? != 0 || !matches!(number(8)?, 90 | 91) {
            return None;
        }
        let word = if little { u32::from_le_bytes } else { u32::from_be_bytes };
        let mut array = [0; 16];
        for (part, offset) in array.chunks_exact_mut(4).zip([20, 52, 56, 60]) {
            part.copy_from_slice(&number(offset)?.to_be_bytes());
        }
        let level = number(28)?.cast_signed();
        let used = u64::from(number(32)?).saturating_mul(1024);
        // Bits of the state of a device: faulty, active, in sync.
        let (role, state) = (number(3968 + 12)?, number(3968 + 16)?);
        Some(Self {
            version: "0.90",
            place: Extent::new(at, crate::read::size(OLD)),
            array,
            name: String::new(),
            level,
            layout: number(256)?,
            chunk: u64::from(number(260)?),
            used: if level < 1 { 0 } else { used },
            devices: number(40)?,
            data: Extent::new(0, at),
            role: match state & 7 {
                1 | 3 | 5 | 7 => Role::Faulty,
                6 => Role::Active(role),
                _ => Role::Spare,
            },
            events: long(156)?,
            reshaping: number(8)? == 91,
            recovering: false,
            sound: checksum(&bytes, 152, word) == number(152)?,
        })
    }
}

/// The sum of all words with that of the checksum as zero, the carry added; Linux, `calc_sb_csum`, `calc_sb_1_csum`.
fn checksum(bytes: &[u8], own: usize, word: fn([u8; 4]) -> u32) -> u32 {
    let mut sum = 0_u64;
    let mut words = bytes.chunks_exact(4);
    for (index, part) in words.by_ref().enumerate() {
        if index != own / 4 {
            sum = sum.saturating_add(u64::from(word(part.try_into().unwrap_or_default())));
        }
    }
    if let [low, high] = words.remainder() {
        sum = sum.saturating_add(u64::from(u16::from_le_bytes([*low, *high])));
    }
    let folded = (sum & 0xffff_ffff).saturating_add(sum >> 32);
    u32::try_from(folded & 0xffff_ffff).unwrap_or(0)
}
