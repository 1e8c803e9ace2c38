//! The trees of all sessions put together: every file once, with its best name.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::boot;
use super::descriptor::{Kind, SECTOR, Set};
use super::session;
use super::tree::{self, Node, Tree, claim};
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
    Times,
};
use crate::read::ReadAt;

/// Lists everything that can be listed.
pub(super) fn run(volume: &Arc<dyn ReadAt>, set: &Set, survey: &mut Survey<'_>) {
    let mut listing = Listing::new(survey);
    let others = session::find(volume, set);
    if let Some(missing) = set.missing(volume.size()) {
        let detail =
            format!("the descriptors count more blocks than there are: the last {missing} bytes are missing");
        listing.survey.problem(Problem::new(ProblemKind::Unreadable, detail));
    }
    listing.set(volume, set, Base { parent: Parent::Root, state: EntryState::Allocated, named: None });
    for other in &others {
        let block = other.at / SECTOR;
        let state = match session::root(other) > session::root(set) {
            true => EntryState::Allocated,
            false => EntryState::Deleted,
        };
        let name = format!(".session at block {}", block.saturating_sub(super::SYSTEM_AREA));
        listing.set(volume, other, Base { parent: Parent::Root, state, named: Some((name, other.at)) });
    }
    if !others.is_empty() {
        let count = others.len();
        let detail = format!(
            "{count} further sessions were found: files that only they hold are listed below \".session at block N\", \
             as deleted when the session is older than the one at the usual place"
        );
        listing.survey.problem(Problem::new(ProblemKind::Ambiguous, detail));
    }
}

/// Lists below `.iso9660` the files that are not among those known by first byte and length.
pub(super) fn beside(
    volume: &Arc<dyn ReadAt>,
    set: &Set,
    known: &HashSet<(u64, u64)>,
    survey: &mut Survey<'_>,
) {
    let before = survey.table().len();
    let mut listing = Listing::new(survey);
    listing.is_beside = true;
    listing.known = known.iter().map(|(first, length)| ((*first, *length, 0), Parent::Root)).collect();
    let named = Some((".iso9660".to_owned(), set.at));
    listing.set(volume, set, Base { parent: Parent::Root, state: EntryState::Allocated, named });
    if survey.table().len() > before {
        let detail = "an ISO 9660 tree on the same disc holds files that this file system does not: they are listed below .iso9660";
        survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(set.at, set.length)));
    }
}

/// Where the entries of a session are put.
struct Base {
    parent: Parent,
    state: EntryState,
    /// Name of the directory that is made for the first of them, and the place that it stands for.
    named: Option<(String, u64)>,
}

/// First byte, stored length and shape of a content, by which it is known again.
type Identity = (u64, u64, u32);

/// Added to record numbers where another file system has numbers of its own on the same volume.
const BESIDE: u64 = 1 << 61;

/// Where the directories of a tree are listed, by their number.
type Places = HashMap<u32, Parent>;

struct Listing<'s, 't> {
    survey: &'s mut Survey<'t>,
    /// Every file that is listed, with the directory that holds it.
    known: HashMap<Identity, Parent>,
    /// Record numbers in use: lengths and shape of the content that they stand for.
    records: HashMap<u64, (u64, u64, u32)>,
    /// Numbers of contents in several pieces, from 1 on: two may begin alike and go on elsewhere.
    shapes: HashMap<Vec<(u64, u64)>, u32>,
    /// Directories and entries without content by directory and folded name, so that they are known again.
    named: HashMap<(Parent, Vec<u8>), EntryIndex>,
    /// Entries without content in each directory.
    empty: HashMap<Parent, u64>,
    full: bool,
    /// Another file system is read from the same volume, and these entries are opened by it.
    is_beside: bool,
}

impl<'s, 't> Listing<'s, 't> {
    fn new(survey: &'s mut Survey<'t>) -> Self {
        Self {
            survey,
            known: HashMap::new(),
            records: HashMap::new(),
            shapes: HashMap::new(),
            named: HashMap::new(),
            empty: HashMap::new(),
            full: false,
            is_beside: false,
        }
    }

    fn set(&mut self, volume: &Arc<dyn ReadAt>, set: &Set, mut base: Base) {
        claim(volume, set.at, set.length, self.survey);
        set.flaws.iter().for_each(|problem| self.survey.problem(problem.clone()));
        let mut trees = Vec::new();
        for (number, descriptor) in set.trees.iter().enumerate() {
            descriptor.flaws.iter().for_each(|problem| self.survey.problem(problem.clone()));
            if set.trees.iter().take(number).any(|other| other.leads_alike(descriptor)) {
                continue;
            }
            trees.push(tree::read(volume, descriptor, self.survey));
        }
        // The sort is stable: the first of equals stays first.
        trees.sort_by_key(rank);
        let mut roots = Vec::new();
        for (number, tree) in trees.iter().enumerate() {
            // Descriptors may lead to the same tree: with the same names nothing new can be in it.
            if roots.contains(&(tree.root, tree.block, tree.kind)) {
                continue;
            }
            roots.push((tree.root, tree.block, tree.kind));
            if number == 0 && base.named.is_none() {
                self.whole(tree, &base);
            } else {
                self.rest(tree, &mut base);
            }
        }
        if base.named.is_none() {
            self.boot(volume, set, &base);
        }
    }

    /// Lists boot images that are no file of the tree, which loads less than a file may hold.
    fn boot(&mut self, volume: &dyn ReadAt, set: &Set, base: &Base) {
        let (Some(boot), Some(tree)) = (set.boot, set.trees.first()) else { return };
        let at = u64::from(boot).saturating_mul(tree.block);
        let Some(images) = boot::read(volume, at, tree.block) else { return };
        claim(volume, at, SECTOR, self.survey);
        for (number, image) in (1_u32..).zip(images) {
            // A file that is shorter than its image does not stand for what follows it.
            let holds = |(first, stored, shape): &Identity| {
                *first == image.at && *shape == 0 && image.length <= stored.next_multiple_of(SECTOR)
            };
            if self.known.keys().any(holds) {
                continue;
            }
            self.known.insert((image.at, image.length, 0), base.parent);
            let run = Run::new(image.at, image.length.min(volume.size().saturating_sub(image.at)));
            self.push(NewEntry {
                parent: base.parent,
                name: format!(".boot image {number}").as_bytes(),
                kind: EntryKind::File,
                state: base.state,
                record: image.at,
                stream: 0,
                size: run.length,
                times: Times::default(),
                content: Content::Runs,
                runs: &[run],
            });
        }
    }

    /// Lists a tree with everything in it.
    fn whole(&mut self, tree: &Tree, base: &Base) {
        let mut entries: Vec<Option<EntryIndex>> = Vec::with_capacity(tree.nodes.len());
        for (number, node) in tree.nodes.iter().enumerate() {
            let parent = parent(node, &entries, base.parent);
            let added = (number > 0).then(|| self.add(node, parent, base.state)).flatten();
            entries.push(added);
        }
    }

    /// Lists what is in a tree and not listed yet.
    fn rest(&mut self, tree: &Tree, base: &mut Base) {
        let counterparts = self.counterparts(tree);
        let mut left = self.surplus(tree, &counterparts);
        // What only another session has is put beside, not among the others.
        let mut places = if base.named.is_none() { counterparts.clone() } else { Places::new() };
        for (number, node) in (0_u32..).zip(&tree.nodes) {
            let is_new = match node.kind {
                EntryKind::Directory => false,
                EntryKind::File if node.place.stored > 0 => !self.known.contains_key(&self.identity(node)),
                // What has no content is no reason to list a second tree.
                _ if self.is_beside => false,
                _ => self.is_new_name(node, &counterparts, &mut left),
            };
            if number == 0 || !is_new {
                continue;
            }
            let parent = self.directory(tree, node.parent, &mut places, base);
            self.add(node, parent, base.state);
        }
    }

    /// Whether an entry without content, which has no place by which it could be known, is not listed yet: neither its
    /// name is, nor are there as many in its directory.
    fn is_new_name(&self, node: &Node, places: &Places, left: &mut HashMap<u32, u64>) -> bool {
        let Some((directory, place)) = node.parent.and_then(|at| Some((at, places.get(&at)?))) else {
            return true;
        };
        if self.named.contains_key(&(*place, folded(&node.name))) {
            return false;
        }
        let left = left.entry(directory).or_default();
        let is_new = *left > 0;
        *left = left.saturating_sub(1);
        is_new
    }

    /// How many more entries without content each directory of a tree has than its counterpart.
    fn surplus(&self, tree: &Tree, places: &Places) -> HashMap<u32, u64> {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for node in tree.nodes.iter().filter(|node| is_empty(node)) {
            let count = counts.entry(node.parent.unwrap_or(0)).or_default();
            *count = count.saturating_add(1);
        }
        for (directory, count) in &mut counts {
            let listed = places.get(directory).and_then(|place| self.empty.get(place));
            *count = count.saturating_sub(listed.copied().unwrap_or(0));
        }
        counts
    }

    /// Directories of a tree that are listed already: those that hold the same files, and what is above them.
    fn counterparts(&self, tree: &Tree) -> Places {
        let mut places = Places::from([(0, Parent::Root)]);
        for node in tree.nodes.iter().filter(|node| node.kind == EntryKind::File && node.place.stored > 0) {
            let (Some(directory), Some(listed)) = (node.parent, self.known.get(&self.identity(node))) else {
                continue;
            };
            let mut directory = Some(directory);
            let mut listed = Some(*listed);
            // Upwards, as long as neither side is at its root: parents are always older, so this ends.
            while let (Some(own), Some(Parent::Entry(theirs))) = (directory.filter(|own| *own > 0), listed) {
                if places.contains_key(&own) {
                    break;
                }
                places.insert(own, Parent::Entry(theirs));
                directory = node_at(tree, own).and_then(|node| node.parent);
                let above = self.survey.table().get(theirs).and_then(|entry| entry.parent());
                listed = above.map(|above| Parent::Entry(above.index()));
            }
        }
        // The others by their names; parents are older than their children.
        for (number, node) in (0_u32..).zip(&tree.nodes).filter(|(_, node)| node.kind == EntryKind::Directory)
        {
            let above = node.parent.and_then(|parent| places.get(&parent));
            let named = above.and_then(|above| self.named.get(&(*above, folded(&node.name))));
            if let Some(index) = named {
                places.entry(number).or_insert(Parent::Entry(*index));
            }
        }
        places
    }

    /// The entry of a directory of a tree; it and what is above it are added where they are not listed.
    fn directory(
        &mut self,
        tree: &Tree,
        directory: Option<u32>,
        places: &mut Places,
        base: &mut Base,
    ) -> Parent {
        let mut missing = Vec::new();
        let mut at = directory;
        let mut parent = loop {
            let Some(own) = at else { break Parent::Unknown };
            if let Some(place) = places.get(&own) {
                break *place;
            }
            if own == 0 {
                let place = self.base(base);
                places.insert(0, place);
                break place;
            }
            missing.push(own);
            at = node_at(tree, own).and_then(|node| node.parent).filter(|above| *above < own);
        };
        for own in missing.into_iter().rev() {
            let Some(node) = node_at(tree, own) else { continue };
            if let Some(index) = self.add(node, parent, base.state) {
                parent = Parent::Entry(index);
            }
            places.insert(own, parent);
        }
        parent
    }

    /// The directory in which a session's entries are put.
    fn base(&mut self, base: &mut Base) -> Parent {
        if let Some((name, at)) = base.named.take() {
            let added = self.push(NewEntry {
                parent: base.parent,
                name: name.as_bytes(),
                kind: EntryKind::Directory,
                state: base.state,
                record: super::number_of(at) | if self.is_beside { BESIDE } else { 0 },
                stream: 0,
                size: 0,
                times: Times::default(),
                content: Content::Runs,
                runs: &[],
            });
            base.parent = added.map_or(Parent::Unknown, Parent::Entry);
        }
        base.parent
    }

    fn add(&mut self, node: &Node, parent: Parent, state: EntryState) -> Option<EntryIndex> {
        let runs: &[Run] = &node.place.runs;
        let is_file = node.kind == EntryKind::File && !runs.is_empty();
        let mut record = super::number_of(node.record);
        if let Some(first) = runs.first().filter(|_| is_file) {
            if runs.len() > 1 {
                let next = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX).saturating_add(1);
                self.shapes.entry(pieces(runs)).or_insert(next);
            }
            let identity = self.identity(node);
            let content = (node.size, identity.1, identity.2);
            // Two contents that begin at the same place are two records.
            if *self.records.entry(first.offset).or_insert(content) == content {
                record = first.offset;
            }
            self.known.entry(identity).or_insert(parent);
        }
        if self.is_beside {
            record |= BESIDE;
        }
        let mut name = node.name.clone();
        if node.associated {
            name.extend(b":associated");
        }
        if is_empty(node) {
            let count = self.empty.entry(parent).or_default();
            *count = count.saturating_add(1);
        }
        let state = if node.orphan && state == EntryState::Allocated { EntryState::Orphan } else { state };
        let added = self.push(NewEntry {
            parent,
            name: &name,
            kind: node.kind,
            state,
            record,
            stream: node.associated.into(),
            size: node.size,
            times: if self.is_beside { Times::default() } else { node.times },
            content: match node.content {
                Content::Opened if self.is_beside => Content::Unsupported,
                content => content,
            },
            runs,
        })?;
        if node.kind == EntryKind::Directory || is_empty(node) {
            self.named.entry((parent, folded(&node.name))).or_insert(added);
        }
        Some(added)
    }

    /// By which a file is known again in another tree.
    fn identity(&self, node: &Node) -> Identity {
        let runs = &node.place.runs;
        let shape = match runs.as_slice() {
            [] | [_] => 0,
            several => self.shapes.get(&pieces(several)).copied().unwrap_or(u32::MAX),
        };
        (runs.first().map_or(0, |run| run.offset), node.place.stored, shape)
    }

    fn push(&mut self, entry: NewEntry<'_>) -> Option<EntryIndex> {
        let record = entry.record;
        let added = self.survey.add(entry);
        if added.is_none() && !std::mem::replace(&mut self.full, true) {
            let detail = "the source has more entries than can be listed: the rest of this volume is not";
            self.survey.problem(Problem::new(ProblemKind::Limit, detail).at(Extent::new(record, 1)));
        }
        added
    }
}

/// The tree with the smallest rank gives the names.
fn rank(tree: &Tree) -> u8 {
    match tree.kind {
        Kind::Primary if tree.rock_ridge => 0,
        Kind::Joliet(3) => 1,
        Kind::Joliet(2) => 2,
        Kind::Joliet(_) => 3,
        Kind::Enhanced => 4,
        Kind::Primary => 5,
    }
}

fn pieces(runs: &[Run]) -> Vec<(u64, u64)> {
    runs.iter().map(|run| (run.offset, run.length)).collect()
}

fn is_empty(node: &Node) -> bool {
    node.kind != EntryKind::Directory && node.place.stored == 0
}

/// A name as far as trees may agree on it: Joliet replaces some letters and keeps 64.
fn folded(name: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(name);
    let letter = |letter: char| if r#"*/:;?\"#.contains(letter) { '_' } else { letter.to_ascii_lowercase() };
    text.chars().map(letter).take(64).collect::<String>().into_bytes()
}

fn node_at(tree: &Tree, index: u32) -> Option<&Node> {
    tree.nodes.get(usize::try_from(index).ok()?)
}

fn parent(node: &Node, entries: &[Option<EntryIndex>], base: Parent) -> Parent {
    match node.parent {
        None => Parent::Unknown,
        Some(0) => base,
        Some(at) => {
            let entry = usize::try_from(at).ok().and_then(|at| entries.get(at)).copied().flatten();
            entry.map_or(Parent::Unknown, Parent::Entry)
        }
    }
}
