//! Keeps an examiner at work on one source until everything was examined or recorded as a problem.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::model::{Event, ExaminedRange, IdRange, ItemId, Problem, ProblemKind, Warning};
use crate::platform::{self, SharedBytes, Token};
use crate::scan::Prior;
use crate::source::EvidenceSource;

use super::RunError;
use super::bell::Bell;
use super::frame;
use super::order::{Order, Task};

/// Deaths in a row after which nothing new was examined and nothing was found to blame.
const MAX_BARREN: u32 = 8;
/// Deaths in all. Each costs a survey: planted files cannot keep a run busy for ever.
const MAX_DEATHS: u32 = 1000;
/// Ranges of items in one frame that follows an order.
const RANGES: usize = 8192;
/// How long an examiner may take to end after it has sent everything.
const LINGER: Duration = Duration::from_secs(5);

/// What reaches the recorder: an event, and the source that it comes from.
pub type Message = (u32, Event);

/// What every examiner of a run has in common.
pub struct Means<'a> {
    /// The compiled sets.
    pub sets: &'a [SharedBytes],
    /// Their roots as the record states them.
    pub roots: Vec<String>,
    /// Worker threads of one examiner.
    pub threads: usize,
    /// Whether access times may change where they cannot be protected.
    pub accept_atime: bool,
    /// The way to tell the examiners to stop.
    pub bell: &'a Bell,
}

/// Has a source examined, however often its examiner dies, and passes on every event.
pub fn supervise(index: u32, source: &EvidenceSource, means: &Means<'_>, events: &Sender<Message>) {
    let mut prior = Prior::default();
    let (mut barren, mut deaths) = (0, 0);
    loop {
        let mut watch = Watch::default();
        let task = Task::Scan { prior: prior.without_examined(), more: 0 };
        let outcome = attend(index, source, means, task, &prior.examined, |event| {
            watch.note(&event);
            events.send((index, event)).is_ok()
        });
        let death = match outcome {
            Ok(_) if watch.done => break,
            Ok(status) => status,
            Err(error) => error.to_string(),
        };
        if means.bell.has_rung(index) {
            break;
        }
        let in_flight = watch.in_flight();
        deaths += 1;
        let came_further = !watch.examined.is_empty();
        let in_flight_count = in_flight.len();
        let blamed = prior.blame(in_flight);
        barren = if came_further || blamed { 0 } else { barren + 1 };
        prior.take_over(watch.examined);
        if barren >= MAX_BARREN || deaths >= MAX_DEATHS {
            let _ = events.send((index, give_up(deaths, &death)));
            break;
        }
        let _ = events.send((index, restart(&death, in_flight_count)));
    }
}

fn restart(death: &str, in_flight: usize) -> Event {
    let detail = format!(
        "the examiner ended before its work was done ({death}); it was started again, {in_flight} items that it was at \
         are tried one by one"
    );
    Event::Warning(Warning { source: None, detail })
}

fn give_up(deaths: u32, death: &str) -> Event {
    let detail = format!("the examiner ended {deaths} times before its work was done, last so: {death}");
    Event::Problem(
        Problem::new(ProblemKind::Crashed, detail)
            .advise("what was not examined until then needs another tool"),
    )
}

/// What an examiner was at.
#[derive(Default)]
struct Watch {
    started: BTreeMap<u32, Vec<ItemId>>,
    examined: Vec<ExaminedRange>,
    done: bool,
}

impl Watch {
    fn note(&mut self, event: &Event) {
        match event {
            // A number that no pool of ours has would only fill memory.
            Event::Started(started) if started.worker <= 1024 => {
                self.started.insert(started.worker, started.items.clone());
            }
            Event::Examined(range) => self.examined.push(range.clone()),
            Event::Done { .. } => self.done = true,
            _ => {}
        }
    }

    /// What was taken up and not finished.
    fn in_flight(&self) -> Vec<ItemId> {
        let finished = Prior { examined: self.examined.clone(), ..Prior::default() }.index();
        self.started.values().flatten().copied().filter(|item| finished.get(*item).is_none()).collect()
    }
}

impl Prior {
    /// Something alone that was suspected before is a culprit; everything else is suspected now. Returns whether
    /// a culprit was found.
    fn blame(&mut self, in_flight: Vec<ItemId>) -> bool {
        match in_flight.as_slice() {
            [alone] if self.suspects.contains(alone) => {
                self.suspects.remove(alone);
                self.culprits.insert(*alone)
            }
            _ => {
                self.suspects.extend(in_flight);
                false
            }
        }
    }

    /// Adds what an examiner has done; alike and neighbouring items become one range.
    fn take_over(&mut self, mut examined: Vec<ExaminedRange>) {
        examined.append(&mut self.examined);
        examined.sort_by_key(|done| (done.outcome, done.media, done.known));
        for alike in examined.chunk_by(|a, b| (a.outcome, a.media, a.known) == (b.outcome, b.media, b.known))
        {
            if let Some(first) = alike.first() {
                let ranges = alike.iter().flat_map(|done| done.items.iter().copied()).collect();
                self.examined.push(ExaminedRange { items: IdRange::joined(ranges), ..first.clone() });
            }
        }
    }

    fn without_examined(&self) -> Self {
        Self { examined: Vec::new(), ..self.clone() }
    }
}

/// Starts one examiner, hands it its order, and passes on its events until it ends. Returns how it ended, in words.
///
/// `take` answers whether anybody still listens.
pub fn attend(
    index: u32,
    source: &EvidenceSource,
    means: &Means<'_>,
    task: Task,
    examined: &[ExaminedRange],
    mut take: impl FnMut(Event) -> bool,
) -> Result<String, RunError> {
    let failed = |error: &dyn std::fmt::Display| RunError::Examiner(error.to_string());
    let more: Vec<ExaminedRange> = examined.iter().flat_map(pieces).collect();
    let task = match task {
        Task::Scan { prior, .. } => Task::Scan { prior, more: more.len().try_into().unwrap_or(u32::MAX) },
        other => other,
    };
    let (mut child, order) = start(source, means, task).map_err(|error| failed(&error))?;
    let mut pipe = child.stdin.take().ok_or_else(|| failed(&"no pipe"))?;
    let mut output = BufReader::new(child.stdout.take().ok_or_else(|| failed(&"no pipe"))?);
    let watched = means.bell.watch(index, child);
    let sent = frame::write(&mut pipe, &order).map_err(|error| failed(&error)).and_then(|()| {
        let mut piped = means.sets.iter().filter(|set| set.file().is_none());
        piped.try_for_each(|set| set.pipe(&mut pipe)).map_err(|error| failed(&error))?;
        more.iter().try_for_each(|done| frame::write(&mut pipe, done)).map_err(|error| failed(&error))
    });
    let mut result = sent;
    means.bell.keep(index, pipe);
    while result.is_ok() {
        match frame::read::<Event>(&mut output) {
            Ok(Some(event)) => {
                watched.note(&event);
                let last = matches!(event, Event::Done { .. });
                if !take(event) || last {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => result = Err(failed(&error)),
        }
    }
    means.bell.forget(index);
    // It has said everything, or does not keep to the form and is not believed any more.
    let patience = if result.is_ok() { LINGER } else { Duration::ZERO };
    let status = watched.end(patience).map_err(|error| failed(&error))?;
    result.map(|()| status)
}

/// What was examined, in parts that fit a frame.
fn pieces(done: &ExaminedRange) -> impl Iterator<Item = ExaminedRange> + use<'_> {
    done.items.chunks(RANGES).map(|items| ExaminedRange { items: items.to_vec(), ..done.clone() })
}

fn start(source: &EvidenceSource, means: &Means<'_>, task: Task) -> std::io::Result<(Child, Order)> {
    let order = Order {
        kind: source.kind,
        path: source.path.clone(),
        files: source.files.iter().map(|(path, file)| Token::of(file, path)).collect(),
        sets: means.sets.iter().map(SharedBytes::token).collect(),
        roots: means.roots.clone(),
        threads: means.threads,
        accept_atime: means.accept_atime,
        read_only: source.read_only,
        remarks: source.remarks.clone(),
        task,
    };
    let mut command = Command::new(std::env::current_exe()?);
    // Not the operator's terminal: what an examiner has to say are events.
    command.arg("examine").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let files: Vec<&std::fs::File> = source
        .files
        .iter()
        .map(|(_, file)| file)
        .chain(means.sets.iter().filter_map(SharedBytes::file))
        .collect();
    Ok((platform::spawn(&mut command, &files)?, order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IdRange, Outcome, Started};

    fn item(record: u64) -> ItemId {
        ItemId { volume: 1, stream: 0, record }
    }

    #[test]
    fn only_what_was_taken_up_and_not_finished_is_suspected() {
        let mut watch = Watch::default();
        let started = |worker, records: &[u64]| {
            Event::Started(Started { worker, items: records.iter().map(|r| item(*r)).collect() })
        };
        watch.note(&started(0, &[1, 2]));
        watch.note(&started(1, &[3]));
        watch.note(&Event::Examined(ExaminedRange {
            source: 0,
            outcome: Outcome::Examined,
            media: false,
            known: false,
            items: IdRange::of(vec![item(1), item(2)]),
            bytes: 0,
        }));
        watch.note(&started(0, &[4]));
        assert_eq!(watch.in_flight(), [item(4), item(3)]);
        assert!(!watch.done);
    }

    #[test]
    fn an_item_is_blamed_only_after_it_was_tried_alone() {
        let mut prior = Prior::default();
        assert!(!prior.blame(vec![item(1)]));
        assert!(prior.culprits.is_empty() && prior.suspects.contains(&item(1)));
        prior.blame(vec![item(1), item(2)]);
        assert!(prior.culprits.is_empty());
        assert!(prior.blame(vec![item(2)]));
        assert_eq!(prior.culprits.into_iter().collect::<Vec<_>>(), [item(2)]);
        assert_eq!(prior.suspects.into_iter().collect::<Vec<_>>(), [item(1)]);
    }
}
