//! The story of a survey: notes on the volume, $Bitmap, the $MFT from front to end, what had to wait.

use crate::model::{Extent, Problem, ProblemKind, Survey};
use crate::read::size;

use super::bitmap::Bitmap;
use super::boot;
use super::gather::{Gathered, Gatherer};
use super::listing::Listing;
use super::record::Flaw;
use super::{VOLUME_RECORD, Volume};

/// Bytes read at once: long enough for a spinning disk, short enough to hold. A multiple of every size of a record.
const PIECE: usize = 2 << 20;

/// Lists everything that can be listed.
pub(super) fn run(volume: &Volume, survey: &mut Survey<'_>) {
    volume.problems.iter().for_each(|problem| survey.problem(problem.clone()));
    volume.metadata(Extent::new(volume.boot, size(boot::SIZE)), survey);
    volume.metadata(Extent::new(volume.geometry.mirror, size(volume.geometry.record)), survey);
    notes(volume, survey);
    let bitmap = Bitmap::read(volume, survey);
    let mut listing = Listing::new(volume, bitmap);
    let mut garbage = Failures::new(ProblemKind::Corrupt, "records of the $MFT without a signature");
    let mut dead = Failures::new(ProblemKind::Unreadable, "records of the $MFT that cannot be read");
    let mut gatherer = Gatherer::new(&volume.source, &volume.geometry);
    sweep(volume, |number, bytes| {
        let Some(bytes) = bytes else {
            dead.add(volume.record_extent(number.into()), survey);
            return true;
        };
        let before = listing.rows.checkpoint();
        match gatherer.gather(number, bytes, &mut listing.rows) {
            Gathered::Row(at, flaw) => {
                if let Some(flaw) = flaw.filter(|_| listing.is_in_use(at)) {
                    report(volume, number, &flaw, survey);
                }
                listing.place(at, before, survey)
            }
            Gathered::Blank => true,
            Gathered::Garbage => {
                garbage.add(volume.record_extent(number.into()), survey);
                true
            }
            Gathered::Full => {
                listing.note_full(survey);
                false
            }
        }
    });
    garbage.hand_over(survey);
    dead.hand_over(survey);
    volume.mft.extents().for_each(|place| volume.metadata(place, survey));
    listing.finish(survey);
}

/// Shows every record with its number, in order; none for one that cannot be read. Ends when `show` says so.
fn sweep(volume: &Volume, mut show: impl FnMut(u32, Option<&mut [u8]>) -> bool) {
    let record = volume.mft.record_size();
    let step = u32::try_from(PIECE.checked_div(record).unwrap_or(1).max(1)).unwrap_or(1);
    let mut buffer = Vec::new();
    let mut first = 0;
    while first < volume.mft.count {
        let count = step.min(volume.mft.count.saturating_sub(first));
        let length = usize::try_from(count).unwrap_or(0).saturating_mul(record);
        buffer.resize(length, 0);
        let whole = volume.mft.read(first, &mut buffer).is_ok();
        for (number, bytes) in (first..).zip(buffer.chunks_exact_mut(record)) {
            let read = whole || volume.mft.read(number, bytes).is_ok();
            if !show(number, read.then_some(bytes)) {
                return;
            }
        }
        first = first.saturating_add(count);
    }
}

/// Neighbouring records with the same trouble, as one problem.
struct Failures {
    kind: ProblemKind,
    what: &'static str,
    place: Option<Extent>,
}

impl Failures {
    const fn new(kind: ProblemKind, what: &'static str) -> Self {
        Self { kind, what, place: None }
    }

    fn add(&mut self, place: Extent, survey: &mut Survey<'_>) {
        if let Some(last) = self.place.as_mut().filter(|last| last.end() == place.offset) {
            last.length = last.length.saturating_add(place.length);
            return;
        }
        self.hand_over(survey);
        self.place = Some(place);
    }

    fn hand_over(&mut self, survey: &mut Survey<'_>) {
        if let Some(place) = self.place.take() {
            let detail = format!("{}: {} bytes from byte {} on", self.what, place.length, place.offset);
            survey.problem(Problem::new(self.kind, detail).at(place));
        }
    }
}

fn report(volume: &Volume, number: u32, flaw: &Flaw, survey: &mut Survey<'_>) {
    let place = volume.record_extent(number.into());
    let detail = format!(
        "record {number} of the $MFT at byte {}: {} at its byte {}: expected {}, found {}",
        place.offset, flaw.what, flaw.at, flaw.expected, flaw.found
    );
    let mut problem = Problem::new(ProblemKind::Corrupt, detail).at(place);
    problem.record = Some(number.into());
    survey.problem(problem);
}

/// States that a reader of the listing must know of.
fn notes(volume: &Volume, survey: &mut Survey<'_>) {
    if volume.about.dirty {
        let detail = "the volume was in use when it was last written to and its journal was not replayed: \
                      the newest changes may be missing";
        survey.problem(Problem::new(ProblemKind::Ambiguous, detail).at(volume.record_extent(VOLUME_RECORD)));
    }
    let stated = volume.stated;
    if let Some(missing) = stated.checked_sub(volume.source.size()).filter(|missing| *missing > 0) {
        let detail = format!(
            "the file system is {stated} bytes long, the volume {}: the last {missing} bytes are missing",
            volume.source.size()
        );
        survey.problem(Problem::new(ProblemKind::Unreadable, detail));
    }
}
