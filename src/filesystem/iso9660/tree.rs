//! The walk through one tree of directories.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::both::Both;
use super::cache::Cache;
use super::content::{Measure, Place};
use super::descriptor::{Descriptor, Kind, SECTOR};
use super::name;
use super::part::Part;
use super::record::{self, Record};
use super::susp;
use super::tally::Tally;
use super::{MAX_NODES, paths};
use crate::model::{Content, EntryKind, Extent, ProblemKind, Survey, Times};
use crate::read::ReadAt;

/// A file or directory of a tree.
#[derive(Debug)]
pub(super) struct Node {
    /// Its directory; `None` when that is not known.
    pub(super) parent: Option<u32>,
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    /// Only the path table leads to it.
    pub(super) orphan: bool,
    /// The second part of a file that consists of two (section 6.5.4).
    pub(super) associated: bool,
    /// Byte at which its record begins.
    pub(super) record: u64,
    pub(super) place: Place,
    /// Bytes of content as it is read.
    pub(super) size: u64,
    pub(super) times: Times,
    pub(super) content: Content,
}

/// What one descriptor leads to. Node 0 is the root.
pub(super) struct Tree {
    pub(super) kind: Kind,
    pub(super) rock_ridge: bool,
    pub(super) root: u64,
    pub(super) block: u64,
    pub(super) nodes: Vec<Node>,
}

/// A directory that is to be read.
pub(super) struct Pending {
    pub(super) node: u32,
    pub(super) extent: Both,
    pub(super) size: Both,
    pub(super) attribute_blocks: u8,
    /// A further section of a directory: it does not begin with itself.
    pub(super) continued: bool,
}

/// Reads the tree of a descriptor; places of metadata and problems go to the survey.
pub(super) fn read(volume: &Arc<dyn ReadAt>, descriptor: &Descriptor, survey: &mut Survey<'_>) -> Tree {
    let mut walk = Walk {
        cache: Cache::new(Arc::clone(volume)),
        descriptor,
        measure: Measure { block: descriptor.block, size: volume.size(), interleaved: 0 },
        skip: None,
        tree: Tree {
            kind: descriptor.kind,
            rock_ridge: false,
            root: 0,
            block: descriptor.block,
            nodes: Vec::new(),
        },
        entered: HashMap::new(),
        sectors: HashSet::new(),
        moved: Vec::new(),
        places: Vec::new(),
        tally: Tally::default(),
    };
    let tables = paths::read(volume, descriptor, survey);
    walk.root(&tables);
    walk.unlisted(&tables);
    let mut places = std::mem::take(&mut walk.places);
    places.sort_unstable();
    places.into_iter().for_each(|(at, length)| claim(volume, at, length, survey));
    walk.tally.hand_over(survey);
    walk.tree
}

/// Notes metadata as far as the volume holds them.
pub(super) fn claim(volume: &dyn ReadAt, at: u64, length: u64, survey: &mut Survey<'_>) {
    let held = length.min(volume.size().saturating_sub(at));
    if held > 0 {
        survey.metadata(at, held);
    }
}

pub(super) struct Walk<'a> {
    pub(super) cache: Cache,
    pub(super) descriptor: &'a Descriptor,
    pub(super) measure: Measure,
    /// Bytes of system use that SUSP skips; `None` where it is not used.
    pub(super) skip: Option<usize>,
    pub(super) tree: Tree,
    /// Directories that were read, by their first block.
    pub(super) entered: HashMap<u32, u32>,
    /// Sectors that were read as directories: none is read twice.
    pub(super) sectors: HashSet<u64>,
    /// Directories that were moved because they lie too deep: they are listed where CL says.
    pub(super) moved: Vec<(Node, Pending)>,
    pub(super) places: Vec<(u64, u64)>,
    pub(super) tally: Tally,
}

impl Walk<'_> {
    fn root(&mut self, tables: &[Vec<paths::Entry>]) {
        let (extent, size, attribute_blocks) = self.descriptor.root;
        let named = tables.iter().filter_map(|table| Some(table.first()?.extent));
        let candidates = [extent.little, extent.big].into_iter().chain(named);
        let itself: Option<u32> =
            candidates.into_iter().find(|extent| self.itself(*extent, attribute_blocks).is_some());
        let first = itself.unwrap_or(extent.little);
        if itself.is_none() || first != extent.little {
            let place = Extent::new(self.descriptor.at, SECTOR);
            self.tally.note(
                ProblemKind::Corrupt,
                "the root directory is not where the descriptor says",
                place,
            );
        }
        self.tree.root = self.byte(first, attribute_blocks);
        self.tree.nodes.push(Node {
            parent: None,
            name: Vec::new(),
            kind: EntryKind::Directory,
            orphan: false,
            associated: false,
            record: self.descriptor.at.saturating_add(156),
            place: Place::default(),
            size: 0,
            times: Times::default(),
            content: Content::Runs,
        });
        self.find_susp(first, attribute_blocks);
        let extent = Both { little: first, big: first };
        self.descend(vec![Pending { node: 0, extent, size, attribute_blocks, continued: false }]);
        for (node, pending) in std::mem::take(&mut self.moved) {
            if !self.entered.contains_key(&pending.extent.little) {
                self.tally.note(
                    ProblemKind::Corrupt,
                    "a directory that was moved because it lies too deep, and whose place is lost",
                    Extent::new(node.record, 34),
                );
                if let Some(node) = self.push(node) {
                    self.descend(vec![Pending { node, ..pending }]);
                }
            }
        }
    }

    /// Lists directories that only a path table has, with what they hold.
    fn unlisted(&mut self, tables: &[Vec<paths::Entry>]) {
        for table in tables {
            for entry in table {
                if self.entered.contains_key(&entry.extent)
                    || self.itself(entry.extent, entry.attribute_blocks).is_none()
                {
                    continue;
                }
                let at = u64::from(entry.extent).saturating_mul(self.descriptor.block);
                let detail = "a directory that is in the path table and not in the tree";
                self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at, SECTOR));
                let parent = usize::from(entry.parent).checked_sub(1).and_then(|at| table.get(at));
                let parent = parent.and_then(|parent| self.entered.get(&parent.extent).copied());
                let node = Node {
                    parent,
                    name: self.stored_name(&entry.name),
                    kind: EntryKind::Directory,
                    orphan: true,
                    associated: false,
                    record: at,
                    place: Place::default(),
                    size: 0,
                    times: Times::default(),
                    content: Content::Runs,
                };
                let extent = Both { little: entry.extent, big: entry.extent };
                let attribute_blocks = entry.attribute_blocks;
                let size = Both { little: 2048, big: 2048 };
                if let Some(node) = self.push(node) {
                    self.descend(vec![Pending { node, extent, size, attribute_blocks, continued: false }]);
                }
            }
        }
    }

    /// Reads directories, one level after the other, each in the order of the medium.
    fn descend(&mut self, mut level: Vec<Pending>) {
        while !level.is_empty() {
            level.sort_by_key(|pending| pending.extent.little);
            let mut next = Vec::new();
            for pending in level {
                self.directory(&pending, &mut next);
            }
            level = next;
        }
    }

    /// The length of the directory at that block, when its first record says that it is there.
    pub(super) fn itself(&mut self, extent: u32, attribute_blocks: u8) -> Option<Both> {
        let at = self.byte(extent, attribute_blocks);
        let bytes = self.cache.read(at, 34).ok()?;
        // Behind the name may stand more than was read: only the front of the record matters.
        let mut front = bytes.clone();
        *front.first_mut()? = 34;
        let record = Record::parse(&front, at)?;
        let own = record.extent();
        let sound = bytes.first().is_some_and(|length| *length >= 34) && record.is_dot(0);
        (sound && (own.little == extent || own.big == extent)).then(|| record.size())
    }

    fn byte(&self, extent: u32, attribute_blocks: u8) -> u64 {
        u64::from(extent).saturating_add(attribute_blocks.into()).saturating_mul(self.descriptor.block)
    }

    /// Looks in the root's own record for the start of SUSP.
    fn find_susp(&mut self, root: u32, attribute_blocks: u8) {
        let at = self.byte(root, attribute_blocks);
        let Ok(bytes) = self.cache.read(at, 2048) else { return };
        let mut records: Vec<Vec<u8>> = Vec::new();
        record::each(&bytes, at, false, |record| records.push(record.system_use().to_vec()));
        let area = records.first().map(Vec::as_slice).unwrap_or_default();
        self.skip = susp::skip(area);
        if self.skip.is_none() {
            self.skip = records.iter().take(3).find_map(|area| susp::guess(area));
            if self.skip.is_some() {
                let detail = "the root directory has fields of SUSP, and none that says so: they are used";
                self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at, 2048));
            }
        }
        self.tree.rock_ridge = self.skip.is_some();
    }

    fn directory(&mut self, pending: &Pending, next: &mut Vec<Pending>) {
        let attribute_blocks = pending.attribute_blocks;
        let candidates = [pending.extent.little, pending.extent.big];
        let found =
            candidates.into_iter().find_map(|extent| Some((extent, self.itself(extent, attribute_blocks)?)));
        let (extent, own) = match found {
            Some((extent, own)) => (extent, Some(own)),
            None => (pending.extent.little, None),
        };
        let at = self.byte(extent, attribute_blocks);
        if self.entered.insert(extent, pending.node).is_some() {
            let detail = "a directory that another one is, too: what it holds is listed there";
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at, SECTOR));
            return;
        }
        if own.is_none() && !pending.continued {
            let detail =
                "a directory that does not begin with itself: only what looks like a record is listed";
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at, SECTOR));
        }
        let left = self.measure.size.saturating_sub(at);
        let fits = |length: u32| length > 0 && length.is_multiple_of(2048) && u64::from(length) <= left;
        let length = match own {
            // Two sound statements that differ: nothing of the longer one is lost.
            Some(own) if own.agrees() && pending.size.agrees() => own.little.max(pending.size.little),
            Some(own) if own.agrees() => own.little,
            _ => pending.size.choose(fits),
        };
        if u64::from(length) > left {
            let detail = "a directory that reaches beyond the end of the volume";
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(at, SECTOR));
        }
        let strict = own.is_none_or(Both::agrees);
        self.sectors_of(pending, at, u64::from(length).min(left), (extent, strict), next);
    }

    /// Reads the records of a directory, sector by sector: none crosses from one to the next (section 6.8.1.1).
    fn sectors_of(
        &mut self,
        pending: &Pending,
        start: u64,
        length: u64,
        (own, strict): (u32, bool),
        next: &mut Vec<Pending>,
    ) {
        let end = start.saturating_add(length);
        let mut at = start;
        let mut part: Option<Part> = None;
        while at < end {
            let stop = (at / SECTOR).saturating_add(1).saturating_mul(SECTOR).min(end);
            let place = Extent::new(at, stop.saturating_sub(at));
            at = stop;
            if !self.sectors.insert(place.offset / SECTOR) && place.length == SECTOR {
                let detail = "a sector that belongs to two directories: it is listed for the first";
                self.tally.note(ProblemKind::Corrupt, detail, place);
                continue;
            }
            let bytes = match self.cache.read(place.offset, usize::try_from(place.length).unwrap_or(0)) {
                Ok(bytes) => bytes,
                Err(why) => {
                    self.tally.unreadable("directory", place, &why);
                    continue;
                }
            };
            self.places.push((place.offset, place.length));
            let damage = record::each(&bytes, place.offset, strict, |record| {
                self.record(pending.node, own, record, &mut part, next);
            });
            if !damage.is_empty() {
                let detail = "a damaged directory record: what follows it was searched for";
                self.tally.note(ProblemKind::Corrupt, detail, place);
            }
        }
        if let Some(part) = part {
            let detail = "the last section of a file is missing";
            self.tally.note(ProblemKind::Corrupt, detail, Extent::new(part.node.record, 34));
            self.finish(part, next);
        }
    }

    pub(super) fn stored_name(&self, stored: &[u8]) -> Vec<u8> {
        match self.descriptor.kind {
            Kind::Joliet(_) => name::joliet(stored),
            Kind::Primary | Kind::Enhanced => name::plain(stored),
        }
    }

    pub(super) fn node(&self, index: u32) -> Option<&Node> {
        self.tree.nodes.get(usize::try_from(index).ok()?)
    }

    pub(super) fn push(&mut self, node: Node) -> Option<u32> {
        let index = u32::try_from(self.tree.nodes.len()).ok()?;
        if self.tree.nodes.len() >= MAX_NODES {
            let place = Extent::new(node.record, 34);
            self.tally.note(ProblemKind::Limit, "more entries than can be listed", place);
            return None;
        }
        self.tree.nodes.push(node);
        Some(index)
    }
}
