//! Appending to the journal of a run: nothing counts as recorded before it is synced.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::clock::{Clock, SystemClock};
use super::record::{Head, Record};
use super::store::{Disk, Log, Store, lock};
use super::{JOURNAL, MAX_LINE};
use crate::model::Event;

/// So many bytes are buffered before they are committed unasked.
const BUFFER: usize = 1 << 20;

/// The only writer of a journal. Dropping it leaves uncommitted events out, and nothing else undone.
pub struct Writer<L: Log = File> {
    log: L,
    clock: Box<dyn Clock + Send>,
    opened: Duration,
    buffer: Vec<u8>,
    committed: Head,
    appended: Head,
    state: State,
}

enum State {
    Open,
    Ended,
    Broken(io::ErrorKind, String),
}

impl Writer {
    /// Creates `journal.jsonl` in an existing run folder and makes its name durable.
    ///
    /// Fails when the file exists: a journal is never opened for writing again.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let writer = Self::create_with(&Disk, folder, SystemClock::start())?;
        // Fails for nobody: the file is new. It tells others that the run is going on.
        lock(&writer.log);
        Ok(writer)
    }
}

impl<L: Log> Writer<L> {
    /// The same on another disk or with another clock.
    pub fn create_with(
        store: &impl Store<Log = L>,
        folder: &Path,
        clock: impl Clock + Send + 'static,
    ) -> io::Result<Self> {
        let log = store.create_new(&folder.join(JOURNAL))?;
        store.sync_folder(folder)?;
        Ok(Self {
            log,
            opened: clock.monotonic(),
            clock: Box::new(clock),
            buffer: Vec::new(),
            committed: Head::default(),
            appended: Head::default(),
            state: State::Open,
        })
    }

    /// Stamps, chains and buffers an event. It is recorded once [`Writer::commit`] has returned.
    ///
    /// Events that the journal does not keep (`Progress`, `Started`, `Entry`, `Done`) are passed over. A full
    /// buffer is committed at once: committing early is always right. Fails for an event whose line would be longer
    /// than 16 MiB (the journal stays as it was), after the end of the run, and once the journal is broken.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        self.check_usable()?;
        if !is_kept(event) {
            return Ok(());
        }
        if matches!(self.state, State::Ended) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the run has ended: its journal is closed",
            ));
        }
        let since = self.clock.monotonic().saturating_sub(self.opened);
        let mono_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let record = Record::after(self.appended, self.clock.utc(), mono_ns, event);
        let line = serde_json::to_vec(&record)?;
        if line.len() >= MAX_LINE {
            let problem = format!("a record of {} bytes is longer than the limit of {MAX_LINE}", line.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        self.appended = self.appended.then(&line);
        self.buffer.extend_from_slice(&line);
        self.buffer.push(b'\n');
        if matches!(event, Event::RunEnded(_)) {
            self.state = State::Ended;
        }
        if self.buffer.len() >= BUFFER { self.commit() } else { Ok(()) }
    }

    /// Writes what is buffered in one go and returns once it survives a loss of power.
    ///
    /// After a failure the journal is broken for good: the file may end in a part of the group, and whether that
    /// part is durable is unknown. What was committed before stays valid; a replay counts the whole records.
    pub fn commit(&mut self) -> io::Result<()> {
        self.check_usable()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.log.write_all(&self.buffer).and_then(|()| self.log.sync_data()) {
            self.state = State::Broken(error.kind(), error.to_string());
            self.buffer = Vec::new();
            return Err(error);
        }
        self.buffer.clear();
        self.committed = self.appended;
        Ok(())
    }

    /// The head of what is committed.
    pub const fn head(&self) -> Head {
        self.committed
    }

    fn check_usable(&self) -> io::Result<()> {
        match &self.state {
            State::Open | State::Ended => Ok(()),
            State::Broken(kind, reason) => {
                let records = self.committed.records;
                let text = format!(
                    "the journal is broken by an earlier failure ({reason}); its first {records} records are safe"
                );
                Err(io::Error::new(*kind, text))
            }
        }
    }
}

/// Whether an event belongs into the journal.
const fn is_kept(event: &Event) -> bool {
    match event {
        Event::Progress(_) | Event::Started(_) | Event::Entry(_) | Event::Done { .. } => false,
        Event::RunStarted(_)
        | Event::SourceStarted(_)
        | Event::SourceOpened(_)
        | Event::Volume(_)
        | Event::Examined(_)
        | Event::Finding(_)
        | Event::Problem(_)
        | Event::Control(_)
        | Event::Coverage(_)
        | Event::Warning(_)
        | Event::RunEnded(_) => true,
    }
}
