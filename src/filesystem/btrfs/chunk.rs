//! Chunks: from logical addresses to places on this device.

use super::node::Key;
use crate::read::Fields;

/// Type of a chunk's item.
pub(super) const CHUNK_ITEM: u8 = 228;
/// Bytes of a chunk item before its stripes.
const HEAD: usize = 48;
/// Bytes of a stripe.
const STRIPE: usize = 32;

/// Most pieces that an extent is followed in: no chunk is larger than 10 GiB, no stripe smaller than 64 KiB.
const MAX_PIECES: u32 = 1 << 18;

/// Profiles of a chunk. Source: Btrfs on-disk format, `BTRFS_BLOCK_GROUP_*`.
mod profile {
    pub const RAID0: u64 = 1 << 3;
    pub const RAID1: u64 = 1 << 4;
    pub const DUP: u64 = 1 << 5;
    pub const RAID10: u64 = 1 << 6;
    pub const RAID5: u64 = 1 << 7;
    pub const RAID6: u64 = 1 << 8;
    pub const RAID1C3: u64 = 1 << 9;
    pub const RAID1C4: u64 = 1 << 10;
    /// Every stripe holds the same bytes.
    pub const COPIES: u64 = RAID1 | DUP | RAID1C3 | RAID1C4;
    pub const PARITY: u64 = RAID5 | RAID6;
}

/// A range of logical addresses and its stripes.
#[derive(Clone, Debug)]
struct Chunk {
    logical: u64,
    length: u64,
    profile: u64,
    stripe: u64,
    sub_stripes: usize,
    /// Device and offset on it.
    stripes: Vec<(u64, u64)>,
}

/// Where logical bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Located {
    /// On this device: the place of each copy, in bytes from the start of the volume.
    Here(Vec<u64>),
    /// On devices that are not this one.
    Elsewhere,
    /// In a profile that is not read.
    Parity,
    /// No chunk holds them.
    Nowhere,
}

/// All chunks.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    device: u64,
    /// In the order of their logical addresses.
    list: Vec<Chunk>,
}

impl Chunks {
    /// The chunks that stand in the superblock, for a device of that number.
    pub(super) fn system(device: u64, bytes: &[u8]) -> Self {
        let mut chunks = Self { device, list: Vec::new() };
        let mut rest = bytes;
        while let Some((key, item)) = rest.split_at_checked(Key::LENGTH) {
            let Some(key) = Key::parse(Fields(key)) else { break };
            let Some(stripes) = Fields(item).u16(44) else { break };
            let length = usize::from(stripes).saturating_mul(STRIPE).saturating_add(HEAD);
            let Some((item, after)) = item.split_at_checked(length) else { break };
            chunks.add(key, item);
            rest = after;
        }
        chunks.sort();
        chunks
    }

    /// Adds a chunk item; one that makes no sense is left out, and `false` returned.
    pub(super) fn add(&mut self, key: Key, item: &[u8]) -> bool {
        let chunk = (key.kind == CHUNK_ITEM).then(|| Chunk::parse(key.offset, item)).flatten();
        let is = chunk.is_some();
        self.list.extend(chunk);
        is
    }

    /// Puts the chunks in order; of several at one place the one added last stays.
    pub(super) fn sort(&mut self) {
        self.list.reverse();
        self.list.sort_by_key(|chunk| chunk.logical);
        self.list.dedup_by_key(|chunk| chunk.logical);
    }

    /// Number of chunks.
    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Where a logical address is, and how many bytes follow it in one piece.
    pub(super) fn locate(&self, logical: u64) -> (Located, u64) {
        let after = self.list.partition_point(|chunk| chunk.logical <= logical);
        let next = self.list.get(after).map_or(u64::MAX, |chunk| chunk.logical);
        let room = next.saturating_sub(logical);
        let chunk = after.checked_sub(1).and_then(|at| self.list.get(at));
        let found = chunk.and_then(|chunk| {
            let within = logical.checked_sub(chunk.logical).filter(|within| *within < chunk.length)?;
            chunk.locate(within, self.device)
        });
        found.map_or((Located::Nowhere, room), |(located, length)| (located, length.min(room)))
    }

    /// The pieces of `length` logical bytes, in order: each with its length.
    pub(super) fn pieces(&self, logical: u64, length: u64) -> impl Iterator<Item = (Located, u64)> + '_ {
        let mut at = logical;
        let mut left = length;
        let mut count = 0_u32;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            count = count.saturating_add(1);
            let (located, room) = match count > MAX_PIECES {
                true => (Located::Nowhere, left),
                false => self.locate(at),
            };
            let room = room.clamp(1, left);
            at = at.checked_add(room)?;
            left = left.saturating_sub(room);
            Some((located, room))
        })
    }
}

impl Chunk {
    /// Source: Btrfs on-disk format, `btrfs_chunk`.
    fn parse(logical: u64, item: &[u8]) -> Option<Self> {
        let fields = Fields(item);
        let count = usize::from(fields.u16(44)?);
        let stripes = fields.bytes(HEAD, count.checked_mul(STRIPE)?)?;
        let stripes: Vec<_> = stripes
            .chunks_exact(STRIPE)
            .filter_map(|stripe| Some((Fields(stripe).u64(0)?, Fields(stripe).u64(8)?)))
            .collect();
        let chunk = Self {
            logical,
            length: fields.u64(0)?,
            stripe: fields.u64(16)?,
            profile: fields.u64(24)?,
            sub_stripes: usize::from(fields.u16(46)?),
            stripes,
        };
        let sound =
            chunk.length > 0 && !chunk.stripes.is_empty() && logical.checked_add(chunk.length).is_some();
        sound.then_some(chunk)
    }

    fn locate(&self, within: u64, device: u64) -> Option<(Located, u64)> {
        let left = self.length.checked_sub(within)?;
        if self.profile & profile::PARITY != 0 {
            return Some((Located::Parity, left));
        }
        let (stripes, offset, room) = if self.profile & (profile::RAID0 | profile::RAID10) != 0 {
            let copies = if self.profile & profile::RAID10 != 0 { self.sub_stripes.max(1) } else { 1 };
            let columns = u64::try_from(self.stripes.len().checked_div(copies)?).ok()?;
            let number = within.checked_div(self.stripe)?;
            let column = usize::try_from(number.checked_rem(columns)?).ok()?.checked_mul(copies)?;
            let row = number.checked_div(columns)?.checked_mul(self.stripe)?;
            let rest = within.checked_rem(self.stripe)?;
            let stripes = self.stripes.get(column..column.checked_add(copies)?)?;
            (stripes, row.checked_add(rest)?, left.min(self.stripe.checked_sub(rest)?))
        } else if self.profile & profile::COPIES != 0 {
            (self.stripes.as_slice(), within, left)
        } else {
            (self.stripes.get(..1)?, within, left)
        };
        let here = stripes.iter().filter(|(own, _)| *own == device);
        let copies: Vec<u64> = here.filter_map(|(_, start)| start.checked_add(offset)).collect();
        Some((if copies.is_empty() { Located::Elsewhere } else { Located::Here(copies) }, room))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn chunk(profile: u64, sub_stripes: u16, stripes: &[(u64, u64)]) -> Chunks {
        let mut item = vec![0; HEAD];
        item[0..8].copy_from_slice(&1024_u64.to_le_bytes());
        item[16..24].copy_from_slice(&64_u64.to_le_bytes());
        item[24..32].copy_from_slice(&profile.to_le_bytes());
        item[44..46].copy_from_slice(&(stripes.len() as u16).to_le_bytes());
        item[46..48].copy_from_slice(&sub_stripes.to_le_bytes());
        for (device, offset) in stripes {
            item.extend(device.to_le_bytes());
            item.extend(offset.to_le_bytes());
            item.extend([0; 16]);
        }
        let mut chunks = Chunks { device: 1, list: Vec::new() };
        assert!(chunks.add(Key { objectid: 256, kind: CHUNK_ITEM, offset: 1000 }, &item));
        chunks
    }

    #[test]
    fn every_profile_says_where_its_bytes_are() {
        let single = chunk(0, 1, &[(1, 5000)]);
        assert_eq!(single.locate(1100), (Located::Here(vec![5100]), 924));
        assert_eq!(single.locate(999), (Located::Nowhere, 1));
        assert_eq!(single.locate(2024), (Located::Nowhere, u64::MAX - 2024));
        let double = chunk(profile::DUP, 1, &[(1, 5000), (1, 9000)]);
        assert_eq!(double.locate(1000).0, Located::Here(vec![5000, 9000]));
        let striped = chunk(profile::RAID0, 1, &[(1, 5000), (2, 6000), (1, 7000)]);
        assert_eq!(striped.locate(1010), (Located::Here(vec![5010]), 54));
        assert_eq!(striped.locate(1064 + 1), (Located::Elsewhere, 63));
        assert_eq!(striped.locate(1000 + 3 * 64 + 2 * 64 + 3), (Located::Here(vec![7067]), 61));
        let both = chunk(profile::RAID10, 2, &[(1, 5000), (2, 6000), (2, 7000), (1, 8000)]);
        assert_eq!(both.locate(1000 + 64), (Located::Here(vec![8000]), 64));
        assert_eq!(both.locate(1000 + 128), (Located::Here(vec![5064]), 64));
        assert_eq!(chunk(profile::RAID5, 1, &[(1, 0)]).locate(1000).0, Located::Parity);
        assert_eq!(chunk(profile::RAID1, 1, &[(2, 0)]).locate(1000).0, Located::Elsewhere);
        assert_eq!(double.pieces(2000, 30).map(|(_, length)| length).collect::<Vec<_>>(), [24, 6]);
    }
}
