//! From names to an open handle, without ever leaving the directory at which it begins.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Longest path given to the kernel at once, in bytes; its own limit is 4,096 with the final zero.
const LONGEST_PATH: usize = 4_000;

/// How a directory on the way is held: without the right to read it, where the system knows that.
#[cfg(target_os = "linux")]
pub(super) const PASSAGE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(ALWAYS);
#[cfg(not(target_os = "linux"))]
pub(super) const PASSAGE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(ALWAYS);

/// No handle reaches a child process, none is opened through a link.
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// Opens entries by the names that lead to them.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Whether the kernel resolves a whole path safely (`openat2`, Linux 5.6). Without it each name is a step of
    /// its own, which is as safe and slower.
    whole_paths: AtomicBool,
}

impl Resolver {
    /// Finds out what the kernel and a sandbox around us allow. Old sandboxes answer EPERM for an unknown call;
    /// only here, where nothing else can be meant by it, is that taken for its absence.
    pub(super) fn probe(directory: BorrowedFd<'_>) -> Self {
        Self { whole_paths: AtomicBool::new(beneath(directory, b".", PASSAGE).is_ok()) }
    }

    #[cfg(test)]
    pub(super) const fn stepwise() -> Self {
        Self { whole_paths: AtomicBool::new(false) }
    }

    /// Opens the entry to which `names` lead from `start`; no names mean `start` itself.
    ///
    /// Links are never followed, on the way or at its end. An error is `InvalidInput` when a name is none.
    pub(super) fn open(&self, start: BorrowedFd<'_>, names: &[&[u8]], flags: OFlags) -> io::Result<OwnedFd> {
        if !names.iter().copied().all(is_name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of an entry"));
        }
        if self.whole_paths.load(Ordering::Relaxed) {
            match along(start, names, LONGEST_PATH, flags, beneath) {
                Err(Errno::NOSYS) => self.whole_paths.store(false, Ordering::Relaxed),
                opened => return Ok(opened?),
            }
        }
        Ok(along(start, names, 0, flags, step)?)
    }
}

/// A single name of a directory's own entries: nothing that means another directory.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// Opens piece after piece, each at most `longest` bytes or one name; the last one with `flags`.
fn along(
    start: BorrowedFd<'_>,
    names: &[&[u8]],
    longest: usize,
    flags: OFlags,
    open: impl Fn(BorrowedFd<'_>, &[u8], OFlags) -> rustix::io::Result<OwnedFd>,
) -> rustix::io::Result<OwnedFd> {
    let mut passage: Option<OwnedFd> = None;
    let mut path = Vec::new();
    for name in names {
        if !path.is_empty() && path.len().saturating_add(name.len()) >= longest {
            passage = Some(open(passage.as_ref().map_or(start, AsFd::as_fd), &path, PASSAGE)?);
            path.clear();
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'.');
    }
    open(passage.as_ref().map_or(start, AsFd::as_fd), &path, flags | ALWAYS)
}

/// openat2(2): no way up, no link, no other mount.
#[cfg(target_os = "linux")]
fn beneath(directory: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::ResolveFlags;
    let bounds = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    rustix::io::retry_on_intr(|| rustix::fs::openat2(directory, path, flags, Mode::empty(), bounds))
}

#[cfg(not(target_os = "linux"))]
fn beneath(_: BorrowedFd<'_>, _: &[u8], _: OFlags) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// A single name, not followed when it is a link.
fn step(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    rustix::io::retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused_in_either_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("in/deep")).unwrap();
        fs::write(root.join("in/deep/file"), "inside").unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        fs::write(folder.path().join("out/file"), "outside").unwrap();
        symlink("../out", root.join("link")).unwrap();
        symlink("../../out/file", root.join("in/file")).unwrap();
        symlink("deep", root.join("in/near")).unwrap();
        let handle = fs::File::open(&root).unwrap();
        for resolver in [Resolver::probe(handle.as_fd()), Resolver::stepwise()] {
            let open = |path: &str| {
                let names: Vec<&[u8]> = path.split('|').map(str::as_bytes).collect();
                resolver.open(handle.as_fd(), &names, OFlags::RDONLY)
            };
            let mut file = fs::File::from(open("in|deep|file").unwrap());
            assert_eq!(io::read_to_string(&mut file).unwrap(), "inside");
            for outside in [
                "..|out|file",
                "link|file",
                "in|file",
                "in|near|file",
                "in/deep/file",
                "",
                ".",
                "in|.",
                "a\0",
            ] {
                assert!(open(outside).is_err(), "{outside:?} was opened");
            }
            resolver.open(handle.as_fd(), &[], PASSAGE).unwrap();
        }
    }
}
