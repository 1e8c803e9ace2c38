//! Whether an opened source is still there: a cable that was pulled is not a bad sector.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether what was opened is still there. Clones tell of the same source.
#[derive(Clone, Debug, Default)]
pub struct Presence(Arc<AtomicBool>);

impl Presence {
    /// Whether the source was found to be gone. It does not come back: another device may answer in its place.
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes a read that failed, or gave nothing before the end of the source; tells whether that means that the
    /// source is gone.
    pub fn judge(&self, file: &File, error: Option<&io::Error>) -> bool {
        if error.is_some_and(means_gone) || has_no_medium(file) {
            self.0.store(true, Ordering::Relaxed);
        }
        self.is_gone()
    }
}

/// Errors that no bad sector gives: the device or the connection to it does not exist any more.
fn means_gone(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        const GONE: [Errno; 7] = [
            Errno::NODEV,
            Errno::NXIO,
            Errno::NOMEDIUM,
            Errno::NOTCONN,
            Errno::SHUTDOWN,
            Errno::CONNABORTED,
            Errno::STALE,
        ];
        error.raw_os_error().is_some_and(|code| GONE.iter().any(|gone| gone.raw_os_error() == code))
    }
    #[cfg(not(target_os = "linux"))]
    {
        // ERROR_NOT_READY, ERROR_DEV_NOT_EXIST, ERROR_NO_MEDIA_IN_DRIVE, ERROR_DEVICE_NOT_CONNECTED.
        matches!(error.raw_os_error(), Some(21 | 55 | 1112 | 1167))
    }
}

/// The kernel gives an unplugged device the size of nothing.
fn has_no_medium(file: &File) -> bool {
    let is_device = file.metadata().is_ok_and(|found| super::is_block_device(&found));
    is_device && matches!(io::Seek::seek(&mut &*file, io::SeekFrom::End(0)), Ok(0) | Err(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_sector_is_not_an_unplugged_cable() {
        let file = tempfile::tempfile().unwrap();
        let presence = Presence::default();
        assert!(!presence.judge(&file, Some(&io::Error::from_raw_os_error(5))));
        assert!(!presence.judge(&file, None));
        #[cfg(target_os = "linux")]
        {
            let told = presence.clone();
            assert!(presence.judge(&file, Some(&io::Error::from_raw_os_error(107))));
            assert!(told.is_gone());
        }
    }
}
