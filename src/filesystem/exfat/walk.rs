//! The walk through the living directories of a volume.

use std::collections::VecDeque;
use std::sync::Arc;

use super::deleted::Pending;
use super::directory::{Found, Parser, Trust};
use super::set::{Place, Soundness, kind};
use super::system::System;
use super::upcase::Upcase;
use crate::filesystem::fat::bitmap::Bitmap;
use crate::filesystem::fat::boot::{Geometry, Root};
use crate::filesystem::fat::chain::{Chain, Clusters, End, Space, runs, whole};
use crate::filesystem::fat::listing::{Listing, claim, entry};
use crate::filesystem::fat::name;
use crate::filesystem::fat::sectors::read_slots;
use crate::filesystem::fat::table::Table;
use crate::model::{
    Content, EntryIndex, EntryKind, EntryState, Extent, NewEntry, Parent, Problem, ProblemKind, Run, Survey,
};
use crate::read::ReadAt;

/// Everything that a survey works with.
pub(super) struct Walk<'s, 't> {
    pub(super) volume: Arc<dyn ReadAt>,
    pub(super) geometry: Arc<Geometry>,
    pub(super) listing: Listing<'s, 't>,
    pub(super) space: Space,
    /// Whether the allocation bitmap is believed.
    pub(super) judges: bool,
    upcase: Option<Upcase>,
    root: Vec<Extent>,
    /// How many names do not have their hash, and the place of the first.
    misnamed: (u64, u64),
    /// Deleted entries wait until it is known which clusters the living ones have.
    pub(super) pending: VecDeque<Pending>,
    /// Deleted files wait until it is known which clusters each of them asks for.
    pub(super) files: Vec<Pending>,
}

/// A directory whose slots are to be read.
pub(super) struct Directory {
    pub(super) extents: Vec<Extent>,
    pub(super) parent: Parent,
    pub(super) trust: Trust,
}

/// An entry on its way into the listing.
pub(super) struct Row<'a> {
    pub(super) parent: Parent,
    pub(super) name: &'a [u8],
    pub(super) state: EntryState,
    pub(super) stream: u16,
    pub(super) bytes: u64,
    pub(super) content: Content,
    pub(super) runs: &'a [Run],
}

impl<'s, 't> Walk<'s, 't> {
    /// Reads FAT, bitmap and up-case table and gets ready.
    pub(super) fn new(volume: Arc<dyn ReadAt>, geometry: Arc<Geometry>, survey: &'s mut Survey<'t>) -> Self {
        let mut table = Table::new(Arc::clone(&volume), Arc::clone(&geometry));
        let swept = table.sweep(survey);
        swept.bad_problem(&geometry).into_iter().for_each(|problem| survey.problem(problem));
        let mut space = Space::new(Arc::clone(&geometry), table, Bitmap::new(geometry.last_cluster));
        let first = match geometry.root {
            Root::Cluster(first) => first,
            Root::Region(_) => 0,
        };
        let chain = space.chain(first);
        for problem in chain.problems(&geometry, chain.length) {
            survey.problem(Problem { detail: format!("root directory: {}", problem.detail), ..problem });
        }
        let root = space.enter(&chain.clusters);
        let system = System::read(&volume, &root, geometry.sector);
        let free = system.free(&volume, &geometry, &mut space, survey);
        let upcase = system.upcase(&volume, &geometry, &mut space, survey);
        let judges = free.is_some();
        space.set_free(free.unwrap_or_else(|| all(&geometry)));
        Self {
            volume,
            geometry,
            listing: Listing::new(survey),
            space,
            judges,
            upcase,
            root,
            misnamed: (0, 0),
            pending: VecDeque::new(),
            files: Vec::new(),
        }
    }

    /// Lists what the root directory leads to, one level after the other, each in the order of the medium.
    pub(super) fn living(&mut self) {
        let root = std::mem::take(&mut self.root);
        let mut level = vec![Directory { extents: root, parent: Parent::Root, trust: Trust::Sound }];
        while !level.is_empty() && !self.listing.full {
            let mut next = Vec::new();
            for directory in level {
                self.read(&directory, &mut |walk, found| walk.living_entry(&directory, found, &mut next));
            }
            next.sort_by_key(|directory| directory.extents.first().map_or(0, |extent| extent.offset));
            level = next;
        }
        self.compare_bitmap();
        let (count, first) = self.misnamed;
        if count > 0 {
            let detail =
                "names whose hash is not the one that their entry states; they are listed as they stand";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(first, 32));
            self.listing.survey.problem(Problem { count, ..problem });
        }
    }

    fn compare_bitmap(&mut self) {
        let Some((first, count)) = self.space.misjudged().filter(|_| self.judges) else { return };
        let place = Extent::new(self.geometry.place(first), self.geometry.cluster);
        let detail =
            format!("clusters of living entries that the allocation bitmap calls free, the first is {first}");
        let problem = Problem::new(ProblemKind::Corrupt, detail).at(place);
        self.listing.survey.problem(Problem { count, ..problem });
    }

    fn living_entry(&mut self, directory: &Directory, found: Found, next: &mut Vec<Directory>) {
        if !found.in_use {
            let (parent, state) = (directory.parent, EntryState::Deleted);
            self.pending.push_back(Pending { parent, state, found });
            return;
        }
        let units = found.set.name();
        let hash = self.upcase.as_ref().map(|upcase| upcase.hash(&units));
        if hash.is_some_and(|hash| hash != found.set.name_hash()) {
            let (count, first) = self.misnamed;
            self.misnamed = (count.saturating_add(1), if count == 0 { found.offset } else { first });
        }
        let place = found.set.place();
        let (chain, mut problems) = self.claim(&place);
        problems.extend(soundness(&found));
        let name = file_name(&found);
        if found.set.is_directory() {
            let pieces = runs(&self.geometry, &chain.clusters, place.bytes);
            let content = whole(&pieces, place.bytes);
            let index = self.add_living(directory.parent, &found, &name, &place, (content, &pieces));
            self.listing.note(index, problems);
            next.extend(index.and_then(|index| self.below(index, &chain)));
        } else {
            let pieces = pieces(&self.geometry, &chain.clusters, chain.length, &place);
            let content = whole(&pieces, place.bytes);
            let index = self.add_living(directory.parent, &found, &name, &place, (content, &pieces));
            self.listing.note(index, problems);
        }
        for (number, (guid, place)) in (1_u16..).zip(found.set.vendor_places()) {
            let (chain, problems) = self.claim(&place);
            let pieces = pieces(&self.geometry, &chain.clusters, chain.length, &place);
            let content = whole(&pieces, place.bytes);
            let name = stream_name(&name, &guid);
            let row = Row {
                parent: directory.parent,
                name: &name,
                state: EntryState::Allocated,
                stream: number,
                bytes: place.bytes,
                content,
                runs: &pieces,
            };
            let index = self.add(&found, row);
            self.listing.note(index, problems);
        }
    }

    fn add_living(
        &mut self,
        parent: Parent,
        found: &Found,
        name: &[u8],
        place: &Place,
        (content, runs): (Content, &[Run]),
    ) -> Option<EntryIndex> {
        let (state, bytes) = (EntryState::Allocated, place.bytes);
        self.add(found, Row { parent, name, state, stream: 0, bytes, content, runs })
    }

    /// Follows and claims the clusters of a living entry, and says what is wrong with them.
    fn claim(&mut self, place: &Place) -> (Chain, Vec<Problem>) {
        let needed = self.geometry.clusters_for(place.bytes);
        let nothing = needed == 0 && (place.first == 0 || place.consecutive);
        let chain = match place.consecutive {
            _ if nothing => Chain::none(End::Marked),
            true => self.space.claim_consecutive(place.first, needed),
            false => self.space.chain(place.first),
        };
        let mut problems = chain.problems(&self.geometry, needed);
        if place.valid > place.bytes {
            let detail = format!("valid length: expected at most {}, found {}", place.bytes, place.valid);
            problems.push(Problem::new(ProblemKind::Corrupt, detail));
        }
        (chain, problems)
    }

    /// The directory that an entry leads to, unless all of it was read as another one.
    fn below(&mut self, index: EntryIndex, chain: &Chain) -> Option<Directory> {
        let extents = self.space.enter(&chain.clusters);
        let start = extents.first()?;
        let mut slot = [0; 32];
        let read = self.volume.read_exact_at(start.offset, &mut slot);
        // An unreadable start is no reason to doubt the rest.
        let begins = read.is_err() || matches!(kind(&slot), 0 | 0x05 | 0x85);
        let sound = chain.crossed.is_none() && begins;
        if !begins {
            let detail = "a directory that does not begin with an entry of a file: only entries with their checksum are listed";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(start.offset, 32));
            self.listing.note(Some(index), vec![problem]);
        }
        let trust = if sound { Trust::Sound } else { Trust::Doubtful };
        Some(Directory { extents, parent: Parent::Entry(index), trust })
    }

    /// Reads the slots of a directory and hands on each entry.
    pub(super) fn read(&mut self, directory: &Directory, each: &mut dyn FnMut(&mut Self, Found)) {
        let volume = Arc::clone(&self.volume);
        let mut parser = Parser::new(directory.trust, self.geometry.total);
        let sector = self.geometry.sector;
        let mut end = 0;
        let failures = read_slots(&volume, &directory.extents, sector, &mut |place, slot| {
            if let Some(found) = parser.push(slot, place) {
                each(self, found);
            }
            end = place.saturating_add(32);
            !self.listing.full && !parser.is_over()
        });
        if let Some(found) = parser.finish() {
            each(self, found);
        }
        // What may be anything counts as space that nobody examined, however much was read of it.
        if directory.trust != Trust::Doubtful {
            for extent in &directory.extents {
                let last = (extent.offset..extent.end()).contains(&end.saturating_sub(1));
                let length = if last { end.saturating_sub(extent.offset) } else { extent.length };
                claim(self.listing.survey, &self.volume, extent.offset, length);
                if last {
                    break;
                }
            }
        }
        self.listing.note(entry(directory.parent), failures);
        if parser.left_out > 0 {
            let place = directory.extents.first().copied().unwrap_or(Extent::new(0, 0));
            let detail = "slots in use that are no directory entry that can be read were left out";
            let problem = Problem::new(ProblemKind::Corrupt, detail).at(place);
            let problem = Problem { count: parser.left_out, ..problem };
            self.listing.note(entry(directory.parent), vec![problem]);
        }
    }

    /// Adds an entry to the table.
    pub(super) fn add(&mut self, found: &Found, row: Row<'_>) -> Option<EntryIndex> {
        let directory = found.set.is_directory() && row.stream == 0;
        self.listing.add(NewEntry {
            parent: row.parent,
            name: row.name,
            kind: if directory { EntryKind::Directory } else { EntryKind::File },
            state: row.state,
            record: found.offset / 32,
            stream: row.stream,
            size: row.bytes,
            times: found.set.times(),
            content: row.content,
            runs: row.runs,
        })
    }
}

/// Every cluster of the volume.
fn all(geometry: &Geometry) -> Bitmap {
    let mut all = Bitmap::new(geometry.last_cluster);
    for cluster in 2..=geometry.last_cluster {
        all.insert(cluster);
    }
    all
}

/// The name of an entry; one that is lost is made from its record.
pub(super) fn file_name(found: &Found) -> Vec<u8> {
    let name = name::utf16(found.set.name().into_iter());
    if name.is_empty() { format!("$Unnamed-{}", found.offset / 32).into_bytes() } else { name }
}

/// The name of what a vendor attached to a file.
pub(super) fn stream_name(file: &[u8], guid: &[u8; 16]) -> Vec<u8> {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid;
    let guid = [d, c, b, a, f, e, h, g].into_iter().chain(rest);
    let digits: Vec<String> = guid.map(|byte| format!("{byte:02x}")).collect();
    let groups =
        [0..4, 4..6, 6..8, 8..10, 10..16].map(|group| digits.get(group).unwrap_or_default().concat());
    [file, b":{", groups.join("-").as_bytes(), b"}"].concat()
}

/// The bytes of content, a hole for those that were never written. Short where the clusters are too few.
pub(super) fn pieces(geometry: &Geometry, clusters: &[Clusters], length: u64, place: &Place) -> Vec<Run> {
    if length < geometry.clusters_for(place.bytes) {
        return runs(geometry, clusters, place.bytes);
    }
    let valid = place.valid.min(place.bytes);
    let mut pieces = runs(geometry, clusters, valid);
    if valid < place.bytes {
        pieces.push(Run::hole(place.bytes.saturating_sub(valid)));
    }
    pieces
}

/// Says what is wrong with the entries of a living file.
fn soundness(found: &Found) -> Option<Problem> {
    let detail = match found.set.soundness {
        Soundness::Whole => return None,
        Soundness::Mended => {
            "a directory entry has a damaged type; the checksum of its set says what it was".into()
        }
        Soundness::Broken { stated, computed } => format!(
            "directory entries at byte {}: expected checksum {stated:04x}, found {computed:04x}; they were used nevertheless",
            found.offset
        ),
    };
    Some(Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(found.offset, 32)))
}
