//! A disk that fails at every n-th operation loses nothing that was confirmed and seals nothing that is wrong.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::samples::{clock, correction, run, sealed, warning};
use crate::journal::*;
use crate::model::Event;

/// Counts operations and fails those that the plan says; keeps what a loss of power would leave for sure.
#[derive(Default)]
struct Plan {
    done: u32,
    fail_every: u32,
    short_writes: bool,
    /// Bytes of each file that were synced.
    durable: Vec<(PathBuf, u64)>,
}

#[derive(Clone)]
struct Faulty(Rc<RefCell<Plan>>);

struct FaultyLog {
    file: File,
    path: PathBuf,
    disk: Faulty,
}

impl Faulty {
    fn new(fail_every: u32, short_writes: bool) -> Self {
        Self(Rc::new(RefCell::new(Plan { fail_every, short_writes, ..Plan::default() })))
    }

    fn next(&self) -> io::Result<()> {
        let mut plan = self.0.borrow_mut();
        plan.done += 1;
        match plan.fail_every != 0 && plan.done.is_multiple_of(plan.fail_every) {
            true => Err(io::Error::new(io::ErrorKind::StorageFull, "injected")),
            false => Ok(()),
        }
    }

    fn log(&self, file: io::Result<File>, path: &Path) -> io::Result<FaultyLog> {
        self.next()?;
        Ok(FaultyLog { file: file?, path: path.into(), disk: self.clone() })
    }
}

impl Write for FaultyLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A failing write leaves a part behind, as a full disk does.
        if let Err(error) = self.disk.next() {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        let short = self.disk.0.borrow().short_writes;
        self.file.write(if short { &bytes[..bytes.len().min(37)] } else { bytes })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log for FaultyLog {
    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.next()?;
        let length = self.file.metadata()?.len();
        let mut plan = self.disk.0.borrow_mut();
        plan.durable.retain(|(path, _)| *path != self.path);
        plan.durable.push((self.path.clone(), length));
        Ok(())
    }
}

impl Store for Faulty {
    type Log = FaultyLog;

    fn create_new(&self, path: &Path) -> io::Result<FaultyLog> {
        self.log(Disk.create_new(path), path)
    }

    fn open_append(&self, path: &Path, keep: u64) -> io::Result<FaultyLog> {
        self.log(Disk.open_append(path, keep), path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.next()?;
        Disk.rename(from, to)
    }

    fn sync_file(&self, _: &Path) -> io::Result<()> {
        self.next()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.next()
    }
}

fn story() -> Vec<Event> {
    let mut events = run();
    let end = events.pop();
    events.extend((0..12).map(|n| warning(&format!("warning {n}"))));
    events.extend(end);
    events
}

/// Records the story in groups as far as the disk lets it and seals it; returns how many events were confirmed.
fn record(disk: &Faulty, folder: &Path, group: usize) -> io::Result<usize> {
    fs::write(folder.join("report.html"), "report")?;
    let mut writer = Writer::create_with(disk, folder, clock())?;
    let mut confirmed = 0;
    for events in story().chunks(group) {
        let attempt = events.iter().try_for_each(|event| writer.append(event)).and_then(|()| writer.commit());
        if attempt.is_err() {
            let again = writer.append(&warning("more")).unwrap_err();
            assert_eq!(again.kind(), io::ErrorKind::StorageFull);
            assert!(again.to_string().contains("broken by an earlier failure (injected)"), "{again}");
            assert!(writer.commit().is_err());
            assert!(seal_with(disk, folder, writer.head()).is_err());
            break;
        }
        confirmed += events.len();
        assert_eq!(writer.head().records, u64::try_from(confirmed).unwrap());
    }
    if confirmed == story().len() {
        let _ = seal_with(disk, folder, writer.head());
    }
    Ok(confirmed)
}

#[test]
fn whatever_fails_nothing_confirmed_is_lost_and_nothing_wrong_is_sealed() {
    let (mut sealed, mut broken) = (0, 0);
    for fail_every in 1..=50 {
        for (group, short_writes) in [(1, false), (5, true), (100, false)] {
            let place = tempfile::tempdir().unwrap();
            let disk = Faulty::new(fail_every, short_writes);
            let Ok(confirmed) = record(&disk, place.path(), group) else { continue };
            let journal = place.path().join(JOURNAL);
            let bytes = fs::read(&journal).unwrap();
            let durable =
                disk.0.borrow().durable.iter().find(|(path, _)| *path == journal).map_or(0, |d| d.1);
            let durable = usize::try_from(durable).unwrap();
            // A loss of power leaves what was synced and any part of what was not.
            for kept in [bytes.len(), durable.midpoint(bytes.len()), durable] {
                fs::write(&journal, &bytes[..kept]).unwrap();
                let replay = replay(place.path()).unwrap();
                let records = usize::try_from(replay.head.records).unwrap();
                assert!(records >= confirmed, "{fail_every} {group}: {records} of {confirmed}");
                let findings = story()[..records].iter().filter(|e| matches!(e, Event::Finding(_))).count();
                assert_eq!(replay.record.findings.len(), findings);
                let verification = verify(place.path()).unwrap();
                if verification.state == SealState::Sealed {
                    assert!(replay.ended && confirmed == story().len());
                    sealed += 1;
                } else {
                    assert_eq!(verification.faults, []);
                    broken += 1;
                }
            }
        }
    }
    assert!(sealed > 20 && broken > 60, "{sealed} sealed, {broken} not");
}

#[test]
fn short_writes_alone_change_nothing() {
    let places = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (place, short) in places.iter().zip([false, true]) {
        record(&Faulty::new(0, short), place.path(), 4).unwrap();
        assert_eq!(verify(place.path()).unwrap().state, SealState::Sealed);
    }
    for name in [JOURNAL, MANIFEST] {
        let [a, b] = places.each_ref().map(|place| fs::read(place.path().join(name)).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn an_interrupted_seal_can_be_made_again() {
    for fail_every in 1..=20 {
        let place = tempfile::tempdir().unwrap();
        record(&Faulty::new(0, false), place.path(), 4).unwrap();
        fs::remove_file(place.path().join(MANIFEST)).unwrap();
        let head = replay(place.path()).unwrap().head;
        if seal_with(&Faulty::new(fail_every, true), place.path(), head).is_err()
            && verify(place.path()).unwrap().state == SealState::Unsealed
        {
            seal(place.path(), head).unwrap();
        }
        assert_eq!(verify(place.path()).unwrap().state, SealState::Sealed, "{fail_every}");
        assert!(!place.path().join("manifest.json.part").exists());
    }
}

#[test]
fn a_correction_that_failed_does_not_stand_in_the_way_of_the_next() {
    for fail_every in 1..=8 {
        for short_writes in [false, true] {
            let place = tempfile::tempdir().unwrap();
            sealed(place.path());
            let disk = Faulty::new(fail_every, short_writes);
            let failed = append_correction_with(&disk, &clock(), place.path(), &correction("0", "JS/8"));
            let kept = replay(place.path()).unwrap().corrections.len();
            assert!(kept >= if failed.is_ok() { 3 } else { 2 });
            append_correction(place.path(), &correction("1", "JS/9")).unwrap();
            assert_eq!(replay(place.path()).unwrap().corrections.len(), kept + 1);
            assert_eq!(verify(place.path()).unwrap().state, SealState::Sealed);
        }
    }
}
