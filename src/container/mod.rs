//! Disk-image formats: the segment files of an image in, the decoded medium out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`].
#![deny(clippy::arithmetic_side_effects)]

use std::sync::Arc;

use crate::model::Digests;
use crate::read::{Confidence, ReadAt, Result};

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
pub static FORMATS: &[&dyn Format] = &[];
