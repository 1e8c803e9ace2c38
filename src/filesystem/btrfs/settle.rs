//! From what was gathered to rows and names: the last state of each inode, its runs, and what snapshots share.

use std::collections::HashMap;

use super::gather::{Found, Gathered, Named, Piece};
use super::item::{Stored, kind};
use super::nodes::Nodes;
use super::roots::View;
use super::runs::Mapper;
use super::{own, tree_of};
use crate::filesystem::tree::{self, Names, Row, Rows, mark};
use crate::model::{EntryKind, Survey, Times};

/// Versions of one inode that are compared with each other.
const MAX_VERSIONS: usize = 16;

/// Rows and names, both in order, and the pieces that the rows were made of.
pub(super) struct Settled {
    /// All inodes.
    pub rows: Rows,
    /// All names.
    pub names: Names,
    /// Pieces of deleted files, in the order of their records.
    pub deleted: Vec<Piece>,
}

/// Puts everything in order.
pub(super) fn settle(
    nodes: &Nodes,
    view: &View,
    mut gathered: Gathered,
    damaged: bool,
    survey: &mut Survey<'_>,
) -> Settled {
    // The last state of each inode, and of a state in which it stands twice the first.
    gathered.inodes.sort_by_key(|found| (found.record, !found.exists, found.view));
    gathered.inodes.dedup_by_key(|found| found.record);
    gathered.pieces.sort_by_key(|piece| (piece.record, piece.view, piece.offset));
    let same = shared(view, &gathered);
    let mut rows = Rows::default();
    let mut deleted = Vec::new();
    let mut mapper = Mapper::new(nodes, damaged);
    for found in &gathered.inodes {
        if same.contains_key(&found.record) {
            continue;
        }
        let pieces = pieces_of(&gathered.pieces, found);
        let in_use = found.view == 0 && found.exists;
        if !in_use {
            deleted.extend_from_slice(pieces);
        }
        let mut row = row(found, in_use);
        let mapped = mapper.map(&mut row, found, pieces);
        let at = rows.push(row);
        rows.set_runs(at, mapped, survey);
    }
    for stub in &gathered.stubs {
        let marks = [(true, mark::IN_USE | mark::LINKED)];
        rows.push(Row::new(*stub, EntryKind::Directory, 0, Times::default(), &marks));
    }
    rows.sort();
    mapper.note(survey);
    let names = names(&mut gathered, &same, &rows, damaged, survey);
    Settled { rows, names, deleted }
}

fn row(found: &Found, in_use: bool) -> Row {
    let inode = &found.inode;
    let kind = inode.kind.unwrap_or(EntryKind::File);
    let size = if matches!(kind, EntryKind::File | EntryKind::Symlink) { inode.size } else { 0 };
    let marks = [(in_use, mark::IN_USE), (inode.links > 0, mark::LINKED)];
    Row::new(found.record, kind, size, inode.times, &marks)
}

/// The pieces of an inode in the state of the volume in which it was found.
fn pieces_of<'p>(pieces: &'p [Piece], found: &Found) -> &'p [Piece] {
    let wanted = (found.record, found.view);
    let start = pieces.partition_point(|piece| (piece.record, piece.view) < wanted);
    let rest = pieces.get(start..).unwrap_or_default();
    let end = rest.partition_point(|piece| (piece.record, piece.view) == wanted);
    rest.get(..end).unwrap_or_default()
}

/// Inodes of snapshots whose content is that of the inode of the same number in a related subvolume, piece for piece
/// at the same places: the record that stands for both.
fn shared(view: &View, gathered: &Gathered) -> HashMap<u64, u64> {
    let families = families(view);
    let mut same = HashMap::new();
    if families.is_empty() {
        return same;
    }
    let family = |found: &Found| families.get(&tree_of(found.record)).copied();
    let inode = |found: &Found| found.record & super::INODE_MASK;
    let candidate = |found: &&Found| {
        let has_content = matches!(found.inode.kind, Some(EntryKind::File | EntryKind::Symlink));
        found.view == 0 && found.exists && has_content && family(found).is_some()
    };
    let mut related: Vec<&Found> = gathered.inodes.iter().filter(candidate).collect();
    related.sort_by_key(|found| (family(found), inode(found), found.record));
    for group in related.chunk_by(|one, next| family(one) == family(next) && inode(one) == inode(next)) {
        let mut versions: Vec<&Found> = Vec::new();
        for found in group {
            match versions.iter().find(|version| is_same(version, found, &gathered.pieces)) {
                Some(version) => drop(same.insert(found.record, version.record)),
                None if versions.len() < MAX_VERSIONS => versions.push(found),
                None => {}
            }
        }
    }
    same
}

fn is_same(one: &Found, other: &Found, pieces: &[Piece]) -> bool {
    let (a, b) = (&one.inode, &other.inode);
    if (a.size, a.kind, a.times) != (b.size, b.kind, b.times) {
        return false;
    }
    let (a, b) = (pieces_of(pieces, one), pieces_of(pieces, other));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
}

/// Subvolumes that have relatives, each with a number that all its relatives have.
fn families(view: &View) -> HashMap<u64, usize> {
    let mut of_uuid: HashMap<[u8; 16], usize> = HashMap::new();
    let mut heads: Vec<usize> = Vec::new();
    let head = |heads: &[usize], mut at: usize| {
        while let Some(up) = heads.get(at).filter(|up| **up != at) {
            at = *up;
        }
        at
    };
    for root in view.subvolumes().map(|(_, root)| root) {
        let mut joined = None;
        for uuid in [root.uuid, root.parent].into_iter().filter(|uuid| *uuid != [0; 16]) {
            let at = *of_uuid.entry(uuid).or_insert_with(|| {
                heads.push(heads.len());
                heads.len().saturating_sub(1)
            });
            let own = head(&heads, at);
            match joined {
                None => joined = Some(own),
                // The smaller number is the head, so that there are no loops.
                Some(other) => {
                    if let Some(place) = heads.get_mut(own.max(other)) {
                        *place = own.min(other);
                    }
                }
            }
        }
    }
    let family = |root: &super::roots::Root| of_uuid.get(&root.uuid).map(|at| head(&heads, *at));
    let all: Vec<(u64, usize)> =
        view.subvolumes().filter_map(|(number, root)| Some((number, family(root)?))).collect();
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for (_, family) in &all {
        let size = sizes.entry(*family).or_default();
        *size = size.saturating_add(1);
    }
    all.into_iter().filter(|(_, family)| sizes.get(family).is_some_and(|size| *size > 1)).collect()
}

/// The names, in order. Where trees are damaged each name may have been found in up to three places.
fn names(
    gathered: &mut Gathered,
    same: &HashMap<u64, u64>,
    rows: &Rows,
    damaged: bool,
    survey: &mut Survey<'_>,
) -> Names {
    let mut list = std::mem::take(&mut gathered.names);
    if damaged {
        list = voted(gathered, list);
    }
    let mut names = Names::default();
    let live = |name: &Named| name.view == 0 && name.exists;
    let mut alive: Vec<&Named> = list.iter().filter(|name| live(name)).collect();
    let key = |name: &Named| (name.directory, name.target);
    alive.sort_unstable_by_key(|name| key(name));
    let is_alive = |old: &Named| {
        let start = alive.partition_point(|name| key(name) < key(old));
        let mut rest = alive.get(start..).unwrap_or_default().iter().take_while(|name| key(name) == key(old));
        rest.any(|name| gathered.text(name) == gathered.text(old))
    };
    for name in &list {
        // What lives is not deleted; a name of what only moved says nothing either.
        let target = same.get(&name.target).copied().unwrap_or(name.target);
        let row = rows.find(target).and_then(|at| rows.get(at));
        if !live(name) && (is_alive(name) || row.is_none_or(|row| row.has(mark::IN_USE))) {
            continue;
        }
        let found = tree::Found {
            target,
            kind: name.kind.or_else(|| row.map(|row| row.kind)),
            name: gathered.text(name),
            deleted: !live(name),
        };
        names.push(name.directory, name.index, &found, survey);
    }
    names.sort();
    names
}

/// Of the names that a directory, its index and the inodes themselves give, one for each; where they differ, what
/// two of them say.
fn voted(gathered: &Gathered, mut list: Vec<Named>) -> Vec<Named> {
    let key = |name: &Named| (name.directory, name.target, name.view);
    // An index comes first: it knows the place.
    let rank = |name: &Named| match name.source {
        kind::DIR_INDEX => 0,
        kind::DIR_ITEM => 1,
        _ => 2,
    };
    list.sort_by(|one, other| {
        (key(one), gathered.text(one), rank(one)).cmp(&(key(other), gathered.text(other), rank(other)))
    });
    let mut kept = Vec::with_capacity(list.len());
    for group in list.chunk_by(|one, next| key(one) == key(next)) {
        let texts: Vec<&[Named]> =
            group.chunk_by(|one, next| gathered.text(one) == gathered.text(next)).collect();
        let confirmed = texts.iter().any(|named| named.len() > 1);
        let chosen = texts.iter().filter(|named| !confirmed || named.len() > 1);
        kept.extend(chosen.filter_map(|named| named.first().copied()));
    }
    kept
}

/// Whether a piece, of which the bytes are not simply on the volume, makes its file one that must be opened.
pub(super) const fn must_be_opened(piece: &Piece) -> bool {
    matches!(piece.stored, Stored::Inline) || piece.compression != 0 && matches!(piece.stored, Stored::Plain)
}

/// Marks that say why the content of a row is not examined.
pub(super) const NOT_EXAMINED: u32 = own::ENCRYPTED | own::ELSEWHERE | own::UNKNOWN;
