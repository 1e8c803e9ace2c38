//! The examiner process: it reads evidence and can write nothing.

use std::io::{BufWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Algorithms, Event, Finding, Problem, ProblemKind, Protection, SourceKind};
use crate::platform::{self, Presence, SharedBytes};
use crate::scan::{self, Context, KnownSets, Options, Prior, Sink};

use super::frame;
use super::order::{Order, Task};

/// Why an examiner could not begin; what goes wrong later is an event.
#[derive(Debug, thiserror::Error)]
pub enum ExaminerError {
    /// The order did not arrive.
    #[error("no order arrived: this command is for the tool's own use; run `onscene scan`")]
    NoOrder,
    /// The order cannot be read.
    #[error(transparent)]
    Order(#[from] frame::FrameError),
    /// Something that the recorder handed on cannot be taken over.
    #[error("{what} was not handed on: {error}")]
    Handover {
        /// What.
        what: &'static str,
        /// Why.
        error: String,
    },
}

/// Sends events down the pipe.
struct Pipe<W: Write>(Mutex<BufWriter<W>>);

impl<W: Write + Send> Sink for Pipe<W> {
    fn send(&self, event: Event) -> bool {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Entries of a listing come in great numbers and nobody waits for a single one.
        let urgent = !matches!(event, Event::Entry(_));
        let sent = match (frame::write(&mut *pipe, &event), event) {
            // What was found is never left out: it loses what makes it long, and says so.
            (Err(frame::FrameError::Malformed { .. }), Event::Finding(finding)) => {
                frame::write(&mut *pipe, &Event::Finding(shortened(finding)))
            }
            (sent, _) => sent,
        };
        let sent = match sent {
            Err(frame::FrameError::Malformed { length, .. }) => {
                let detail =
                    format!("a record of {length} bytes is too long to be passed on and was left out");
                frame::write(&mut *pipe, &Event::Problem(Problem::new(ProblemKind::Limit, detail)))
            }
            sent => sent,
        };
        sent.is_ok() && (!urgent || pipe.flush().is_ok())
    }
}

/// A finding without its list of places, which alone can be long besides its path.
fn shortened(mut finding: Finding) -> Finding {
    let places = u64::try_from(finding.item.extents.len()).unwrap_or(u64::MAX);
    finding.item.more_extents = finding.item.more_extents.saturating_add(places);
    finding.item.extents.clear();
    finding.remarks.push("its places were left out: the record would have been too long".into());
    finding
}

/// Takes an order from `input`, gives up every right that it does not need, and carries it out.
///
/// The first byte that follows on `input` means "stop", and so does its end. Must be called while the process has
/// one thread.
///
/// # Errors
/// When the order or what it names does not arrive.
pub fn examine(
    mut input: impl Read + Send + 'static,
    output: impl Write + Send,
) -> Result<(), ExaminerError> {
    let handover =
        |what| move |error: std::io::Error| ExaminerError::Handover { what, error: error.to_string() };
    scan::catch_panics();
    let order: Order = frame::read(&mut input)?.ok_or(ExaminerError::NoOrder)?;
    let mut sets = Vec::with_capacity(order.sets.len());
    let refused = |error: String| ExaminerError::Handover { what: "a hash set", error };
    for (number, token) in order.sets.iter().enumerate() {
        let bytes = SharedBytes::adopt(token, &mut input).map_err(handover("a hash set"))?;
        let set = scan::open_set(bytes).map_err(|error| refused(error.to_string()))?;
        // Its file may have been written over since the run began.
        if order.roots.get(number).is_some_and(|root| *root != set.root().to_string()) {
            return Err(refused(format!("the set {} is another one than the record states", set.name())));
        }
        sets.push(set);
    }
    let task = match order.task {
        Task::Scan { mut prior, more } => {
            for _ in 0..more {
                prior.examined.push(frame::read(&mut input)?.ok_or(ExaminerError::NoOrder)?);
            }
            Task::Scan { prior, more: 0 }
        }
        other => other,
    };
    let files: Result<Vec<_>, _> = match order.kind {
        SourceKind::Folder if !cfg!(unix) => Ok(Vec::new()),
        _ => order.files.iter().map(platform::adopt).collect(),
    };
    let files = files.map_err(handover("the source"))?;
    let readable = if order.kind == SourceKind::Folder { files.iter().collect() } else { Vec::new() };
    let sandbox = platform::give_up_rights(&readable);

    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        // Whether a byte arrives or the recorder has died: either way it is over.
        let _ = input.read(&mut [0]);
        told.store(true, Ordering::Relaxed);
    });
    let mut protection =
        Protection { read_only: order.read_only, sandboxed: sandbox.enforced, remarks: order.remarks };
    protection.remarks.push(sandbox.detail);
    let pipe = Pipe(Mutex::new(BufWriter::with_capacity(1 << 16, output)));
    let sets = KnownSets::new(sets);
    type Work = fn(scan::Decoded, &Options, &Context<'_>);
    let (wanted, prior, work): (_, _, Work) = match task {
        Task::Scan { prior, .. } => (sets.algorithms(), prior, scan::scan),
        Task::List(wanted) => (wanted, Prior::default(), scan::list),
        Task::Look => (Algorithms::default(), Prior::default(), scan::look),
    };
    let context = Context {
        sets: &sets,
        wanted,
        sink: &pipe,
        stop: &stop,
        presence: Presence::default(),
        is_control: false,
    };
    let decoded = scan::decode(order.kind, files, order.path, order.accept_atime, &prior, &context);
    match decoded {
        Ok(decoded) => {
            let threads = order.threads.max(1);
            // Some for the standard streams, the sets, the segments of an image and directories.
            let spare = platform::open_files()
                .saturating_sub(128 + u64::try_from(order.files.len()).unwrap_or(u64::MAX >> 1));
            let open_files = usize::try_from(spare).unwrap_or(usize::MAX) / threads;
            let options = Options { threads, open_files, protection, prior };
            work(decoded, &options, &context);
        }
        Err(error) => {
            let advice = "nothing in this source was examined: use another tool";
            pipe.send(Event::Problem(error.into_problem().advise(advice)));
            pipe.send(Event::Done { stopped: false });
        }
    }
    Ok(())
}
