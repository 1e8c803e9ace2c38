//! Where the content of a file lies: extents, interleaving, several sections (ECMA-119, section 6.4).

use super::record::Record;
use crate::model::Run;

/// Most runs of interleaved files of one tree: a hostile disc could ask for any number.
const MAX_INTERLEAVED: u64 = 1 << 20;

/// The content of a file as its records give it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) runs: Vec<Run>,
    /// Bytes of all sections.
    pub(super) stored: u64,
    /// Where the first extended attribute records lie: they are metadata.
    pub(super) attributes: Option<Run>,
    /// Numbers of the record contradicted each other.
    pub(super) doubtful: bool,
    /// More pieces than are kept.
    pub(super) over_limit: bool,
}

/// What is needed to turn blocks into bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Bytes of a logical block.
    pub(super) block: u64,
    /// Bytes of the volume.
    pub(super) size: u64,
    /// Runs of interleaved files so far.
    pub(super) interleaved: u64,
}

impl Measure {
    /// Adds the section that a record describes to a file.
    pub(super) fn add_section(&mut self, place: &mut Place, record: Record<'_>) {
        let (extent, size) = (record.extent(), record.size());
        place.doubtful |= !extent.agrees() || !size.agrees();
        let attributes = u64::from(record.attribute_blocks()).saturating_mul(self.block);
        let byte = |extent: u32| u64::from(extent).saturating_mul(self.block);
        let any = size.little.min(size.big);
        let fits = |extent: u32, bytes: u32| {
            byte(extent).saturating_add(attributes).saturating_add(bytes.into()) <= self.size
        };
        let start = byte(extent.choose(|extent| extent != 0 && fits(extent, any)));
        let bytes =
            size.choose(|bytes| start.saturating_add(attributes).saturating_add(bytes.into()) <= self.size);
        let bytes = u64::from(bytes);
        if attributes > 0 {
            place.attributes = place.attributes.or(Some(Run::new(start, attributes)));
        }
        place.stored = place.stored.saturating_add(bytes);
        match record.interleave() {
            (0, _) | (_, 0) => push(&mut place.runs, Run::new(start.saturating_add(attributes), bytes)),
            (unit, gap) => {
                let (unit, gap) =
                    (u64::from(unit).saturating_mul(self.block), u64::from(gap).saturating_mul(self.block));
                self.interleave(place, start, (unit, gap), bytes, attributes > 0);
            }
        }
    }

    /// Extended attributes of an interleaved file fill its first unit (section 6.4.3).
    fn interleave(&mut self, place: &mut Place, start: u64, (unit, gap): (u64, u64), bytes: u64, skip: bool) {
        let step = unit.saturating_add(gap);
        let mut at = if skip { start.saturating_add(step) } else { start };
        let mut left = bytes;
        // Beyond the end of the volume nothing can be read: one run says so.
        while left > 0 && at < self.size {
            if self.interleaved >= MAX_INTERLEAVED {
                place.over_limit = true;
                return;
            }
            self.interleaved = self.interleaved.saturating_add(1);
            let length = unit.min(left);
            push(&mut place.runs, Run::new(at, length));
            left = left.saturating_sub(length);
            at = at.saturating_add(step);
        }
        if left > 0 {
            push(&mut place.runs, Run::new(at, left));
        }
    }
}

fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        _ if run.length == 0 => {}
        Some(last) if last.offset.saturating_add(last.length) == run.offset => {
            last.length = last.length.saturating_add(run.length);
        }
        _ => runs.push(run),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn place(change: impl Fn(&mut [u8; 34])) -> Place {
        let mut bytes = [0; 34];
        bytes[0] = 34;
        bytes[32] = 1;
        bytes[2] = 20;
        bytes[9] = 20;
        bytes[10..18].copy_from_slice(&[0, 0x28, 0, 0, 0, 0, 0x28, 0]);
        change(&mut bytes);
        let mut measure = Measure { block: 2048, size: 100 * 2048, interleaved: 0 };
        let mut place = Place::default();
        measure.add_section(&mut place, Record::parse(&bytes, 0).unwrap());
        place
    }

    #[test]
    fn attributes_and_gaps_are_left_out_of_the_content() {
        assert_eq!(place(|_| {}).runs, [Run::new(20 * 2048, 0x2800)]);
        let attributed = place(|bytes| bytes[1] = 2);
        assert_eq!(attributed.runs, [Run::new(22 * 2048, 0x2800)]);
        assert_eq!(attributed.attributes, Some(Run::new(20 * 2048, 4096)));
        let interleaved = place(|bytes| bytes[26..28].copy_from_slice(&[2, 1]));
        let expected = [(20, 4096), (23, 4096), (26, 2048)];
        assert_eq!(interleaved.runs, expected.map(|(block, length)| Run::new(block * 2048, length)));
        let both = place(|bytes| {
            bytes[1] = 1;
            bytes[26..28].copy_from_slice(&[4, 4]);
        });
        assert_eq!(both.runs, [Run::new(28 * 2048, 8192), Run::new(36 * 2048, 2048)]);
    }

    #[test]
    fn the_plausible_one_of_two_numbers_is_used() {
        let extent = place(|bytes| bytes[4] = 1);
        assert_eq!((extent.runs, extent.doubtful), (vec![Run::new(20 * 2048, 0x2800)], true));
        let length = place(|bytes| bytes[13] = 1);
        assert_eq!(length.stored, 0x2800);
    }
}
