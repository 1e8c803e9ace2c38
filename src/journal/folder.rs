//! The folder of a run: a new one for each, named after the case and the moment.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::reference::escape_reference;
use super::store::{Disk, Store as _};

/// So many runs of one case within one second; more is a mistake.
const MAX_RUNS: u32 = 1000;

/// Creates the folder `OUT/<case>/<run>` and makes it durable; `out` is created too when its parent exists.
///
/// The case is escaped by [`escape_reference`], the run is the time in UTC as `2026-11-21T172701Z`, with `-2`, `-3` and
/// so on when that exists. A run folder is never used again. What is created is open to its owner only.
pub fn case_folder(out: &Path, case_ref: &str, utc: Timestamp) -> io::Result<PathBuf> {
    let case = out.join(escape_reference(case_ref));
    for folder in [out, &case] {
        match create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
    }
    let stamp = utc.strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let names = (2..=MAX_RUNS).map(|n| format!("{stamp}-{n}"));
    for name in std::iter::once(stamp.clone()).chain(names) {
        let run = case.join(name);
        match create(&run) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| run),
        }
    }
    let text = format!("{} holds {MAX_RUNS} runs of {stamp} already", case.display());
    Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
}

fn create(folder: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Disk.sync_folder(Path::new(".")),
        Some(parent) => Disk.sync_folder(parent),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_gets_a_folder_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("cases");
        let utc: Timestamp = "2026-11-21T17:27:01.9Z".parse().unwrap();
        let made: Vec<PathBuf> = (0..3).map(|_| case_folder(&out, "JS/1", utc).unwrap()).collect();
        let case = out.join("JS%2F1");
        for (folder, name) in made.iter().zip(["", "-2", "-3"]) {
            assert_eq!(*folder, case.join(format!("2026-11-21T172701Z{name}")));
            assert!(folder.is_dir());
        }
        let other = case_folder(&out, "js/1", utc).unwrap();
        assert_eq!(other, out.join("js%2F1+0/2026-11-21T172701Z"));
        assert!(case_folder(&place.path().join("missing/cases"), "A", utc).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_run_folder_is_open_to_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let run = case_folder(place.path(), "A", Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(run.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
