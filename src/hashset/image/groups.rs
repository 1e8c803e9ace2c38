//! What lists say of one value, kept once however many values it is said of.

use std::collections::HashMap;

use super::CLAIM;
use crate::hashset::collect::Claim;

/// Most claims of all groups: more than this and every value is something different to many lists.
pub const MAX_CLAIMS: usize = 16 << 20;

/// A claim as it stands in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredClaim {
    pub list: u32,
    pub category: u32,
    pub flags: u32,
    pub size: u64,
}

impl StoredClaim {
    const NO_SIZE: u64 = u64::MAX;
    const SIZE_BITS: u32 = 4;
    const SIZE_IN_COLUMN: u32 = 1 << Self::SIZE_BITS;
    const SIZE_HERE: u32 = 2 << Self::SIZE_BITS;
    /// Bits of the flags that mean something.
    const KNOWN_FLAGS: u32 = 0b11_1111;

    /// The bytes of an image as a claim.
    pub fn from_bytes(bytes: &[u8; CLAIM]) -> Self {
        let number = |at: usize| {
            bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let size = bytes.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { list: number(0), category: number(4), flags: number(8), size }
    }

    /// Its bytes in an image.
    pub fn write(&self, out: &mut Vec<u8>) {
        [self.list, self.category, self.flags].iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(self.size.to_le_bytes());
    }

    /// The size that it states; `column` is the one that stands beside the value.
    pub fn size(&self, column: Option<u64>) -> Option<u64> {
        match self.flags >> Self::SIZE_BITS & 0b11 {
            1 => column,
            2 => Some(self.size),
            _ => None,
        }
    }

    /// An answer to yes or no in the flags, at a bit.
    pub const fn answer(&self, bit: u32) -> Option<bool> {
        match self.flags >> bit & 0b11 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        }
    }

    /// Whether it has only flags that are described.
    pub const fn is_known(&self) -> bool {
        self.flags & !Self::KNOWN_FLAGS == 0
    }
}

/// A group being numbered: the claims of all lists on one value, with the sizes that they state.
pub type Said = (Claim, Option<u64>);

/// All groups, numbered as they first occur in the order of values.
#[derive(Debug, Default)]
pub struct Groups {
    pub starts: Vec<u32>,
    pub claims: Vec<StoredClaim>,
    /// The group of each claim that stands alone, which is the usual case.
    single: HashMap<(Claim, bool), u32>,
    several: HashMap<Vec<StoredClaim>, u32>,
    building: Vec<StoredClaim>,
    /// The answer before, which is mostly the next one too.
    latest: Option<(Claim, bool, u32)>,
}

impl Groups {
    /// The number of the group that says this, and the size for the column. Sorts what is said.
    pub fn number(&mut self, said: &mut Vec<Said>) -> (u32, Option<u64>) {
        if self.claims.len() > MAX_CLAIMS {
            // The set is refused for it at the end: until then no more memory is taken.
            return (0, None);
        }
        if said.len() > 1 {
            said.sort_unstable();
            said.dedup();
        }
        if let [(claim, size)] = said.as_slice() {
            if let Some((latest, sized, number)) = self.latest
                && latest == *claim
                && sized == size.is_some()
            {
                return (number, *size);
            }
            if let Some(number) = self.single.get(&(*claim, size.is_some())) {
                self.latest = Some((*claim, size.is_some(), *number));
                return (*number, *size);
            }
            let flags = if size.is_some() { StoredClaim::SIZE_IN_COLUMN } else { 0 };
            self.building.clear();
            self.building.push(stored(*claim, flags, StoredClaim::NO_SIZE));
            let number = self.take();
            self.single.insert((*claim, size.is_some()), number);
            return (number, *size);
        }
        let first = said.iter().find_map(|(_, size)| *size);
        let agreed = said.iter().filter_map(|(_, size)| *size).all(|size| Some(size) == first);
        self.building.clear();
        self.building.extend(said.iter().map(|(claim, size)| match size {
            None => stored(*claim, 0, StoredClaim::NO_SIZE),
            Some(_) if agreed => stored(*claim, StoredClaim::SIZE_IN_COLUMN, StoredClaim::NO_SIZE),
            Some(size) => stored(*claim, StoredClaim::SIZE_HERE, *size),
        }));
        let number = match self.several.get(&self.building) {
            Some(number) => *number,
            None => {
                let number = self.take();
                self.several.insert(self.building.clone(), number);
                number
            }
        };
        (number, first.filter(|_| agreed))
    }

    fn take(&mut self) -> u32 {
        // Counts that do not fit are refused before anything of them is written.
        let fit = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let number = fit(self.starts.len());
        self.starts.push(fit(self.claims.len()));
        self.claims.extend_from_slice(&self.building);
        number
    }
}

const fn stored(claim: Claim, size_flags: u32, size: u64) -> StoredClaim {
    StoredClaim { list: claim.list, category: claim.category, flags: claim.flags | size_flags, size }
}
