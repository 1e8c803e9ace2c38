//! Handing open files from the recorder to an examiner: inherited on Unix, opened again by path elsewhere.

use std::fs::File;
use std::io;
use std::process::{Child, Command};

use serde::{Deserialize, Serialize};

/// How an examiner gets hold of a file that the recorder opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Token {
    /// It inherits the open handle of that number.
    Handle(i32),
    /// It opens the path again, read-only.
    Path(#[serde(with = "super::path_text")] std::path::PathBuf),
}

/// Starts a process that inherits exactly those files besides its standard streams.
///
/// The files keep their numbers, which [`Token::Handle`] names. It gets a process group of its own, so that a
/// key pressed at the terminal reaches the recorder alone.
///
/// # Errors
/// Any failure to start it.
#[cfg(unix)]
pub fn spawn(command: &mut Command, files: &[&File]) -> io::Result<Child> {
    use rustix::io::{FdFlags, fcntl_setfd};
    use std::os::unix::process::CommandExt as _;

    // Between "may be inherited" and "may not" no other thread may start a process.
    static SPAWNING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = SPAWNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    command.process_group(0);
    let mark = |flags: FdFlags| files.iter().try_for_each(|file| fcntl_setfd(file, flags));
    let started = mark(FdFlags::empty()).map_err(io::Error::from).and_then(|()| command.spawn());
    mark(FdFlags::CLOEXEC)?;
    started
}

/// Starts a process; nothing but its standard streams is inherited.
///
/// # Errors
/// Any failure to start it.
#[cfg(not(unix))]
pub fn spawn(command: &mut Command, _files: &[&File]) -> io::Result<Child> {
    command.spawn()
}

impl Token {
    /// The token for a file that is handed to [`spawn`].
    #[cfg(unix)]
    pub fn of(file: &File, _path: &std::path::Path) -> Self {
        use std::os::fd::AsRawFd as _;
        Self::Handle(file.as_raw_fd())
    }

    /// The token for a file that was opened from that path.
    #[cfg(not(unix))]
    pub fn of(_file: &File, path: &std::path::Path) -> Self {
        Self::Path(path.to_owned())
    }
}

/// Takes over a file that the recorder handed on. Each token can be taken over once.
///
/// # Errors
/// When the handle is not open, or the path cannot be opened.
pub fn adopt(token: &Token) -> io::Result<File> {
    match token {
        #[cfg(unix)]
        Token::Handle(number) => adopt_handle(*number),
        #[cfg(not(unix))]
        Token::Handle(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "no handle is inherited here")),
        Token::Path(path) => super::open_evidence(path, true).map(|(file, _)| file),
    }
}

#[cfg(unix)]
fn adopt_handle(number: i32) -> io::Result<File> {
    use std::collections::BTreeSet;
    use std::os::fd::{BorrowedFd, FromRawFd as _};
    use std::sync::Mutex;

    static TAKEN: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
    // 0 to 2 belong to the standard library.
    if number <= 2 || !TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(number) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("handle {number} was not handed on"),
        ));
    }
    // SAFETY: the number is only borrowed for one fcntl, which fails with EBADF when it is not open.
    #[expect(unsafe_code)]
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_setfd(borrowed, rustix::io::FdFlags::CLOEXEC)?;
    // SAFETY: the handle is open (the call above succeeded), was inherited for this purpose before any thread
    // of this process could open a file of that number, and is taken at most once, which TAKEN guarantees.
    #[expect(unsafe_code)]
    Ok(unsafe { File::from_raw_fd(number) })
}
