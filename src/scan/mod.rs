//! Turns one source into events: survey, schedule, examine, conclude.
//!
//! Runs in the examiner. It knows the source and the sets, and nothing of the journal, the screen or other sources.

mod control;
mod coverage;
mod decode;
mod examine;
mod item;
mod known;
mod list;
mod panics;
mod prior;
mod schedule;
mod survey;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::model::{
    Algorithms, Control, ControlKind, Event, ItemId, Problem, ProblemKind, Protection, Started,
};
use crate::platform::Presence;

pub use control::{CONTROL_SET, control_set};
pub use decode::{Decoded, decode};
pub use known::{KnownSets, open_set};
pub use list::{list, look};
pub use panics::install as catch_panics;
pub use prior::Prior;

/// Stands for the check of the digest that an image stores of its medium.
const STORED_DIGEST: ItemId = ItemId::survey_of(u32::MAX - 1);

/// Where events go.
pub trait Sink: Sync {
    /// Passes an event on. After `false` nobody listens any more, and the work should end.
    fn send(&self, event: Event) -> bool;
}

/// What bears on how a source is scanned.
pub struct Options {
    /// Worker threads, at least one.
    pub threads: usize,
    /// Files that a worker may hold open at once.
    pub open_files: usize,
    /// What keeps the source from being written to.
    pub protection: Protection,
    /// What an earlier examiner of the same source has done, or died of.
    pub prior: Prior,
}

/// The means of one scan.
pub struct Context<'a> {
    /// The loaded sets.
    pub sets: &'a KnownSets,
    /// The digests to compute.
    pub wanted: Algorithms,
    /// Where events go.
    pub sink: &'a dyn Sink,
    /// Set when the operator wants an end.
    pub stop: &'a AtomicBool,
    /// Whether the source is still there.
    pub presence: Presence,
    /// Whether this scan is the control of another: only then does the control set count.
    pub is_control: bool,
}

impl Context<'_> {
    /// Whether the work should end: the operator wants it, nobody listens, or the source is gone.
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.presence.is_gone()
    }

    /// Passes an event on; when nobody listens, everything stops.
    fn send(&self, event: Event) {
        if !self.sink.send(event) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn control(&self, kind: ControlKind, outcome: Result<String, String>) -> bool {
        let passed = outcome.is_ok();
        let detail = outcome.unwrap_or_else(|failure| failure);
        self.send(Event::Control(Control { source: 0, kind, passed, detail }));
        passed
    }
}

/// Scans a source from its first control to its ledger, and ends with [`Event::Done`].
pub fn scan(decoded: Decoded, options: &Options, context: &Context<'_>) {
    if control::before(options.threads, context) {
        let surveyed = survey::survey(decoded, options, context);
        let examined = examine::examine(&surveyed, options, context);
        stored_digest(&surveyed, options, context);
        let coverage = coverage::settle(&surveyed, &examined);
        context.send(Event::Coverage(coverage));
        control::after(options.threads, context);
    }
    if context.presence.is_gone() {
        let detail = "the source does not answer any more: it was unplugged, or its connection broke";
        let advice = "what was found until then is kept; plug it in again and scan it anew, or copy it first if it fails again";
        context.send(Event::Problem(Problem::new(ProblemKind::Gone, detail).advise(advice)));
    }
    context.send(Event::Done { stopped: context.stopped() });
}

/// Checks the stored digest, unless an examiner died of just that.
fn stored_digest(surveyed: &survey::Surveyed, options: &Options, context: &Context<'_>) {
    if options.prior.culprits.contains(&STORED_DIGEST) {
        let detail = "the examiner died while it checked the digest that the image stores of its medium";
        return context.send(Event::Problem(Problem::new(ProblemKind::Crashed, detail)));
    }
    context.send(Event::Started(Started { worker: 0, items: vec![STORED_DIGEST] }));
    control::stored_digest(surveyed, context);
    context.send(Event::Started(Started { worker: 0, items: Vec::new() }));
}

#[cfg(test)]
mod tests;
