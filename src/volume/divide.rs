//! Divides a medium into its volumes: tables, sets, and what stands on them in turn.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sets::{self, Assembly, Member, SETS, Set};
use super::{Layout, Volume, foreign};
use crate::model::{Extent, Placement, Problem, ProblemKind};
use crate::read::{Confidence, Placed, ReadAt, Window, size};

/// Most volumes of one source.
pub const MAX_VOLUMES: usize = 4096;
/// How many times volumes are looked for in volumes that were found before.
const MAX_DEPTH: u32 = 8;

/// What a volume is found to be by those who know file systems, who are not of this house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing that is known.
    Unknown,
    /// Something that is known by its signature and not read.
    Recognised,
    /// A file system that is sure of itself.
    Filesystem,
}

/// A medium, divided. Extents are those of the medium.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// The name of the partition table; none when the medium has none.
    pub table: Option<&'static str>,
    /// The volumes in the order of their numbers.
    pub volumes: Vec<Volume>,
    /// Places that were read as tables or as metadata of sets.
    pub metadata: Vec<Extent>,
    /// Places that hold a second copy of what is read elsewhere.
    pub copies: Vec<Extent>,
    /// Places whose volumes are not put together by this version.
    pub unread: Vec<Extent>,
    /// What is wrong, missing or not followed.
    pub problems: Vec<Problem>,
}

/// Divides a medium. What cannot be read is a problem, and what is left is given as volumes all the same.
pub fn divide(medium: &Arc<dyn ReadAt>, look: &dyn Fn(&dyn ReadAt) -> Look) -> Division {
    let mut divider = Divider {
        medium,
        look,
        division: Division::default(),
        tables: BTreeSet::new(),
        sought: BTreeSet::new(),
        looked: BTreeSet::new(),
    };
    divider.first();
    let limited = (0..MAX_DEPTH).all(|_| divider.further());
    let numbers = divider.division.volumes.len();
    if limited || numbers >= MAX_VOLUMES {
        let detail = format!(
            "volumes in volumes: {MAX_DEPTH} times and up to {MAX_VOLUMES} volumes are looked for, not more"
        );
        divider.division.problems.push(Problem::new(ProblemKind::Limit, detail));
    }
    divider.division
}

struct Divider<'a> {
    medium: &'a Arc<dyn ReadAt>,
    look: &'a dyn Fn(&dyn ReadAt) -> Look,
    division: Division,
    /// Places of the medium at which a table was read: a volume that begins there holds the same one.
    tables: BTreeSet<u64>,
    /// Volumes that were tried as members, with the name of the kind of set.
    sought: BTreeSet<(u16, &'static str)>,
    /// Volumes in which a table was looked for.
    looked: BTreeSet<u16>,
}

impl Divider<'_> {
    /// Whether a table places a file system somewhere behind the beginning of the medium.
    fn leads_on(&self, table: &super::Table) -> bool {
        table.layout.partitions.iter().filter(|partition| partition.extent.offset > 0).any(|partition| {
            let place =
                Window::new(Arc::clone(self.medium), partition.extent.offset, partition.extent.length);
            (self.look)(&place) == Look::Filesystem
        })
    }

    /// The partitions of the medium itself, or the whole of it.
    fn first(&mut self) {
        let medium = self.medium;
        let sure = matches!(super::detect(medium), Ok(Some((_, Confidence::Strong))));
        let look = (self.look)(medium);
        let table = super::read(medium);
        // A boot sector ends like a partition table: a file system that is sure of itself wins over a guess, unless
        // that leads to another one, which may hide behind the first.
        let leads_on = || matches!(&table, Ok(Some(table)) if self.leads_on(table));
        if !sure && look == Look::Filesystem && !leads_on() {
            return self.whole();
        }
        match table {
            Ok(None) => self.whole(),
            Ok(Some(table)) => {
                self.division.table = Some(table.name);
                // Some file systems leave room for a table in front of them: neither may hide the other.
                if look == Look::Filesystem || (look == Look::Recognised && !sure) {
                    let detail = "the medium has a partition table and is a file system as a whole as well: both are read";
                    let both = Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(0, medium.size()));
                    self.whole();
                    // What the tables say of the whole medium is said already.
                    self.looked.insert(0);
                    self.division.problems.push(both);
                }
                self.division.problems.extend(foreign::problems(medium, &table));
                self.tables.insert(0);
                self.partitions(table.layout, None);
                self.parts_of_the_whole();
                self.whole_member();
            }
            Err(error) => {
                let advice = "the medium is searched as one volume; a tool that repairs tables may find more";
                self.whole();
                self.division.problems.push(error.into_problem().advise(advice));
            }
        }
    }

    /// Partitions of an optical disc that are nothing but parts of its file system, which is read as a whole.
    fn parts_of_the_whole(&mut self) {
        if self.division.volumes.first().is_none_or(|volume| volume.number != 0) {
            return;
        }
        let mut parts = Vec::new();
        for volume in self.division.volumes.iter().filter(|volume| volume.number != 0) {
            let first = volume.placement.at(0).is_some_and(|first| first.offset == 0);
            let same = first && (self.look)(&self.open(&volume.placement)) == Look::Filesystem;
            if same || volume.kind == super::apm::ISO_DATA {
                parts.push(volume.number);
            }
        }
        for volume in self.division.volumes.iter_mut().filter(|volume| parts.contains(&volume.number)) {
            volume.holds =
                Some("a part of the file system that the whole medium is, read as volume 0".into());
        }
    }

    /// A medium with a table may as a whole be a member of a set: then both are looked into.
    fn whole_member(&mut self) {
        if self.division.volumes.iter().any(|volume| volume.number == 0) {
            return;
        }
        let Some(set) = SETS.iter().find(|set| set.probe(self.medium)) else { return };
        // The end of the last partition can be that of the medium: then the member is the partition.
        if self.division.volumes.iter().any(|volume| set.probe(&self.open(&volume.placement))) {
            return;
        }
        let detail = format!(
            "the medium has a partition table, and as a whole it is a member of a set ({}) as well",
            set.name()
        );
        let both = Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(0, self.medium.size()));
        self.division.problems.push(both);
        self.whole();
        self.division.volumes.rotate_right(1);
    }

    fn whole(&mut self) {
        let placement = Placement::whole(self.medium.size());
        let kind = "no partition table".to_owned();
        self.add(Volume { number: 0, placement, kind, label: String::new(), on: Vec::new(), holds: None });
        self.looked.insert(0);
    }

    /// Adds the partitions of a table: of the medium with their own numbers, of a volume with the next ones.
    fn partitions(&mut self, layout: Layout, inside: Option<(u16, Placement)>) {
        let first = self.next();
        let mut renumbered = Vec::new();
        for (index, partition) in (0_u16..).zip(layout.partitions) {
            let (number, placement, on) = match &inside {
                None => (partition.number, Placement::piece(partition.extent), Vec::new()),
                Some((volume, whole)) => {
                    let part = sets::part(whole, partition.extent.offset, partition.extent.length);
                    (first.saturating_add(index), part, vec![*volume])
                }
            };
            renumbered.push((partition.number, number));
            let super::Partition { kind, label, .. } = partition;
            self.add(Volume { number, placement, kind, label, on, holds: None });
        }
        let whole = inside.map(|(_, whole)| whole);
        let place = |extent: Extent| match &whole {
            None => vec![extent],
            Some(whole) => whole.places(extent.offset, extent.length),
        };
        self.division.metadata.extend(layout.metadata.into_iter().flat_map(place));
        for mut problem in layout.problems {
            problem.extent = problem.extent.and_then(|extent| place(extent).first().copied());
            let number = problem.volume.and_then(|volume| {
                renumbered
                    .iter()
                    .find(|(there, _)| u32::from(*there) == volume)
                    .map(|(_, here)| u32::from(*here))
            });
            // A volume of which nothing is there has the number of its table only.
            problem.volume = if whole.is_some() { number } else { problem.volume };
            self.division.problems.push(problem);
        }
    }

    /// Looks once for what stands on the volumes so far; `false` when there is nothing more.
    fn further(&mut self) -> bool {
        let mut kinds: Vec<&dyn Set> = SETS.to_vec();
        kinds.sort_by_key(|set| set.rank());
        let Some((last, before)) = kinds.split_last() else {
            return self.inner_tables();
        };
        // Volume groups come last: they may stand on everything else.
        before.iter().any(|set| self.sets(*set)) || self.inner_tables() || self.sets(*last)
    }

    /// Puts together the sets of one kind whose members were found since the last time.
    fn sets(&mut self, set: &dyn Set) -> bool {
        let mut members = Vec::new();
        for volume in &self.division.volumes {
            if volume.holds.is_some() || !self.sought.insert((volume.number, set.name())) {
                continue;
            }
            let bytes: Arc<dyn ReadAt> = Arc::new(self.open(&volume.placement));
            if set.probe(&bytes) {
                members.push(Member {
                    number: volume.number,
                    placement: volume.placement.clone(),
                    volume: bytes,
                });
            }
        }
        if members.is_empty() {
            return false;
        }
        let mut assembly = set.assemble(&members);
        self.older_signs(&members, &mut assembly);
        let Assembly { volumes, members, metadata, copies, unread, problems } = assembly;
        for (number, words) in members {
            if let Some(volume) = self.division.volumes.iter_mut().find(|volume| volume.number == number) {
                volume.holds = Some(words);
            }
        }
        for assembled in volumes {
            let number = self.next();
            let sets::Assembled { kind, label, placement, on } = assembled;
            self.add(Volume { number, placement, kind, label, on, holds: None });
        }
        self.division.metadata.extend(metadata);
        self.division.copies.extend(copies);
        self.division.unread.extend(unread);
        self.division.problems.extend(problems);
        true
    }

    /// Members that are also a file system by themselves, which is not that of the set: one of the two was left behind
    /// when the other was made. Nothing says which one, so both are read.
    fn older_signs(&self, members: &[Member], assembly: &mut Assembly) {
        let begins = |placement: &Placement| placement.at(0).map(|first| first.offset);
        for member in members {
            let start = begins(&member.placement);
            let starts = assembly.volumes.iter().map(|volume| begins(&volume.placement));
            let places = assembly.copies.iter().chain(&assembly.unread).map(|place| Some(place.offset));
            if starts.chain(places).any(|first| first == start)
                || (self.look)(&member.volume) != Look::Filesystem
            {
                continue;
            }
            let own = member.placement.places(0, member.placement.length());
            let lies_in =
                |place: &Extent| own.iter().any(|own| own.offset <= place.offset && place.end() <= own.end());
            assembly.copies.retain(|place| !lies_in(place));
            assembly.unread.retain(|place| !lies_in(place));
            let words = assembly.members.iter().find(|(number, _)| *number == member.number);
            let words = words.map_or("a member of a set", |(_, words)| words.as_str());
            let detail = format!(
                "the volume is {words}, and a file system by itself as well: both are read, one of them is left over"
            );
            let both = Problem::new(ProblemKind::Ambiguous, detail).in_volume(u32::from(member.number));
            assembly.problems.push(own.first().map_or(both.clone(), |first| both.at(*first)));
            assembly.members.retain(|(number, _)| *number != member.number);
        }
    }

    /// Reads the tables that stand on volumes found since the last time.
    fn inner_tables(&mut self) -> bool {
        let mut found = Vec::new();
        let mut same = Vec::new();
        for volume in &self.division.volumes {
            let start = volume.placement.at(0).map(|first| first.offset);
            if !self.looked.insert(volume.number) || volume.holds.is_some() {
                continue;
            }
            let bytes = self.open(&volume.placement);
            if start.is_none_or(|start| self.tables.contains(&start)) {
                if (self.look)(&bytes) == Look::Unknown {
                    same.push(volume.number);
                }
                continue;
            }
            let sure = matches!(super::detect(&bytes), Ok(Some((_, Confidence::Strong))));
            // Boot code and old tables stay behind in front of file systems: a table must be alone to be believed.
            if !sure || (self.look)(&bytes) != Look::Unknown {
                continue;
            }
            if let Ok(Some(table)) = super::read(&bytes)
                && !table.layout.partitions.is_empty()
            {
                found.push((volume.number, volume.placement.clone(), start, table));
            }
        }
        for volume in self.division.volumes.iter_mut().filter(|volume| same.contains(&volume.number)) {
            volume.holds =
                Some("the partition table in front of it, whose volumes are listed already".into());
        }
        for (number, placement, start, table) in &mut found {
            self.tables.extend(*start);
            let first = self.next();
            let layout = std::mem::take(&mut table.layout);
            let count = layout.partitions.len();
            self.partitions(layout, Some((*number, placement.clone())));
            let last = size(count).saturating_add(u64::from(first)).saturating_sub(1);
            let words =
                format!("a {} partition table of its own, with volumes {first} to {last}", table.name);
            if let Some(volume) = self.division.volumes.iter_mut().find(|volume| volume.number == *number) {
                volume.holds = Some(words);
            }
        }
        !found.is_empty()
    }

    fn open(&self, placement: &Placement) -> Placed {
        Placed::new(Arc::clone(self.medium), placement.clone())
    }

    /// The number after the highest one, from 1 on.
    fn next(&self) -> u16 {
        self.division.volumes.iter().map(|volume| volume.number).max().unwrap_or(0).saturating_add(1)
    }

    fn add(&mut self, volume: Volume) {
        if self.division.volumes.len() < MAX_VOLUMES {
            self.division.volumes.push(volume);
        }
    }
}
