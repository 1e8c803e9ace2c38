//! Partition tables: the decoded medium in, volumes and everything between them out.
//!
//! Adding one is a new file here with a [`Format`] and its line in [`FORMATS`].
#![deny(clippy::arithmetic_side_effects)]

use crate::model::{Extent, Problem};
use crate::read::{Confidence, ReadAt, Result};

/// A kind of partition table.
pub trait Format: Sync {
    /// Its name in options, tables and reports.
    fn name(&self) -> &'static str;

    /// What a reader of `onscene formats` needs to know beyond the name: variants read and not read.
    fn description(&self) -> &'static str;

    /// How sure it is that the medium carries its table. Reads a bounded number of bytes.
    fn probe(&self, medium: &dyn ReadAt) -> Confidence;

    /// Reads the table. Damage that leaves volumes to be found is a problem in the layout, not an error.
    fn read(&self, medium: &dyn ReadAt) -> Result<Layout>;
}

/// What a partition table says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The volumes in the order of their numbers.
    pub volumes: Vec<Volume>,
    /// Bytes of the medium that hold the table itself.
    pub metadata: Vec<Extent>,
    /// What is wrong with the table. Extents are those of the medium.
    pub problems: Vec<Problem>,
}

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its number in the table, from 1; logical volumes of an extended partition from 5.
    pub number: u16,
    /// Its place on the medium.
    pub extent: Extent,
    /// The type that the table states, in words where known, else as the stored value.
    pub kind: String,
    /// The name that the table gives it, if any; possibly hostile text.
    pub label: String,
}

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Format] = &[];
