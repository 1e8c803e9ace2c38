//! Limits that the operating system sets this process, and what it has done.

/// Raises the number of files that this process may hold open as far as it may, and returns it.
pub fn open_files() -> u64 {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let now = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: now.maximum, maximum: now.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return now.maximum.unwrap_or(u64::MAX);
        }
        now.current.unwrap_or(u64::MAX)
    }
    #[cfg(not(unix))]
    {
        // The C library's limit does not apply to the files of the operating system.
        4096
    }
}

/// Has the operating system write no memory of this process, or of those that it starts from now on, to a disk when it
/// crashes. Returns whether that was granted; on Windows nothing is asked for.
pub fn no_core_dumps() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // On Linux a limit of 0 does not keep the dump from a program that collects dumps; 1 does (core(5)).
        let most = u64::from(cfg!(target_os = "linux"));
        // A limit that is lower already cannot be raised.
        let most = Some(getrlimit(Resource::Core).maximum.map_or(most, |now| now.min(most)));
        setrlimit(Resource::Core, Rlimit { current: most, maximum: most }).is_ok()
    }
    #[cfg(not(unix))]
    {
        false
    }
}

/// How many bytes a process has read so far; `None` where nobody tells.
pub fn bytes_read(process: u32) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let account = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
        account.lines().find_map(|line| line.strip_prefix("rchar: ")?.trim().parse().ok())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = process;
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn a_crash_leaves_no_memory_on_a_disk_once_that_was_asked_for() {
        assert!(super::no_core_dumps() && super::no_core_dumps());
        let limit = getrlimit(Resource::Core);
        assert!(limit.current.is_some_and(|most| most <= 1) && limit.maximum == limit.current);
    }
}
