//! Keeps an examiner at work on one source until everything was examined or recorded as a problem.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::Sender;

use crate::model::{Event, ExaminedRange, ItemId, Problem, ProblemKind, Warning};
use crate::platform::{self, SharedBytes, Token};
use crate::scan::Prior;
use crate::source::EvidenceSource;

use super::RunError;
use super::frame;
use super::order::{Order, Task};

/// Times that the examiner of one source is started again. Planted files cannot keep a run busy for ever.
const MAX_RESTARTS: u32 = 24;

/// What reaches the recorder: an event, and the source that it comes from.
pub type Message = (u32, Event);

/// What every examiner of a run has in common.
pub struct Means<'a> {
    /// The compiled sets.
    pub sets: &'a [SharedBytes],
    /// Worker threads of one examiner.
    pub threads: usize,
    /// Whether access times may change where they cannot be protected.
    pub accept_atime: bool,
    /// The way to tell the examiners to stop.
    pub bell: &'a Bell,
}

/// Tells examiners to stop.
#[derive(Default)]
pub struct Bell {
    state: Mutex<(bool, BTreeMap<u32, ChildStdin>)>,
}

impl Bell {
    /// Tells every examiner, and every one that is started later, to stop.
    pub fn ring(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        // Closing the pipe is the message.
        state.1.clear();
    }

    fn rung(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn keep(&self, source: u32, pipe: ChildStdin) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.0 {
            state.1.insert(source, pipe);
        }
    }

    fn forget(&self, source: u32) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&source);
    }
}

/// Has a source examined, however often its examiner dies, and passes on every event.
pub fn supervise(index: u32, source: &EvidenceSource, means: &Means<'_>, events: &Sender<Message>) {
    let mut prior = Prior::default();
    let mut restarts = 0;
    loop {
        let mut watch = Watch::default();
        let outcome = attend(index, source, means, Task::Scan(prior.clone()), |event| {
            watch.note(&event);
            events.send((index, event)).is_ok()
        });
        let death = match outcome {
            Ok(_) if watch.done => break,
            Ok(status) => status,
            Err(error) => error.to_string(),
        };
        if means.bell.rung() {
            break;
        }
        restarts += 1;
        let in_flight = watch.in_flight();
        let told = if restarts > MAX_RESTARTS {
            give_up(restarts, &death)
        } else {
            restart(&death, in_flight.len())
        };
        let _ = events.send((index, told));
        if restarts > MAX_RESTARTS {
            break;
        }
        prior.blame(in_flight);
        prior.examined.append(&mut watch.examined);
    }
}

fn restart(death: &str, in_flight: usize) -> Event {
    let detail = format!(
        "the examiner ended before its work was done ({death}); it was started again, {in_flight} items that it was at \
         are tried one by one"
    );
    Event::Warning(Warning { source: None, detail })
}

fn give_up(restarts: u32, death: &str) -> Event {
    let detail = format!("the examiner ended {restarts} times before its work was done, last so: {death}");
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
            Event::Started(started) => drop(self.started.insert(started.worker, started.items.clone())),
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
    /// Something alone that was suspected before is a culprit; everything else is suspected now.
    fn blame(&mut self, in_flight: Vec<ItemId>) {
        match in_flight.as_slice() {
            [alone] if self.suspects.contains(alone) => {
                self.suspects.remove(alone);
                self.culprits.insert(*alone);
            }
            _ => self.suspects.extend(in_flight),
        }
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
    mut take: impl FnMut(Event) -> bool,
) -> Result<String, RunError> {
    let failed = |error: &dyn std::fmt::Display| RunError::Examiner(error.to_string());
    let (mut child, order) = start(source, means, task).map_err(|error| failed(&error))?;
    let mut pipe = child.stdin.take().ok_or_else(|| failed(&"no pipe"))?;
    let sent = frame::write(&mut pipe, &order).map_err(|error| failed(&error)).and_then(|()| {
        let piped = means.sets.iter().filter(|set| set.file().is_none());
        piped.into_iter().try_for_each(|set| pipe.write_all(set.as_ref())).map_err(|error| failed(&error))
    });
    let mut result = sent;
    if result.is_ok() {
        means.bell.keep(index, pipe);
        let mut output = child.stdout.take().map(std::io::BufReader::new);
        while let Some(output) = output.as_mut() {
            match frame::read::<Event>(output) {
                Ok(Some(event)) => {
                    if !take(event) {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    result = Err(failed(&error));
                    break;
                }
            }
        }
        means.bell.forget(index);
    }
    if result.is_err() {
        // It does not keep to the form: nothing more of it is believed.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    result.map(|()| status.to_string())
}

fn start(source: &EvidenceSource, means: &Means<'_>, task: Task) -> std::io::Result<(Child, Order)> {
    let order = Order {
        kind: source.kind,
        path: source.path.clone(),
        files: source.files.iter().map(|(path, file)| Token::of(file, path)).collect(),
        sets: means.sets.iter().map(SharedBytes::token).collect(),
        threads: means.threads,
        accept_atime: means.accept_atime,
        read_only: source.read_only,
        remarks: source.remarks.clone(),
        task,
    };
    let mut command = Command::new(std::env::current_exe()?);
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
        prior.blame(vec![item(1)]);
        assert!(prior.culprits.is_empty() && prior.suspects.contains(&item(1)));
        prior.blame(vec![item(1), item(2)]);
        assert!(prior.culprits.is_empty());
        prior.blame(vec![item(2)]);
        assert_eq!(prior.culprits.into_iter().collect::<Vec<_>>(), [item(2)]);
        assert_eq!(prior.suspects.into_iter().collect::<Vec<_>>(), [item(1)]);
    }
}
