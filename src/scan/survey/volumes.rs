//! Looks into one volume: encryption, then a file system, else what it is not read for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::filesystem::{self, Filesystem, signatures};
use crate::model::{Bucket, Event, ItemId, Problem, ProblemKind, Started, Survey, SurveyEnd};
use crate::read::{Confidence, Placed, ReadAt, Window};
use crate::volume::encryption::{self, Encryption};
use crate::volume::{Volume, shadow};

use super::{Depth, Surveyor, summary};

const NOTHING: &str = "nothing in this volume was examined: use another tool";

impl Surveyor<'_> {
    /// Looks into a volume, unless an examiner died of just that.
    pub(super) fn volume(&mut self, volume: Volume, medium: &Arc<dyn ReadAt>) {
        if volume.on.is_empty() {
            self.surveyed.volumes.extend(summary::extent(&volume));
        }
        if volume.holds.is_some() {
            // Its bytes are told of with the volumes that stand on it.
            return self.context.send(Event::Volume(summary::bare(&volume, None)));
        }
        let marker = ItemId::survey_of(u32::from(volume.number));
        if self.prior.culprits.contains(&marker) {
            let detail = "the examiner died when it looked at this volume".to_owned();
            self.problem(&volume, ProblemKind::Crashed, detail, NOTHING);
            return self.lost(&volume, None, Bucket::Unsupported);
        }
        self.context.send(Event::Started(Started { worker: 0, items: vec![marker] }));
        self.look_into(volume, medium);
        self.context.send(Event::Started(Started { worker: 0, items: Vec::new() }));
    }

    fn look_into(&mut self, volume: Volume, medium: &Arc<dyn ReadAt>) {
        let bytes: Arc<dyn ReadAt> = match volume.placement.as_piece() {
            Some(piece) => Arc::new(Window::new(Arc::clone(medium), piece.offset, piece.length)),
            None => Arc::new(Placed::new(Arc::clone(medium), volume.placement.clone())),
        };
        let encrypted = encryption::recognise(&bytes);
        let detected = filesystem::detect(&bytes);
        if let Some(found) = encrypted.as_ref().filter(|found| found.confidence == Confidence::Strong) {
            if detected.confidence != Confidence::Strong {
                return self.encrypted(&volume, found);
            }
            // The visible front of BitLocker To Go, or eight planted bytes before a file system: neither may hide the other.
            self.problem(&volume, ProblemKind::Encrypted, found.sentence(), &found.advice);
            let detail = "it also is a file system that is sure of itself, which is read";
            self.problem(&volume, ProblemKind::Ambiguous, detail.to_owned(), "");
        }
        if detected.tied.len() > 1 {
            let names = detected.tied.join(" and ");
            self.problem(&volume, ProblemKind::Ambiguous, format!("could be {names}; read as the first"), "");
        }
        self.shadows(&volume, &bytes);
        match (detected.format, &encrypted) {
            (None, Some(found)) => self.encrypted(&volume, found),
            (None, None) => self.unread(&volume, &bytes),
            (Some(format), left_over) => {
                if let Some(found) = left_over.as_ref().filter(|found| found.confidence != Confidence::Strong)
                {
                    let detail = format!(
                        "it also has the sign of an encrypted volume, perhaps left over: {}",
                        found.sentence()
                    );
                    self.problem(&volume, ProblemKind::Ambiguous, detail, "");
                }
                self.open(volume, format, bytes);
            }
        }
    }

    fn open(&mut self, volume: Volume, format: &'static dyn filesystem::Format, bytes: Arc<dyn ReadAt>) {
        let name = || Some(format.name().to_owned());
        match catch_unwind(AssertUnwindSafe(|| format.open(bytes))) {
            Ok(Ok(filesystem)) => self.list(volume, filesystem),
            Ok(Err(error)) => {
                let mut problem = error.into_problem().in_volume(u32::from(volume.number)).advise(NOTHING);
                problem.extent = problem.extent.and_then(|place| summary::place(&volume, place));
                self.said(problem);
                self.lost(&volume, name(), Bucket::Unsupported);
            }
            Err(_) => {
                let place = crate::scan::panics::last();
                let detail = format!("the {} reader died when it opened this volume{place}", format.name());
                self.problem(&volume, ProblemKind::Crashed, detail, NOTHING);
                self.lost(&volume, name(), Bucket::Unsupported);
            }
        }
    }

    /// Lists the entries of a volume.
    pub(super) fn list(&mut self, volume: Volume, filesystem: Box<dyn Filesystem>) {
        if self.depth == Depth::Volumes {
            let mut summary = summary::bare(&volume, Some(filesystem.variant()));
            summary.label = filesystem.label();
            return self.context.send(Event::Volume(summary));
        }
        let first = self.surveyed.table.len();
        let mut survey = Survey::new(volume.number, volume.placement.clone(), &mut self.surveyed.table);
        match catch_unwind(AssertUnwindSafe(|| filesystem.survey(&mut survey))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                survey.problem(error.into_problem().advise("what was listed before this place was examined"));
            }
            Err(_) => {
                let (name, place) = (filesystem.variant(), crate::scan::panics::last());
                let detail = format!("the {name} reader died while it listed this volume{place}");
                survey.problem(Problem::new(ProblemKind::Crashed, detail));
            }
        }
        let SurveyEnd { claims, problems } = survey.finish();
        problems.into_iter().for_each(|problem| self.context.send(Event::Problem(problem)));
        self.surveyed.claims.extend(claims);
        let (summary, lost) = summary::of(&volume, &*filesystem, &self.surveyed.table, first);
        lost.into_iter().for_each(|problem| self.context.send(Event::Problem(problem)));
        self.context.send(Event::Volume(summary));
        self.surveyed.filesystems.push((u32::from(volume.number), filesystem));
    }

    fn encrypted(&mut self, volume: &Volume, found: &Encryption) {
        self.problem(volume, ProblemKind::Encrypted, found.sentence(), &found.advice);
        self.lost(volume, None, Bucket::Encrypted);
    }

    /// Earlier states of a volume that stand behind the present one.
    fn shadows(&mut self, volume: &Volume, bytes: &dyn ReadAt) {
        let Some(shadows) = shadow::examine(bytes) else { return };
        let read =
            shadows.metadata.iter().flat_map(|place| volume.placement.places(place.offset, place.length));
        self.surveyed.claim(read.collect::<Vec<_>>(), Bucket::Examined);
        let advice = "the laboratory can examine them: they may hold files that were deleted since";
        self.problem(volume, ProblemKind::Unsupported, shadows.sentence(), advice);
    }

    /// A volume without a file system that is read: said loudly, never an empty result.
    fn unread(&mut self, volume: &Volume, bytes: &dyn ReadAt) {
        let extent = summary::extent(volume).unwrap_or(crate::model::Extent::new(0, 0));
        match signatures::recognise(bytes) {
            Some(known) => {
                let detail = format!("{}: recognised, not read by this version", known.name);
                self.problem(volume, ProblemKind::Unsupported, detail, known.advice);
            }
            None if encryption::looks_random(bytes) => {
                let detail = format!(
                    "possible encrypted volume: the {} bytes from byte {} on ({}) carry no sign of any kind and cannot be \
                     told from random ones, as those of VeraCrypt, of plain dm-crypt, and of a medium that was wiped with \
                     random bytes; {}",
                    volume.placement.length(),
                    extent.offset,
                    volume.kind,
                    encryption::FALSE_ALARMS
                );
                self.problem(volume, ProblemKind::PossiblyEncrypted, detail, encryption::ADVICE);
            }
            None => {
                let detail = format!(
                    "no file system is recognised in the {} bytes from byte {} on ({}): nothing there was examined",
                    volume.placement.length(),
                    extent.offset,
                    volume.kind
                );
                let advice = "it may be damaged, wiped, encrypted without a signature, or of a kind that is not read yet";
                self.problem(volume, ProblemKind::Unsupported, detail, advice);
            }
        }
        self.lost(volume, None, Bucket::Unsupported);
    }

    /// Records a volume of which nothing is read, and gives its bytes to a bucket.
    fn lost(&mut self, volume: &Volume, filesystem: Option<String>, bucket: Bucket) {
        self.context.send(Event::Volume(summary::bare(volume, filesystem)));
        self.surveyed.claim(volume.placement.places(0, volume.placement.length()), bucket);
    }
}
