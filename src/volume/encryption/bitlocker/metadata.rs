//! The metadata blocks of BitLocker, of which a volume has three.

use super::super::super::kinds::guid;
use super::SIGNATURE;
use crate::read::{Fields, ReadAt, size};

/// Most bytes of one block; Windows gives it 64 KiB.
const MAX_BLOCK: usize = 1 << 16;
const HEADER: usize = 64;
const METADATA: usize = 48;
/// Most entries of a block.
const MAX_ENTRIES: usize = 1024;

/// One block.
pub(super) struct Block {
    /// Bytes of it that were read.
    pub length: u64,
    /// Places of all three.
    pub places: Vec<u64>,
    /// How it stands, and how it is meant to stand: 1 plain, 2 changing, 4 encrypted, 5 changing and paused.
    pub current: u16,
    pub next: u16,
    /// Bytes that are encrypted; 0 where it is not said.
    pub size: u64,
    pub method: u32,
    /// Raw time, as Windows keeps it.
    pub created: u64,
    pub description: String,
    pub protectors: Vec<Protector>,
}

/// A way to the key of the volume.
pub(super) struct Protector {
    /// Its identifier as it is printed.
    pub id: String,
    pub kind: u16,
}

impl Block {
    pub(super) fn read(volume: &dyn ReadAt, at: u64) -> Option<Self> {
        let head = volume.read_vec(at, HEADER.checked_add(METADATA)?).ok()?;
        let fields = Fields(&head);
        let version = fields.u16(10)?;
        if !fields.has(0, SIGNATURE) || !matches!(version, 1 | 2) {
            return None;
        }
        let stated = usize::try_from(fields.u32(HEADER)?).ok()?;
        let own = usize::try_from(fields.u32(HEADER.checked_add(8)?)?).ok()?;
        let length = HEADER.checked_add(stated.clamp(METADATA, MAX_BLOCK))?;
        let available = usize::try_from(volume.size().saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = volume.read_vec(at, length.min(available)).ok()?;
        let place = |offset: usize| HEADER.checked_add(offset);
        let mut block = Self {
            length: size(bytes.len()),
            places: [32, 40, 48].into_iter().filter_map(|offset| fields.u64(offset)).collect(),
            current: fields.u16(12)?,
            next: fields.u16(14)?,
            size: if version == 2 { fields.u64(16)? } else { 0 },
            method: fields.u32(place(36)?)?,
            created: fields.u64(place(40)?)?,
            description: String::new(),
            protectors: Vec::new(),
        };
        block.entries(bytes.get(place(own.max(METADATA))?..).unwrap_or_default());
        Some(block)
    }

    fn entries(&mut self, mut rest: &[u8]) {
        for _ in 0..MAX_ENTRIES {
            let fields = Fields(rest);
            let Some(length) = fields.u16(0).map(usize::from).filter(|length| *length >= 8) else { return };
            let Some(entry) = rest.get(..length) else { return };
            let data = entry.get(8..).unwrap_or_default();
            match (fields.u16(2), fields.u16(4)) {
                (Some(0x0002), Some(0x0008)) => {
                    let fields = Fields(data);
                    if let (Some(id), Some(kind)) = (fields.array(0), fields.u16(26)) {
                        self.protectors.push(Protector { id: guid(id), kind });
                    }
                }
                (Some(0x0007), Some(0x0002)) => self.description = text(data),
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// UTF-16 up to the first zero.
fn text(bytes: &[u8]) -> String {
    let units: Vec<u16> =
        bytes.chunks_exact(2).filter_map(|pair| Fields(pair).u16(0)).take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}
