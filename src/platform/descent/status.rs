//! What the kernel says of an entry, by name or by handle.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Stat};

use super::Status;
use crate::model::{EntryKind, Times};

/// The entry `name` of a directory; a link is not followed and nothing is mounted by asking.
pub(super) fn of_child<P: rustix::path::Arg + Copy>(
    directory: BorrowedFd<'_>,
    name: P,
) -> io::Result<Status> {
    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
    #[cfg(target_os = "linux")]
    match linux::statx(directory, name, no_follow | AtFlags::NO_AUTOMOUNT) {
        Err(rustix::io::Errno::NOSYS) => {}
        known => return Ok(known?),
    }
    Ok(from_stat(&rustix::fs::statat(directory, name, no_follow)?))
}

/// What an open handle leads to.
pub(super) fn of_handle(handle: BorrowedFd<'_>) -> io::Result<Status> {
    #[cfg(target_os = "linux")]
    match linux::statx(handle, c"", AtFlags::EMPTY_PATH) {
        Err(rustix::io::Errno::NOSYS) => {}
        known => return Ok(known?),
    }
    Ok(from_stat(&rustix::fs::fstat(handle)?))
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::BorrowedFd;

    use rustix::fs::{AtFlags, FileType, StatxFlags, StatxTimestamp};

    use super::{Status, Times, kind, nanos};

    /// One call tells all, the time of creation and the number of the mount included.
    pub(super) fn statx<P: rustix::path::Arg>(
        directory: BorrowedFd<'_>,
        name: P,
        flags: AtFlags,
    ) -> rustix::io::Result<Status> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID;
        let found = rustix::fs::statx(directory, name, flags, wanted)?;
        let given = StatxFlags::from_bits_retain(found.stx_mask);
        let stamp = |flag, at: StatxTimestamp| {
            given.contains(flag).then(|| nanos(at.tv_sec, i64::from(at.tv_nsec))).flatten()
        };
        Ok(Status {
            kind: kind(FileType::from_raw_mode(found.stx_mode.into())),
            device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
            mount: given.contains(StatxFlags::MNT_ID).then_some(found.stx_mnt_id),
            inode: Some(found.stx_ino),
            size: found.stx_size,
            times: Times {
                created: stamp(StatxFlags::BTIME, found.stx_btime),
                modified: stamp(StatxFlags::MTIME, found.stx_mtime),
                accessed: stamp(StatxFlags::ATIME, found.stx_atime),
                changed: stamp(StatxFlags::CTIME, found.stx_ctime),
            },
        })
    }
}

/// The older call: no time of creation, no number of the mount.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_fallible_conversions,
    reason = "the fields' types differ between systems"
)]
fn from_stat(found: &Stat) -> Status {
    let stamp = |seconds, part: Result<i64, _>| nanos(seconds, part.unwrap_or(0));
    Status {
        kind: kind(FileType::from_raw_mode(found.st_mode)),
        device: u64::try_from(found.st_dev).unwrap_or(0),
        mount: None,
        inode: Some(found.st_ino),
        size: u64::try_from(found.st_size).unwrap_or(0),
        times: Times {
            created: None,
            modified: stamp(found.st_mtime, i64::try_from(found.st_mtime_nsec)),
            accessed: stamp(found.st_atime, i64::try_from(found.st_atime_nsec)),
            changed: stamp(found.st_ctime, i64::try_from(found.st_ctime_nsec)),
        },
    }
}

const fn kind(found: FileType) -> EntryKind {
    match found {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        _ => EntryKind::Other,
    }
}

/// A stamp outside the years 1677 to 2262 does not fit and is absent.
fn nanos(seconds: i64, part: i64) -> Option<u64> {
    seconds.checked_mul(1_000_000_000)?.checked_add(part).map(i64::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn both_calls_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "abc").unwrap();
        let handle = std::fs::File::open(folder.path()).unwrap();
        let new = of_child(handle.as_fd(), c"a").unwrap();
        let old = from_stat(&rustix::fs::statat(&handle, "a", AtFlags::SYMLINK_NOFOLLOW).unwrap());
        let common = Status { mount: None, times: Times { created: None, ..new.times }, ..new };
        assert_eq!(common, old);
        assert_eq!((old.kind, old.size), (EntryKind::File, 3));
        assert_eq!(of_handle(handle.as_fd()).unwrap().kind, EntryKind::Directory);
    }

    #[test]
    fn stamps_that_do_not_fit_are_absent() {
        assert_eq!(nanos(1, 5), Some(1_000_000_005));
        assert_eq!(nanos(-1, 5), Some((-999_999_995_i64).cast_unsigned()));
        assert_eq!(nanos(i64::MAX, 0), None);
        assert_eq!(nanos(i64::MIN / 1_000_000_000, -1_000_000_000), None);
    }
}
