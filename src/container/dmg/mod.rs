//! Disk images of Mac OS (UDIF, .dmg).
//!
//! Source: libmodi, Mac OS disk image types, and images made by `hdiutil`.

mod chunks;
mod plist;
#[cfg(test)]
mod tests;
mod trailer;
mod verify;

use std::sync::Arc;

use super::mapped::Mapped;
use super::{Format, Image};
use crate::model::Digests;
use crate::read::{Confidence, Error, ReadAt, Result};
use chunks::{Chunks, Partition};
use trailer::Trailer;

/// Most bytes of the property list: enough for the chunks of a terabyte.
const MAX_PLIST: u64 = 64 << 20;

/// The format.
pub(super) struct Dmg;

impl Format for Dmg {
    fn name(&self) -> &'static str {
        "dmg"
    }

    fn description(&self) -> &'static str {
        "Mac OS (.dmg, UDIF), raw, ADC, zlib, bzip2, LZFSE and LZMA; not encrypted ones, nor sparse images and bundles"
    }

    fn probe(&self, first: &dyn ReadAt) -> Confidence {
        match Trailer::of(first) {
            Some(_) => Confidence::Strong,
            None => Confidence::No,
        }
    }

    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
        let file = super::raw::joined(segments);
        let none = || Error::corrupt("DMG trailer", file.size(), "koly", "something else");
        let trailer = Trailer::of(file.as_ref()).ok_or_else(none)?;
        let mut problems = trailer.problems();
        if trailer.segments > 1 {
            let found = format!(
                "it is one of {} parts of an image; join them with `hdiutil convert` on a Mac and scan the result",
                trailer.segments
            );
            return Err(Error::unsupported("DMG image", trailer.at, found));
        }
        let list = trailer.plist;
        if list.length == 0 {
            let found = "its tables are in a resource fork, as before Mac OS X 10.2; convert a copy with `hdiutil convert -format UDTO` on a Mac and scan that";
            return Err(Error::unsupported("DMG image", trailer.at, found));
        }
        if list.length > MAX_PLIST {
            return Err(Error::unsupported(
                "DMG property list",
                list.offset,
                format!("{} bytes", list.length),
            ));
        }
        let bytes = file.read_vec(list.offset, usize::try_from(list.length).unwrap_or(0))?;
        let tables = plist::tables(&bytes).ok_or_else(|| {
            Error::corrupt("DMG property list", list.offset, "an array of the key blkx", "none")
        })?;
        let mut partitions = Vec::new();
        let mut chunks = Vec::new();
        for (name, table) in tables {
            partitions.push(Partition::read(name, &table, &trailer, &mut chunks, &mut problems));
        }
        let partitions: Vec<Partition> = partitions.into_iter().flatten().collect();
        let map = Chunks::new(chunks, trailer.sectors.saturating_mul(512), &mut problems);
        let mut notes = trailer.notes();
        notes.extend(partitions.iter().map(|partition| ("partition".to_owned(), partition.name.clone())));
        let ignored = map.ignored();
        let medium = Mapped::new(map, vec![Arc::clone(&file)]);
        problems.extend(medium.problems());
        verify::all(file.as_ref(), &medium, &trailer, &partitions, &ignored, &mut problems, &mut notes);
        Ok(Image {
            format: self.name(),
            medium: Arc::new(medium),
            stored: Digests::default(),
            notes,
            problems,
        })
    }
}
