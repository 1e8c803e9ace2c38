//! From the records of a volume to entries: the tree, and what is out of its reach.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::model::{EntryIndex, EntryKind, EntryState, NewEntry, Parent, Survey, Times};

use super::block::Blocks;
use super::catalog::{Attribute, COMPRESSION, Catalog, RESOURCE_FORK, SYMLINK, Text, Value};
use super::content::{self, Found, Parts, Trouble};
use super::listed::Listed;
use super::numbering::Numbering;
use super::packed::Packed;
use super::record::{Inode, Link};
use super::space::Space;

/// The directory that holds everything.
pub(super) const ROOT: u64 = 2;
/// The directory of files that were deleted while they were open; the parent of it and of the root.
const PRIVATE: u64 = 3;
const ABOVE: u64 = 1;
/// The first number of a file or directory of the user.
const FIRST: u64 = 16;

/// Number of the data stream of a file that is compressed and has one nevertheless.
const DATA: u16 = u16::MAX;
/// Most extents of a volume that are mapped again because several names or streams share them.
const SHARED: u64 = 1 << 24;

/// Puts the entries of one state of a volume into a survey.
pub(super) struct Listing<'a, 's, 'p> {
    pub blocks: &'a Blocks,
    pub catalog: &'a Catalog,
    pub survey: &'a mut Survey<'s>,
    /// How the contents of compressed entries are had, by record.
    pub packed: &'a mut HashMap<u64, Packed>,
    /// The highest byte of the record numbers.
    pub slot: u8,
    /// What the entries are; other than allocated for the remains of an older state.
    pub state: EntryState,
    /// The files to list, with the directories that lead to them; all when absent.
    pub chosen: Option<&'a Chosen>,
    /// Which blocks are free now; for deleted entries.
    pub space: Option<&'p Space>,
    /// Directories that have an entry.
    pub places: HashMap<u64, EntryIndex>,
    /// Files and directories that have an entry, or whose place was looked for.
    seen: HashSet<u64>,
    troubles: BTreeMap<Trouble, u64>,
    missing: u64,
    nameless: u64,
    full: bool,
    /// Attributes beyond those that can be numbered.
    unnumbered: u64,
    /// How many more extents may be mapped: names and streams that share them must not make many of few.
    pub extents_left: u64,
    /// Whether numbers of 60 bits must be told apart in 56.
    numbering: Numbering,
}

/// A choice of files.
#[derive(Default)]
pub(super) struct Chosen {
    pub files: HashSet<u64>,
    pub directories: HashSet<u64>,
}

impl<'a, 's, 'p> Listing<'a, 's, 'p> {
    /// A listing below the entry `top`, of everything.
    pub(super) fn new(
        blocks: &'a Blocks,
        catalog: &'a Catalog,
        survey: &'a mut Survey<'s>,
        packed: &'a mut HashMap<u64, Packed>,
        (slot, top): (u8, EntryIndex),
    ) -> Self {
        Self {
            blocks,
            catalog,
            survey,
            packed,
            slot,
            state: EntryState::Allocated,
            chosen: None,
            space: None,
            places: HashMap::from([(ROOT, top)]),
            seen: HashSet::from([ROOT]),
            troubles: BTreeMap::new(),
            missing: 0,
            nameless: 0,
            full: false,
            unnumbered: 0,
            extents_left: SHARED.saturating_add(catalog.extent_count()),
            numbering: Numbering::of(catalog),
        }
    }

    /// Adds the entries.
    pub(super) fn list(mut self) -> Listed {
        self.root();
        self.walk(ROOT);
        self.private();
        self.nameless();
        Listed {
            places: self.places,
            troubles: self.troubles,
            missing: self.missing,
            nameless: self.nameless,
            full: self.full,
            unnumbered: self.unnumbered,
        }
    }

    /// The root has its entry already, its attributes have not.
    fn root(&mut self) {
        let catalog = self.catalog;
        if let (Some(top), None, Some((root, _))) = (self.places.get(&ROOT), self.chosen, catalog.inode(ROOT))
        {
            self.attributes(Parent::Entry(*top), root, b"", Parts::default());
        }
    }

    /// Adds what is below a directory that has its place, upper ones first.
    fn walk(&mut self, top: u64) {
        let mut queue = VecDeque::from([top]);
        let catalog = self.catalog;
        while let Some(directory) = queue.pop_front() {
            let Some(place) = self.places.get(&directory).copied() else { continue };
            for (link, name) in catalog.names_in(directory) {
                if self.full {
                    return;
                }
                if self.name(Parent::Entry(place), link, catalog.name(*name)) {
                    queue.push_back(link.target);
                }
            }
        }
    }

    /// Files that were deleted while they were open still have all their content.
    fn private(&mut self) {
        let catalog = self.catalog;
        let link = catalog.names_in(ABOVE).iter().find(|(link, _)| link.target == PRIVATE);
        if let (Some((link, name)), Some(top)) = (link, self.places.get(&ROOT).copied())
            && !catalog.names_in(PRIVATE).is_empty()
            && self.name(Parent::Entry(top), link, catalog.name(*name))
        {
            self.walk(PRIVATE);
        }
    }

    /// Adds a name; whether it is a directory that is to be walked now.
    fn name(&mut self, parent: Parent, link: &Link, name: &[u8]) -> bool {
        let id = link.target;
        let Some((inode, _)) = self.catalog.inode(id) else {
            if self.chosen.is_none() {
                self.lost(parent, link, name);
            }
            return false;
        };
        if inode.kind() != EntryKind::Directory {
            if self.is_chosen(id) {
                self.file(parent, inode, name);
            }
            return false;
        }
        if !self.seen.insert(id) || !self.chosen.is_none_or(|chosen| chosen.directories.contains(&id)) {
            return false;
        }
        self.directory(parent, inode, name)
    }

    /// Adds a directory unless it has an entry already; `false` when the table is full.
    fn directory(&mut self, parent: Parent, inode: &Inode, name: &[u8]) -> bool {
        if self.places.contains_key(&inode.id) {
            return true;
        }
        let found = Found::of_nothing();
        let Some(index) = self.add(parent, name, inode, EntryKind::Directory, 0, &found) else {
            return false;
        };
        self.places.insert(inode.id, index);
        self.attributes(parent, inode, name, Parts::default());
        true
    }

    fn is_chosen(&self, id: u64) -> bool {
        self.chosen.is_none_or(|chosen| chosen.files.contains(&id))
    }

    /// Adds a file under one of its names; its other streams are listed under the first only.
    fn file(&mut self, parent: Parent, inode: &Inode, name: &[u8]) {
        let kind = inode.kind();
        let cost = content::cost(self.catalog, inode);
        let found = match kind {
            EntryKind::File if !self.may_map(cost) => content::of_too_many(inode.size),
            EntryKind::File => content::of_file(self.blocks, self.catalog, inode),
            EntryKind::Symlink => content::of_link(self.blocks, self.catalog, inode),
            EntryKind::Directory | EntryKind::Other => Found::of_nothing(),
        };
        let parts = Parts { link: kind == EntryKind::Symlink, ..found.parts };
        self.put(parent, name, inode, kind, 0, found);
        if !self.seen.insert(inode.id) {
            return;
        }
        self.attributes(parent, inode, name, parts);
        let pieces = self.catalog.pieces_of(inode.stream).len();
        if parts.description && pieces > 0 && self.may_map(pieces) {
            let found = content::of_data(self.blocks, self.catalog, inode);
            self.put(parent, &[name, b":data"].concat(), inode, EntryKind::File, DATA, found);
        }
    }

    /// Whether so many extents may be mapped; they are counted.
    fn may_map(&mut self, count: usize) -> bool {
        let left = self.extents_left.checked_sub(crate::read::size(count));
        self.extents_left = left.unwrap_or(self.extents_left);
        left.is_some()
    }

    /// Adds the attributes that are entries of their own.
    fn attributes(&mut self, parent: Parent, inode: &Inode, name: &[u8], parts: Parts) {
        let catalog = self.catalog;
        for (at, attribute) in catalog.attributes_of(inode.id).iter().enumerate() {
            let own = catalog.name(attribute.name);
            let is_part = match own {
                COMPRESSION => parts.description || attribute.is_short(),
                SYMLINK => parts.link || attribute.is_short(),
                RESOURCE_FORK => parts.fork,
                _ => false,
            };
            if is_part || self.full {
                continue;
            }
            match u16::try_from(at.saturating_add(1)).ok().filter(|stream| *stream < DATA) {
                Some(stream) => self.attribute(parent, inode, (name, own), stream, attribute),
                None => self.unnumbered = self.unnumbered.saturating_add(1),
            }
        }
    }

    fn attribute(
        &mut self,
        parent: Parent,
        inode: &Inode,
        (name, own): (&[u8], &[u8]),
        stream: u16,
        attribute: &Attribute,
    ) {
        let found = match attribute.value {
            Value::Stream(stream, size) if !self.may_map(self.catalog.pieces_of(stream).len()) => {
                content::of_too_many(Some(size))
            }
            value => content::of_attribute(self.blocks, self.catalog, value),
        };
        let own = if own == RESOURCE_FORK { b"rsrc" } else { own };
        self.put(parent, &[name, b":", own].concat(), inode, EntryKind::File, stream, found);
    }

    fn put(
        &mut self,
        parent: Parent,
        name: &[u8],
        inode: &Inode,
        kind: EntryKind,
        stream: u16,
        mut found: Found,
    ) {
        if let Some(space) = self.space.filter(|_| self.state != EntryState::Allocated) {
            found.judge(self.blocks, space);
        }
        self.add(parent, name, inode, kind, stream, &found);
        if let Some(trouble) = found.trouble {
            let count = self.troubles.entry(trouble).or_default();
            *count = count.saturating_add(1);
        }
        if let Some(packed) = found.packed {
            self.packed.entry(self.record(inode.id)).or_insert(packed);
        }
    }

    fn add(
        &mut self,
        parent: Parent,
        name: &[u8],
        inode: &Inode,
        kind: EntryKind,
        stream: u16,
        found: &Found,
    ) -> Option<EntryIndex> {
        let entry = NewEntry {
            parent,
            name: &super::escaped(name),
            kind,
            state: self.state,
            record: self.record(inode.id),
            stream,
            size: found.size,
            times: inode.times(),
            content: found.content,
            runs: &found.runs,
        };
        let index = self.survey.add(entry);
        self.full |= index.is_none();
        index
    }

    /// The record number of an inode: unique over the container.
    fn record(&self, id: u64) -> u64 {
        u64::from(self.slot) << 56 | self.numbering.number(id)
    }

    /// Adds a name whose inode is not there.
    fn lost(&mut self, parent: Parent, link: &Link, name: &[u8]) {
        self.missing = self.missing.saturating_add(1);
        let mut found = Found::of_nothing();
        if link.kind == EntryKind::File {
            found = match self.may_map(self.catalog.pieces_of(link.target).len()) {
                true => content::of_lost(self.blocks, self.catalog, link.target),
                false => content::of_too_many(None),
            };
        }
        let index = self.survey.add(NewEntry {
            parent,
            name: &super::escaped(name),
            kind: link.kind,
            state: self.state,
            record: self.record(link.target),
            stream: 0,
            size: found.size,
            times: Times::default(),
            content: found.content,
            runs: &found.runs,
        });
        self.full |= index.is_none();
    }

    /// Adds what no name leads to: at the place that it gives itself, or nowhere.
    fn nameless(&mut self) {
        let catalog = self.catalog;
        for (inode, _) in &catalog.inodes {
            if self.full {
                return;
            }
            let wanted =
                inode.kind() == EntryKind::Directory && self.chosen.is_none() || self.is_chosen(inode.id);
            if inode.id >= FIRST && wanted && !self.seen.contains(&inode.id) {
                self.raise(inode);
            }
        }
    }

    /// Gives a place to an inode without one, and to the directories above it.
    fn raise(&mut self, inode: &Inode) {
        let mut chain = vec![inode.id];
        let mut above = inode.parent;
        while !self.places.contains_key(&above)
            && !self.seen.contains(&above)
            && let Some((parent, _)) = self.catalog.inode(above)
            && parent.kind() == EntryKind::Directory
            && !chain.contains(&above)
            && chain.len() < 1000
        {
            chain.push(above);
            above = parent.parent;
        }
        let catalog = self.catalog;
        while let Some((inode, text)) = chain.pop().and_then(|id| catalog.inode(id)) {
            if self.seen.contains(&inode.id) {
                continue;
            }
            let parent = self.places.get(&inode.parent).map_or(Parent::Unknown, |at| Parent::Entry(*at));
            let name = self.own_name(inode, *text);
            self.nameless = self.nameless.saturating_add(1);
            match inode.kind() {
                EntryKind::Directory => {
                    self.seen.insert(inode.id);
                    self.directory(parent, inode, &name);
                    self.walk(inode.id);
                }
                _ => self.file(parent, inode, &name),
            }
        }
    }

    fn own_name(&self, inode: &Inode, text: Text) -> Vec<u8> {
        match self.catalog.name(text) {
            b"" => format!("inode {}", inode.id).into_bytes(),
            name => name.to_vec(),
        }
    }
}
