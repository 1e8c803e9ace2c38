//! What the operator wants ended: everything, or one source.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Wishes of the operator, set from any thread while a run goes on.
#[derive(Debug, Default)]
pub struct Stops {
    all: AtomicBool,
    alone: Mutex<BTreeSet<u32>>,
}

impl Stops {
    /// Nothing is to end yet.
    pub const fn new() -> Self {
        Self { all: AtomicBool::new(false), alone: Mutex::new(BTreeSet::new()) }
    }

    /// Ends the whole run.
    pub fn stop_all(&self) {
        self.all.store(true, Ordering::Relaxed);
    }

    /// Ends the examination of one source; the others go on.
    pub fn stop(&self, source: u32) {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner).insert(source);
    }

    /// Whether the whole run is to end.
    pub(super) fn all(&self) -> bool {
        self.all.load(Ordering::Relaxed)
    }

    /// The sources that are to end and were not asked for before.
    pub(super) fn take(&self) -> BTreeSet<u32> {
        std::mem::take(&mut *self.alone.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
