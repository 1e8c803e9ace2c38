//! Attached storage as the Linux kernel describes it in sysfs.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{BlockDevice, Partition, PortableDevice};
use crate::model::DeviceIdentity;
use crate::platform::mounts::{Mount, mounts, number};

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

/// Whether a file lies on a disk that stays where it is: a disk of this machine that is neither removable nor on USB.
/// Where nothing is known of the disk, as of network drives and stacked ones, it does not.
pub fn is_fixed(file: &fs::File) -> bool {
    let folder = file.metadata().ok().and_then(|found| {
        let number = format!("{}:{}", rustix::fs::major(found.dev()), rustix::fs::minor(found.dev()));
        fs::canonicalize(Path::new("/sys/dev/block").join(number)).ok()
    });
    let Some(folder) = folder else { return false };
    // A partition leaves it to its disk.
    let disk = if folder.join("partition").exists() { folder.parent() } else { Some(folder.as_path()) };
    let stays = |disk: &Path| text(disk, "removable").as_deref() == Some("0") && disk.join("device").exists();
    // Cards in a slot and disks on a cable say that they are not removable either.
    disk.is_some_and(stays) && !matches!(bus(&folder), Some("usb" | "mmc" | "firewire" | "nbd"))
}

fn device(folder: &Path, path: PathBuf, all_mounts: &[Mount]) -> Option<BlockDevice> {
    let number = |file: &str| text(folder, file)?.parse::<u64>().ok();
    // sysfs counts in 512-byte units whatever the sector size.
    let capacity = number("size")?.checked_mul(512).filter(|bytes| *bytes > 0)?;
    let numbers = holders(folder);
    let mounts = mounted(&numbers, all_mounts);
    let bus = bus(folder);
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
        removable: number("removable") == Some(1) || bus == Some("usb"),
        holds_system: mounts.iter().any(|(place, _)| place == Path::new("/")),
        mounts,
        bus,
        partitions: partitions(folder, all_mounts),
    })
}

fn partitions(folder: &Path, mounts: &[Mount]) -> Vec<Partition> {
    let number = |folder: &Path, file: &str| text(folder, file)?.parse::<u64>().ok();
    let of = |folder: PathBuf| {
        let at = number(&folder, "partition")?;
        let bytes = |file| number(&folder, file)?.checked_mul(512);
        let numbers = holders(&folder);
        let partition = Partition {
            path: Path::new("/dev").join(folder.file_name()?.to_string_lossy().replace('!', "/")),
            offset: bytes("start")?,
            length: bytes("size")?,
            read_only: number(&folder, "ro").map(|n| n != 0),
            mounts: mounted(&numbers, mounts),
        };
        Some((at, partition))
    };
    let mut found: Vec<(u64, Partition)> = inside(folder).filter_map(of).collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, partition)| partition).collect()
}

fn mounted(numbers: &[u64], mounts: &[Mount]) -> Vec<(PathBuf, bool)> {
    let of_device =
        mounts.iter().filter(|mount| mount.devices().iter().any(|device| numbers.contains(device)));
    of_device.map(|mount| (mount.place.clone(), mount.writable)).collect()
}

fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The bus nearest to the device on its path through sysfs.
fn bus(folder: &Path) -> Option<&'static str> {
    const BUSES: [(&str, &str); 8] = [
        ("usb", "usb"),
        ("nvme", "nvme"),
        ("ata", "ata"),
        ("mmc", "mmc"),
        ("virtio", "virtio"),
        ("firewire", "firewire"),
        ("loop", "loop"),
        ("nbd", "nbd"),
    ];
    let path = fs::canonicalize(folder).ok()?;
    let part = |name: &std::ffi::OsStr| {
        let name = name.to_str()?;
        let rest =
            |start| name.strip_prefix(start).map(|rest: &str| rest.starts_with(|c: char| c.is_ascii_digit()));
        BUSES.iter().find(|(start, _)| rest(*start) == Some(true)).map(|(_, bus)| *bus)
    };
    path.iter().rev().find_map(part)
}

/// USB class of still-image devices: PTP, and MTP which grew out of it (USB-IF, "USB Still Image Capture Device").
const STILL_IMAGE: &str = "06";
/// Vendor identifier of Apple: its telephones and tablets offer an interface of their own beside PTP.
const APPLE: &str = "05ac";

pub fn portable_devices() -> Vec<PortableDevice> {
    let mut places: Vec<PathBuf> = inside(Path::new("/sys/bus/usb/devices")).collect();
    places.sort();
    places.iter().filter_map(|device| portable(device)).collect()
}

fn portable(device: &Path) -> Option<PortableDevice> {
    let vendor = text(device, "idVendor")?;
    let interfaces: Vec<PathBuf> =
        inside(device).filter(|path| path.join("bInterfaceClass").exists()).collect();
    let class = |interface: &PathBuf| text(interface, "bInterfaceClass");
    let still = interfaces.iter().any(|interface| class(interface).as_deref() == Some(STILL_IMAGE));
    // Android offers MTP on an interface of vendor class that names itself.
    let named = |interface: &PathBuf| text(interface, "interface").is_some_and(|name| name.contains("MTP"));
    let product = text(device, "product").unwrap_or_default();
    let apple = vendor == APPLE && ["iPhone", "iPad", "iPod"].iter().any(|name| product.contains(name));
    if !still && !apple && !interfaces.iter().any(named) {
        return None;
    }
    let model = [text(device, "manufacturer").unwrap_or_default(), product].join(" ").trim().to_owned();
    Some(PortableDevice {
        model: if model.is_empty() { format!("device of USB vendor {vendor}") } else { model },
        serial: text(device, "serial"),
        protocol: if apple { "Apple" } else { "MTP or PTP" },
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
        todo.extend(inside(&folder).filter(|path| path.join("partition").exists()));
        todo.extend(inside(&folder.join("holders")));
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
        device.ancestors().find(|above| above.join("idVendor").exists()).and_then(|usb| text(usb, "serial"))
    })
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
