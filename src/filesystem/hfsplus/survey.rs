//! The story of a survey: notes on the volume, the three trees, the entries.

use std::collections::HashMap;

use super::Volume;
use super::attribute::Attributes;
use super::bitmap;
use super::content::Packed;
use super::facts::Known;
use super::header::{Header, Special};
use super::index::Index;
use super::journal;
use super::listing::Listing;
use super::overflow::Overflow;
use super::special;
use super::tree::Tree;
use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::{Error, Result};

/// Lists everything that can be listed; returns what compressed files are made of, by record.
pub(super) fn run(volume: &Volume, survey: &mut Survey<'_>) -> Result<HashMap<u64, Packed>> {
    let header = &volume.located.header;
    volume.located.problems.iter().for_each(|problem| survey.problem(problem.clone()));
    volume.located.places.iter().for_each(|place| survey.metadata(place.offset, place.length));
    truncation(header, volume.source.size(), survey);
    journal::note(&volume.source, header, survey);
    let overflow = match open(volume, Special::Extents, &Overflow::default(), survey) {
        Some(tree) => Overflow::read(&tree, survey),
        None => Overflow::default(),
    };
    if let Some(first) = overflow.bad_blocks().find_map(|extent| header.run(extent)) {
        let count = overflow.bad_blocks().map(|(_, count)| u64::from(count)).fold(0, u64::saturating_add);
        survey.problem(bitmap::bad(count, Extent::new(first.offset, first.length)));
    }
    let attributes = open(volume, Special::Attributes, &overflow, survey);
    let attributes = attributes.map(|tree| (Attributes::read(&tree, survey), tree));
    let Some(catalog) = open(volume, Special::Catalog, &overflow, survey) else {
        let fork = header.fork(Special::Catalog);
        let place =
            fork.used().next().and_then(|extent| header.run(extent)).map_or(header.at, |run| run.offset);
        return Err(Error::corrupt("catalog file", place, "a B-tree", "none"));
    };
    let index = Index::read(&catalog, header, survey);
    special::list_startup(header, &overflow, survey);
    let known = Known { volume: &volume.source, header, index, overflow, attributes };
    Ok(Listing::new(&known).list(survey))
}

/// Opens a B-tree; one that should be there and is not is a problem.
fn open(volume: &Volume, special: Special, overflow: &Overflow, survey: &mut Survey<'_>) -> Option<Tree> {
    let header = &volume.located.header;
    let runs = special::runs(header, overflow, special);
    let blocks = header.fork(special).blocks;
    let tree = Tree::open(&volume.source, special.name(), runs);
    if tree.as_ref().is_some_and(|tree| tree.cut) {
        let detail = format!(
            "{}: {blocks} blocks, more than the volume has room for: what lies behind was not read",
            special.name()
        );
        let place = Extent::new(header.at, crate::read::size(super::header::LENGTH));
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }
    if tree.is_none() && blocks > 0 {
        let detail =
            format!("{}: expected a B-tree of {blocks} blocks, found none; it was not read", special.name());
        let place = Extent::new(header.at, crate::read::size(super::header::LENGTH));
        survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(place));
    }
    tree
}

fn truncation(header: &Header, volume: u64, survey: &mut Survey<'_>) {
    let end = header.base.saturating_add(header.bytes());
    if let Some(missing) = end.checked_sub(volume).filter(|missing| *missing > 0) {
        let detail = format!(
            "the file system ends at byte {end}, the volume at {volume}: the last {missing} bytes are missing"
        );
        survey.problem(Problem::new(ProblemKind::Unreadable, detail));
    }
}
