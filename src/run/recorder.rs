//! The recorder: keeps what examiners tell, and only then has it shown.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use sha2::{Digest as _, Sha256};

use crate::journal::Writer;
use crate::model::{Event, RunEnd, RunRecord, SourceHeader, Warning};
use crate::platform::PowerWatch;

use super::bell::Bell;
use super::supervisor::{Means, Message, supervise};
use super::{Ended, Observer, Plan, RunError, Stops};

/// Messages that may wait for the recorder; examiners wait when there are more.
const QUEUE: usize = 4096;
/// Events that are written and synced together at most.
const GROUP: usize = 1024;
/// Longest time that a record which nobody waits for stays unsynced.
const SYNC: Duration = Duration::from_secs(1);
/// How often the machine's power is looked at.
const POWER: Duration = Duration::from_secs(5);
/// How often the recorder looks up from the queue.
const TICK: Duration = Duration::from_millis(100);

/// What a run left behind besides its folder.
pub type Recorded = Result<Ended, RunError>;

/// Carries out a plan: starts an examiner for each exhibit, and keeps and shows everything that they tell.
///
/// # Errors
/// When the journal cannot be written; what was found after that has been shown as not recorded.
pub fn record(plan: &Plan, observer: &mut dyn Observer, stops: &Stops) -> Recorded {
    let journal = |error| RunError::Journal { folder: plan.folder.clone(), error };
    let writer = Writer::create(&plan.folder).map_err(journal)?;
    let mut recorder = Recorder {
        writer,
        record: RunRecord::default(),
        seen: BTreeSet::new(),
        waiting: Vec::new(),
        last_sync: Instant::now(),
        observer,
    };
    let opening =
        std::iter::once(Event::RunStarted(plan.header.clone())).chain(sources(plan)).chain(warnings(plan));
    for event in opening {
        recorder.take(event).map_err(journal)?;
    }
    recorder.commit().map_err(journal)?;

    let bell = Bell::default();
    let threads = plan.threads / plan.exhibits.len().max(1);
    let roots = plan.header.sets.iter().map(|set| set.root.clone()).collect();
    let means = Means {
        sets: &plan.sets,
        roots,
        threads: threads.max(1),
        accept_atime: plan.accept_atime,
        bell: &bell,
    };
    let (sender, receiver) = bounded(QUEUE);
    let outcome = std::thread::scope(|scope| {
        for (index, exhibit) in (0_u32..).zip(&plan.exhibits) {
            let (sender, means) = (sender.clone(), &means);
            scope.spawn(move || supervise(index, &exhibit.source, means, &sender));
        }
        drop(sender);
        let outcome = recorder.attend(plan, &receiver, &bell, stops);
        if outcome.is_err() {
            bell.ring();
            recorder.show_the_rest(plan, &receiver);
        }
        outcome
    });
    outcome.map_err(journal)?;
    recorder.conclude(stops.all()).map_err(journal)
}

fn sources(plan: &Plan) -> impl Iterator<Item = Event> + use<'_> {
    (0_u32..).zip(&plan.exhibits).map(|(source, exhibit)| {
        Event::SourceStarted(SourceHeader {
            source,
            exhibit: exhibit.reference.clone(),
            labelled: exhibit.labelled,
            name: exhibit.source.path.to_string_lossy().into_owned(),
            kind: exhibit.source.kind,
            size: exhibit.source.size().unwrap_or(0),
            device: exhibit.source.device.clone(),
        })
    })
}

fn warnings(plan: &Plan) -> impl Iterator<Item = Event> + use<'_> {
    plan.warnings.iter().map(|detail| Event::Warning(Warning { source: None, detail: detail.clone() }))
}

struct Recorder<'a> {
    writer: Writer,
    record: RunRecord,
    /// Digests of what is kept already: a restarted examiner tells some of it again.
    seen: BTreeSet<[u8; 16]>,
    /// Taken, not yet synced, not yet shown.
    waiting: Vec<Event>,
    last_sync: Instant,
    observer: &'a mut dyn Observer,
}

impl Recorder<'_> {
    /// Keeps and shows until every examiner has ended.
    fn attend(
        &mut self,
        plan: &Plan,
        messages: &Receiver<Message>,
        bell: &Bell,
        stops: &Stops,
    ) -> std::io::Result<()> {
        let mut power = PowerWatch::new();
        let mut looked = Instant::now();
        let mut rung = false;
        loop {
            match messages.recv_timeout(TICK) {
                Ok(first) => {
                    for (source, event) in std::iter::once(first).chain(messages.try_iter().take(GROUP)) {
                        self.take(attribute(event, source, plan))?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.commit(),
            }
            if looked.elapsed() >= POWER {
                looked = Instant::now();
                for detail in power.events() {
                    self.take(Event::Warning(Warning { source: None, detail }))?;
                }
            }
            if stops.all() && !rung {
                rung = true;
                bell.ring();
            }
            for source in stops.take() {
                bell.ring_for(source);
                let detail = "stopped alone by the operator".to_owned();
                self.take(Event::Warning(Warning { source: Some(source), detail }))?;
            }
            bell.look_round();
            let somebody_waits = self.waiting.iter().any(|event| !matches!(event, Event::Examined(_)));
            if somebody_waits || self.last_sync.elapsed() >= SYNC {
                self.commit()?;
            }
        }
    }

    /// Appends an event to the journal, unless it is not of the kept kind or is kept already.
    fn take(&mut self, event: Event) -> std::io::Result<()> {
        match &event {
            Event::Progress(_) => self.observer.show(&event),
            Event::Started(_) | Event::Entry(_) | Event::Done { .. } => {}
            _ if self.is_repeated(&event) => {}
            _ => {
                // Among those that are shown as not recorded, should this fail.
                self.waiting.push(event.clone());
                self.writer.append(&event)?;
            }
        }
        Ok(())
    }

    fn is_repeated(&mut self, event: &Event) -> bool {
        // Only what a restarted examiner may tell twice is compared; the rest is unique by nature.
        let comparable = matches!(
            event,
            Event::SourceOpened(_)
                | Event::Volume(_)
                | Event::Finding(_)
                | Event::Problem(_)
                | Event::Control(_)
        );
        if !comparable {
            return false;
        }
        let bytes = serde_json::to_vec(event).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        let (half, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        !self.seen.insert(*half)
    }

    /// Writes, syncs, and then shows what was taken.
    fn commit(&mut self) -> std::io::Result<()> {
        self.last_sync = Instant::now();
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.writer.commit()?;
        for event in self.waiting.drain(..) {
            self.observer.show(&event);
            self.record.apply(event);
        }
        Ok(())
    }

    /// The journal is broken: nothing that was found goes unseen.
    fn show_the_rest(&mut self, plan: &Plan, messages: &Receiver<Message>) {
        self.waiting.drain(..).for_each(|event| self.observer.show_unrecorded(&event));
        for (source, event) in messages {
            self.observer.show_unrecorded(&attribute(event, source, plan));
        }
    }

    fn conclude(&mut self, stopped: bool) -> std::io::Result<Ended> {
        let reason = if stopped { "by the operator" } else { "" };
        self.record.sort();
        let end = RunEnd::conclude(&self.record, stopped, reason);
        let (verdict, failed) = (end.verdict.clone(), self.record.failed());
        self.take(Event::RunEnded(end))?;
        self.commit()?;
        let head = self.writer.head();
        let shown = format!("{} records, head {}", head.records, head.short());
        Ok(Ended { verdict, failed, head: shown, journal_head: head })
    }
}

/// Fills in what an examiner does not know of its source.
fn attribute(event: Event, source: u32, plan: &Plan) -> Event {
    let index = usize::try_from(source).unwrap_or(usize::MAX);
    let exhibit = plan.exhibits.get(index).map(|exhibit| exhibit.reference.clone()).unwrap_or_default();
    match event {
        Event::SourceOpened(inner) => Event::SourceOpened(crate::model::SourceSummary { source, ..inner }),
        Event::Volume(inner) => Event::Volume(crate::model::VolumeSummary { source, ..inner }),
        Event::Examined(inner) => Event::Examined(crate::model::ExaminedRange { source, ..inner }),
        Event::Finding(inner) => Event::Finding(crate::model::Finding { source, exhibit, ..inner }),
        Event::Problem(inner) => Event::Problem(crate::model::Problem { source, ..inner }),
        Event::Control(inner) => Event::Control(crate::model::Control { source, ..inner }),
        Event::Coverage(inner) => Event::Coverage(crate::model::Coverage { source, ..inner }),
        Event::Warning(inner) => Event::Warning(Warning { source: Some(source), ..inner }),
        Event::Progress(inner) => Event::Progress(crate::model::Progress { source, ..inner }),
        // What an examiner has no business to say is dropped: it may be lying.
        Event::RunStarted(_) | Event::SourceStarted(_) | Event::RunEnded(_) => Event::Done { stopped: false },
        Event::Started(_) | Event::Entry(_) | Event::Done { .. } => event,
    }
}
