//! Reads each content once, looks its digests up, and says what became of it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::digest::{Buffer, Reading, digest};
use crate::filesystem::Stream;
use crate::model::{
    Algorithms, Content, Digests, EntryIndex, EntryState, Event, ExaminedRange, Extent, FileEntry, Finding,
    IdRange, ItemId, Outcome, Problem, ProblemKind, Progress, Started,
};
use crate::read::{Error, ReadAt};
use crate::sniff::{Class, sniff};

use super::known::Answer;
use super::schedule::Schedule;
use super::survey::Surveyed;
use super::{CONTROL_SET, Context, Options, Prior, item};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(200);

/// What became of each content.
pub struct Examined {
    /// The contents in the order of work.
    pub schedule: Schedule,
    statuses: Vec<AtomicU8>,
    unreadable: Mutex<Vec<Extent>>,
}

/// What became of one content; no outcome means that it was not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// How its examination ended.
    pub outcome: Option<Outcome>,
    /// Whether it is a picture or video by content.
    pub media: bool,
    /// Whether a known-good set or an ignored category accounts for it.
    pub known: bool,
}

impl Examined {
    /// What became of the content that is `at`-th in the order of work.
    pub fn status(&self, at: usize) -> Status {
        self.statuses.get(at).map(|status| Status::unpack(status.load(Ordering::Relaxed))).unwrap_or_default()
    }

    /// Bytes of the medium that could not be read.
    pub fn unreadable(&self) -> Vec<Extent> {
        self.unreadable.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn settle(&self, at: usize, status: Status) {
        if let Some(place) = self.statuses.get(at) {
            place.store(status.pack(), Ordering::Relaxed);
        }
    }
}

impl Status {
    const OUTCOMES: [Option<Outcome>; 5] = [
        None,
        Some(Outcome::Examined),
        Some(Outcome::ExaminedWhole),
        Some(Outcome::Unreadable),
        Some(Outcome::NotExamined),
    ];

    fn pack(self) -> u8 {
        let outcome =
            (0_u8..).zip(Self::OUTCOMES).find(|(_, outcome)| *outcome == self.outcome).map_or(0, |(n, _)| n);
        outcome | u8::from(self.media) << 3 | u8::from(self.known) << 4
    }

    fn unpack(bits: u8) -> Self {
        let outcome = Self::OUTCOMES.get(usize::from(bits & 7)).copied().flatten();
        Self { outcome, media: bits & 8 != 0, known: bits & 16 != 0 }
    }
}

/// Examines everything, in the order of the schedule, until it is done or stopped.
pub fn examine(surveyed: &Surveyed, options: &Options, context: &Context<'_>) -> Examined {
    let schedule = Schedule::new(&surveyed.table, |size| context.sets.alert_has_size(size));
    let statuses = (0..schedule.len()).map(|_| AtomicU8::new(0)).collect();
    let examined = Examined { schedule, statuses, unreadable: Mutex::default() };
    let work =
        Work { surveyed, context, examined: &examined, files: AtomicU64::new(0), bytes: AtomicU64::new(0) };
    let suspects = work.recall(options);
    let batches = examined.schedule.batches(&surveyed.table);
    let cursor = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let teller = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                work.tell_progress();
                std::thread::park_timeout(PROGRESS);
            }
        });
        // Also when this thread panics: else the scope waits for ever for the thread that tells progress.
        let _over = Ending { over: &over, teller: teller.thread().clone() };
        let mut buffer = Buffer::default();
        suspects.into_iter().for_each(|at| work.batch(&[at], 0, &mut buffer));
        let at_once = options.open_files.max(1);
        let worker = |number: usize| {
            let mut buffer = Buffer::default();
            while let Some(batch) =
                batches.get(cursor.fetch_add(1, Ordering::Relaxed)).filter(|_| !context.stopped())
            {
                let todo: Vec<usize> =
                    batch.clone().filter(|at| examined.status(*at).outcome.is_none()).collect();
                todo.chunks(at_once).for_each(|part| work.batch(part, number, &mut buffer));
            }
        };
        match rayon::ThreadPoolBuilder::new().num_threads(options.threads).build() {
            Ok(pool) => drop(pool.broadcast(|thread| worker(thread.index()))),
            // Without threads the work is slower, not less.
            Err(_) => worker(0),
        }
    });
    work.tell_progress();
    surveyed.remarks().into_iter().for_each(|problem| work.problem(problem));
    examined
}

/// Ends the telling of progress when it is dropped.
struct Ending<'a> {
    over: &'a AtomicBool,
    teller: std::thread::Thread,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It would sleep on for a while, and a small source be waiting for it.
        self.teller.unpark();
    }
}

struct Work<'a> {
    surveyed: &'a Surveyed,
    context: &'a Context<'a>,
    examined: &'a Examined,
    files: AtomicU64,
    bytes: AtomicU64,
}

/// A content that was opened.
struct Opened<'a> {
    at: usize,
    entry: FileEntry<'a>,
    stream: Box<dyn Stream>,
}

impl Opened<'_> {
    fn bytes(&self) -> &dyn ReadAt {
        &*self.stream
    }
}

impl<'a> Work<'a> {
    /// Takes over what earlier examiners did, and returns what they may have died of.
    fn recall(&self, options: &Options) -> Vec<usize> {
        if options.prior == Prior::default() {
            return Vec::new();
        }
        let earlier = options.prior.index();
        let shared = self.shared_identities();
        let mut suspects = Vec::new();
        for at in 0..self.examined.schedule.len() {
            let Some(entry) = self.first(at) else { continue };
            let id = item::identity(entry);
            if options.prior.culprits.contains(&id) {
                let detail = "the examiner died while it read this item; it was not examined";
                self.problem(
                    item::problem(entry, ProblemKind::Crashed, detail).advise("examine it with another tool"),
                );
                self.examined.settle(at, Status { outcome: Some(Outcome::NotExamined), ..Status::default() });
            // What could not be read is tried again: only the reading knows which bytes it were.
            } else if let Some(done) =
                earlier.get(id).filter(|done| done.outcome != Outcome::Unreadable && !shared.contains(&id))
            {
                let status = Status { outcome: Some(done.outcome), media: done.media, known: done.known };
                self.examined.settle(at, status);
                self.files.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(entry.size(), Ordering::Relaxed);
            } else if options.prior.suspects.contains(&id) {
                suspects.push(at);
            }
        }
        suspects
    }

    /// Identities that several contents have, such as a deleted one and the one that took its record. Which of them an
    /// earlier examiner read is not known: all are read again.
    fn shared_identities(&self) -> BTreeSet<ItemId> {
        let ids = (0..self.examined.schedule.len()).filter_map(|at| Some(item::identity(self.first(at)?)));
        let mut ids: Vec<ItemId> = ids.collect();
        ids.sort_unstable();
        ids.windows(2)
            .filter_map(|pair| (pair.first() == pair.last()).then(|| pair.first().copied())?)
            .collect()
    }

    fn batch(&self, batch: &[usize], worker: usize, buffer: &mut Buffer) {
        let entries: Vec<(usize, FileEntry<'a>)> =
            batch.iter().filter_map(|at| Some((*at, self.first(*at)?))).collect();
        if entries.is_empty() || self.context.stopped() {
            return;
        }
        let items: Vec<ItemId> = entries.iter().map(|(_, entry)| item::identity(*entry)).collect();
        self.context.send(Event::Started(Started { worker: worker.try_into().unwrap_or(u32::MAX), items }));
        let mut done: Vec<(Status, usize, FileEntry<'a>)> = Vec::with_capacity(entries.len());
        let mut opened: Vec<Opened<'a>> = Vec::with_capacity(entries.len());
        for (at, entry) in entries {
            match self.open(entry) {
                Ok(stream) => opened.push(Opened { at, entry, stream }),
                Err(error) => done.extend(self.not_opened(entry, error).map(|status| (status, at, entry))),
            }
        }
        let readings = self.read(&opened, buffer);
        for (content, reading) in opened.iter().zip(readings) {
            let status = match reading {
                Some(reading) if reading.stopped => continue,
                // Nothing is known of the bytes behind a cable that was pulled: they were not reached.
                Some(reading) if !reading.unreadable.is_empty() && self.context.presence.is_gone() => {
                    continue;
                }
                Some(reading) => {
                    let conclude = || self.conclude(content, &reading, buffer);
                    catch_unwind(AssertUnwindSafe(conclude)).unwrap_or_else(|_| self.died(content.entry))
                }
                None => self.died(content.entry),
            };
            done.push((status, content.at, content.entry));
        }
        self.files.fetch_add(done.len().try_into().unwrap_or(0), Ordering::Relaxed);
        self.report(done);
    }

    /// Opens a content; the inner error is absent when the reader died of it.
    fn open(&self, entry: FileEntry<'_>) -> Result<Box<dyn Stream>, Option<Error>> {
        match catch_unwind(AssertUnwindSafe(|| item::open(self.surveyed, entry))) {
            Ok(opened) => opened.map_err(Some),
            Err(_) => Err(None),
        }
    }

    /// How an item ends that could not be opened; `None` when it was not reached.
    fn not_opened(&self, entry: FileEntry<'_>, error: Option<Error>) -> Option<Status> {
        let Some(error) = error else { return Some(self.died(entry)) };
        if self.context.presence.is_gone() {
            return None;
        }
        let kind = error.problem_kind();
        self.problem(item::problem(entry, kind, error.to_string()));
        let unreadable = kind == ProblemKind::Unreadable;
        let outcome = if unreadable { Outcome::Unreadable } else { Outcome::NotExamined };
        Some(Status { outcome: Some(outcome), ..Status::default() })
    }

    /// Reads a batch at once; after a panic each content by itself, so that it costs its own item only.
    fn read(&self, opened: &[Opened<'_>], buffer: &mut Buffer) -> Vec<Option<Reading>> {
        let pulse = |read: u64| {
            self.bytes.fetch_add(read, Ordering::Relaxed);
            !self.context.stopped()
        };
        let mut attempt = |contents: &[Opened<'_>]| {
            let streams: Vec<&dyn ReadAt> = contents.iter().map(Opened::bytes).collect();
            catch_unwind(AssertUnwindSafe(|| digest(&streams, self.context.wanted, buffer, &pulse))).ok()
        };
        match attempt(opened) {
            Some(readings) => readings.into_iter().map(Some).collect(),
            None => {
                let single =
                    |content: &Opened<'_>| attempt(std::slice::from_ref(content)).and_then(|mut r| r.pop());
                opened.iter().map(single).collect()
            }
        }
    }

    fn died(&self, entry: FileEntry<'_>) -> Status {
        self.problem(item::died(entry).advise("examine it with another tool"));
        Status { outcome: Some(Outcome::NotExamined), ..Status::default() }
    }

    fn conclude(&self, content: &Opened<'_>, reading: &Reading, buffer: &mut Buffer) -> Status {
        let class = sniff(&reading.head).map(|kind| (kind.name, kind.class));
        let media = matches!(class, Some((_, Class::Picture | Class::Video)));
        if !reading.unreadable.is_empty() {
            self.unreadable(content.entry, reading);
            return Status { outcome: Some(Outcome::Unreadable), media, known: false };
        }
        if !self.context.wanted.iter().all(|kind| reading.digests.get(kind).is_some()) {
            let detail = "its digests could not be computed, though no place of it was unreadable";
            self.problem(
                item::problem(content.entry, ProblemKind::Unreadable, detail).advise("scan it again"),
            );
            return Status { outcome: Some(Outcome::Unreadable), media, known: false };
        }
        let size = content.stream.size();
        let answer = match self.look_up(&reading.digests, size) {
            Ok(answer) => answer,
            Err(damage) => {
                let detail = format!("it could not be looked up: {damage}");
                let problem = item::problem(content.entry, ProblemKind::Corrupt, detail);
                self.problem(problem.advise("scan it again with a sound copy of the set"));
                return Status { outcome: Some(Outcome::NotExamined), media, known: false };
            }
        };
        let known = answer.known;
        if !answer.hits.is_empty() {
            self.find(content, reading, answer, buffer);
        }
        let mut outcome = Outcome::Examined;
        if let Some((name, Class::Container | Class::Encrypted)) = class {
            let (kind, what) = match class {
                Some((_, Class::Encrypted)) => (ProblemKind::Encrypted, "encrypted"),
                _ => (ProblemKind::NotOpened, "a container that this version does not open"),
            };
            self.problem(item::problem(
                content.entry,
                kind,
                format!("{name}: {what}; examined as a whole only"),
            ));
            outcome = Outcome::ExaminedWhole;
        }
        if let Some(change) = content.stream.changed() {
            let detail = format!("it changed while it was read: {change}");
            self.problem(
                item::problem(content.entry, ProblemKind::Changed, detail)
                    .advise("scan it again when nothing writes to it"),
            );
            outcome = Outcome::NotExamined;
        }
        Status { outcome: Some(outcome), media, known }
    }

    /// Reads a hit again from the same handle for all digests, and reports it under each of its names.
    fn find(&self, content: &Opened<'_>, first: &Reading, answer: Answer, buffer: &mut Buffer) {
        let again = digest(&[&*content.stream], Algorithms::ALL, buffer, &|_| !self.context.stopped())
            .pop()
            .unwrap_or_default();
        let size = content.stream.size();
        let (mut answer, mut digests) = (answer, first.digests);
        if again.digests.iter().count() == 3 && again.digests.agree(&first.digests) {
            digests = again.digests;
            match self.look_up(&digests, size) {
                Ok(whole) => answer = whole,
                // What was found is told with what was known before.
                Err(damage) => answer.remarks.push(format!("not looked up with all digests: {damage}")),
            }
        } else if again.stopped {
            answer.remarks.push("stopped before a second reading could confirm the digest".into());
        } else {
            let detail = "a second reading for the remaining digests gave other bytes, or failed";
            self.problem(
                item::problem(content.entry, ProblemKind::Ambiguous, detail)
                    .advise("copy the device and read it again"),
            );
            answer.remarks.push("a second reading of the same bytes did not confirm the digest".into());
        }
        for entry in self.group(content.at) {
            let mut remarks = answer.remarks.clone();
            if entry.state() != EntryState::Allocated {
                remarks.push("deleted: name and times may belong to another file".into());
            }
            if entry.content() == Content::Likely {
                let remark =
                    "its place is not recorded: the content was found where it probably lay, in free space";
                remarks.push(remark.into());
            }
            self.context.send(Event::Finding(Finding {
                grade: item::grade(entry.state()),
                exhibit: String::new(),
                source: 0,
                item: item::record(self.surveyed, entry, content.stream.facts(), digests),
                hits: answer.hits.clone(),
                remarks,
            }));
        }
    }

    /// What the sets say of a file; the control set counts in the control's own scan only.
    fn look_up(&self, digests: &Digests, size: u64) -> Result<Answer, String> {
        let mut answer = self.context.sets.look_up(digests, size)?;
        if !self.context.is_control {
            answer.hits.retain(|hit| hit.set != CONTROL_SET);
        }
        Ok(answer)
    }

    fn unreadable(&self, entry: FileEntry<'_>, reading: &Reading) {
        let mut all = self.examined.unreadable.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for range in &reading.unreadable {
            // Bytes that the file system makes, such as decompressed ones, have no place of their own.
            let places = match entry.content() {
                Content::Opened => Vec::new(),
                _ => item::places(entry.runs(), range.offset, range.length),
            };
            let mut problem = item::problem(entry, ProblemKind::Unreadable, range.to_string())
                .advise("read the device again, or image it with a tool that retries");
            problem.extent = places.first().copied();
            self.problem(problem);
            all.extend(places);
        }
    }

    /// Says what became of a batch, alike items together, and only then settles it.
    fn report(&self, mut done: Vec<(Status, usize, FileEntry<'a>)>) {
        done.sort_by_key(|(status, at, _)| (*status, *at));
        for alike in done.chunk_by(|(a, ..), (b, ..)| a == b) {
            let Some((Status { outcome: Some(outcome), media, known }, ..)) = alike.first().copied() else {
                continue;
            };
            self.context.send(Event::Examined(ExaminedRange {
                source: 0,
                outcome,
                media,
                known,
                items: IdRange::of(alike.iter().map(|(_, _, entry)| item::identity(*entry)).collect()),
                bytes: alike.iter().map(|(_, _, entry)| entry.size()).fold(0, u64::saturating_add),
            }));
        }
        done.iter().for_each(|(status, at, _)| self.examined.settle(*at, *status));
    }

    fn first(&self, at: usize) -> Option<FileEntry<'a>> {
        let first: EntryIndex = *self.examined.schedule.group(&self.surveyed.table, at).first()?;
        self.surveyed.table.get(first)
    }

    fn group(&self, at: usize) -> impl Iterator<Item = FileEntry<'a>> {
        let table = &self.surveyed.table;
        self.examined.schedule.group(table, at).iter().filter_map(|index| table.get(*index))
    }

    fn problem(&self, problem: Problem) {
        self.context.send(Event::Problem(problem));
    }

    fn tell_progress(&self) {
        self.context.send(Event::Progress(Progress {
            source: 0,
            phase: "examining".into(),
            files: self.files.load(Ordering::Relaxed),
            files_total: self.examined.schedule.len().try_into().unwrap_or(u64::MAX),
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.examined.schedule.bytes,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_being_packed() {
        for outcome in Status::OUTCOMES {
            for (media, known) in [(false, false), (true, false), (false, true), (true, true)] {
                let status = Status { outcome, media, known };
                assert_eq!(Status::unpack(status.pack()), status);
            }
        }
    }
}
