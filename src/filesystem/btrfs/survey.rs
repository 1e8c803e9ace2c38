//! The story of a survey: notes on the volume, all leaves of all subvolumes, older states, the tree.

use super::gather::{Gathered, Wanted};
use super::judge::Judge;
use super::node::Pointer;
use super::notes::Notes;
use super::roots::{FIRST, TOP, View};
use super::settle::{self, Settled};
use super::superblock::{self, METADUMP, incompat};
use super::walk::Sweep;
use super::{Volume, own, record, space};
use crate::filesystem::remarks;
use crate::filesystem::sweep::Places;
use crate::filesystem::tree::{Listing, mark};
use crate::model::{Content, EntryKind, Extent, Problem, ProblemKind, Survey};
use crate::read::{ReadAt, size};

/// Lists everything that can be listed.
pub(super) fn run(volume: &Volume, survey: &mut Survey<'_>) {
    notes_on(volume, survey);
    let mut places = Places::default();
    places.read(volume.offset, size(superblock::SIZE));
    let mut notes = volume.notes.clone();
    let mut gathered = Gathered::default();
    let mut damaged = notes.damaged;
    if let Some((view, older)) = volume.views.split_first() {
        let known = sweep(volume, view, &mut gathered, &mut notes);
        damaged |= notes.damaged;
        for (age, old) in (1..).zip(older) {
            let roots = changed(view, old);
            Sweep { nodes: &volume.nodes, roots, known: Some(&known) }
                .run(&mut notes, |trees, node| gathered.leaf(old, age, Wanted::Usual, trees, node));
        }
        // A gap in a file whose pieces were passed over is no hole.
        damaged |= gathered.is_incomplete();
        gathered.note(&mut notes);
        let mut settled = settle::settle(&volume.nodes, view, gathered, damaged, survey);
        space::judge(&volume.nodes, view, &mut settled, &mut notes);
        mark_mixed(&mut settled);
        deleted_and_packed(&settled, survey);
        Listing::new(&Judge, &mut settled.rows, &settled.names, record(TOP, FIRST)).list(survey);
    }
    notes.hand_over(&mut places, survey);
    places.hand_over(&*volume.nodes.source, survey);
}

/// Goes through all subvolumes as they are now.
fn sweep(volume: &Volume, view: &View, gathered: &mut Gathered, notes: &mut Notes) -> Vec<(u64, u64)> {
    let roots = || -> Vec<(u64, Pointer)> {
        view.subvolumes().map(|(number, root)| (number, root.pointer)).collect()
    };
    let go = |wanted, gathered: &mut Gathered, notes: &mut Notes| {
        Sweep { nodes: &volume.nodes, roots: roots(), known: None }
            .run(notes, |trees, node| gathered.leaf(view, 0, wanted, trees, node))
    };
    let known = go(Wanted::Usual, gathered, notes);
    if notes.damaged {
        // Names stand in three places: what one has lost another may have.
        let mut again = Notes::default();
        go(Wanted::OtherNames, gathered, &mut again);
    }
    known
}

/// The trees of an older state that are not as they are now.
fn changed(view: &View, old: &View) -> Vec<(u64, Pointer)> {
    let differs = |number: u64, pointer: Pointer| {
        view.trees.get(&number).is_none_or(|now| now.pointer.logical != pointer.logical)
    };
    let all = old.subvolumes().map(|(number, root)| (number, root.pointer));
    all.filter(|(number, pointer)| differs(*number, *pointer)).collect()
}

/// Marks deleted files that stand partly in a leaf and partly in extents, of which only the former is certain.
fn mark_mixed(settled: &mut Settled) {
    for pieces in settled.deleted.chunk_by(|one, next| one.record == next.record) {
        let mixed = pieces.iter().any(settle::must_be_opened) && pieces.iter().any(|piece| piece.has_place());
        if mixed && let Some(at) = pieces.first().and_then(|piece| settled.rows.find(piece.record)) {
            settled.rows.mark(at, own::MIXED);
        }
    }
}

/// Counts deleted files whose content is compressed and only likely.
fn deleted_and_packed(settled: &Settled, survey: &mut Survey<'_>) {
    use crate::filesystem::tree::Judge as _;
    let judge = |row: &&crate::filesystem::tree::Row| {
        !row.has(mark::IN_USE)
            && row.kind == EntryKind::File
            && !row.has(settle::NOT_EXAMINED)
            && Judge.content(row, &[], crate::model::EntryState::Deleted) == Content::Unsupported
    };
    let count = settled.rows.list().iter().filter(judge).count();
    if count > 0 {
        let detail =
            "deleted files whose content is compressed: it is probably still there, and not unpacked";
        let mut problem = Problem::new(ProblemKind::Unsupported, detail);
        problem.count = size(count);
        survey.problem(problem);
    }
}

/// Features and states that a reader of the listing must know of.
fn notes_on(volume: &Volume, survey: &mut Survey<'_>) {
    let superblock = &volume.nodes.superblock;
    let place = Extent::new(volume.offset, size(superblock::SIZE));
    let mut note = |kind, detail: String| survey.problem(Problem::new(kind, detail).at(place));
    if superblock.devices > 1 {
        let missing = superblock.devices.saturating_sub(1);
        note(
            ProblemKind::Unsupported,
            format!(
                "the file system spans {} devices, of which this is number {}: {missing} are missing here, and what \
                 lies only on them is not read",
                superblock.devices, superblock.device
            ),
        );
    }
    if superblock.log_root != 0 {
        note(
            ProblemKind::Ambiguous,
            "changes that are only in the log tree were not read: the volume was not unmounted".into(),
        );
    }
    if superblock.checksum.holds(&[0; 32], &[]).is_none() {
        let name = superblock.checksum.name();
        note(ProblemKind::Ambiguous, format!("checksums are of the kind {name}, which is not verified"));
    }
    if superblock.flags & METADUMP != 0 {
        note(
            ProblemKind::Unsupported,
            "this is a copy of the metadata of a file system: it has no content of files".into(),
        );
    }
    for (feature, what) in [
        (incompat::ZONED, "zones that are written in sequence: an older superblock may have been read"),
        (incompat::EXTENT_TREE_V2, "several extent trees: deleted content may be in use"),
        (incompat::RAID_STRIPE_TREE, "a tree of stripes: the places of data are not read"),
    ] {
        if superblock.has(feature) {
            note(ProblemKind::Unsupported, format!("the volume has {what}"));
        }
    }
    let unknown = remarks::unknown_features(superblock.incompat & !incompat::KNOWN);
    let short = remarks::truncation(superblock.device_bytes, volume.nodes.source.size());
    unknown.into_iter().chain(short).for_each(|problem| survey.problem(problem));
}
