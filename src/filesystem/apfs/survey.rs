//! The survey of a container: every volume, its snapshots, and what older states still know.

use std::collections::{HashMap, HashSet};

use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Survey, Times,
};

use super::Opened;
use super::block::{Address, Blocks, Notes};
use super::catalog::Catalog;
use super::container::Container;
use super::encrypted;
use super::listed;
use super::listing::{Listing, ROOT};
use super::map::ObjectMap;
use super::packed::Packed;
use super::snapshot::{self, Print, Printer, Snapshot};
use super::space::Space;
use super::volume::Superblock;

/// Highest bytes of record numbers: volumes take theirs from their slot, snapshots and older states from here on.
const FIRST_EXTRA: u8 = 100;
/// Most older states that are looked at, from the newest to the oldest at even steps.
const OLDER: usize = 8;

/// A volume whose present state has been listed.
struct Live {
    /// Virtual identifier of its superblock.
    id: u64,
    name: String,
    top: EntryIndex,
    /// The root of the newest state that was looked at.
    root: Option<Address>,
    /// The entry of each directory.
    places: HashMap<u64, EntryIndex>,
    /// Files and directories that exist, or have been listed.
    known: HashSet<u64>,
}

/// A survey under way.
pub(super) struct Surveyor<'a, 's> {
    opened: &'a Opened,
    blocks: &'a Blocks,
    notes: Notes,
    survey: &'a mut Survey<'s>,
    packed: HashMap<u64, Packed>,
    /// The highest byte of the next record numbers that are not a volume's own.
    extra: Option<u8>,
}

impl<'a, 's> Surveyor<'a, 's> {
    /// A survey of an opened container.
    pub(super) fn new(opened: &'a Opened, notes: Notes, survey: &'a mut Survey<'s>) -> Self {
        let packed = HashMap::new();
        Self { opened, blocks: &opened.blocks, notes, survey, packed, extra: Some(FIRST_EXTRA) }
    }

    /// Lists everything; returns how compressed files are had.
    pub(super) fn run(mut self) -> HashMap<u64, Packed> {
        let newest = &self.opened.checkpoints.newest;
        self.notes.read(self.blocks.extent(0, 1));
        self.whole(newest.blocks);
        let mut lives = Vec::new();
        for entry in &self.opened.volumes {
            lives.extend(self.volume(entry, newest.transaction));
        }
        self.older(&mut lives);
        self.notes.hand_over(&self.blocks.source, self.survey);
        self.packed
    }

    /// Says so when the container is longer than the volume that holds it.
    fn whole(&mut self, blocks: u64) {
        let (size, available) = (self.blocks.extent(0, blocks).length, self.blocks.source.size());
        if size > available {
            let detail =
                format!("the APFS container has {size} bytes, but the volume ends after {available}");
            let missing = Extent::new(available, size.saturating_sub(available));
            self.survey.problem(Problem::new(ProblemKind::Corrupt, detail).at(missing));
        }
    }

    /// Adds a volume; `None` when nothing below it can be listed.
    fn volume(&mut self, entry: &super::Entry, transaction: u64) -> Option<Live> {
        let times = |volume: &Superblock| Times {
            created: Some(volume.created),
            modified: Some(volume.modified),
            ..Times::default()
        };
        let times = entry.superblock.as_ref().map_or(Times::default(), times);
        let top = self.top(Parent::Root, &entry.name, entry.slot, times)?;
        let name = entry.words();
        let Some(volume) = &entry.superblock else {
            let detail =
                format!("APFS volume {name}: its superblock cannot be used: nothing in it was listed");
            self.notes.problem(Problem::new(ProblemKind::Corrupt, detail));
            return None;
        };
        if let Some(unknown) = volume.unknown_features() {
            let detail = format!("APFS volume {name}: unknown incompatible features {unknown:#x}");
            let problem =
                Problem::new(ProblemKind::Unsupported, detail).at(self.blocks.extent(volume.block, 1));
            self.notes.problem(problem.advise("compare with another tool"));
        }
        if volume.is_rolling() {
            let detail = format!(
                "APFS volume {name}: it was being encrypted or decrypted: content may be cipher text in part"
            );
            let problem =
                Problem::new(ProblemKind::Encrypted, detail).at(self.blocks.extent(volume.block, 1));
            self.notes.problem(problem.advise("a file without a match may still be one that is looked for"));
        }
        let map = ObjectMap::read(self.blocks, volume.map, &mut self.notes);
        let is_locked =
            volume.is_encrypted() && !has_plain_root(self.blocks, volume, map.as_ref(), transaction);
        if volume.is_encrypted() && (is_locked || volume.sound) {
            self.notes.problem(encrypted::problem(volume, &name, self.blocks));
        }
        if is_locked {
            let (notes, survey) = (&mut self.notes, &mut *self.survey);
            encrypted::claim(self.blocks, volume, map.as_ref(), transaction, notes, survey);
            return None;
        }
        let map = map?;
        let mut catalog = Catalog::read(self.blocks, volume, &map, transaction, &mut self.notes)?;
        catalog.is_encrypted = volume.is_encrypted() && volume.sound;
        let listing = Listing::new(self.blocks, &catalog, self.survey, &mut self.packed, (entry.slot, top));
        let listed = listing.list();
        listed.report(&name, self.survey);
        let mut live = Live {
            id: entry.id,
            name,
            top,
            root: map.find(volume.root, transaction),
            places: listed.places,
            known: catalog.inodes.iter().map(|(inode, _)| inode.id).collect(),
        };
        self.snapshots(&mut live, volume, &map, catalog);
        Some(live)
    }

    /// Adds the directory that stands for a volume or snapshot.
    fn top(&mut self, parent: Parent, name: &[u8], slot: u8, times: Times) -> Option<EntryIndex> {
        let index = self.survey.add(NewEntry {
            parent,
            name,
            kind: EntryKind::Directory,
            state: EntryState::Allocated,
            record: u64::from(slot) << 56 | ROOT,
            stream: 0,
            size: 0,
            times,
            content: Content::Runs,
            runs: &[],
        });
        if index.is_none() {
            listed::full(self.survey);
        }
        index
    }

    /// The highest byte of record numbers that nothing else has; `None`, with a problem, when all are given away.
    fn slot(&mut self, what: &str) -> Option<u8> {
        let slot = self.extra;
        self.extra = slot.and_then(|slot| slot.checked_add(1));
        if slot.is_none() {
            let detail =
                format!("{what}: not examined, more snapshots and older states than can be told apart");
            // Not by way of the notes, which older states are silent in.
            self.survey.problem(Problem::new(ProblemKind::Limit, detail));
        }
        slot
    }

    /// Adds what the snapshots of a volume hold and it does not.
    fn snapshots(&mut self, live: &mut Live, volume: &Superblock, map: &ObjectMap, catalog: Catalog) {
        if volume.snapshot_count == 0 && volume.snapshots == 0 {
            return;
        }
        let snapshots = snapshot::list(self.blocks, volume.snapshots, &mut self.notes);
        if snapshots.is_empty() {
            return;
        }
        let mut printer = Printer::new(&catalog);
        let mut prints: HashSet<Print> =
            catalog.inodes.iter().map(|(inode, _)| printer.print(inode)).collect();
        drop(catalog);
        for snapshot in snapshots {
            self.snapshot(live, &snapshot, map, &mut prints);
        }
    }

    fn snapshot(
        &mut self,
        live: &mut Live,
        snapshot: &Snapshot,
        map: &ObjectMap,
        prints: &mut HashSet<Print>,
    ) {
        let name = format!("{}, snapshot {}", live.name, super::words(&snapshot.name));
        let address = Address::physical(snapshot.superblock);
        let Some(volume) = Superblock::read(self.blocks, address, &mut self.notes) else {
            let detail =
                format!("APFS volume {name}: its superblock cannot be used: nothing in it was listed");
            return self.notes.problem(Problem::new(ProblemKind::Corrupt, detail));
        };
        // Nodes are never written over: the same root is the same tree.
        if map.find(volume.root, snapshot.transaction) == live.root {
            return;
        }
        let read = Catalog::read(self.blocks, &volume, map, snapshot.transaction, &mut self.notes);
        let Some(mut catalog) = read else { return };
        catalog.is_encrypted = volume.is_encrypted() && volume.sound;
        let mut printer = Printer::new(&catalog);
        let chosen = snapshot::choose(&catalog, &mut |inode| prints.insert(printer.print(inode)));
        live.known.extend(catalog.inodes.iter().map(|(inode, _)| inode.id));
        if chosen.files.is_empty() {
            return;
        }
        let Some(slot) = self.slot(&format!("APFS volume {name}")) else { return };
        let times = Times { created: Some(snapshot.created), ..Times::default() };
        let own: Vec<u8> = b".snapshot ".iter().copied().chain(super::plain(&snapshot.name)).collect();
        let Some(top) = self.top(Parent::Entry(live.top), &own, slot, times) else { return };
        let mut listing = Listing::new(self.blocks, &catalog, self.survey, &mut self.packed, (slot, top));
        listing.chosen = Some(&chosen);
        listing.list().report(&name, self.survey);
    }

    /// Adds the files that older checkpoints know and that are gone now.
    fn older(&mut self, lives: &mut [Live]) {
        let older = &self.opened.checkpoints.older;
        let step = older.len().div_ceil(OLDER).max(1);
        let last = older.len().saturating_sub(1);
        let mut space = None;
        self.notes.quiet = true;
        for (at, state) in older.iter().enumerate() {
            if !last.saturating_sub(at).is_multiple_of(step) || lives.is_empty() {
                continue;
            }
            let mut blocks = state.blocks(&self.blocks.source);
            blocks.until = state.transaction;
            let Some(map) = ObjectMap::read(&blocks, state.map, &mut self.notes) else { continue };
            for live in lives.iter_mut() {
                let space = space.get_or_insert_with(|| self.opened.space(&mut self.notes));
                self.state(&blocks, state, &map, live, space);
            }
        }
        self.notes.quiet = false;
    }

    fn state(&mut self, blocks: &Blocks, state: &Container, map: &ObjectMap, live: &mut Live, space: &Space) {
        let notes = &mut self.notes;
        let read = || {
            let address = map.find(live.id, state.transaction)?;
            let volume = Superblock::read(blocks, address, notes).filter(|volume| !volume.is_encrypted())?;
            let map = ObjectMap::read(blocks, volume.map, notes)?;
            let root = map.find(volume.root, state.transaction)?;
            if live.root.replace(root) == Some(root) {
                return None;
            }
            Catalog::read(blocks, &volume, &map, state.transaction, notes)
        };
        let Some(catalog) = { read }() else { return };
        let chosen = snapshot::choose(&catalog, &mut |inode| live.known.insert(inode.id));
        if chosen.files.is_empty() {
            return;
        }
        let Some(slot) = self.slot(&live.name) else { return };
        let mut listing = Listing::new(blocks, &catalog, self.survey, &mut self.packed, (slot, live.top));
        listing.chosen = Some(&chosen);
        listing.state = EntryState::Deleted;
        listing.space = Some(space);
        listing.places = std::mem::take(&mut live.places);
        let listed = listing.list();
        listed.report_full(self.survey);
        live.places = listed.places;
    }
}

/// Whether the root of a volume's tree can be read although the volume says that it is encrypted: on devices whose
/// hardware decrypts the tree and not the files, and where one bit of the superblock is damaged.
fn has_plain_root(blocks: &Blocks, volume: &Superblock, map: Option<&ObjectMap>, transaction: u64) -> bool {
    let root = map.and_then(|map| map.find(volume.root, transaction));
    let bytes = root.filter(|root| blocks.has(root.block, 1)).and_then(|root| blocks.read(root.block).ok());
    bytes.is_some_and(|bytes| super::object::is_sound(&bytes))
}
