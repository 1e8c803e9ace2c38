//! Attached block devices: what they say of themselves, and whether anything on them is mounted.

use std::path::{Path, PathBuf};

use crate::model::DeviceIdentity;

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

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use crate::platform::mounts::{Mount, mounts, number};
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    const SYSFS: &str = "/sys/class/block";

    pub fn devices() -> Vec<BlockDevice> {
        let mounts = mounts();
        let mut names: Vec<String> = fs::read_dir("/sys/block")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            // RAM disks and the like hold nothing of a suspect's; a loop device may.
            .filter(|name| !name.starts_with("ram") && !name.starts_with("zram"))
            .collect();
        names.sort();
        let named = |name: &String| {
            device(&Path::new(SYSFS).join(name), Path::new("/dev").join(name.replace('!', "/")), &mounts)
        };
        names.iter().filter_map(named).collect()
    }

    pub fn device_at(path: &Path) -> Option<BlockDevice> {
        device(&folder(path)?, path.to_owned(), &mounts())
    }

    /// By number: the device may have any name, or several.
    fn folder(path: &Path) -> Option<PathBuf> {
        let found = fs::metadata(path).ok().filter(|found| found.file_type().is_block_device())?;
        let number = format!("{}:{}", rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        fs::canonicalize(Path::new("/sys/dev/block").join(number)).ok()
    }

    fn device(folder: &Path, path: PathBuf, mounts: &[Mount]) -> Option<BlockDevice> {
        let number = |file: &str| text(folder, file)?.parse::<u64>().ok();
        // sysfs counts in 512-byte units whatever the sector size.
        let capacity = number("size")?.checked_mul(512).filter(|bytes| *bytes > 0)?;
        let numbers = holders(folder);
        let mounts: Vec<(PathBuf, bool)> = mounts
            .iter()
            .filter(|mount| mount.devices().iter().any(|device| numbers.contains(device)))
            .map(|mount| (mount.place.clone(), mount.writable))
            .collect();
        Some(BlockDevice {
            path,
            identity: DeviceIdentity {
                model: model(folder),
                serial: serial(folder),
                capacity: Some(capacity),
                sector_size: number("queue/logical_block_size").and_then(|n| n.try_into().ok()),
                rotational: number("queue/rotational").map(|n| n != 0),
            },
            read_only: number("ro").map(|n| n != 0),
            removable: number("removable") == Some(1) || on_usb(folder),
            holds_system: mounts.iter().any(|(place, _)| place == Path::new("/")),
            mounts,
        })
    }

    pub fn device_numbers(device: &Path) -> Vec<u64> {
        folder(device).map(|folder| holders(&folder)).unwrap_or_default()
    }

    /// Numbers of a device, of its partitions, and of what is stacked on them (encrypted, logical volumes).
    fn holders(folder: &Path) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut todo = vec![folder.to_owned()];
        // A stack of devices is never deep; the bound keeps a loop in sysfs from being one here.
        while let Some(folder) = todo.pop().filter(|_| numbers.len() < 4096) {
            numbers.extend(text(&folder, "dev").and_then(|text| number(&text)));
            let inside =
                |path: PathBuf| fs::read_dir(path).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
            todo.extend(inside(folder.clone()).filter(|path| path.join("partition").exists()));
            todo.extend(inside(folder.join("holders")));
        }
        numbers
    }

    fn model(folder: &Path) -> Option<String> {
        let parts = ["device/vendor", "device/model"].iter().filter_map(|file| text(folder, file));
        let joined = parts.collect::<Vec<_>>().join(" ");
        (!joined.is_empty()).then_some(joined)
    }

    /// Bridges and disks keep it in different places: the disk's own first, then that of the USB device above it.
    fn serial(folder: &Path) -> Option<String> {
        let own = ["serial", "device/serial"].iter().find_map(|file| text(folder, file));
        own.or_else(|| {
            let page = fs::read(folder.join("device/vpd_pg80")).ok()?;
            let digits = String::from_utf8_lossy(page.get(4..)?).trim().to_owned();
            (!digits.is_empty()).then_some(digits)
        })
        .or_else(|| {
            let device = fs::canonicalize(folder.join("device")).ok()?;
            device
                .ancestors()
                .find(|above| above.join("idVendor").exists())
                .and_then(|usb| text(usb, "serial"))
        })
    }

    fn on_usb(folder: &Path) -> bool {
        fs::canonicalize(folder).is_ok_and(|place| place.to_string_lossy().contains("/usb"))
    }

    fn text(folder: &Path, file: &str) -> Option<String> {
        let text = fs::read_to_string(folder.join(file)).ok()?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_listed_disk_has_a_size_and_a_path() {
            for device in devices() {
                assert!(device.identity.capacity.unwrap() > 0);
                assert!(device.path.starts_with("/dev"));
                if device.path.exists() {
                    assert_eq!(device_at(&device.path).unwrap(), device);
                    assert!(!device_numbers(&device.path).is_empty());
                }
            }
        }
    }
}
