//! Disk-image formats: the segment files of an image in, the decoded medium out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`]; if the format stood in the table of
//! `recognised` until then, its line there goes.
#![deny(clippy::arithmetic_side_effects)]

mod dmg;
mod ewf;
mod ex01;
mod mapped;
mod qcow2;
mod raw;
mod recognised;
mod tables;
mod text;
#[cfg(test)]
mod trial;
mod unpack;
mod vhd;
mod vhdx;
mod vmdk;

use std::sync::Arc;

pub use recognised::{RECOGNISED, Recognised};

use crate::model::Digests;
use crate::read::{Confidence, Error, ReadAt, Result, strongest};

/// A disk-image format.
pub trait Format: Sync {
    /// Its name in options, tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants read and not read.
    fn description(&self) -> &'static str;

    /// How sure it is that the first segment file of an image is its own. Reads a bounded number of bytes.
    fn probe(&self, first: &dyn ReadAt) -> Confidence;

    /// Opens an image. `segments` are its files in order; the first one was probed.
    fn open(&self, segments: Vec<Arc<dyn ReadAt>>) -> Result<Image>;
}

/// An opened image.
pub struct Image {
    /// The name of its format.
    pub format: &'static str,
    /// The decoded medium: its offsets are those of the disk that was imaged.
    pub medium: Arc<dyn ReadAt>,
    /// Digests of the whole medium that the image says were taken when it was made.
    pub stored: Digests,
    /// What else the image says of itself, as name and value, both possibly hostile text.
    pub notes: Vec<(String, String)>,
    /// What is wrong with it, though it could be opened. Extents are those of the medium.
    pub problems: Vec<crate::model::Problem>,
}

/// Every format, alphabetical.
pub static FORMATS: &[&dyn Format] =
    &[&dmg::Dmg, &ewf::Ewf, &ex01::Ex01, &qcow2::Qcow2, &raw::Raw, &vhd::Vhd, &vhdx::Vhdx, &vmdk::Vmdk];

/// Opens the image whose segment files are `segments`, in order, by the strongest format.
///
/// Bytes that no format claims are raw, unless they carry the signature of a format that is known and not read:
/// that is `Unsupported` and says what to do, because a file of such a format is no copy of a medium.
/// Two formats that are equally sure are an error that names both.
pub fn open(segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(Error::corrupt("disk image", 0, "at least one segment file", "none"));
    };
    let mut found = surest(FORMATS, first)?;
    if found.is_none() && segments.len() > 1 {
        // A file that was cut into parts may have its signature at its end.
        found = surest(FORMATS, &raw::joined(segments.clone()))?;
    }
    match found {
        Some((format, Confidence::Strong)) => return format.open(segments),
        weaker => {
            if let Some(known) = recognised::find(first, last) {
                return Err(known.unsupported());
            }
            if let Some((format, _)) = weaker {
                return format.open(segments);
            }
        }
    }
    raw::Raw.open(segments)
}

/// Takes files as the medium they are, whatever they look like: a disk that begins like an image file is still a disk.
pub fn open_raw(segments: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
    raw::Raw.open(segments)
}

/// The surest format other than raw, which takes what nobody else wants.
fn surest(
    formats: &[&'static dyn Format],
    first: &dyn ReadAt,
) -> Result<Option<(&'static dyn Format, Confidence)>> {
    let asked = formats.iter().filter(|format| format.name() != raw::NAME);
    let (confidence, claimants) = strongest(asked.map(|format| (*format, format.probe(first))));
    match claimants.as_slice() {
        [] => Ok(None),
        [format] => Ok(Some((*format, confidence))),
        tied => {
            let names: Vec<_> = tied.iter().map(|format| format.name()).collect();
            Err(Error::corrupt("disk image", 0, "one format that claims it", names.join(" and ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    struct Claims(&'static str, Confidence);

    impl Format for Claims {
        fn name(&self) -> &'static str {
            self.0
        }
        fn description(&self) -> &'static str {
            ""
        }
        fn probe(&self, _: &dyn ReadAt) -> Confidence {
            self.1
        }
        fn open(&self, _: Vec<Arc<dyn ReadAt>>) -> Result<Image> {
            unreachable!()
        }
    }

    #[test]
    fn formats_stand_in_alphabetical_order_and_raw_is_among_them() {
        assert!(FORMATS.is_sorted_by(|a, b| a.name() < b.name()));
        assert!(FORMATS.iter().any(|format| format.name() == raw::NAME));
        assert!(FORMATS.iter().all(|format| !format.description().is_empty()));
    }

    #[test]
    fn the_surest_wins_and_a_tie_names_both() {
        static WEAK: Claims = Claims("a", Confidence::Weak);
        static STRONG: Claims = Claims("b", Confidence::Strong);
        static RIVAL: Claims = Claims("c", Confidence::Strong);
        let nothing = Memory([0; 4]);
        let found = surest(&[&WEAK, &STRONG], &nothing).unwrap();
        assert_eq!(
            found.map(|(format, confidence)| (format.name(), confidence)),
            Some(("b", Confidence::Strong))
        );
        let tie = surest(&[&WEAK, &STRONG, &RIVAL], &nothing).err().unwrap();
        assert!(tie.to_string().contains("b and c"), "{tie}");
        assert!(surest(FORMATS, &nothing).unwrap().is_none());
    }

    #[test]
    fn an_image_without_files_is_an_error() {
        assert!(open(Vec::new()).is_err());
    }
}
