//! Ex01 images of EnCase 7 and later: the second version of the Expert Witness Compression Format.
//!
//! Source: J. Metz, Expert Witness Compression Format version 2 specification (libewf).

mod map;
mod section;
mod strings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::mapped::{MAX_UNIT, Mapped};
use super::unpack::Method;
use super::{Format, Image, text};
use crate::model::{Digest, Digests, Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result};
use map::{Chunks, Table};
use section::{Kind, Section};

const SIGNATURE: &[u8; 8] = b"EVF2\r\n\x81\0";
const HEADER: u64 = 32;
/// Names of values that are taken in; usual images have about thirty.
const MAX_VALUES: usize = 1024;
/// Bad ranges that are taken in.
const MAX_BAD: u64 = 1 << 20;

/// The format, physical images.
pub(super) struct Ex01;

impl Format for Ex01 {
    fn name(&self) -> &'static str {
        "ex01"
    }

    fn description(&self) -> &'static str {
        "EnCase 7 and later (.Ex01), any number of segments; not encrypted ones, nor Lx01"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        let mut head = [0; 8];
        match first.read_exact_at(0, &mut head) {
            Ok(()) if &head == SIGNATURE => Confidence::Strong,
            _ => Confidence::No,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let mut reading = Reading::default();
        for (index, file) in segments.iter().enumerate() {
            reading.segment(index, file.as_ref())?;
        }
        reading.image(segments)
    }
}

/// What is known of an image while its segments are gone through.
#[derive(Default)]
struct Reading {
    /// Identifier of the set of segment files.
    set: Option<[u8; 16]>,
    method: Option<Method>,
    /// Number of the last segment file.
    last: u32,
    done: bool,
    values: Vec<(String, String)>,
    tables: Vec<Table>,
    /// Ranges of sectors that could not be read.
    bad: Vec<(u64, u64)>,
    stored: Digests,
    problems: Vec<Problem>,
}

impl Reading {
    fn problem(&mut self, detail: String) {
        self.problems.push(Problem::new(ProblemKind::Corrupt, detail));
    }

    fn segment(&mut self, index: usize, file: &dyn ReadAt) -> Result<()> {
        let named = index.saturating_add(1);
        let mut head = [0; 32];
        let read = file.read_exact_at(0, &mut head);
        let fields = Fields(&head);
        if read.is_err() || !fields.has(0, SIGNATURE) {
            self.problem(format!(
                "segment file {named} does not begin as one of an Ex01 image: it is left out"
            ));
            return Ok(());
        }
        let version = fields.u8(8).unwrap_or(0);
        if version != 2 {
            return Err(Error::unsupported("Ex01 image", 8, format!("version {version}")));
        }
        let set = fields.array(16).unwrap_or_default();
        if *self.set.get_or_insert(set) != set {
            self.problem(format!("segment file {named} belongs to another image: it is left out"));
            return Ok(());
        }
        let method = match fields.u16(10) {
            Some(0 | 1) => Method::Zlib,
            Some(2) => Method::Bzip2,
            other => {
                return Err(Error::unsupported(
                    "Ex01 image",
                    10,
                    format!("compression method {}", other.unwrap_or(0)),
                ));
            }
        };
        self.method.get_or_insert(method);
        let number = fields.u32(12).unwrap_or(0);
        if number != self.last.saturating_add(1) {
            let expected = self.last.saturating_add(1);
            self.problem(format!(
                "segment file {named} says it is number {number}, number {expected} was expected"
            ));
        }
        self.last = number;
        let chain = section::chain(file, named);
        if let Some(broken) = chain.broken {
            self.problem(broken);
        }
        let mut left = file.size();
        for section in &chain.sections {
            if section.encrypted || section.kind == Kind::Keys {
                return Err(Error::unsupported(
                    "Ex01 image",
                    section.start,
                    "it is encrypted: it opens only with its key",
                ));
            }
            // Sections do not overlap: together they are no longer than their file.
            let Some(rest) = left.checked_sub(section.length) else {
                self.problem(format!(
                    "segment {named}: its sections are longer than the file: the rest of them is left out"
                ));
                break;
            };
            left = rest;
            if let Err(error) = self.section(index, file, section) {
                self.problem(format!("segment {named}: {error}"));
            }
        }
        Ok(())
    }

    fn section(&mut self, index: usize, file: &dyn ReadAt, section: &Section) -> Result<()> {
        match section.kind {
            Kind::Device | Kind::Case => {
                let method = self.method.unwrap_or(Method::Zlib);
                let found = strings::read(file, section, method)?;
                for (name, value) in found {
                    if self.values.len() < MAX_VALUES && !self.values.iter().any(|(known, _)| *known == name)
                    {
                        self.values.push((name, value));
                    }
                }
                Ok(())
            }
            Kind::Table => {
                let table = Table::read(file, index, section)?;
                self.tables.push(table);
                Ok(())
            }
            Kind::Errors => self.bad_sectors(file, section),
            Kind::Md5 => self.digest(file, section, 16),
            Kind::Sha1 => self.digest(file, section, 20),
            Kind::Done => {
                self.done = true;
                Ok(())
            }
            Kind::Keys | Kind::Other => Ok(()),
        }
    }

    fn digest(&mut self, file: &dyn ReadAt, section: &Section, length: usize) -> Result<()> {
        let bytes = file.read_vec(section.start, length.saturating_add(4))?;
        let fields = Fields(&bytes);
        let value = fields.bytes(0, length).unwrap_or_default();
        if fields.u32(length) != Some(adler2::adler32_slice(value)) {
            return Err(Error::corrupt(
                "Ex01 digest section",
                section.start,
                "a right checksum",
                "a wrong one",
            ));
        }
        if let Some(digest) = Digest::new(value).filter(|_| value.iter().any(|byte| *byte != 0)) {
            self.stored.set(digest);
        }
        Ok(())
    }

    fn bad_sectors(&mut self, file: &dyn ReadAt, section: &Section) -> Result<()> {
        let head = file.read_vec(section.start, 20)?;
        let fields = Fields(&head);
        let count = u64::from(fields.u32(0).unwrap_or(0)).min(MAX_BAD).min(section.length / 16);
        let length = usize::try_from(count.saturating_mul(16)).unwrap_or(0);
        let entries = file.read_vec(section.start.saturating_add(32), length)?;
        let mut sum = [0; 4];
        let after = section.start.saturating_add(32).saturating_add(count.saturating_mul(16));
        file.read_exact_at(after, &mut sum)?;
        let sound = fields.u32(16) == fields.bytes(0, 16).map(adler2::adler32_slice)
            && u32::from_le_bytes(sum) == adler2::adler32_slice(&entries);
        // Damaged or not: what it says is bad is better not trusted.
        for entry in entries.chunks_exact(16).map(Fields) {
            self.bad.push((entry.u64(0).unwrap_or(0), u64::from(entry.u32(8).unwrap_or(0))));
        }
        match sound {
            true => Ok(()),
            false => Err(Error::corrupt("Ex01 error table", section.start, "right checksums", "wrong ones")),
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.trim().parse().ok()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn notes(&self, segments: usize) -> Vec<(String, String)> {
        let named = strings::NAMES.iter().filter_map(|(name, label)| {
            let value = self.value(name).filter(|value| !value.is_empty())?;
            let date = || value.parse().ok().and_then(text::date);
            let value =
                if matches!(*name, "tt" | "at") { date() } else { None }.unwrap_or_else(|| value.to_owned());
            Some(((*label).to_owned(), value))
        });
        named.chain([("segment files".to_owned(), segments.to_string())]).collect()
    }

    /// Puts everything together.
    fn image(mut self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let missing = |what: &str| Error::corrupt("Ex01 image", HEADER, what, "none");
        let sector = self.number("bp").filter(|bytes| (1..=1 << 20).contains(bytes));
        let sector = sector.ok_or_else(|| missing("the bytes of a sector in a sound device section"))?;
        let sectors =
            self.number("ts").ok_or_else(|| missing("the number of sectors in a sound device section"))?;
        let per_chunk = self.number("sb").filter(|count| *count > 0);
        let per_chunk = per_chunk.ok_or_else(|| missing("the sectors of a chunk in a sound case section"))?;
        let chunk = per_chunk.saturating_mul(sector);
        if chunk > MAX_UNIT || !chunk.is_multiple_of(8) {
            return Err(Error::unsupported("Ex01 chunk size", HEADER, chunk));
        }
        if !self.done {
            self.problem(
                "the last segment file is missing or cut off: no section says that the image is done".into(),
            );
        }
        let notes = self.notes(segments.len());
        let bytes = |(first, count): &(u64, u64)| {
            Extent::new(first.saturating_mul(sector), count.saturating_mul(sector))
        };
        let bad = self.bad.iter().map(bytes).collect();
        let method = self.method.unwrap_or(Method::Zlib);
        let size = sectors.saturating_mul(sector);
        let chunks =
            Chunks::new(std::mem::take(&mut self.tables), segments.clone(), (chunk, size), method, bad);
        let medium = Mapped::new(chunks, segments);
        self.problems.extend(medium.problems());
        Ok(Image {
            format: Ex01.name(),
            medium: Arc::new(medium),
            stored: self.stored,
            notes,
            problems: self.problems,
        })
    }
}
