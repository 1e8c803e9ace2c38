//! Finds the volumes of a source and lists the entries of each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::filesystem::{self, Filesystem, signatures};
use crate::model::{
    Bucket, Content, EntryKind, EntryState, EntryTable, Event, Extent, ItemId, Placement, Problem,
    ProblemKind, SourceSummary, Started, Survey, SurveyEnd, VolumeSummary,
};
use crate::read::{Confidence, ReadAt, Window};
use crate::volume::{self, Volume};

use super::{Context, Decoded, Options, Prior};

/// Number of the volume that is the whole medium or the folder.
const WHOLE: u16 = 0;

/// A source whose entries are known.
pub struct Surveyed {
    /// Every entry.
    pub table: EntryTable,
    /// The medium; absent for a folder.
    pub medium: Option<Arc<dyn ReadAt>>,
    /// Digests that the image stores of its medium.
    pub stored: crate::model::Digests,
    /// Places of the volumes.
    pub volumes: Vec<Extent>,
    /// Bytes whose bucket is known already: metadata, encrypted and unsupported volumes.
    pub claims: Vec<(Extent, Bucket)>,
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
}

/// Lists everything. What cannot be listed becomes problems and claims; nothing that was listed is lost.
pub fn survey(decoded: Decoded, options: &Options, context: &Context<'_>) -> Surveyed {
    let mut surveyed = Surveyed {
        table: EntryTable::default(),
        medium: None,
        stored: crate::model::Digests::default(),
        volumes: Vec::new(),
        claims: Vec::new(),
        filesystems: Vec::new(),
    };
    let mut summary = SourceSummary {
        source: 0,
        format: "folder".into(),
        table: "none".into(),
        size: 0,
        stored: crate::model::Digests::default(),
        notes: Vec::new(),
        protection: options.protection.clone(),
    };
    let surveyor = Surveyor { prior: &options.prior, context };
    match decoded {
        Decoded::Folder { filesystem, path, mount } => {
            summary.protection.remarks.push(mount.into());
            context.send(Event::SourceOpened(summary));
            let whole = Volume {
                number: WHOLE,
                extent: Extent::new(0, 0),
                kind: format!("folder {}", path.display()),
                label: String::new(),
            };
            surveyor.list(whole, filesystem, &mut surveyed);
        }
        Decoded::Medium(image) => {
            summary.format = image.format.into();
            summary.size = image.medium.size();
            summary.stored = image.stored;
            summary.notes = image.notes;
            surveyed.stored = image.stored;
            surveyed.medium = Some(Arc::clone(&image.medium));
            let layout = surveyor.layout(&image.medium, &mut summary);
            context.send(Event::SourceOpened(summary));
            for problem in image.problems.into_iter().chain(layout.problems) {
                surveyed.claims.extend(unreadable(&problem));
                context.send(Event::Problem(problem));
            }
            surveyed.claims.extend(layout.metadata.into_iter().map(|extent| (extent, Bucket::Examined)));
            for volume in layout.volumes {
                surveyor.volume(volume, &image.medium, &mut surveyed);
            }
        }
    }
    surveyed.table.shrink();
    surveyed
}

struct Surveyor<'a> {
    prior: &'a Prior,
    context: &'a Context<'a>,
}

impl Surveyor<'_> {
    /// The volumes by the partition table, or the whole medium as one volume when there is none.
    fn layout(&self, medium: &Arc<dyn ReadAt>, summary: &mut SourceSummary) -> volume::Layout {
        let whole = |problems| volume::Layout {
            volumes: vec![Volume {
                number: WHOLE,
                extent: Extent::new(0, medium.size()),
                kind: "no partition table".into(),
                label: String::new(),
            }],
            metadata: Vec::new(),
            problems,
        };
        // A boot sector ends like a partition table: a file system that is sure of itself wins over a guess.
        let sure = matches!(volume::detect(medium), Ok(Some((_, Confidence::Strong))));
        if !sure && filesystem::detect(medium).confidence == Confidence::Strong {
            return whole(Vec::new());
        }
        match volume::read(medium) {
            Ok(None) => whole(Vec::new()),
            Ok(Some(table)) => {
                summary.table = table.name.into();
                let mut layout = table.layout;
                // Some file systems leave room for a table in front of them: neither may hide the other.
                if filesystem::detect(medium).confidence == Confidence::Strong {
                    let detail = "the medium has a partition table and is a file system as a whole as well: both are read";
                    let both = Problem::new(ProblemKind::Ambiguous, detail).at(Extent::new(0, medium.size()));
                    let first = whole(vec![both]);
                    layout.volumes.splice(0..0, first.volumes);
                    layout.problems.extend(first.problems);
                }
                layout
            }
            Err(error) => {
                let advice = "the medium is searched as one volume; a tool that repairs tables may find more";
                whole(vec![error.into_problem().advise(advice)])
            }
        }
    }

    fn volume(&self, volume: Volume, medium: &Arc<dyn ReadAt>, surveyed: &mut Surveyed) {
        let extent = volume.extent;
        surveyed.volumes.push(extent);
        let marker = ItemId::survey_of(u32::from(volume.number));
        if self.prior.culprits.contains(&marker) {
            let detail = "the examiner died when it looked at this volume".to_owned();
            self.problem(
                &volume,
                ProblemKind::Crashed,
                detail,
                "nothing in this volume was examined: use another tool",
            );
            return self.lost(volume, None, Bucket::Unsupported, surveyed);
        }
        self.context.send(Event::Started(Started { worker: 0, items: vec![marker] }));
        self.look_into(volume, medium, surveyed);
        self.context.send(Event::Started(Started { worker: 0, items: Vec::new() }));
    }

    fn look_into(&self, volume: Volume, medium: &Arc<dyn ReadAt>, surveyed: &mut Surveyed) {
        let extent = volume.extent;
        let window: Arc<dyn ReadAt> = Arc::new(Window::new(Arc::clone(medium), extent.offset, extent.length));
        let detected = filesystem::detect(&window);
        if detected.tied.len() > 1 {
            let names = detected.tied.join(" and ");
            self.problem(&volume, ProblemKind::Ambiguous, format!("could be {names}; read as the first"), "");
        }
        let Some(format) = detected.format else {
            return self.unread(volume, &window, surveyed);
        };
        let opened = catch_unwind(AssertUnwindSafe(|| format.open(window)));
        match opened {
            Ok(Ok(filesystem)) => self.list(volume, filesystem, surveyed),
            Ok(Err(error)) => {
                let mut problem = error
                    .into_problem()
                    .in_volume(u32::from(volume.number))
                    .advise("nothing in this volume was examined: use another tool");
                if let Some(place) = &mut problem.extent {
                    place.offset = place.offset.saturating_add(extent.offset);
                }
                surveyed.claims.extend(unreadable(&problem));
                self.context.send(Event::Problem(problem));
                self.lost(volume, Some(format.name().into()), Bucket::Unsupported, surveyed);
            }
            Err(_) => {
                let detail = format!(
                    "the {} reader died when it opened this volume{}",
                    format.name(),
                    super::panics::last()
                );
                self.problem(
                    &volume,
                    ProblemKind::Crashed,
                    detail,
                    "nothing in this volume was examined: use another tool",
                );
                self.lost(volume, Some(format.name().into()), Bucket::Unsupported, surveyed);
            }
        }
    }

    /// A volume without a file system that is read: said loudly, never an empty result.
    fn unread(&self, volume: Volume, window: &Arc<dyn ReadAt>, surveyed: &mut Surveyed) {
        let bucket = match signatures::recognise(window) {
            Some(known) if known.encrypted => {
                self.problem(
                    &volume,
                    ProblemKind::Encrypted,
                    format!("{}: encrypted", known.name),
                    known.advice,
                );
                Bucket::Encrypted
            }
            Some(known) => {
                let detail = format!("{}: recognised, not read by this version", known.name);
                self.problem(&volume, ProblemKind::Unsupported, detail, known.advice);
                Bucket::Unsupported
            }
            None => {
                let detail = format!(
                    "no file system is recognised in the {} bytes from byte {} on ({}): nothing there was examined",
                    volume.extent.length, volume.extent.offset, volume.kind
                );
                let advice = "it may be damaged, wiped, encrypted without a signature, or of a kind that is not read yet";
                self.problem(&volume, ProblemKind::Unsupported, detail, advice);
                Bucket::Unsupported
            }
        };
        self.lost(volume, None, bucket, surveyed);
    }

    fn list(&self, volume: Volume, filesystem: Box<dyn Filesystem>, surveyed: &mut Surveyed) {
        let number = u32::from(volume.number);
        let first = surveyed.table.len();
        let mut survey = Survey::new(volume.number, Placement::piece(volume.extent), &mut surveyed.table);
        let ended = catch_unwind(AssertUnwindSafe(|| filesystem.survey(&mut survey)));
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                survey.problem(error.into_problem().advise("what was listed before this place was examined"))
            }
            Err(_) => survey.problem(Problem::new(
                ProblemKind::Crashed,
                format!(
                    "the {} reader died while it listed this volume{}",
                    filesystem.variant(),
                    super::panics::last()
                ),
            )),
        }
        let SurveyEnd { claims, problems } = survey.finish();
        problems.into_iter().for_each(|problem| self.context.send(Event::Problem(problem)));
        surveyed.claims.extend(claims);
        let summary = self.summary(&volume, &*filesystem, &surveyed.table, first);
        self.context.send(Event::Volume(summary));
        surveyed.filesystems.push((number, filesystem));
    }

    fn summary(
        &self,
        volume: &Volume,
        filesystem: &dyn Filesystem,
        table: &EntryTable,
        first: usize,
    ) -> VolumeSummary {
        let mut summary = summary_of(volume, Some(filesystem.variant()), filesystem.label());
        let mut lost = 0_u64;
        for entry in table.iter().skip(first) {
            match (entry.state(), entry.kind()) {
                (EntryState::Allocated, EntryKind::File) => summary.files += 1,
                (EntryState::Allocated, EntryKind::Directory) => summary.directories += 1,
                (EntryState::Allocated, _) => {}
                (EntryState::Deleted | EntryState::Orphan, kind) => {
                    summary.deleted += 1;
                    lost += u64::from(
                        kind == EntryKind::File
                            && matches!(entry.content(), Content::Lost | Content::Overwritten),
                    );
                }
            }
        }
        if lost > 0 {
            let detail = "content of deleted entries is gone: overwritten by other files, or its place is not recorded";
            let mut problem = Problem::new(ProblemKind::Lost, detail).in_volume(summary.volume);
            problem.count = lost;
            self.context.send(Event::Problem(problem));
        }
        summary
    }

    /// Records a volume of which nothing is read, and gives its bytes to a bucket.
    fn lost(&self, volume: Volume, filesystem: Option<String>, bucket: Bucket, surveyed: &mut Surveyed) {
        self.context.send(Event::Volume(summary_of(&volume, filesystem, String::new())));
        surveyed.claims.push((volume.extent, bucket));
    }

    fn problem(&self, volume: &Volume, kind: ProblemKind, detail: String, advice: &str) {
        let problem =
            Problem::new(kind, detail).in_volume(u32::from(volume.number)).at(volume.extent).advise(advice);
        self.context.send(Event::Problem(problem));
    }
}

/// The claim of a place that could not be read.
fn unreadable(problem: &Problem) -> Option<(Extent, Bucket)> {
    let place = problem.extent.filter(|_| problem.kind == ProblemKind::Unreadable)?;
    Some((place, Bucket::Unreadable))
}

fn summary_of(volume: &Volume, filesystem: Option<String>, label: String) -> VolumeSummary {
    VolumeSummary {
        source: 0,
        volume: u32::from(volume.number),
        extent: volume.extent,
        kind: volume.kind.clone(),
        table_label: volume.label.clone(),
        filesystem,
        label,
        files: 0,
        deleted: 0,
        directories: 0,
    }
}
