//! VHDX images of Hyper-V: fixed and dynamic ones.
//!
//! Source: [MS-VHDX], Virtual Hard Disk v2 File Format.

mod header;
mod log;
mod map;
mod metadata;
mod patched;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::mapped::Mapped;
use super::{Format, Image, text};
use crate::codec::crc32c::crc32c;
use crate::model::{Digests, Problem, ProblemKind};
use crate::read::{Confidence, Error, ReadAt, Result};
use header::{Header, Regions};
use map::Blocks;
use metadata::Metadata;

const MIB: u64 = 1 << 20;

/// The format.
pub(super) struct Vhdx;

impl Format for Vhdx {
    fn name(&self) -> &'static str {
        "vhdx"
    }

    fn description(&self) -> &'static str {
        "Hyper-V (.vhdx), fixed and dynamic, its log replayed in memory; a differencing one is named with its parent"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        let mut head = [0; 8];
        match first.read_exact_at(0, &mut head) {
            Ok(()) if &head == b"vhdxfile" => Confidence::Strong,
            // A damaged signature before a sound header: read as raw, the image would show nothing of its disk.
            Ok(()) if Header::current(first, &mut Vec::new()).is_ok() => Confidence::Strong,
            _ => Confidence::No,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let mut file = super::raw::joined(segments);
        let mut problems = Vec::new();
        let mut notes = vec![("creator".to_owned(), creator(file.as_ref()))];
        let header = Header::current(file.as_ref(), &mut problems)?;
        if !file.read_vec(0, 8).is_ok_and(|signature| signature == b"vhdxfile") {
            problems.push(Problem::new(ProblemKind::Corrupt, "the VHDX file does not begin with vhdxfile"));
        }
        if header.log != [0; 16] {
            // The tables in the file are not the newest: without what the log holds they would show an older or a broken disk.
            let replayed = log::replay(&file, &header)?;
            let detail = format!(
                "the image was not closed cleanly: {} log entries were replayed in memory, the file was not changed",
                replayed.entries
            );
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
            problems.extend(replayed.problems);
            file = replayed.file;
        }
        let regions = Regions::read(file.as_ref(), &mut problems)?;
        let metadata = Metadata::read(file.as_ref(), &regions, &mut problems)?;
        if let Some(parent) = &metadata.parent {
            let found = format!(
                "it is a differencing disk and holds only what changed against its parent, {parent}; merge them with the tool that made them and scan the result"
            );
            return Err(Error::unsupported("VHDX image", regions.metadata.offset, found));
        }
        notes.extend([
            ("block size".into(), metadata.block.to_string()),
            ("logical sector size".into(), metadata.sector.to_string()),
            ("subformat".into(), if metadata.fixed { "fixed" } else { "dynamic" }.into()),
            ("file identifier".into(), text::guid_le(&header.written)),
        ]);
        notes.extend(metadata.identifier.map(|bytes| ("identifier".to_owned(), text::guid_le(&bytes))));
        let blocks = Blocks::new(Arc::clone(&file), &metadata, regions.table);
        let medium = Mapped::new(blocks, vec![file]);
        problems.extend(medium.problems());
        Ok(Image {
            format: self.name(),
            medium: Arc::new(medium),
            stored: Digests::default(),
            notes,
            problems,
        })
    }
}

/// The program that made the file, as it says.
fn creator(file: &dyn ReadAt) -> String {
    let mut bytes = [0; 512];
    file.read_exact_at(8, &mut bytes).map(|()| text::utf16_le(&bytes)).unwrap_or_default()
}

/// CRC-32C of a structure whose four bytes at `place` hold it and count as zero.
fn checksum(bytes: &[u8], place: usize) -> u32 {
    let (before, rest) = bytes.split_at(place.min(bytes.len()));
    let (held, after) = rest.split_at(rest.len().min(4));
    let zeros = [0; 4];
    let parts = [before, zeros.get(..held.len()).unwrap_or_default(), after];
    !parts.iter().fold(u32::MAX, |crc, part| crc32c(crc, part))
}
