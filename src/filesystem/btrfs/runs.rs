//! From the pieces of a file to its runs on the volume.

use super::chunk::Located;
use super::gather::{Found, Piece};
use super::item::Stored;
use super::nodes::Nodes;
use super::own;
use super::settle::must_be_opened;
use super::superblock::incompat;
use crate::filesystem::tree::{Mapped, Row, mark};
use crate::model::{EntryKind, Problem, ProblemKind, Run, Survey};
use crate::read::Error;

/// Largest file: a kernel's limit.
const MAX_SIZE: u64 = i64::MAX.cast_unsigned();

/// Maps files, and counts those that cannot be examined.
pub(super) struct Mapper<'n> {
    nodes: &'n Nodes,
    /// Whether items may be missing.
    damaged: bool,
    encrypted: u64,
    elsewhere: u64,
    unknown: u64,
}

impl<'n> Mapper<'n> {
    /// For a volume of which nodes are damaged, or not.
    pub(super) const fn new(nodes: &'n Nodes, damaged: bool) -> Self {
        Self { nodes, damaged, encrypted: 0, elsewhere: 0, unknown: 0 }
    }

    /// The runs of a file; `row` is marked with what is true of them.
    pub(super) fn map(&mut self, row: &mut Row, found: &Found, pieces: &[Piece]) -> Mapped {
        let mut mapped = Mapped::default();
        if !matches!(row.kind, EntryKind::File | EntryKind::Symlink) {
            return mapped;
        }
        if row.size > MAX_SIZE {
            mapped.damaged(damage("size of a file", MAX_SIZE, row.size));
            row.size = MAX_SIZE;
            return mapped;
        }
        let allocated = pieces.iter().filter(|piece| piece.stored != Stored::Hole || piece.reserved);
        let allocated = allocated.fold(0_u64, |sum, piece| sum.saturating_add(piece.length));
        // Reserved extents may follow the end of the content.
        let used =
            pieces.iter().rposition(|piece| piece.offset < row.size).map_or(0, |at| at.saturating_add(1));
        let pieces = pieces.get(..used).unwrap_or_default();
        let mut next = 0;
        for piece in pieces {
            self.check(row, piece, next, &mut mapped);
            next = piece.end().max(next);
        }
        if pieces.iter().any(must_be_opened) {
            row.mark(own::OPENED);
            let packed = pieces.iter().any(|piece| piece.compression != 0 && piece.has_place());
            row.mark(if packed { own::PACKED } else { own::OPENED });
            self.places(row, pieces, &mut mapped);
        } else {
            pieces.iter().for_each(|piece| self.piece(row, piece, &mut mapped));
        }
        self.gaps(row, found, pieces, allocated, &mut mapped);
        self.count(row);
        mapped
    }

    /// Says of how many files the content is not examined.
    pub(super) fn note(&self, survey: &mut Survey<'_>) {
        for (count, kind, what) in [
            (self.encrypted, ProblemKind::Encrypted, "files are encrypted or coded in an unknown way"),
            (
                self.elsewhere,
                ProblemKind::Unsupported,
                "files lie, at least in part, on other devices of the file system, or as RAID5 or RAID6",
            ),
            (self.unknown, ProblemKind::Unsupported, "files are compressed in an unknown way"),
        ] {
            if count > 0 {
                let mut problem = Problem::new(kind, what);
                problem.count = count;
                survey.problem(problem);
            }
        }
    }

    fn count(&mut self, row: &Row) {
        if !row.has(mark::IN_USE) {
            return;
        }
        self.encrypted = self.encrypted.saturating_add(u64::from(row.has(own::ENCRYPTED)));
        self.elsewhere = self.elsewhere.saturating_add(u64::from(row.has(own::ELSEWHERE)));
        self.unknown = self.unknown.saturating_add(u64::from(row.has(own::UNKNOWN)));
    }

    /// What is wrong with a piece or cannot be read.
    fn check(&self, row: &mut Row, piece: &Piece, next: u64, mapped: &mut Mapped) {
        if piece.encrypted {
            row.mark(own::ENCRYPTED);
        } else if piece.compression > 3 {
            row.mark(own::UNKNOWN);
        }
        let sector = self.nodes.superblock.sector;
        let aligned = |number: u64| number.is_multiple_of(sector);
        let in_order = piece.offset >= next && piece.offset.checked_add(piece.length).is_some();
        let fits = piece.stored == Stored::Inline
            || aligned(piece.offset) && aligned(piece.length) && piece.length > 0;
        let inside = !piece.has_place()
            || aligned(piece.start)
                && (piece.compression != 0
                    || piece.within.checked_add(piece.length).is_some_and(|end| end <= piece.stored_bytes));
        if !in_order || !fits || !inside {
            mapped.damaged(damage(
                "extent of a file",
                format!("pieces of whole sectors in order, at {next} or later"),
                format!("{} bytes at {}", piece.length, piece.offset),
            ));
        }
    }

    /// The places of a file that must be opened: each extent once, as a whole where it is packed.
    fn places(&self, row: &mut Row, pieces: &[Piece], mapped: &mut Mapped) {
        let mut extents: Vec<(u64, u64)> = Vec::new();
        for piece in pieces.iter().filter(|piece| piece.has_place()) {
            extents.push(match piece.compression {
                0 => (piece.start.saturating_add(piece.within), piece.length),
                _ => (piece.start, piece.stored_bytes),
            });
        }
        extents.sort_unstable();
        extents.dedup();
        for (start, length) in extents {
            self.located(row, start, length, |place, length| {
                if let Some(place) = place {
                    mapped.runs.push(Run::new(place, length));
                }
            });
        }
    }

    /// One piece of a file that lies plainly on the volume.
    fn piece(&self, row: &mut Row, piece: &Piece, mapped: &mut Mapped) {
        if mapped.damage.is_some() {
            return;
        }
        let mut at = piece.offset;
        if piece.stored == Stored::Hole {
            mapped.push(at, piece.length, None, 1);
            return;
        }
        self.located(row, piece.start.saturating_add(piece.within), piece.length, |place, length| {
            mapped.push(at, length, place, 1);
            at = at.saturating_add(length);
        });
    }

    /// Shows where `length` logical bytes are; what is not here has no place.
    fn located(&self, row: &mut Row, start: u64, length: u64, mut show: impl FnMut(Option<u64>, u64)) {
        if self.nodes.superblock.has(incompat::RAID_STRIPE_TREE) {
            row.mark(own::ELSEWHERE);
            return;
        }
        for (located, length) in self.nodes.chunks.pieces(start, length) {
            match located {
                Located::Here(copies) => show(copies.first().copied(), length),
                Located::Elsewhere | Located::Parity => {
                    row.mark(own::ELSEWHERE);
                    show(None, length);
                }
                Located::Nowhere => {
                    row.mark(own::NOWHERE);
                    show(None, length);
                }
            }
        }
    }

    /// Bytes without a piece are a hole where the volume says so.
    fn gaps(&self, row: &mut Row, found: &Found, pieces: &[Piece], allocated: u64, mapped: &mut Mapped) {
        let mut next = 0_u64;
        let mut gap = false;
        let sector = self.nodes.superblock.sector;
        for piece in pieces {
            gap |= piece.offset > next;
            // What stands in an item is followed by zeros up to the end of its sector.
            let end = piece.end();
            next = if piece.stored == Stored::Inline {
                end.checked_next_multiple_of(sector).unwrap_or(end)
            } else {
                end
            };
        }
        gap |= next < row.size;
        if row.has(own::NOWHERE) {
            mapped.damaged(damage("extent of a file", "an address inside a chunk", "another"));
        }
        let stated = found.inode.allocated;
        if gap && !self.nodes.superblock.has(incompat::NO_HOLES) {
            mapped.damaged(damage("content of a file", "an extent or a hole for every byte", "a gap"));
        } else if gap && allocated < stated && (self.damaged || pieces.is_empty()) && mapped.damage.is_none()
        {
            // Extents that are reserved behind the end are counted, too; only on a damaged volume is this a sign.
            mapped.damaged(damage("content of a file", format!("extents of {stated} bytes"), allocated));
        }
        if !row.has(own::OPENED) {
            mapped.fill(row.size, 1);
        }
    }
}

fn damage(what: &'static str, expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Error {
    Error::corrupt(what, 0, expected, found)
}
