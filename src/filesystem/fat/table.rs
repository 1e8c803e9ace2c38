//! The file allocation table: read once in one sweep, then held in bounded memory.

use std::sync::Arc;

use super::bitmap::Bitmap;
use super::boot::{Geometry, Variant};
use super::listing::claim;
use super::sectors::Sectors;
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{Fields, ReadAt};

/// Entries in a page; a multiple of 8, so that a page of 12-bit entries ends on a byte.
const PAGE: u32 = 4096;
/// Pages held at once: 64 MiB. A larger FAT is read again page by page where it is needed.
const PAGES: u32 = 4096;
/// Pages read at once in the sweep: 1 MiB of FAT32.
const SWEPT: u32 = 64;
/// Copies of the FAT that are compared.
const COMPARED: u64 = 4;
/// Stands for an entry that cannot be read. No entry of FAT12 to FAT32 has its upper four bits, and to exFAT it has no
/// meaning: there it is taken for the value below it, which has none either.
const UNREADABLE: u32 = u32::MAX - 1;

/// What the entry of a cluster says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::filesystem) enum Next {
    Free,
    Bad,
    End,
    Cluster(u32),
    /// A value that the specification gives no meaning, or a cluster that the volume does not have.
    Invalid(u32),
    Unreadable,
}

impl std::fmt::Display for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Free => f.write_str("a free cluster"),
            Self::Bad => f.write_str("a bad cluster"),
            Self::End => f.write_str("the end"),
            Self::Cluster(cluster) => write!(f, "cluster {cluster}"),
            Self::Invalid(value) => write!(f, "the invalid value {value:#x}"),
            Self::Unreadable => f.write_str("an unreadable FAT sector"),
        }
    }
}

/// What the sweep found.
pub(in crate::filesystem) struct Swept {
    /// Clusters whose entry is zero.
    pub(in crate::filesystem) free: Bitmap,
    /// How many clusters are marked as bad, and the first.
    pub(in crate::filesystem) bad: u64,
    pub(in crate::filesystem) first_bad: u32,
}

impl Swept {
    /// The clusters that are marked as bad, which nobody looks at.
    pub(in crate::filesystem) fn bad_problem(&self, geometry: &Geometry) -> Option<Problem> {
        let place = Extent::new(geometry.place(self.first_bad), geometry.cluster);
        let detail = format!(
            "clusters that the FAT marks as bad and that were not looked at, the first is {}",
            self.first_bad
        );
        let advice = "the mark may be false, to hide data: read these clusters with a tool that carves";
        let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(place).advise(advice);
        problem.count = self.bad;
        (self.bad > 0).then_some(problem)
    }
}

/// The FAT of a volume.
pub(in crate::filesystem) struct Table {
    volume: Arc<dyn ReadAt>,
    geometry: Arc<Geometry>,
    /// The copies that count, the one that is believed first.
    copies: Vec<u64>,
    pages: Vec<Option<Page>>,
}

struct Page {
    number: u32,
    values: Vec<u32>,
}

impl Table {
    pub(in crate::filesystem) fn new(volume: Arc<dyn ReadAt>, geometry: Arc<Geometry>) -> Self {
        let mut copies: Vec<u64> = match geometry.only_copy {
            Some(copy) => vec![copy],
            None => (0..geometry.copies.min(COMPARED)).collect(),
        };
        // A copy whose first entry does not repeat the media byte is damaged at its start.
        copies.sort_by_key(|copy| !has_head(&volume, &geometry, *copy));
        Self { volume, geometry, copies, pages: Vec::new() }
    }

    /// Reads every copy once from front to back, compares them, and notes which clusters are free.
    pub(in crate::filesystem) fn sweep(&mut self, survey: &mut Survey<'_>) -> Swept {
        let last = self.geometry.last_cluster;
        let mut swept = Swept { free: Bitmap::new(last), bad: 0, first_bad: 0 };
        let mut differing = vec![(0_u64, 0_u32); self.copies.len()];
        for &copy in &self.copies {
            claim(survey, &self.volume, self.geometry.entry(copy, 0), self.geometry.used_fat());
        }
        let mut start = 0_u32;
        while start <= last {
            let count = PAGE.saturating_mul(SWEPT).min(last.saturating_sub(start).saturating_add(1));
            let mut values = self.read_copy(0, start, count, Some(survey));
            for (at, tally) in differing.iter_mut().enumerate().skip(1) {
                let other = self.read_copy(at, start, count, Some(survey));
                merge(&mut values, &other, start, tally);
            }
            for (value, cluster) in values.iter().zip(start..=last).filter(|(_, cluster)| *cluster >= 2) {
                match self.meaning(*value) {
                    Next::Free => {
                        swept.free.insert(cluster);
                    }
                    Next::Bad => {
                        if swept.bad == 0 {
                            swept.first_bad = cluster;
                        }
                        swept.bad = swept.bad.saturating_add(1);
                    }
                    _ => {}
                }
            }
            self.keep(start, &values);
            start = start.saturating_add(count);
        }
        for (copy, (count, first)) in self.copies.iter().zip(differing).filter(|(_, (count, _))| *count > 0) {
            survey.problem(self.difference(*copy, count, first));
        }
        swept
    }

    fn difference(&self, copy: u64, count: u64, first: u32) -> Problem {
        let believed = self.copies.first().copied().unwrap_or(0);
        let places = [believed, copy].map(|copy| self.geometry.entry(copy, first));
        Problem::new(
            ProblemKind::Ambiguous,
            format!(
                "FAT {believed} and FAT {copy} differ in {count} entries, first in that of cluster {first} (bytes {} and {} of the volume); FAT {believed} was followed",
                places[0], places[1]
            ),
        )
        .at(Extent::new(places[1], 2))
        .advise("entries that only the other FAT leads to may be missing")
    }

    /// What the believed copy says about a cluster, a readable other copy where its own sector is not.
    pub(in crate::filesystem) fn next(&mut self, cluster: u32) -> Next {
        let number = cluster / PAGE;
        let slot = usize::try_from(number % PAGES).unwrap_or(0);
        let held = self.pages.get(slot).and_then(Option::as_ref).is_some_and(|page| page.number == number);
        if !held {
            let start = number.saturating_mul(PAGE);
            let count = PAGE.min(self.geometry.last_cluster.saturating_sub(start).saturating_add(1));
            let mut values = self.read_copy(0, start, count, None);
            for at in 1..self.copies.len() {
                if values.contains(&UNREADABLE) {
                    let other = self.read_copy(at, start, count, None);
                    merge(&mut values, &other, start, &mut (0, 0));
                }
            }
            self.keep(start, &values);
        }
        let within = usize::try_from(cluster % PAGE).unwrap_or(usize::MAX);
        let page = self.pages.get(slot).and_then(Option::as_ref);
        let value = page.and_then(|page| page.values.get(within)).copied().unwrap_or(UNREADABLE);
        self.meaning(value)
    }

    /// What another copy says about a cluster, where the believed one breaks a chain off.
    pub(in crate::filesystem) fn second_opinion(&self, cluster: u32) -> Option<Next> {
        // Pairs of 12-bit entries share a byte: start at an even one.
        let start = cluster & !1;
        let within = usize::try_from(cluster & 1).unwrap_or(0);
        (1..self.copies.len()).find_map(|at| {
            let value = self.read_copy(at, start, 2, None).get(within).copied()?;
            Some(self.meaning(value)).filter(|next| matches!(next, Next::Cluster(_) | Next::End))
        })
    }

    fn meaning(&self, value: u32) -> Next {
        let mask = self.geometry.variant.mask();
        if value == UNREADABLE {
            Next::Unreadable
        } else if value == 0 {
            Next::Free
        } else if self.geometry.has(value) {
            Next::Cluster(value)
        } else if value == mask & !8 {
            Next::Bad
        } else if value > mask & !8 {
            Next::End
        } else {
            Next::Invalid(value)
        }
    }

    fn keep(&mut self, start: u32, values: &[u32]) {
        for (number, page) in (start / PAGE..).zip(values.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)))
        {
            let slot = usize::try_from(number % PAGES).unwrap_or(0);
            if self.pages.len() <= slot {
                self.pages.resize_with(slot.saturating_add(1), || None);
            }
            if let Some(place) = self.pages.get_mut(slot) {
                *place = Some(Page { number, values: page.to_vec() });
            }
        }
    }

    /// Values of `count` entries from the even number `start` on, in the copy at position `at` of the list.
    fn read_copy(&self, at: usize, start: u32, count: u32, survey: Option<&mut Survey<'_>>) -> Vec<u32> {
        let copy = self.copies.get(at).copied().unwrap_or(0);
        let values = Values::read(&self.volume, &self.geometry, copy, start, count);
        if let Some(survey) = survey {
            for failure in &values.sectors.failures {
                survey.problem(crate::read::Error::from(failure.clone()).into_problem());
            }
        }
        (0..count).map(|entry| values.get(entry).unwrap_or(UNREADABLE)).collect()
    }
}

/// Counts what differs between two copies and fills what is unreadable in the first.
fn merge(values: &mut [u32], other: &[u32], start: u32, (count, first): &mut (u64, u32)) {
    for ((value, other), cluster) in values.iter_mut().zip(other).zip(start..) {
        if *value == UNREADABLE {
            *value = *other;
        } else if *other != UNREADABLE && value != other && cluster >= 2 {
            if *count == 0 {
                *first = cluster;
            }
            *count = count.saturating_add(1);
        }
    }
}

/// Whether the first entry of a copy is the media byte filled up with ones, as the specification demands.
pub(in crate::filesystem) fn has_head(volume: &dyn ReadAt, geometry: &Geometry, copy: u64) -> bool {
    let mask = geometry.variant.mask();
    let expected = (mask & !0xff) | u32::from(geometry.media);
    Values::read(volume, geometry, copy, 0, 1).get(0) == Some(expected)
}

/// Some entries of one copy.
struct Values {
    sectors: Sectors,
    variant: Variant,
}

impl Values {
    /// `count` entries from the even number `start` on.
    fn read(volume: &dyn ReadAt, geometry: &Geometry, copy: u64, start: u32, count: u32) -> Self {
        let bytes = u64::from(count).saturating_mul(geometry.variant.bits()).div_ceil(8);
        let offset = geometry.entry(copy, start);
        let within = offset.saturating_sub(geometry.entry(copy, 0));
        let length = bytes.min(geometry.fat_length.saturating_sub(within));
        let length = usize::try_from(length).unwrap_or(0);
        Self { sectors: Sectors::read(volume, offset, length, geometry.sector), variant: geometry.variant }
    }

    fn get(&self, entry: u32) -> Option<u32> {
        let entry = usize::try_from(entry).ok()?;
        let field = |offset: usize, length: usize| self.sectors.get(offset, length).map(Fields);
        match self.variant {
            Variant::Fat12 => {
                let offset = entry.saturating_mul(3) / 2;
                let pair = u32::from(field(offset, 2)?.u16(0)?);
                Some(if entry & 1 == 1 { pair >> 4 } else { pair & 0xfff })
            }
            Variant::Fat16 => field(entry.saturating_mul(2), 2)?.u16(0).map(u32::from),
            Variant::Fat32 => {
                field(entry.saturating_mul(4), 4)?.u32(0).map(|raw| raw & Variant::Fat32.mask())
            }
            Variant::ExFat => {
                let raw = field(entry.saturating_mul(4), 4)?.u32(0)?;
                Some(if raw == UNREADABLE { UNREADABLE.saturating_sub(1) } else { raw })
            }
        }
    }
}
