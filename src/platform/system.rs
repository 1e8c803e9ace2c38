//! The machine and the binary that make a record.

use std::io;

use sha2::{Digest as _, Sha256};

/// Operating system, release and processor, for the record.
pub fn system_name() -> String {
    #[cfg(unix)]
    {
        let name = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        format!("{} {} {}", text(name.sysname()), text(name.release()), text(name.machine()))
    }
    #[cfg(not(unix))]
    {
        format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
    }
}

/// SHA-256 of the running binary, for the record.
///
/// # Errors
/// When the binary cannot be read again.
pub fn binary_sha256() -> io::Result<String> {
    let mut binary = std::fs::File::open(std::env::current_exe()?)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match io::Read::read(&mut binary, &mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}
