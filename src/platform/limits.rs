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
