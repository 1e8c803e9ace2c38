//! How the bytes of a volume lie on the decoded medium: in one piece, or put together from members of a set.

use std::sync::Arc;

use super::{Extent, Run};

/// Where each byte of a volume is. Cheap to clone.
///
/// A set (LVM, Linux MD) whose members are themselves volumes refers to their placements, so sets may stand on sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement(Arc<Shape>);

#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// One piece of the medium.
    Piece(Extent),
    /// Segments in the order of the volume.
    Set { segments: Vec<(u64, Segment)>, length: u64 },
}

/// A part of a volume that lies on one member, or alternates between several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Length in bytes, of the volume.
    pub length: u64,
    /// The members in the order in which chunks alternate: each with the byte of it at which the segment begins.
    /// None means that the bytes are nowhere and cannot be read.
    pub members: Vec<(Placement, u64)>,
    /// Bytes that stand on one member before the next one's turn; not looked at with one member.
    pub chunk: u64,
}

impl Placement {
    /// One piece of the medium.
    pub fn piece(extent: Extent) -> Self {
        Self(Arc::new(Shape::Piece(extent)))
    }

    /// The whole of a medium of that size.
    pub fn whole(size: u64) -> Self {
        Self::piece(Extent::new(0, size))
    }

    /// Segments one after the other.
    pub fn set(segments: impl IntoIterator<Item = Segment>) -> Self {
        let mut start = 0_u64;
        let placed = segments.into_iter().map(|segment| {
            let at = start;
            start = start.saturating_add(segment.length);
            (at, segment)
        });
        let segments = placed.collect();
        Self(Arc::new(Shape::Set { segments, length: start }))
    }

    /// Length of the volume in bytes.
    pub fn length(&self) -> u64 {
        match &*self.0 {
            Shape::Piece(extent) => extent.length,
            Shape::Set { length, .. } => *length,
        }
    }

    /// The piece of the medium when the volume is one.
    pub fn as_piece(&self) -> Option<Extent> {
        match &*self.0 {
            Shape::Piece(extent) => Some(*extent),
            Shape::Set { .. } => None,
        }
    }

    /// Where the byte at `offset` lies on the medium, and how many bytes follow it in one piece; `None` when it is nowhere.
    ///
    /// A piece may be followed beyond its length: what is read there belongs to whoever lies behind it.
    pub fn at(&self, offset: u64) -> Option<Extent> {
        match &*self.0 {
            Shape::Piece(extent) => {
                let left = extent.length.checked_sub(offset).filter(|left| *left > 0)?;
                Some(Extent::new(extent.offset.checked_add(offset)?, left))
            }
            Shape::Set { segments, .. } => {
                let after = segments.partition_point(|(start, _)| *start <= offset);
                let (start, segment) = segments.get(after.checked_sub(1)?)?;
                segment.at(offset.checked_sub(*start)?)
            }
        }
    }

    /// Every piece of the medium that `length` bytes from `offset` on lie in, in the order of the volume; it ends
    /// before the first byte that is nowhere.
    pub fn pieces(&self, offset: u64, length: u64) -> impl Iterator<Item = Extent> + '_ {
        let end = offset.saturating_add(length).min(self.length());
        let mut at = offset;
        std::iter::from_fn(move || {
            let left = end.checked_sub(at).filter(|left| *left > 0)?;
            let mut piece = self.at(at)?;
            piece.length = piece.length.min(left);
            at = at.saturating_add(piece.length);
            Some(piece)
        })
    }

    /// The places of the medium that `length` bytes from `offset` on lie on, in the order of the medium, neighbours
    /// made one. Whole rows of stripes are one place on each member, so the list is short even when the stripes are many.
    pub fn places(&self, offset: u64, length: u64) -> Vec<Extent> {
        let mut places = Vec::new();
        self.collect(offset, length.min(self.length().saturating_sub(offset)), &mut places);
        places.sort_unstable();
        places.dedup_by(|next, before| {
            let joins = next.offset <= before.end();
            if joins {
                before.length = next.end().max(before.end()).saturating_sub(before.offset);
            }
            joins
        });
        places
    }

    fn collect(&self, offset: u64, length: u64, places: &mut Vec<Extent>) {
        let end = offset.saturating_add(length);
        match &*self.0 {
            Shape::Piece(extent) => {
                let end = end.min(extent.length);
                if let Some(length) = end.checked_sub(offset).filter(|length| *length > 0) {
                    places.push(Extent::new(extent.offset.saturating_add(offset), length));
                }
            }
            Shape::Set { segments, .. } => {
                let first = segments.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
                for (start, segment) in segments.iter().skip(first).take_while(|(start, _)| *start < end) {
                    let from = offset.saturating_sub(*start);
                    let to = (end - start).min(segment.length);
                    if from < to {
                        segment.collect(from, to, places);
                    }
                }
            }
        }
    }

    /// A run of the volume as runs of the medium, added to `runs`; neighbours become one. Bytes that are nowhere keep
    /// their length at a place that no medium has, so that reading them fails.
    pub fn place(&self, run: Run, runs: &mut Vec<Run>) {
        if run.is_hole() {
            return runs.push(run);
        }
        if let Some(extent) = self.as_piece() {
            return runs.push(Run::new(run.offset.saturating_add(extent.offset), run.length));
        }
        let mut placed = 0_u64;
        for piece in self.pieces(run.offset, run.length) {
            placed = placed.saturating_add(piece.length);
            match runs.last_mut() {
                Some(last) if !last.is_hole() && last.offset.saturating_add(last.length) == piece.offset => {
                    last.length = last.length.saturating_add(piece.length);
                }
                _ => runs.push(Run::new(piece.offset, piece.length)),
            }
        }
        if placed < run.length {
            runs.push(Run::nowhere(run.length - placed));
        }
    }
}

impl Segment {
    /// A segment on one member.
    pub fn linear(length: u64, member: Placement, base: u64) -> Self {
        Self { length, members: vec![(member, base)], chunk: 0 }
    }

    /// The places of the bytes from `from` to `to` of the segment.
    fn collect(&self, from: u64, to: u64, places: &mut Vec<Extent>) {
        let members = match self.members.as_slice() {
            [] => return,
            [(member, base)] => return member.collect(base.saturating_add(from), to - from, places),
            members => members,
        };
        let row = u64::try_from(members.len()).unwrap_or(u64::MAX).saturating_mul(self.chunk);
        let (Some(before), Some(last)) = (from.checked_div(row), to.checked_div(row)) else {
            return;
        };
        let first = if from == before * row { before } else { before + 1 };
        let mut pieces = |from: u64, to: u64| {
            let mut at = from;
            while let Some(piece) = self.at(at).filter(|_| at < to) {
                places.push(Extent::new(piece.offset, piece.length.min(to - at)));
                at = at.saturating_add(piece.length);
            }
        };
        if first >= last {
            return pieces(from, to);
        }
        pieces(from, first * row);
        pieces(last * row, to);
        for (member, base) in members {
            let start = base.saturating_add(first * self.chunk);
            member.collect(start, (last - first) * self.chunk, places);
        }
    }

    fn at(&self, offset: u64) -> Option<Extent> {
        let left = self.length.checked_sub(offset).filter(|left| *left > 0)?;
        let count = u64::try_from(self.members.len()).ok()?;
        let (member, place, room) = match self.members.as_slice() {
            [] => return None,
            [(member, base)] => (member, base.checked_add(offset)?, left),
            members => {
                let within = offset.checked_rem(self.chunk)?;
                let chunk = offset.checked_div(self.chunk)?;
                let (member, base) = members.get(usize::try_from(chunk.checked_rem(count)?).ok()?)?;
                let row = chunk.checked_div(count)?.checked_mul(self.chunk)?;
                (member, base.checked_add(row)?.checked_add(within)?, left.min(self.chunk - within))
            }
        };
        let mut piece = member.at(place)?;
        piece.length = piece.length.min(room);
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_the_single_bytes(
            lengths in prop::collection::vec((1_u64..60, 1_u64..5, 1_usize..4), 1..4),
            offset in 0_u64..150,
            length in 0_u64..200,
        ) {
            let mut next = 0;
            let segments: Vec<Segment> = lengths
                .into_iter()
                .map(|(length, chunk, count)| {
                    let members = (0..count).map(|_| {
                        next += 100;
                        let halves = [
                            Segment::linear(30, Placement::piece(Extent::new(next, 40)), 7),
                            Segment::linear(60, Placement::piece(Extent::new(next + 3000, 60)), 0),
                        ];
                        (Placement::set(halves), 1)
                    });
                    Segment { length, members: members.collect(), chunk }
                })
                .collect();
            let set = Placement::set(segments);
            let mut bytes: Vec<u64> =
                (offset..offset + length).filter_map(|at| set.at(at)).map(|piece| piece.offset).collect();
            bytes.sort_unstable();
            let places = set.places(offset, length);
            prop_assert!(places.windows(2).all(|pair| pair[0].end() < pair[1].offset));
            let listed: Vec<u64> = places.iter().flat_map(|place| place.offset..place.end()).collect();
            prop_assert_eq!(listed, bytes);
        }
    }

    #[test]
    fn a_piece_moves_runs_and_keeps_holes() {
        let mut runs = Vec::new();
        let placement = Placement::piece(Extent::new(100, 50));
        for run in [Run::new(5, 10), Run::hole(3)] {
            placement.place(run, &mut runs);
        }
        assert_eq!(runs, [Run::new(105, 10), Run::hole(3)]);
        assert_eq!((placement.at(49), placement.at(50)), (Some(Extent::new(149, 1)), None));
    }

    #[test]
    fn stripes_alternate_between_members_that_are_sets_themselves() {
        let first = Placement::set([
            Segment::linear(4, Placement::piece(Extent::new(1000, 4)), 0),
            Segment::linear(8, Placement::piece(Extent::new(2000, 100)), 50),
        ]);
        let second = Placement::piece(Extent::new(3000, 100));
        let members = vec![(first, 2), (second, 10)];
        let striped = Placement::set([Segment { length: 16, members, chunk: 4 }]);
        let mut runs = Vec::new();
        striped.place(Run::new(1, 15), &mut runs);
        let expected = [(1003, 1), (2050, 2), (3010, 4), (2052, 4), (3014, 4)];
        assert_eq!(runs, expected.map(|(offset, length)| Run::new(offset, length)));
    }

    #[test]
    fn what_is_nowhere_cannot_be_taken_for_something() {
        let missing = Segment { length: 10, members: Vec::new(), chunk: 0 };
        let set = Placement::set([missing, Segment::linear(5, Placement::whole(100), 0)]);
        let mut runs = Vec::new();
        set.place(Run::new(8, 4), &mut runs);
        assert_eq!(runs, [Run::nowhere(4)]);
        assert_eq!((set.at(3), set.at(10), set.length()), (None, Some(Extent::new(0, 5)), 15));
        let chunkless = Segment {
            length: 4,
            members: vec![(Placement::whole(9), 0), (Placement::whole(9), 0)],
            chunk: 0,
        };
        assert_eq!(Placement::set([chunkless]).at(0), None);
    }
}
