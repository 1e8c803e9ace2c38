//! Partitions: how a logical block becomes bytes of the volume (OSTA UDF 2.60, section 2.2.8 to 2.2.10 and 2.3.10).

use super::space::Space;
use crate::model::Run;

/// How the blocks of a partition are found.
#[derive(Debug)]
pub(super) enum Map {
    /// One after the other.
    Plain,
    /// By a table with one entry for each block (write-once discs); what the table does not have is not there.
    Virtual(Vec<u32>),
    /// Packets of some blocks, a few of which are elsewhere: first block of the packet and where it is on the volume.
    Sparable { packet: u32, moved: Vec<(u32, u32)> },
    /// Inside a file: extents of the volume in the order of the partition.
    Metadata(Vec<Run>),
    /// Of a kind that is not known.
    Unknown,
}

/// A partition map of the logical volume with the partition that it is on.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) map: Map,
    /// First byte of the partition on the volume.
    pub(super) start: u64,
    /// Bytes of the partition.
    pub(super) length: u64,
    /// Bytes of a block.
    pub(super) block: u64,
    /// Its free blocks, where they are known.
    pub(super) space: Option<Space>,
    /// Whether nothing that was written once is ever written over.
    pub(super) write_once: bool,
}

impl Partition {
    /// Adds the places of `length` bytes from a block on to `runs`; `None` when a part of them is nowhere.
    pub(super) fn place(&self, block: u32, length: u64, runs: &mut Vec<Run>) -> Option<()> {
        let within = u64::from(block).checked_mul(self.block)?;
        match &self.map {
            Map::Plain => push(runs, Run::new(self.start.checked_add(within)?, length)),
            Map::Virtual(table) => {
                // Only places of single blocks go through the table; what follows the first does so on the medium.
                let real = *table.get(usize::try_from(block).ok()?)?;
                if real == u32::MAX {
                    return None;
                }
                let at = u64::from(real).checked_mul(self.block)?;
                push(runs, Run::new(self.start.checked_add(at)?, length));
            }
            Map::Sparable { packet, moved } => self.sparable(*packet, moved, block, length, runs)?,
            Map::Metadata(extents) => inside(extents, within, length, runs)?,
            Map::Unknown => return None,
        }
        Some(())
    }

    fn sparable(
        &self,
        packet: u32,
        moved: &[(u32, u32)],
        block: u32,
        length: u64,
        runs: &mut Vec<Run>,
    ) -> Option<()> {
        if moved.is_empty() {
            let within = u64::from(block).checked_mul(self.block)?;
            push(runs, Run::new(self.start.checked_add(within)?, length));
            return Some(());
        }
        let mut block = block;
        let mut left = length;
        while left > 0 {
            let within = block.checked_rem(packet)?;
            let first = block.checked_sub(within)?;
            let rest = packet.checked_sub(within)?;
            let bytes = u64::from(rest).checked_mul(self.block)?.min(left);
            let real = match moved.binary_search_by_key(&first, |(original, _)| *original) {
                Ok(at) => {
                    let (_, place) = moved.get(at)?;
                    u64::from(*place).checked_add(within.into())?.checked_mul(self.block)?
                }
                Err(next) => {
                    // All of it as far as no packet is elsewhere.
                    let until = moved.get(next).map_or(u64::MAX, |(original, _)| u64::from(*original));
                    let blocks = until.saturating_sub(block.into()).max(rest.into());
                    let place = self.start.checked_add(u64::from(block).checked_mul(self.block)?)?;
                    let bytes = blocks.saturating_mul(self.block).min(left);
                    push(runs, Run::new(place, bytes));
                    left = left.checked_sub(bytes)?;
                    if left > 0 {
                        block = u32::try_from(u64::from(block).checked_add(blocks)?).ok()?;
                    }
                    continue;
                }
            };
            push(runs, Run::new(real, bytes));
            left = left.checked_sub(bytes)?;
            block = block.checked_add(rest)?;
        }
        Some(())
    }

    /// Whether a byte of the volume lies in the partition.
    pub(super) fn holds(&self, byte: u64) -> bool {
        let within = byte.checked_sub(self.start).is_some_and(|within| within < self.length);
        within && matches!(self.map, Map::Plain | Map::Sparable { .. })
    }

    /// Whether all of those bytes of the volume are free; `None` when it is not known.
    pub(super) fn is_free(&self, runs: &[Run]) -> Option<bool> {
        let space = self.space.as_ref()?;
        let number = |byte: u64| byte.checked_sub(self.start)?.checked_div(self.block);
        for run in runs.iter().filter(|run| !run.is_hole() && run.length > 0) {
            let last = run.offset.checked_add(run.length)?.checked_sub(1)?;
            let (Some(first), Some(last)) = (number(run.offset), number(last)) else { return Some(false) };
            if last.saturating_sub(first) > self.length.checked_div(self.block)? {
                return Some(false);
            }
            if !(first..=last).all(|block| space.is_free(block)) {
                return Some(false);
            }
        }
        Some(true)
    }
}

/// Adds the places of a part of a file to `runs`.
fn inside(extents: &[Run], within: u64, length: u64, runs: &mut Vec<Run>) -> Option<()> {
    let mut start = 0_u64;
    let mut at = within;
    let end = within.checked_add(length)?;
    for extent in extents {
        let stop = start.checked_add(extent.length)?;
        if at < stop && at < end {
            let offset = at.checked_sub(start)?;
            let part = stop.min(end).checked_sub(at)?;
            push(
                runs,
                match extent.is_hole() {
                    true => Run::hole(part),
                    false => Run::new(extent.offset.checked_add(offset)?, part),
                },
            );
            at = at.checked_add(part)?;
        }
        start = stop;
    }
    (at >= end).then_some(())
}

/// Adds a run; neighbours become one.
pub(super) fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        _ if run.length == 0 => {}
        Some(last) if last.is_hole() && run.is_hole() => last.length = last.length.saturating_add(run.length),
        Some(last)
            if !last.is_hole() && !run.is_hole() && last.offset.saturating_add(last.length) == run.offset =>
        {
            last.length = last.length.saturating_add(run.length);
        }
        _ => runs.push(run),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn places(map: Map, block: u32, length: u64) -> Option<Vec<Run>> {
        let partition =
            Partition { map, start: 10_000, length: 100_000, block: 100, space: None, write_once: false };
        let mut runs = Vec::new();
        partition.place(block, length, &mut runs).map(|()| runs)
    }

    #[test]
    fn every_map_finds_its_blocks() {
        assert_eq!(places(Map::Plain, 3, 250), Some(vec![Run::new(10_300, 250)]));
        assert_eq!(places(Map::Virtual(vec![7, u32::MAX]), 0, 50), Some(vec![Run::new(10_700, 50)]));
        assert_eq!(
            (places(Map::Virtual(vec![7, u32::MAX]), 1, 50), places(Map::Virtual(vec![]), 0, 1)),
            (None, None)
        );
        let sparable = Map::Sparable { packet: 4, moved: vec![(4, 900)] };
        let expected = [Run::new(10_300, 100), Run::new(90_000, 400), Run::new(10_800, 150)];
        assert_eq!(places(sparable, 3, 650), Some(expected.to_vec()));
        let metadata = |block, length| {
            places(Map::Metadata(vec![Run::new(500, 300), Run::new(5000, 200)]), block, length)
        };
        assert_eq!(metadata(2, 250), Some(vec![Run::new(700, 100), Run::new(5000, 150)]));
        assert_eq!((metadata(4, 200), places(Map::Unknown, 0, 1)), (None, None));
        assert_eq!(places(Map::Sparable { packet: 0, moved: vec![(1, 2)] }, 1, 1), None);
    }
}
