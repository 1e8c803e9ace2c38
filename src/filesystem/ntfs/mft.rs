//! The $MFT: where its records are, by its own first record or by the copy of that.

use std::sync::Arc;

use crate::model::{Extent, Problem, ProblemKind, Run};
use crate::read::{Error, Pieces, ReadAt, Result, Unreadable, size};

use super::boot::Geometry;
use super::list;
use super::record::{Form, Record, code};

/// Runs that are tried when two records describe the $MFT differently.
const MAX_TRIED: usize = 4096;

/// The records of a volume.
pub(super) struct Mft {
    /// First byte of each run within the $MFT, with the run.
    runs: Vec<(u64, Run)>,
    content: Pieces,
    record: usize,
    /// How many records there are.
    pub count: u32,
}

/// What one record says of the $MFT.
struct Candidate {
    runs: Vec<Run>,
    length: u64,
    /// Bytes in runs that begin with a record.
    score: u64,
    flaw: Option<String>,
}

impl Mft {
    /// Finds the records by the first one, or by its copy where that leads to more of them.
    pub(super) fn find(source: &Arc<dyn ReadAt>, geometry: &Geometry) -> Result<(Self, Vec<Problem>)> {
        let first = Candidate::read(source, geometry, geometry.mft);
        let copy = Candidate::read(source, geometry, geometry.mirror);
        let place = Extent::new(geometry.mft, size(geometry.record));
        let mut problems = Vec::new();
        let mut note = |detail| problems.push(Problem::new(ProblemKind::Corrupt, detail).at(place));
        let chosen = match (first, copy) {
            (Ok(first), Ok(copy)) if copy.worth() > first.worth() => {
                note(format!(
                    "the first record of the $MFT at byte {} leads to {} bytes of records, its copy at byte {} to {}: \
                     the copy was used",
                    geometry.mft, first.score, geometry.mirror, copy.score
                ));
                copy
            }
            (Ok(first), _) => first,
            (Err(error), Ok(copy)) => {
                note(format!("{error}: its copy at byte {} was used", geometry.mirror));
                copy
            }
            (Err(error), Err(_)) => return Err(error),
        };
        if let Some(flaw) = &chosen.flaw {
            note(format!("the first record of the $MFT: {flaw}"));
        }
        Ok((Self::new(source, geometry, &chosen.runs, chosen.length), problems))
    }

    fn new(source: &Arc<dyn ReadAt>, geometry: &Geometry, runs: &[Run], length: u64) -> Self {
        let count = length.checked_div(size(geometry.record)).unwrap_or(0);
        let mut start = 0_u64;
        let placed = runs.iter().map(|run| {
            let at = start;
            start = start.saturating_add(run.length);
            (at, *run)
        });
        Self {
            runs: placed.collect(),
            content: Pieces::new(Arc::clone(source), runs, length),
            record: geometry.record,
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }
    }

    /// Bytes of a record.
    pub(super) const fn record_size(&self) -> usize {
        self.record
    }

    /// First byte of a record, from the start of the volume; `u64::MAX` when it has no place.
    pub(super) fn place(&self, number: u64) -> u64 {
        let at = number.saturating_mul(size(self.record));
        let after = self.runs.partition_point(|(start, _)| *start <= at);
        let found = after.checked_sub(1).and_then(|index| self.runs.get(index));
        let place = found.filter(|(_, run)| !run.is_hole());
        place.map_or(u64::MAX, |(start, run)| run.offset.saturating_add(at.saturating_sub(*start)))
    }

    /// The runs of the $MFT, cut to its length.
    pub(super) fn extents(&self) -> impl Iterator<Item = Extent> + '_ {
        let length = self.content.size();
        self.runs.iter().filter(|(_, run)| !run.is_hole()).filter_map(move |(start, run)| {
            let left = length.checked_sub(*start).filter(|left| *left > 0)?;
            Some(Extent::new(run.offset, run.length.min(left)))
        })
    }

    /// Fills the buffer with whole records from `first` on.
    pub(super) fn read(&self, first: u32, buffer: &mut [u8]) -> std::result::Result<(), Unreadable> {
        self.content.read_exact_at(u64::from(first).saturating_mul(size(self.record)), buffer)
    }

    /// The bytes of one record as stored.
    pub(super) fn record(&self, number: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.record];
        let number = u32::try_from(number).ok().filter(|number| *number < self.count);
        let number =
            number.ok_or_else(|| Error::corrupt("record number", 0, "one of the $MFT", "another"))?;
        self.read(number, &mut bytes)
            .map_err(|error| Unreadable { offset: self.place(number.into()), ..error })?;
        Ok(bytes)
    }
}

impl Candidate {
    const fn worth(&self) -> (u64, bool) {
        (self.score, self.flaw.is_none())
    }

    fn read(source: &Arc<dyn ReadAt>, geometry: &Geometry, place: u64) -> Result<Self> {
        let wrong = |found: &str| Error::corrupt("first record of the $MFT", place, "the $MFT's own", found);
        let mut bytes = source.read_vec(place, geometry.record)?;
        let record = Record::open(&mut bytes, 0).ok_or_else(|| wrong("no record"))?;
        let mut flaw = record.flaw.as_ref().map(|flaw| {
            format!("{} at byte {}: expected {}, found {}", flaw.what, flaw.at, flaw.expected, flaw.found)
        });
        let attributes: Vec<_> = record.attributes().map_while(std::result::Result::ok).collect();
        let data = attributes.iter().find(|a| a.code == code::DATA && a.name.is_empty());
        let Some(Form::Clusters(clusters)) = data.map(|data| data.form) else {
            return Err(wrong("no places of content"));
        };
        let mut runs = Vec::new();
        let damage = clusters.decode(geometry, &mut runs);
        if let Some(damage) = damage {
            flaw.get_or_insert_with(|| format!("mapping: {damage}"));
        }
        if runs.first().is_none_or(|run| run.offset != geometry.mft) {
            flaw.get_or_insert_with(|| "its place is not the boot sector's".to_owned());
        }
        // A hole holds no records, and runs that repeat no new ones: both would make work without end.
        let real = |runs: &[Run]| runs.iter().take_while(|run| !run.is_hole()).count();
        runs.truncate(real(&runs));
        let list = attributes.iter().find(|attribute| attribute.code == code::ATTRIBUTE_LIST);
        if let Some(list) = list.and_then(|list| list::value(source, geometry, list, list::MAX_LIST).ok()) {
            follow(source, geometry, &list, &mut runs);
            runs.truncate(real(&runs));
        }
        let held = runs.iter().map(|run| run.length).fold(0_u64, u64::saturating_add);
        let length = clusters.size.min(held);
        if clusters.size > held {
            let expected = clusters.size;
            flaw.get_or_insert_with(|| format!("places for {expected} bytes expected, found for {held}"));
        }
        let room = source.size();
        if length > room {
            flaw.get_or_insert_with(|| format!("{length} bytes of records on a volume of {room} bytes"));
        }
        let length = length.min(room);
        let score = score(source, &runs, length);
        Ok(Self { runs, length, score, flaw })
    }
}

/// Adds the parts of the $MFT's mapping that stand in other records; each lies in a part that is known before it.
fn follow(source: &Arc<dyn ReadAt>, geometry: &Geometry, list: &[u8], runs: &mut Vec<Run>) {
    let mut parts: Vec<_> =
        list::items(list).filter(|item| item.code == code::DATA && !item.named && item.first > 0).collect();
    parts.sort_unstable_by_key(|item| item.first);
    // First byte of each run within the $MFT.
    let (mut starts, mut held) = (Vec::new(), 0_u64);
    for part in parts {
        for run in runs.iter().skip(starts.len()) {
            starts.push(held);
            held = held.saturating_add(run.length);
        }
        if held > source.size() || part.first.checked_mul(geometry.cluster) != Some(held) {
            continue;
        }
        let at = part.reference.number().saturating_mul(size(geometry.record));
        let index = starts.partition_point(|start| *start <= at).saturating_sub(1);
        let start = starts.get(index).copied().unwrap_or(0);
        // A record lies in at most so many clusters, and no run is shorter than one.
        let end = index.saturating_add(geometry.record / 512).saturating_add(1).min(runs.len());
        let near = Pieces::new(
            Arc::clone(source),
            runs.get(index..end).unwrap_or_default(),
            held.saturating_sub(start),
        );
        let mut bytes = vec![0; geometry.record];
        let within = at.checked_sub(start).filter(|_| at < held);
        if within.is_none_or(|within| near.read_exact_at(within, &mut bytes).is_err()) {
            continue;
        }
        let Some(record) = Record::open(&mut bytes, part.reference.number()) else { continue };
        for attribute in record.attributes().map_while(std::result::Result::ok) {
            if let (code::DATA, [], Form::Clusters(clusters)) =
                (attribute.code, attribute.name, attribute.form)
                && clusters.first == part.first
            {
                clusters.decode(geometry, runs);
            }
        }
    }
}

fn score(source: &Arc<dyn ReadAt>, runs: &[Run], length: u64) -> u64 {
    let (mut start, mut score) = (0_u64, 0_u64);
    for run in runs.iter().take(MAX_TRIED) {
        let counted = length.saturating_sub(start).min(run.length);
        start = start.saturating_add(run.length);
        let signature = source.read_vec(run.offset, 4).unwrap_or_default();
        if counted > 0 && matches!(signature.as_slice(), b"FILE" | b"BAAD") {
            score = score.saturating_add(counted);
        }
    }
    score
}
