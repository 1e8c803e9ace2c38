//! Tables of all segments in order, and the chunk numbers that follow from it.
//!
//! A table does not say which chunks it describes: it follows the one before it. Behind a gap of unknown length
//! only those tables can be placed after which nothing is missing up to the end of the image.

use super::table::{self, Group, Table};
use super::volume::Geometry;
use crate::model::{Extent, Problem, ProblemKind};

/// Problems of tables that are listed one by one.
const MAX_TABLE_PROBLEMS: usize = 100;

/// What the segments contain of chunks, in order.
#[derive(Default)]
pub(super) struct Parts {
    parts: Vec<Part>,
    /// A table whose copy has not been seen yet.
    pending: Option<(usize, Table)>,
    /// Chunks were passed whose table has not been seen yet.
    awaited: bool,
    ended: bool,
    reported: usize,
}

enum Part {
    Group(Group),
    /// An unknown number of chunks that cannot be had.
    Gap(String),
}

impl Parts {
    /// Chunks stand here, or something that cannot be told: a table has to follow.
    pub(super) fn chunks_passed(&mut self, problems: &mut Vec<Problem>) {
        self.settle(None, problems);
        self.awaited = true;
    }

    /// A table was read.
    pub(super) fn table(&mut self, segment: usize, table: Table, problems: &mut Vec<Problem>) {
        self.awaited = false;
        self.settle(None, problems);
        self.pending = Some((segment, table));
    }

    /// A copy of the table before it was read; or the copy of one that could not even be found.
    pub(super) fn copy(&mut self, segment: usize, copy: Table, problems: &mut Vec<Problem>) {
        self.awaited = false;
        match self.pending.is_some() {
            true => self.settle(Some(copy), problems),
            false => self.add(segment, None, Some(copy), problems),
        }
    }

    /// The sections of a segment end here.
    pub(super) fn end_of_segment(&mut self, problems: &mut Vec<Problem>) {
        self.settle(None, problems);
    }

    /// The image says that it ends here.
    pub(super) fn done(&mut self, problems: &mut Vec<Problem>) {
        self.settle(None, problems);
        self.ended = true;
    }

    /// Something is missing here, for that reason.
    pub(super) fn gap(&mut self, reason: String) {
        self.ended = false;
        self.parts.push(Part::Gap(reason));
    }

    /// Number of chunks in all tables.
    pub(super) fn chunks(&self) -> u64 {
        self.parts.iter().map(Part::count).fold(0, u64::saturating_add)
    }

    /// The table that was read last gets no copy any more, or this one.
    fn settle(&mut self, copy: Option<Table>, problems: &mut Vec<Problem>) {
        if let Some((segment, table)) = self.pending.take() {
            self.add(segment, Some(table), copy, problems);
        } else if std::mem::take(&mut self.awaited) {
            self.gap("a table is not recognisable".into());
        }
    }

    fn add(
        &mut self,
        segment: usize,
        table: Option<Table>,
        copy: Option<Table>,
        problems: &mut Vec<Problem>,
    ) {
        let (group, damage) = table::join(segment, table, copy);
        if let Some(damage) = damage.as_ref().filter(|_| self.reported < MAX_TABLE_PROBLEMS) {
            self.reported = self.reported.saturating_add(1);
            let detail = format!("segment {}: {damage}", segment.saturating_add(1));
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        self.parts.push(match group {
            Some(group) => Part::Group(group),
            None => Part::Gap(damage.unwrap_or_default()),
        });
    }

    /// Gives every group its first chunk number, leaves out what cannot be placed, and says what is missing.
    pub(super) fn place(self, geometry: &Geometry, problems: &mut Vec<Problem>) -> Vec<Group> {
        let total = geometry.size().div_ceil(geometry.chunk.max(1));
        let mut parts = self.parts;
        if !self.ended && !matches!(parts.last(), Some(Part::Gap(_))) {
            parts.push(Part::Gap("the last segment file is missing or cut off".into()));
        }
        let reasons: Vec<String> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Gap(reason) => Some(reason.clone()),
                Part::Group(_) => None,
            })
            .take(10)
            .collect();
        let front = parts.iter().take_while(|part| !part.is_gap()).count();
        let back = match front == parts.len() {
            true => 0,
            false => parts.iter().rev().take_while(|part| !part.is_gap()).count(),
        };
        let tail = parts.len().saturating_sub(back);
        // When all tables together describe exactly the medium, nothing is missing in the gaps.
        let whole = parts.iter().map(Part::count).fold(0, u64::saturating_add) == total;
        let behind = parts.iter().skip(tail).map(Part::count).fold(0, u64::saturating_add);
        let mut placed = Vec::new();
        let mut next = 0_u64;
        for (index, part) in parts.into_iter().enumerate() {
            if index == tail && back > 0 && !whole {
                match total.checked_sub(behind).filter(|first| *first >= next) {
                    Some(first) => next = first,
                    None => break,
                }
            }
            let Part::Group(mut group) = part else {
                continue;
            };
            if (index >= front && index < tail && !whole) || group.count == 0 {
                continue;
            }
            if next >= total || total.saturating_sub(next) < group.count {
                let detail = format!(
                    "the tables describe chunks past the end of the medium, which has {total}: they are not shown"
                );
                problems.push(Problem::new(ProblemKind::Corrupt, detail));
                group.count = group.count.min(total.saturating_sub(next));
            }
            group.first = next;
            next = next.saturating_add(group.count);
            if group.count > 0 {
                placed.push(group);
            }
            if next >= total {
                break;
            }
        }
        missing(&placed, total, geometry, &reasons, problems);
        placed
    }
}

impl Part {
    const fn is_gap(&self) -> bool {
        matches!(self, Self::Gap(_))
    }

    const fn count(&self) -> u64 {
        match self {
            Self::Group(group) => group.count,
            Self::Gap(_) => 0,
        }
    }
}

/// A problem for each run of chunks that no table places, and one for gaps that cost nothing.
fn missing(
    placed: &[Group],
    total: u64,
    geometry: &Geometry,
    reasons: &[String],
    problems: &mut Vec<Problem>,
) {
    let mut next = 0_u64;
    let ends = placed.iter().map(|group| (group.first, group.first.saturating_add(group.count)));
    let why = match reasons.is_empty() {
        true => "the tables of the image end before the medium does".to_owned(),
        false => reasons.join("; "),
    };
    let mut any = false;
    for (first, end) in ends.chain([(total, total)]) {
        if first > next {
            any = true;
            let start = next.saturating_mul(geometry.chunk);
            let stop = first.saturating_mul(geometry.chunk).min(geometry.size());
            let extent = Extent::new(start, stop.saturating_sub(start));
            let detail =
                format!("{} bytes at byte {start} of the medium are not in the image: {why}", extent.length);
            let advice = "look for the missing or damaged segment files; what is there was read";
            problems.push(Problem::new(ProblemKind::Unreadable, detail).at(extent).advise(advice));
        }
        next = end;
    }
    if !any && !reasons.is_empty() {
        let detail = format!("every chunk of the medium has its table, and yet: {why}");
        problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }
}
