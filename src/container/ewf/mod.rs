//! EWF images: .E01 of EnCase 1 to 7, FTK Imager, linen and others, and .s01 of SMART.
//!
//! Source: J. Metz, Expert Witness Compression Format specification (libewf), and images made by its tools.

mod assemble;
mod header;
mod medium;
#[cfg(test)]
mod oracle;
mod section;
mod table;
#[cfg(test)]
mod tests;
mod volume;

use std::sync::Arc;

use super::{Format, Image};
use crate::model::{Digest, Digests, Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result, size};
use assemble::Parts;
use medium::Medium;
use section::{Kind, Section};
use volume::Geometry;

#[cfg(test)]
pub(super) use oracle::testdata;

const SIGNATURE: &[u8; 8] = b"EVF\t\r\n\xff\0";
/// Bad ranges that get a problem of their own; an image can list millions.
const MAX_BAD_PROBLEMS: usize = 100;

/// Bad ranges that are taken in from one list.
const MAX_BAD: usize = 1 << 20;

/// Version 1 of the format, physical images.
pub(super) struct Ewf;

impl Format for Ewf {
    fn name(&self) -> &'static str {
        "ewf"
    }

    fn description(&self) -> &'static str {
        "EnCase 1 to 7, FTK Imager, linen (.E01) and SMART (.s01), any number of segments; not L01 or Lx01"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        let mut signature = [0; 8];
        if first.read_exact_at(0, &mut signature).is_ok() && &signature == SIGNATURE {
            return Confidence::Strong;
        }
        // A damaged signature before a sound section: read as raw, it would show nothing of the medium.
        let taken = signature.starts_with(b"LVF");
        if !taken && section::begins(first) { Confidence::Strong } else { Confidence::No }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let mut reading = Reading::default();
        let mut next = 1_u64;
        for (index, file) in segments.iter().enumerate() {
            next = reading.segment(index, file.as_ref(), next);
        }
        reading.image(segments)
    }
}

/// What is known of an image while its segments are gone through.
#[derive(Default)]
struct Reading {
    geometry: Option<Geometry>,
    /// Why there is no geometry, when there is none.
    ungeometric: Option<Error>,
    notes: Vec<(String, String)>,
    /// Which header the notes are from: the UTF-16 one is more exact.
    notes_from: Option<Kind>,
    stored: Digests,
    bad: Vec<Extent>,
    parts: Parts,
    bounds: Vec<Vec<u64>>,
    problems: Vec<Problem>,
}

impl Reading {
    /// Takes in the segment file of that index; `expected` is its number if none is missing. Returns the next one.
    fn segment(&mut self, index: usize, file: &dyn ReadAt, expected: u64) -> u64 {
        self.bounds.push(Vec::new());
        let number = index.saturating_add(1);
        let mut head = [0; 13];
        let read = file.read_exact_at(0, &mut head);
        let fields = Fields(&head);
        let mut stated = u64::from(fields.u16(9).unwrap_or(0));
        if read.is_err() || !fields.has(0, SIGNATURE) {
            self.problem(
                ProblemKind::Corrupt,
                format!("segment file {number} does not begin as one of an EWF image"),
            );
            if read.is_err() || !section::begins(file) {
                self.parts.gap(format!("segment file {number} cannot be read"));
                return expected.saturating_add(1);
            }
            stated = expected;
        }
        if stated < expected {
            let detail = format!(
                "segment file {number} says it is number {stated}, number {expected} was expected: it is left out"
            );
            self.problem(ProblemKind::Corrupt, detail);
            self.parts.gap("a segment file is missing".into());
            return expected;
        }
        if stated > expected {
            let last = stated.saturating_sub(1);
            let detail = match last == expected {
                true => format!("segment file {expected} is missing"),
                false => format!("segment files {expected} to {last} are missing"),
            };
            self.parts.gap(detail);
        }
        let mut chain = section::follow(file, number);
        self.problems.append(&mut chain.problems);
        if self.of_another_image(file, &chain.sections) {
            self.problem(
                ProblemKind::Corrupt,
                format!("segment file {number} belongs to another image: it is left out"),
            );
            self.parts.gap(format!("segment file {number} belongs to another image"));
            return stated.saturating_add(1);
        }
        let mut bounds: Vec<u64> = chain.sections.iter().map(|section| section.start).collect();
        bounds.extend(chain.sections.last().map(|section| section.end));
        if let Some(slot) = self.bounds.get_mut(index) {
            *slot = bounds;
        }
        for section in &chain.sections {
            self.section(index, file, section);
        }
        self.parts.end_of_segment(&mut self.problems);
        if let Some(reason) = chain.broken {
            self.problem(ProblemKind::Corrupt, reason.clone());
            self.parts.gap(reason);
        }
        stated.saturating_add(1)
    }

    fn section(&mut self, index: usize, file: &dyn ReadAt, section: &Section) {
        let outcome = match section.kind {
            Kind::Volume | Kind::Data => self.geometry(file, section),
            Kind::Header | Kind::Header2 => self.header(file, section),
            Kind::Hash => self.digests(file, section, 36, &[16]),
            Kind::Digest => self.digests(file, section, 80, &[16, 20]),
            Kind::Error2 => self.bad_sectors(file, section),
            Kind::Table => {
                self.parts.table(index, table::read(file, section), &mut self.problems);
                Ok(())
            }
            Kind::Table2 => {
                self.parts.copy(index, table::read(file, section), &mut self.problems);
                Ok(())
            }
            Kind::Incomplete => {
                self.problem(ProblemKind::Corrupt, "the image says that the imaging was not finished".into());
                Ok(())
            }
            Kind::Done => {
                self.parts.done(&mut self.problems);
                Ok(())
            }
            Kind::Sectors | Kind::Unknown => {
                self.parts.chunks_passed(&mut self.problems);
                Ok(())
            }
            Kind::Next | Kind::Other => Ok(()),
        };
        if let Err(error) = outcome {
            self.problem(error.problem_kind(), format!("segment {}: {error}", index.saturating_add(1)));
        }
    }

    fn problem(&mut self, kind: ProblemKind, detail: String) {
        self.problems.push(Problem::new(kind, detail));
    }

    fn geometry(&mut self, file: &dyn ReadAt, section: &Section) -> Result<()> {
        match volume::read(file, section) {
            Ok(geometry) => {
                if self.geometry.as_ref().is_none_or(|known| known.sectors == 0) {
                    self.geometry = Some(geometry);
                } else if self.geometry.as_ref().is_some_and(|known| {
                    (known.chunk, known.size()) != (geometry.chunk, geometry.size()) && geometry.sectors != 0
                }) {
                    let detail =
                        format!("byte {}: a copy of the volume section differs from it", section.payload());
                    self.problem(ProblemKind::Ambiguous, detail);
                }
                Ok(())
            }
            Err(error) => {
                self.ungeometric.get_or_insert_with(|| error.clone());
                Err(error)
            }
        }
    }

    /// Whether the segment names another set of files than the ones before it.
    fn of_another_image(&self, file: &dyn ReadAt, sections: &[Section]) -> bool {
        let Some(known) = &self.geometry else {
            return false;
        };
        let own = sections
            .iter()
            .filter(|section| matches!(section.kind, Kind::Volume | Kind::Data))
            .find_map(|section| volume::read(file, section).ok());
        own.is_some_and(|own| own.set != known.set && own.set != [0; 16] && known.set != [0; 16])
    }

    fn header(&mut self, file: &dyn ReadAt, section: &Section) -> Result<()> {
        if self.notes_from == Some(Kind::Header2) || self.notes_from == Some(section.kind) {
            return Ok(());
        }
        let notes = header::read(file, section)?;
        if !notes.is_empty() {
            self.notes = notes;
            self.notes_from = Some(section.kind);
        }
        Ok(())
    }

    /// A `hash` or `digest` section: digests one after the other, and a checksum at its end.
    fn digests(
        &mut self,
        file: &dyn ReadAt,
        section: &Section,
        length: usize,
        digests: &[usize],
    ) -> Result<()> {
        let at = section.payload();
        let bytes = section.read(file, length)?;
        let fields = Fields(&bytes);
        let sum_at = length.saturating_sub(4);
        let actual = adler2::adler32_slice(fields.bytes(0, sum_at).unwrap_or_default());
        if fields.u32(sum_at) != Some(actual) {
            let found = fields.u32(sum_at).map_or("nothing".into(), |sum| format!("{sum:#010x}"));
            return Err(Error::corrupt("EWF digest section", at, format!("checksum {actual:#010x}"), found));
        }
        let mut offset = 0_usize;
        for length in digests {
            let value = fields.bytes(offset, *length).unwrap_or_default();
            offset = offset.saturating_add(*length);
            // Zeros stand for a digest that was not taken.
            let Some(digest) = Digest::new(value).filter(|_| value.iter().any(|byte| *byte != 0)) else {
                continue;
            };
            if self.stored.get(digest.algorithm()).is_some_and(|known| known != digest) {
                let detail =
                    format!("byte {at}: the image stores two different {} digests", digest.algorithm());
                self.problem(ProblemKind::Ambiguous, detail);
            }
            self.stored.set(digest);
        }
        Ok(())
    }

    /// Ranges of sectors that the imaging tool could not read and filled with zeros.
    fn bad_sectors(&mut self, file: &dyn ReadAt, section: &Section) -> Result<()> {
        const HEADER: usize = 520;
        const MOST: usize = HEADER + 8 * MAX_BAD + 4;
        let at = section.payload();
        let bytes = section.read(file, MOST)?;
        let fields = Fields(&bytes);
        let count = usize::try_from(fields.u32(0).unwrap_or(0)).unwrap_or(0);
        let entries = fields.bytes(HEADER, count.saturating_mul(8));
        let sum = fields.u32(HEADER.saturating_add(count.saturating_mul(8)));
        let head = fields.bytes(0, 516).map(adler2::adler32_slice);
        let sound = head == fields.u32(516) && entries.map(adler2::adler32_slice) == sum;
        let rest = bytes.get(HEADER..).unwrap_or_default();
        let sector = self.geometry.as_ref().map_or(512, |geometry| geometry.sector);
        // Damaged or not: what it says is bad is better not trusted.
        for entry in entries.unwrap_or(rest).chunks_exact(8) {
            let number = |offset| u64::from(Fields(entry).u32(offset).unwrap_or(0)).saturating_mul(sector);
            self.bad.push(Extent::new(number(0), number(4)));
        }
        match sound {
            true => Ok(()),
            false if count > MAX_BAD => {
                let found = format!("{count} ranges, of which the first {MAX_BAD} are used");
                Err(Error::unsupported("EWF error2 section", at, found))
            }
            false => Err(Error::corrupt("EWF error2 section", at, "sound checksums", "wrong ones")),
        }
    }

    /// Puts everything together.
    fn image(mut self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let Some(mut geometry) = self.geometry.take() else {
            let missing = || Error::corrupt("EWF image", section::FILE_HEADER, "a volume section", "none");
            return Err(self.ungeometric.unwrap_or_else(missing));
        };
        if geometry.sectors == 0 {
            // A streamed image whose size was never written: it is as long as its tables.
            let per_chunk = geometry.chunk.checked_div(geometry.sector).unwrap_or(0);
            geometry.sectors = self.parts.chunks().saturating_mul(per_chunk);
            let detail =
                format!("the image does not state its size; its tables give {} bytes", geometry.size());
            self.problem(ProblemKind::Ambiguous, detail);
        }
        let groups = self.parts.place(&geometry, &mut self.problems);
        let bad = merged(self.bad, geometry.size());
        for extent in bad.iter().take(MAX_BAD_PROBLEMS) {
            let detail = format!(
                "the imaging tool could not read {} bytes at byte {} of the original medium",
                extent.length, extent.offset
            );
            self.problems.push(Problem::new(ProblemKind::Unreadable, detail).at(*extent));
        }
        if let Some(more) = bad.len().checked_sub(MAX_BAD_PROBLEMS).filter(|more| *more > 0) {
            let detail =
                "the imaging tool could not read more ranges of the original medium; the rest are counted";
            let mut problem = Problem::new(ProblemKind::Unreadable, detail);
            problem.count = size(more);
            self.problems.push(problem);
        }
        let mut notes = self.notes;
        notes.push(("segment files".into(), segments.len().to_string()));
        notes.push(("chunk size".into(), geometry.chunk.to_string()));
        notes.push(("sector size".into(), geometry.sector.to_string()));
        notes.extend(geometry.media.map(|media| ("medium".into(), media.into())));
        let whole =
            geometry.physical.map(|physical| if physical { "physical device" } else { "logical volume" });
        notes.extend(whole.map(|whole| ("imaged as".into(), whole.into())));
        let bounds = self.bounds.into_iter().chain(std::iter::repeat(Vec::new()));
        let files = segments.into_iter().zip(bounds).map(|(source, bounds)| medium::File { source, bounds });
        let chunk = usize::try_from(geometry.chunk)
            .map_err(|_| Error::unsupported("EWF chunk size", section::FILE_HEADER, geometry.chunk))?;
        Ok(Image {
            format: Ewf.name(),
            medium: Arc::new(Medium::new(files.collect(), groups, chunk, geometry.size(), bad)),
            stored: self.stored,
            notes,
            problems: self.problems,
        })
    }
}

/// The ranges within a medium of `size` bytes in order, those that touch as one.
fn merged(mut ranges: Vec<Extent>, size: u64) -> Vec<Extent> {
    ranges.sort_unstable();
    let mut merged: Vec<Extent> = Vec::new();
    for range in ranges {
        let end = range.end().min(size);
        match merged.last_mut() {
            _ if range.offset >= end => {}
            Some(last) if range.offset <= last.end() => {
                last.length = end.max(last.end()).saturating_sub(last.offset);
            }
            _ => merged.push(Extent::new(range.offset, end.saturating_sub(range.offset))),
        }
    }
    merged
}
