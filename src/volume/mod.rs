//! Partition tables, sets and encryption: the decoded medium in, volumes and everything between them out.
//!
//! [`divide`] is the way in. Adding a kind of table is a new file here with a [`Format`] and its line in
//! [`FORMATS`]; sets of volumes and kinds of encryption have families of their own below.
#![deny(clippy::arithmetic_side_effects)]

mod apm;
mod bounds;
mod divide;
pub mod encryption;
mod foreign;
mod gpt;
mod kinds;
mod mbr;
pub mod sets;
pub mod shadow;
#[cfg(test)]
mod tests;

pub use divide::{Division, Look, MAX_VOLUMES, divide};

use crate::model::{Extent, Placement, Problem, ProblemKind};
use crate::read::{Confidence, Error, ReadAt, Result, strongest};

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
    /// The partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
    /// Bytes of the medium that hold the table itself.
    pub metadata: Vec<Extent>,
    /// What is wrong with the table. Extents are those of the medium.
    pub problems: Vec<Problem>,
}

/// One line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the table, from 1; logical volumes of an extended partition from 5.
    pub number: u16,
    /// Its place on the medium.
    pub extent: Extent,
    /// The type that the table states, in words where known, else as the stored value.
    pub kind: String,
    /// The name that the table gives it, if any; possibly hostile text.
    pub label: String,
}

/// A volume of a source: the whole medium, a partition, or what a set of other volumes makes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its number: 0 for a whole medium, those of the table, then one after the other.
    pub number: u16,
    /// Its place on the medium.
    pub placement: Placement,
    /// The type that its table or set states, in words where known, else as the stored value.
    pub kind: String,
    /// The name that its table or set gives it, if any; possibly hostile text.
    pub label: String,
    /// Numbers of the volumes that it lies on, in order; empty for the whole medium and its partitions.
    pub on: Vec<u16>,
    /// What it holds instead of a file system, in words: it is part of a set, or has a table of its own.
    pub holds: Option<String>,
}

/// Every kind, alphabetical.
pub static FORMATS: &[&dyn Format] = &[&apm::Apm, &gpt::Gpt, &mbr::Mbr];

/// A table that was found and read.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The name of its kind.
    pub name: &'static str,
    /// How sure the kind was. A file system that is `Strong` at byte 0 of the medium beats a `Weak` table.
    pub confidence: Confidence,
    /// What it says.
    pub layout: Layout,
}

/// The surest kind of table on the medium, without reading it; two equally sure ones are an error that names both.
pub fn detect(medium: &dyn ReadAt) -> Result<Option<(&'static dyn Format, Confidence)>> {
    let (confidence, claimants) = strongest(FORMATS.iter().map(|format| (*format, format.probe(medium))));
    match claimants.as_slice() {
        [] => Ok(None),
        [format] => Ok(Some((*format, confidence))),
        tied => {
            let names: Vec<_> = tied.iter().map(|format| format.name()).collect();
            Err(Error::corrupt("partition table", 0, "one kind that claims it", names.join(" and ")))
        }
    }
}

/// Reads the surest table on the medium, if there is one.
///
/// Another kind that may also be there, such as a backup GPT left behind an MBR, is a problem in the layout.
pub fn read(medium: &dyn ReadAt) -> Result<Option<Table>> {
    let Some((format, confidence)) = detect(medium)? else {
        return Ok(None);
    };
    let mut layout = format.read(medium)?;
    // A GPT always has an MBR in front of it; it says itself what that one holds.
    let others = FORMATS.iter().filter(|other| other.name() != format.name());
    let others = others.filter(|other| (format.name(), other.name()) != ("gpt", "mbr"));
    for other in others.filter(|other| other.probe(medium) != Confidence::No) {
        // Optical discs for several computers carry a map for each of them.
        if other.name() == "apm" {
            match other.read(medium) {
                Ok(second) => layout.also(second, "Apple partition map", medium.size()),
                Err(error) => layout.problems.push(error.into_problem()),
            }
            continue;
        }
        let detail = format!(
            "the medium also carries a {}, which was not followed: it may be left over, or hide volumes",
            other.name()
        );
        layout.problems.push(Problem::new(ProblemKind::Ambiguous, detail));
    }
    Ok(Some(Table { name: format.name(), confidence, layout }))
}
