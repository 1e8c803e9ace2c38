//! The content of one file of a folder, read through the handle whose facts are reported.

use crate::filesystem::{Facts, Stream};
use crate::model::{TimeEncoding, Times};
use crate::platform::descent::{OpenFile, Status};
use crate::read::{ReadAt, Unreadable, size};

/// A failed read is tried again up to the next multiple of this, in bytes: what is returned then, or reported as
/// unreadable, is no more than one page.
const PAGE: u64 = 4096;

/// An open file.
pub(super) struct FileContent {
    file: OpenFile,
    served: bool,
}

impl FileContent {
    /// The content of an open file; `served` when a program or another machine states its size.
    pub(super) const fn new(file: OpenFile, served: bool) -> Self {
        Self { file, served }
    }

    /// Says whether the file goes on behind the size that it states, where a size is not to be trusted: files that
    /// are made when they are read, as in `/proc`, state 0.
    fn excess(&self) -> Option<String> {
        let size = self.size();
        if size > 0 && !self.served {
            return None;
        }
        match self.file.read_at(size, &mut [0]) {
            Ok(0) => None,
            Ok(_) => Some(format!("it holds more bytes than its size states ({size})")),
            Err(error) => Some(format!(
                "whether it holds more bytes than its size states ({size}) cannot be told: {error}"
            )),
        }
    }
}

impl ReadAt for FileContent {
    fn size(&self) -> u64 {
        self.file.status().size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let left = self.size().saturating_sub(offset);
        let front = |wanted: u64, buffer: &mut [u8]| -> usize {
            usize::try_from(wanted).map_or(buffer.len(), |wanted| buffer.len().min(wanted))
        };
        let wanted = front(left, buffer);
        let Some(target) = buffer.get_mut(..wanted).filter(|target| !target.is_empty()) else {
            return Ok(0);
        };
        let failed = |length, reason: String| Unreadable::new(offset, length, reason);
        let ended = || failed(left, "the file was shortened and ends before this byte".into());
        match self.file.read_at(offset, target) {
            Ok(0) => Err(ended()),
            Ok(read) => Ok(read),
            // The kernel may blame the first byte for a fault later in the range.
            Err(_) => {
                let page = PAGE.saturating_sub(offset % PAGE);
                let wanted = front(page, target);
                let target = target.get_mut(..wanted).unwrap_or_default();
                match self.file.read_at(offset, target) {
                    Ok(0) => Err(ended()),
                    Ok(read) => Ok(read),
                    Err(error) => Err(failed(size(wanted), error.to_string())),
                }
            }
        }
    }
}

impl Stream for FileContent {
    fn facts(&self) -> Option<Facts> {
        let Status { size, times, .. } = self.file.status();
        Some(Facts { size, times })
    }

    fn changed(&self) -> Option<String> {
        let opened = self.file.status();
        let changed = match self.file.status_now() {
            Ok(now) => differences(&opened, &now),
            Err(error) => Some(format!("whether it changed cannot be told: {error}")),
        };
        let said: Vec<String> = changed.into_iter().chain(self.excess()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What differs, in words. The access time is left out: others may read.
fn differences(opened: &Status, now: &Status) -> Option<String> {
    let date = |raw: Option<u64>| {
        let times = TimeEncoding::UnixNanos.decode(Times { modified: raw, ..Times::default() });
        times.modified.map_or_else(|| "none".into(), |stamp| stamp.utc.unwrap_or(stamp.raw))
    };
    let mut found = Vec::new();
    if now.size != opened.size {
        found.push(format!("size was {}, is {} bytes", opened.size, now.size));
    }
    for (what, then, now) in [
        ("last change of content", opened.times.modified, now.times.modified),
        ("last change of metadata", opened.times.changed, now.times.changed),
    ] {
        if then != now {
            found.push(format!("{what} was {}, is {}", date(then), date(now)));
        }
    }
    (!found.is_empty()).then(|| found.join("; "))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;

    use super::*;

    /// The memory of a process as a file: its first page is mapped nowhere and gives EIO, as a bad sector does.
    #[test]
    fn a_read_error_names_its_exact_place_and_never_becomes_zeros() {
        let Ok(memory) = File::open("/proc/self/mem") else {
            eprintln!("skipped: no /proc/self/mem here");
            return;
        };
        let content = FileContent::new(OpenFile::pretend(memory.into(), 10_000), false);
        let mut buffer = [7; 9_000];
        let failure = content.read_at(100, &mut buffer).unwrap_err();
        assert_eq!((failure.offset, failure.length), (100, 3_996));
        assert!(failure.reason.contains("Input/output error"), "{failure}");
        assert_eq!(buffer, [7; 9_000]);
        assert_eq!(content.read_at(9_990, &mut buffer).unwrap_err().length, 10);
        assert_eq!(content.read_at(10_000, &mut buffer), Ok(0));
        assert_eq!(content.read_at(u64::MAX, &mut buffer), Ok(0));
    }

    #[test]
    fn a_file_that_holds_more_than_its_size_states_says_so() {
        let excess = |file: File, size, served| {
            FileContent::new(OpenFile::pretend(file.into(), size), served).changed()
        };
        match File::open("/proc/version") {
            Ok(version) => {
                let said = excess(version, 0, false).unwrap();
                assert!(said.contains("more bytes than its size states (0)"), "{said}");
            }
            Err(error) => eprintln!("skipped: no /proc/version here: {error}"),
        }
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            std::fs::write(folder.path().join("file"), bytes).unwrap();
            File::open(folder.path().join("file")).unwrap()
        };
        assert_eq!(excess(file(b""), 0, false), None);
        assert_eq!(excess(file(b"1234"), 4, true), None);
        assert!(excess(file(b"1234"), 3, true).unwrap().contains("more bytes"));
        assert!(!excess(file(b"1234"), 3, false).unwrap().contains("more bytes"));
    }
}
