//! Ends examiners: tells them to stop, and kills the one that does not listen or makes no headway.

use std::collections::BTreeMap;
use std::process::{Child, ChildStdin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{Event, Progress};
use crate::platform;

/// How long an examiner may go on after it was told to stop: a block that is being read is read to its end.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long an examiner may go on without any event and without reading a byte.
const STALL: Duration = Duration::from_secs(300);
/// How often the end of a process is looked for.
const POLL: Duration = Duration::from_millis(5);

/// Every examiner of a run.
#[derive(Default)]
pub struct Bell {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rung: Option<Instant>,
    /// Sources that were told to stop alone, and when.
    rung_for: BTreeMap<u32, Instant>,
    pipes: BTreeMap<u32, ChildStdin>,
    watched: BTreeMap<u32, Arc<Watched>>,
}

/// One examiner that is being watched.
pub struct Watched {
    child: Mutex<Child>,
    headway: Mutex<Headway>,
}

/// When an examiner last got further, and how that was seen.
struct Headway {
    at: Instant,
    progress: Progress,
    bytes_read: Option<u64>,
}

impl Bell {
    /// Tells every examiner, and every one that is started later, to stop.
    pub fn ring(&self) {
        let mut state = lock(&self.state);
        state.rung.get_or_insert_with(Instant::now);
        // Closing the pipe is the message.
        state.pipes.clear();
    }

    /// Tells the examiner of one source, and every one that is started for it later, to stop.
    pub fn ring_for(&self, source: u32) {
        let mut state = lock(&self.state);
        state.rung_for.entry(source).or_insert_with(Instant::now);
        state.pipes.remove(&source);
    }

    /// Whether the examiner of a source was told to stop.
    pub fn has_rung(&self, source: u32) -> bool {
        lock(&self.state).rung(source).is_some()
    }

    /// Kills whoever was told to stop long ago, and whoever makes no headway. Called every now and then.
    pub fn look_round(&self) {
        let state = lock(&self.state);
        for (source, watched) in &state.watched {
            let overdue = state.rung(*source).is_some_and(|at| at.elapsed() > PATIENCE);
            if overdue || watched.is_stalled() {
                let _ = lock(&watched.child).kill();
            }
        }
    }

    /// Watches a process from now on.
    pub fn watch(&self, source: u32, child: Child) -> Arc<Watched> {
        let headway = Headway { at: Instant::now(), progress: Progress::default(), bytes_read: None };
        let watched = Arc::new(Watched { child: Mutex::new(child), headway: Mutex::new(headway) });
        lock(&self.state).watched.insert(source, Arc::clone(&watched));
        watched
    }

    /// Keeps the pipe whose end means "stop".
    pub fn keep(&self, source: u32, pipe: ChildStdin) {
        let mut state = lock(&self.state);
        if state.rung(source).is_none() {
            state.pipes.insert(source, pipe);
        }
    }

    /// Lets go of an examiner that has nothing more to say.
    pub fn forget(&self, source: u32) {
        let mut state = lock(&self.state);
        state.pipes.remove(&source);
        state.watched.remove(&source);
    }
}

impl State {
    /// When the examiner of a source was told to stop.
    fn rung(&self, source: u32) -> Option<Instant> {
        self.rung.or_else(|| self.rung_for.get(&source).copied())
    }
}

impl Watched {
    /// Notes that an event came. Progress counts only when it is some.
    pub fn note(&self, event: &Event) {
        let mut headway = lock(&self.headway);
        match event {
            Event::Progress(progress) if *progress == headway.progress => return,
            Event::Progress(progress) => headway.progress.clone_from(progress),
            _ => {}
        }
        headway.at = Instant::now();
    }

    fn is_stalled(&self) -> bool {
        let mut headway = lock(&self.headway);
        if headway.at.elapsed() <= STALL {
            return false;
        }
        // A survey tells nothing until it ends, but it reads. Where nobody tells what it reads, it is trusted.
        let read = platform::bytes_read(lock(&self.child).id());
        let stalled = read.is_some() && read == headway.bytes_read;
        headway.bytes_read = read;
        headway.at = Instant::now();
        stalled
    }

    /// Waits for the end of the process, kills it when it takes too long, and says how it ended.
    pub fn end(&self, patience: Duration) -> std::io::Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            let mut child = lock(&self.child);
            if let Some(status) = child.try_wait()? {
                return Ok(status.to_string());
            }
            if Instant::now() >= deadline {
                child.kill()?;
                return Ok(child.wait()?.to_string());
            }
            drop(child);
            std::thread::sleep(POLL);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
