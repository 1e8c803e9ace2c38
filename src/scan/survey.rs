//! Finds the volumes of a source and lists the entries of each.

mod summary;
#[cfg(test)]
mod tests;
mod volumes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::filesystem::{self, Filesystem, signatures};
use crate::model::{
    Bucket, Digests, EntryTable, Event, Extent, ItemId, Placement, Problem, ProblemKind, SkipRule,
    SourceSummary, Started,
};
use crate::read::{Confidence, ReadAt};
use crate::volume::{self, Division, Look, Volume, encryption};

use super::{Context, Decoded, Options, Prior};

/// Number of the volume that is the whole medium or the folder.
const WHOLE: u16 = 0;
/// Stands for the search for volumes: what an examiner is at before it knows any.
const DIVIDING: ItemId = ItemId::survey_of(u32::MAX - 2);

/// A source whose entries are known.
#[derive(Default)]
pub struct Surveyed {
    /// Every entry.
    pub table: EntryTable,
    /// The medium; absent for a folder.
    pub medium: Option<Arc<dyn ReadAt>>,
    /// Digests that the image stores of its medium.
    pub stored: Digests,
    /// Places of the partitions, or of the whole medium when it has none. Volumes that are put together lie on them.
    pub volumes: Vec<Extent>,
    /// Bytes whose bucket is known already: metadata, encrypted and unsupported volumes.
    pub claims: Vec<(Extent, Bucket)>,
    /// Bytes that are left out by a rule.
    pub skips: Vec<(Extent, SkipRule)>,
    filesystems: Vec<(u32, Box<dyn Filesystem>)>,
}

impl Surveyed {
    /// The file system of a volume.
    pub fn filesystem(&self, volume: u32) -> Option<&dyn Filesystem> {
        self.filesystems.iter().find(|(number, _)| *number == volume).map(|(_, filesystem)| &**filesystem)
    }

    /// What the file systems say of the reading itself, once it has ended.
    pub fn remarks(&self) -> Vec<Problem> {
        let of = |(number, filesystem): &(u32, Box<dyn Filesystem>)| {
            filesystem.remarks().into_iter().map(|problem| problem.in_volume(*number)).collect::<Vec<_>>()
        };
        self.filesystems.iter().flat_map(of).collect()
    }

    fn claim(&mut self, places: impl IntoIterator<Item = Extent>, bucket: Bucket) {
        self.claims.extend(places.into_iter().map(|place| (place, bucket)));
    }
}

/// How far a survey goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To every entry.
    Entries,
    /// To the volumes, and what each is.
    Volumes,
}

/// Lists everything. What cannot be listed becomes problems and claims; nothing that was listed is lost.
pub fn survey(decoded: Decoded, options: &Options, context: &Context<'_>) -> Surveyed {
    survey_to(Depth::Entries, decoded, options, context)
}

/// Finds volumes and says what each is; lists entries only where `depth` reaches them.
pub fn survey_to(depth: Depth, decoded: Decoded, options: &Options, context: &Context<'_>) -> Surveyed {
    let mut surveyor = Surveyor { prior: &options.prior, context, depth, surveyed: Surveyed::default() };
    let mut summary = SourceSummary {
        source: 0,
        format: "folder".into(),
        table: "none".into(),
        size: 0,
        stored: Digests::default(),
        notes: Vec::new(),
        protection: options.protection.clone(),
    };
    match decoded {
        Decoded::Folder { filesystem, path, mount } => {
            summary.protection.remarks.push(mount.into());
            context.send(Event::SourceOpened(summary));
            surveyor.list(whole(0, format!("folder {}", path.display())), filesystem);
        }
        Decoded::Medium(image) => {
            let medium = Arc::clone(&image.medium);
            surveyor.surveyed.stored = image.stored;
            surveyor.surveyed.medium = Some(Arc::clone(&medium));
            let division = surveyor.divide(&medium);
            summary.format = image.format.into();
            summary.table = division.table.unwrap_or("none").into();
            summary.size = medium.size();
            summary.stored = image.stored;
            summary.notes = image.notes;
            context.send(Event::SourceOpened(summary));
            image.problems.into_iter().for_each(|problem| surveyor.said(problem));
            surveyor.divided(division, &medium);
        }
    }
    let mut surveyed = surveyor.surveyed;
    surveyed.table.shrink();
    surveyed
}

struct Surveyor<'a> {
    prior: &'a Prior,
    context: &'a Context<'a>,
    depth: Depth,
    surveyed: Surveyed,
}

impl Surveyor<'_> {
    /// The volumes of a medium; the whole of it as one volume when looking for them was the end of an examiner.
    fn divide(&self, medium: &Arc<dyn ReadAt>) -> Division {
        let undivided = |how: &str| {
            let detail = format!("the examiner died when it looked for volumes{how}");
            let advice = "the medium is searched as one volume: use another tool";
            Division {
                volumes: vec![whole(medium.size(), "no partition table".into())],
                problems: vec![Problem::new(ProblemKind::Crashed, detail).advise(advice)],
                ..Division::default()
            }
        };
        if self.prior.culprits.contains(&DIVIDING) {
            return undivided("");
        }
        self.context.send(Event::Started(Started { worker: 0, items: vec![DIVIDING] }));
        let divided = catch_unwind(AssertUnwindSafe(|| volume::divide(medium, &look)));
        self.context.send(Event::Started(Started { worker: 0, items: Vec::new() }));
        divided.unwrap_or_else(|_| undivided(&super::panics::last()))
    }

    /// Records what was found of tables and sets, and looks into each volume.
    fn divided(&mut self, division: Division, medium: &Arc<dyn ReadAt>) {
        division.problems.into_iter().for_each(|problem| self.said(problem));
        let surveyed = &mut self.surveyed;
        surveyed.claim(division.metadata, Bucket::Examined);
        surveyed.claim(division.unread, Bucket::Unsupported);
        surveyed.skips.extend(division.copies.into_iter().map(|place| (place, SkipRule::MirrorCopy)));
        for volume in division.volumes {
            self.volume(volume, medium);
        }
    }

    /// Passes a problem on, and gives a place that could not be read to its bucket.
    fn said(&mut self, problem: Problem) {
        if let Some(place) = problem.extent.filter(|_| problem.kind == ProblemKind::Unreadable) {
            self.surveyed.claim([place], Bucket::Unreadable);
        }
        self.context.send(Event::Problem(problem));
    }

    /// A problem of a volume as a whole.
    fn problem(&self, volume: &Volume, kind: ProblemKind, detail: String, advice: &str) {
        let mut problem = Problem::new(kind, detail).in_volume(u32::from(volume.number)).advise(advice);
        problem.extent = summary::extent(volume);
        self.context.send(Event::Problem(problem));
    }
}

/// What stands on a volume, for those who put volumes together.
fn look(volume: &dyn ReadAt) -> Look {
    if filesystem::detect(volume).confidence == Confidence::Strong {
        Look::Filesystem
    } else if encryption::recognise(volume).is_some() || signatures::recognise(volume).is_some() {
        Look::Recognised
    } else {
        Look::Unknown
    }
}

fn whole(size: u64, kind: String) -> Volume {
    let placement = Placement::whole(size);
    Volume { number: WHOLE, placement, kind, label: String::new(), on: Vec::new(), holds: None }
}
