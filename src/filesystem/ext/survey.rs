//! The story of a survey: notes on the volume, inode tables, directory blocks, the tree.

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::size;

use super::Volume;
use super::judge::Judge;
use super::names::DirectorySweep;
use super::superblock::{self, incompat};
use super::tables::Tables;
use crate::filesystem::remarks;
use crate::filesystem::tree::Listing;

/// Lists everything that can be listed.
pub(super) fn run(volume: &Volume, survey: &mut Survey<'_>) {
    for problem in volume.problems.iter().chain(&volume.groups.problems) {
        survey.problem(problem.clone());
    }
    notes(volume, survey);
    let mut tables = Tables::new(volume);
    tables.places.read(volume.superblock.offset, size(superblock::SIZE));
    for place in &volume.groups.places {
        tables.places.read(place.offset, place.length);
    }
    tables.sweep(survey);
    let mut names = DirectorySweep::default();
    names.sweep(&mut tables, survey);
    // Group flags may hide inodes that directories refer to. Each part of a table is read at most once, so this ends.
    while tables.sweep_hidden(names.targets(), survey) {
        names.sweep(&mut tables, survey);
    }
    tables.settle_deleted(survey);
    names.sweep_deleted(&mut tables, survey);
    names.names.sort();
    let judge = Judge { volume, blocks: &tables.blocks };
    Listing::new(&judge, &mut tables.inodes.rows, &names.names, super::ROOT_INODE.into()).list(survey);
    tables.hand_over(survey);
}

/// Features and states that a reader of the listing must know of.
fn notes(volume: &Volume, survey: &mut Survey<'_>) {
    let superblock = &volume.superblock;
    let place = Extent::new(superblock.offset, size(superblock::SIZE));
    let mut note = |kind, detail: String| survey.problem(Problem::new(kind, detail).at(place));
    if superblock.has_incompat(incompat::RECOVER) {
        note(
            ProblemKind::Ambiguous,
            "the journal was not replayed: the listing is that of the last checkpoint".into(),
        );
    }
    if superblock.external_journal {
        note(ProblemKind::Unsupported, "the journal is on another device and was not read".into());
    }
    if superblock.has_incompat(incompat::JOURNAL_DEV) {
        note(
            ProblemKind::Corrupt,
            "the volume says it is a journal, and has inode tables nevertheless".into(),
        );
    }
    if superblock.has_incompat(incompat::COMPRESSION) {
        note(ProblemKind::Unsupported, "compressed files are listed and not read".into());
    }
    let unknown = remarks::unknown_features(u64::from(superblock.incompat & !incompat::KNOWN));
    let short = remarks::truncation(superblock.bytes(), volume.source.size());
    unknown.into_iter().chain(short).for_each(|problem| survey.problem(problem));
}
