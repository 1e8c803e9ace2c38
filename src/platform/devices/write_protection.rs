//! The kernel's own write protection of a device.

use std::io;
use std::path::{Path, PathBuf};

/// Has the kernel refuse writes to a device and its partitions from now on, and reads back that it does.
///
/// Returns each path with what the kernel says of it afterwards. Changes nothing on the device itself; the flag is
/// gone when the device is unplugged.
///
/// # Errors
/// When the device or a partition cannot be opened or the kernel does not take the order, with its path.
pub fn set_read_only(
    device: &Path,
    partitions: &[PathBuf],
) -> Result<Vec<(PathBuf, bool)>, (PathBuf, io::Error)> {
    let paths = std::iter::once(device.to_owned()).chain(partitions.iter().cloned());
    paths
        .map(|path| match set_and_read_back(&path) {
            Ok(read_only) => Ok((path, read_only)),
            Err(error) => Err((path, error)),
        })
        .collect()
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn set_and_read_back(path: &Path) -> io::Result<bool> {
    use std::ffi::c_int;

    use rustix::fs::{Mode, OFlags, open};
    use rustix::ioctl::{Getter, Setter, ioctl};

    // Linux, include/uapi/linux/fs.h: _IO(0x12, 93) and _IO(0x12, 94).
    const BLKROSET: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 93);
    const BLKROGET: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(0x12, 94);

    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let device = open(path, flags, Mode::empty())?;
    // SAFETY: BLKROSET reads one int through the pointer that `Setter` passes, which points at one for the whole
    // call; BLKROGET writes one int through the pointer that `Getter` passes. Neither keeps the pointer.
    let read_only = unsafe {
        ioctl(&device, Setter::<BLKROSET, c_int>::new(1))?;
        ioctl(&device, Getter::<BLKROGET, c_int>::new())?
    };
    Ok(read_only != 0)
}

#[cfg(not(target_os = "linux"))]
fn set_and_read_back(_path: &Path) -> io::Result<bool> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this operating system offers no such protection: use a write blocker",
    ))
}
