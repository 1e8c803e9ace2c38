//! What is mounted where, and which devices lie under a path, from the kernel's own table.

use std::path::{Path, PathBuf};

/// Where a path lies, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Numbers (`dev_t`) of the file system and of every block device known to be under it.
    pub devices: Vec<u64>,
    /// Number (`dev_t`) of the file system.
    pub filesystem: u64,
    /// The path counted from the root of that file system, the same through every mount of it.
    pub inside: PathBuf,
}

/// Where an existing path lies; `None` when the kernel does not tell.
#[cfg(target_os = "linux")]
pub fn location(path: &Path) -> Option<Location> {
    linux::location(path)
}

/// Where a path lies: not available on this operating system.
#[cfg(not(target_os = "linux"))]
pub fn location(_path: &Path) -> Option<Location> {
    None
}

#[cfg(target_os = "linux")]
pub(super) use linux::{Mount, mounts, number};

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};

    use super::*;

    /// A line of the table.
    #[derive(Debug, PartialEq, Eq)]
    pub struct Mount {
        id: u64,
        filesystem: u64,
        /// The directory of the file system that is mounted.
        root: PathBuf,
        /// Where it is mounted.
        pub place: PathBuf,
        /// Whether the mount may write.
        pub writable: bool,
        source: PathBuf,
    }

    impl Mount {
        /// Numbers of the file system and of the devices under it. A file system over several devices (btrfs) has a
        /// number that is no device's.
        pub fn devices(&self) -> Vec<u64> {
            let mut devices = vec![self.filesystem];
            let block =
                |path: &Path| Some(fs::metadata(path).ok()?).filter(|m| m.file_type().is_block_device());
            // Only there: asking for any other path could reach a file system that does not answer.
            if let Some(source) = block(&self.source).filter(|_| self.source.starts_with("/dev")) {
                devices.push(source.rdev());
                devices.extend(pool(source.rdev()));
            }
            devices
        }
    }

    pub fn location(path: &Path) -> Option<Location> {
        let path = fs::canonicalize(path).ok()?;
        let mounts = mounts();
        let found = statx(CWD, &path, AtFlags::empty(), StatxFlags::MNT_ID).ok();
        let id = found
            .filter(|found| StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID))
            .map(|found| found.stx_mnt_id);
        let mount = mounts.iter().find(|mount| Some(mount.id) == id && path.starts_with(&mount.place));
        // Of several mounts at one place the last one is seen.
        let longest = || {
            let above = mounts.iter().filter(|mount| path.starts_with(&mount.place));
            above.max_by_key(|mount| mount.place.components().count())
        };
        let mount = mount.or_else(longest)?;
        Some(Location {
            devices: mount.devices(),
            filesystem: mount.filesystem,
            inside: mount.root.join(path.strip_prefix(&mount.place).ok()?),
        })
    }

    /// Everything that is mounted, in the order of the table (proc(5), mountinfo).
    pub fn mounts() -> Vec<Mount> {
        let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
        table.split(|byte| *byte == b'\n').filter_map(line).collect()
    }

    fn line(line: &[u8]) -> Option<Mount> {
        let mut fields = line.split(|byte| *byte == b' ');
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        let id = text()?.parse().ok()?;
        let _parent = text()?;
        let filesystem = number(text()?)?;
        let (root, place) = (unescape(fields.next()?), unescape(fields.next()?));
        let writable = fields.next()?.split(|byte| *byte == b',').any(|option| option == b"rw");
        // Any number of optional fields, a dash, the type, the source.
        let source = unescape(fields.skip_while(|field| *field != b"-").nth(2)?);
        Some(Mount { id, filesystem, root, place, writable, source })
    }

    /// `major:minor`.
    pub fn number(text: &str) -> Option<u64> {
        let (major, minor) = text.trim().split_once(':')?;
        Some(makedev(major.parse().ok()?, minor.parse().ok()?))
    }

    /// The table writes blank, tab, newline and backslash as three octal digits.
    fn unescape(field: &[u8]) -> PathBuf {
        let mut plain = Vec::with_capacity(field.len());
        let mut rest = field;
        while let Some((&first, after)) = rest.split_first() {
            let code =
                after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
            match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                Some(byte) => {
                    plain.push(byte);
                    rest = after.get(3..).unwrap_or_default();
                }
                None => {
                    plain.push(first);
                    rest = after;
                }
            }
        }
        OsString::from_vec(plain).into()
    }

    /// Numbers of the devices that are in one btrfs with that device.
    fn pool(device: u64) -> Vec<u64> {
        let inside =
            |path: PathBuf| fs::read_dir(path).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
        let pools = inside("/sys/fs/btrfs".into()).map(|pool| {
            let members = inside(pool.join("devices"));
            members
                .filter_map(|member| number(&fs::read_to_string(member.join("dev")).ok()?))
                .collect::<Vec<_>>()
        });
        pools.into_iter().find(|pool| pool.contains(&device)).unwrap_or_default()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_line_with_blanks_and_optional_fields_is_read() {
            let mount = line(
                b"36 35 0:44 /@home/a\\040b /media/USB\\040STICK\\134x rw,noatime shared:1 master:2 - btrfs /dev/sdb1 rw",
            )
            .unwrap();
            let expected = Mount {
                id: 36,
                filesystem: makedev(0, 44),
                root: "/@home/a b".into(),
                place: "/media/USB STICK\\x".into(),
                writable: true,
                source: "/dev/sdb1".into(),
            };
            assert_eq!(mount, expected);
            assert_eq!(line(b"36 35 8:1 / /x ro - ext4").map(|mount| mount.place), None);
            assert!(!line(b"36 35 8:1 / /\xff ro - ext4 /dev/sda1 ro").unwrap().writable);
        }

        #[test]
        fn a_path_lies_where_the_kernel_says() {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("below")).unwrap();
            let (above, below) =
                (location(folder.path()).unwrap(), location(&folder.path().join("below")).unwrap());
            assert_eq!(above.filesystem, below.filesystem);
            assert_eq!(below.inside, above.inside.join("below"));
        }
    }
}
