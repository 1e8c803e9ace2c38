//! The story of a survey: notes on the volume, allocation groups, directory blocks, deleted inodes, the tree.

use super::judge::{self, Judge};
use super::superblock::{self, incompat};
use super::tables::Tables;
use super::{Volume, log, names};
use crate::filesystem::remarks;
use crate::filesystem::tree::{Listing, Names, mark};
use crate::model::{EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::size;

/// Lists everything that can be listed.
pub(super) fn run(volume: &Volume, survey: &mut Survey<'_>) {
    for problem in &volume.problems {
        survey.problem(problem.clone());
    }
    notes(volume, survey);
    let complete = log::note(volume, survey);
    let mut tables = Tables::new(volume, complete);
    tables.places.read(volume.offset, size(superblock::SIZE));
    tables.sweep(survey);
    let names = names::gather(&mut tables, survey);
    judge::settle_deleted(&mut tables, survey);
    let root = root(volume, &tables, &names, survey);
    realtime_inodes(volume, root, &mut tables, &names);
    Listing::new(&Judge { volume }, &mut tables.inodes.rows, &names, root).list(survey);
    tables.hand_over(survey);
}

/// The inode of the root directory. Where the superblock is wrong about it, it is the directory that is its own parent.
fn root(volume: &Volume, tables: &Tables<'_>, names: &Names, survey: &mut Survey<'_>) -> u64 {
    let stated = volume.superblock.root;
    let rows = &tables.inodes.rows;
    let is_directory = |number: &u64| {
        let row = rows.find(*number).and_then(|at| rows.get(at));
        row.is_some_and(|row| row.kind == EntryKind::Directory)
    };
    let is_root = |number: &u64| is_directory(number) && names.parent(*number) == Some(*number);
    if is_root(&stated) {
        return stated;
    }
    match names.own_parents().find(is_root) {
        Some(found) => {
            let detail = format!(
                "the superblock names inode {stated} as root directory, which is none: inode {found} is its own parent \
                 and is used instead"
            );
            survey.problem(Problem::new(ProblemKind::Corrupt, detail));
            found
        }
        None => stated,
    }
}

/// Backups of the superblock do not name the inodes of the realtime device, which stand right behind the root's.
fn realtime_inodes(volume: &Volume, root: u64, tables: &mut Tables<'_>, names: &Names) {
    if volume.offset == 0 || volume.superblock.system_inodes.first() != Some(&superblock::NULL_INODE) {
        return;
    }
    for number in [root.saturating_add(1), root.saturating_add(2)] {
        if !names.list().iter().any(|name| name.target == number)
            && let Some(at) = tables.inodes.rows.find(number)
        {
            tables.inodes.rows.mark(at, mark::SYSTEM);
        }
    }
}

/// Features and states that a reader of the listing must know of.
fn notes(volume: &Volume, survey: &mut Survey<'_>) {
    let superblock = &volume.superblock;
    let place = Extent::new(volume.offset, size(superblock::SIZE));
    let mut note = |kind, detail: String| survey.problem(Problem::new(kind, detail).at(place));
    if superblock.incompat & incompat::NEEDS_REPAIR != 0 {
        note(
            ProblemKind::Ambiguous,
            "the volume says that it needs repair: files may be listed wrongly".into(),
        );
    }
    if superblock.realtime_blocks > 0 || superblock.incompat & incompat::ZONED != 0 {
        note(
            ProblemKind::Unsupported,
            "a part of the file system is a realtime device, which is not read".into(),
        );
    }
    if !superblock.directories_v2 {
        note(ProblemKind::Unsupported, "directories are of version 1: their names are not read".into());
    }
    let unknown = remarks::unknown_features(u64::from(superblock.incompat & !incompat::KNOWN));
    let short = remarks::truncation(superblock.bytes(), volume.source.size());
    unknown.into_iter().chain(short).for_each(|problem| survey.problem(problem));
}
