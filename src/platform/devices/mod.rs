//! Attached block devices: what they say of themselves, and whether anything on them is mounted.

use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
mod linux;
mod rule;
mod write_protection;

use crate::model::DeviceIdentity;

pub use rule::{AutomountRule, automount_rule};
pub use write_protection::set_read_only;

/// A whole disk, not a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockDevice {
    /// The path that opens it.
    pub path: PathBuf,
    /// What it says of itself, as the kernel gives it.
    pub identity: DeviceIdentity,
    /// Whether the kernel refuses writes to it.
    pub read_only: Option<bool>,
    /// Whether it can be unplugged or its medium taken out.
    pub removable: bool,
    /// Places where it or a partition of it is mounted, with whether the mount may write.
    pub mounts: Vec<(PathBuf, bool)>,
    /// Whether the running system lies on it.
    pub holds_system: bool,
    /// How it is attached, as far as the kernel's path to it tells: `usb`, `nvme`, `ata`, `mmc`, `virtio`, `loop`.
    pub bus: Option<&'static str>,
    /// Its partitions as the kernel sees them, by number.
    pub partitions: Vec<Partition>,
}

/// A partition as the kernel sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// The path that opens it.
    pub path: PathBuf,
    /// First byte, from the start of the disk.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
    /// Whether the kernel refuses writes to it.
    pub read_only: Option<bool>,
    /// Places where it is mounted, with whether the mount may write.
    pub mounts: Vec<(PathBuf, bool)>,
}

/// A telephone, tablet or camera on USB that offers its files by a protocol and not as a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableDevice {
    /// What it says it is: manufacturer and product.
    pub model: String,
    /// Serial number.
    pub serial: Option<String>,
    /// The protocol that it offers: `MTP or PTP`, `Apple`.
    pub protocol: &'static str,
}

impl PortableDevice {
    /// One line for a person: model, serial number, protocol.
    pub fn title(&self) -> String {
        let serial = self.serial.as_deref().unwrap_or("not available");
        format!("{} (serial {serial}, {})", self.model, self.protocol)
    }
}

impl BlockDevice {
    /// One line for a person who has to choose: model, size, serial number.
    pub fn title(&self) -> String {
        let DeviceIdentity { model, serial, .. } = &self.identity;
        let text = |field: &Option<String>, absent: &str| field.clone().unwrap_or_else(|| absent.into());
        format!("{} (serial {})", text(model, "model not available"), text(serial, "not available"))
    }
}

/// Every attached disk that has a medium, in the order of their names.
#[cfg(target_os = "linux")]
pub fn devices() -> Vec<BlockDevice> {
    linux::devices()
}

/// Every attached disk: not available on this operating system.
#[cfg(not(target_os = "linux"))]
pub fn devices() -> Vec<BlockDevice> {
    Vec::new()
}

/// Whether a file lies on a disk that stays where it is; `false` where that is not known.
#[cfg(target_os = "linux")]
pub fn is_fixed(file: &std::fs::File) -> bool {
    linux::is_fixed(file)
}

/// Whether a file lies on a disk that stays where it is: not known on this operating system.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn is_fixed(_file: &std::fs::File) -> bool {
    false
}

/// Every telephone, tablet and camera on USB that is no disk, in the order of their places on the bus.
#[cfg(target_os = "linux")]
pub fn portable_devices() -> Vec<PortableDevice> {
    linux::portable_devices()
}

/// Telephones, tablets and cameras: not available on this operating system.
#[cfg(not(target_os = "linux"))]
pub fn portable_devices() -> Vec<PortableDevice> {
    Vec::new()
}

/// The device, or the partition, that a path names, by its number; `path` is kept. `None` when nothing is known of it.
#[cfg(target_os = "linux")]
pub fn device_at(path: &Path) -> Option<BlockDevice> {
    linux::device_at(path)
}

/// A device by its path: not available on this operating system.
#[cfg(not(target_os = "linux"))]
pub fn device_at(_path: &Path) -> Option<BlockDevice> {
    None
}

/// Numbers (`dev_t`) of a block device and of its partitions: a file whose metadata show one of them lies on it.
#[cfg(target_os = "linux")]
pub fn device_numbers(device: &Path) -> Vec<u64> {
    linux::device_numbers(device)
}

/// Numbers of a block device: not available on this operating system.
#[cfg(not(target_os = "linux"))]
pub fn device_numbers(_device: &Path) -> Vec<u64> {
    Vec::new()
}
