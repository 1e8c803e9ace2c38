//! Comparison with The Sleuth Kit and with the FUSE driver, on staged volumes and on volumes that they fill.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::filesystem::Format;
use crate::filesystem::exfat::Exfat;
use crate::filesystem::trial::{
    Image, Listed, attempt, bytes, compare_allocated, dfxml, md5, run, shared, unpacked, walk,
};
use crate::model::{Content, EntryKind, EntryState};
use crate::read::{Confidence, Memory, ReadAt, Unreadable};

/// What The Sleuth Kit lists and this reader does not, by the end of its path, with the reason.
const ONLY_THERE: &[(&str, &str)] = &[
    ("(Volume Label Entry)", "the label is a property of the volume"),
    ("$ALLOC_BITMAP", "metadata, claimed as such"),
    ("$UPCASE_TABLE", "metadata, claimed as such"),
    ("(Volume GUID Entry)", "a property of the volume"),
    ("$MBR", "metadata, claimed as such"),
    ("$FAT1", "metadata, claimed as such"),
    ("$OrphanFiles", "a virtual directory"),
];

/// Number of the directory entry that The Sleuth Kit calls inode 3: the first of the cluster heap.
fn first_slot(bytes: &[u8]) -> u64 {
    let heap = u32::from_le_bytes(bytes[88..92].try_into().unwrap());
    (u64::from(heap) << bytes[108]) / 32 - 3
}

fn is_only_there(path: &str) -> bool {
    ONLY_THERE.iter().any(|(end, _)| path.ends_with(end))
}

/// Compares with a listing of `fiwalk`. Returns how many allocated and how many other entries were compared.
fn compare(name: &str, xml: &str, image: &Image, first: u64) -> (usize, usize) {
    let by_record: BTreeMap<u64, (usize, &Listed)> = image
        .entries
        .iter()
        .enumerate()
        .filter(|(_, e)| e.stream == 0)
        .map(|(at, e)| (e.record, (at, e)))
        .collect();
    let (mut living, mut deleted) = (0, 0);
    for theirs in dfxml(xml).iter().filter(|theirs| !is_only_there(&theirs.path)) {
        let (at, ours) = *by_record
            .get(&(theirs.inode + first))
            .unwrap_or_else(|| panic!("{name}: {theirs:?} is not listed"));
        assert_eq!(ours.state == EntryState::Allocated, theirs.allocated, "{name}: {theirs:?} {ours:?}");
        assert_eq!(ours.path, theirs.path, "{name}");
        if ours.kind == EntryKind::Directory && !theirs.allocated {
            deleted += 1;
            continue;
        }
        assert_eq!(ours.size, theirs.size, "{name}: {theirs:?}");
        let digest = ours.content.is_had().then(|| md5(&image.bytes(at)));
        if theirs.allocated {
            living += 1;
            assert!(ours.content.is_had(), "{name}: {ours:?}");
        } else {
            deleted += 1;
        }
        if let (EntryKind::File, Some(digest), Some(md5)) = (ours.kind, digest, &theirs.md5) {
            assert_eq!(digest, *md5, "{name}: {ours:?}");
        }
        if ours.content == Content::Overwritten {
            assert!(!theirs.allocated, "{name}: {ours:?}");
        }
    }
    let ours = image.entries.iter().filter(|e| e.state == EntryState::Allocated && e.stream == 0).count();
    assert_eq!(ours, living, "{name}");
    (living, deleted)
}

#[test]
fn the_staged_volume_is_read_as_both_oracles_say() {
    let Some(path) = shared("testdata/filesystems/go-exfat/test.exfat") else { return };
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(Exfat.probe(&Memory(&bytes)), Confidence::Strong);
    let first = first_slot(&bytes);
    let image = Image::survey(&Exfat, bytes).unwrap();
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert_eq!(image.filesystem.label(), "testvolumelabel");
    let Some(xml) = unpacked("testdata/oracle/goexfat.dfxml.gz") else { return };
    let (living, deleted) = compare("go-exfat", &xml, &image, first);
    assert_eq!((living, deleted), (10, 3));
    let Some(lines) = unpacked("testdata/oracle/go-exfat.jsonl.gz") else { return };
    let mut compared = 0;
    // Its digests are not compared: the driver and The Sleuth Kit agree on others, which are ours as well.
    for line in lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let ours = image.find(line["path"].as_str().unwrap().trim_start_matches('/'));
        let Some(size) = line["size"].as_u64() else { continue };
        let modified = jiff::Timestamp::from_second(line["mtime"].as_f64().unwrap() as i64).unwrap();
        let modified = Some(modified.to_string()[..19].to_owned());
        assert_eq!((ours.size, &ours.times[0]), (size, &modified), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

/// A loop device with a volume in it, taken away again whatever happens.
struct Disk {
    device: String,
    mount: std::path::PathBuf,
}

impl Disk {
    /// A device with sectors of that size over a file.
    fn over(path: &Path, sector: &str) -> Option<Self> {
        let device = attempt("losetup", &["-f", "--show", "-b", sector, path.to_str()?])?;
        let device = String::from_utf8(device).unwrap();
        let mount = path.with_extension("mount");
        Some(Self { device: device.trim().to_owned(), mount })
    }

    /// Lets the FUSE driver mount it.
    fn mount(&self) -> Option<&Path> {
        std::fs::create_dir_all(&self.mount).unwrap();
        attempt("mount.exfat-fuse", &[&self.device, self.mount.to_str()?]).map(|_| self.mount.as_path())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mount).stderr(Stdio::null()).status();
        let _ = Command::new("losetup").args(["-d", &self.device]).stderr(Stdio::null()).status();
    }
}

/// Makes a volume and lets the FUSE driver fill it with what is hard. Gives what a mount shows in the end.
fn make(
    path: &Path,
    kib: u64,
    sector: &str,
    cluster: &str,
    files: u64,
) -> Option<BTreeMap<String, (u64, String)>> {
    std::fs::File::create(path).unwrap().set_len(kib << 10).unwrap();
    let disk = Disk::over(path, sector)?;
    attempt("mkfs.exfat", &["-c", cluster, "-L", "Beweis Ü", &disk.device])?;
    let root = disk.mount()?;
    let put = |path: &str, seed: u64, length: usize| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes(seed, length)).unwrap();
    };
    for number in 0..files {
        put(&format!("many/IMG_{number:05} with a rather long name.jpg"), number, 100 + 40 * number as usize);
    }
    // Each directory costs a cluster that the driver fills with zeros.
    let depth = if kib > 200_000 { 1 } else { 12 };
    put(&format!("{}deep", "d/".repeat(depth)), 0, 0);
    put("gone/below/one.bin", 500, 3000);
    put("gone/below/two.bin", 501, 5);
    put(&format!("unicode \u{30cd}\u{30b3} 😀 {}", "ü".repeat(200)), 502, 700);
    put("empty", 503, 0);
    for number in (0..files).step_by(3) {
        std::fs::remove_file(root.join(format!("many/IMG_{number:05} with a rather long name.jpg"))).unwrap();
    }
    // Written into the gaps.
    put("fragments.bin", 504, 60_000);
    put("deleted fragments.bin", 505, 30_000);
    put("last.bin", 506, 10);
    std::fs::remove_file(root.join("deleted fragments.bin")).unwrap();
    std::fs::remove_dir_all(root.join("gone")).unwrap();
    let shown = walk(root);
    Some(shown)
}

/// Sectors, clusters, size in KiB, files.
const MADE: &[(&str, &str, u64, u64)] = &[
    ("512", "512", 6_000, 60),
    ("512", "4096", 6_000, 60),
    ("512", "131072", 20_000, 40),
    ("512", "1048576", 100_000, 30),
    ("4096", "4096", 6_000, 60),
    ("4096", "65536", 20_000, 40),
];

#[test]
fn made_volumes_are_read_as_the_driver_and_the_sleuth_kit_do() {
    let folder = tempfile::tempdir().unwrap();
    for (sector, cluster, kib, files) in MADE {
        let name = format!("sectors of {sector}, clusters of {cluster}");
        let path = folder.path().join("image");
        let Some(shown) = make(&path, *kib, sector, cluster, *files) else { return };
        let content = std::fs::read(&path).unwrap();
        assert_eq!(Exfat.probe(&Memory(&content)), Confidence::Strong, "{name}");
        let first = first_slot(&content);
        let image = Image::survey(&Exfat, content).unwrap();
        assert!(image.problems.is_empty(), "{name}: {:#?}", image.problems);
        assert_eq!(image.filesystem.label(), "Beweis Ü", "{name}");
        let compared = compare_allocated(&image, &shown, &[]);
        let Some(xml) = run("fiwalk", &["-x", path.to_str().unwrap()]) else { return };
        let (living, deleted) = compare(&name, &String::from_utf8_lossy(&xml), &image, first);
        let had = image.digests(EntryState::Deleted);
        let right = had.values().filter(|(_, md5)| written(*files).contains(md5)).count();
        eprintln!(
            "{name}: {compared} files as mounted; as fiwalk says {living} allocated, {deleted} deleted; of {} deleted contents {right} are what was written",
            had.len()
        );
        assert!(deleted >= *files as usize / 3 + 3, "{name}");
        certain_content_is_right(&name, &image, *files);
        let _ = std::fs::remove_file(&path);
    }
}

/// What is certain is what was written, unless a file that was deleted later and whose chain is erased had the place.
fn certain_content_is_right(name: &str, image: &Image, files: u64) {
    let deleted = |e: &Listed| e.state != EntryState::Allocated && e.kind == EntryKind::File;
    let certain = |e: &Listed| deleted(e) && e.content == Content::Runs && e.size > 0;
    let later = bytes(505, 30_000);
    for (at, entry) in image.entries.iter().enumerate().filter(|(_, entry)| certain(entry)) {
        let content = image.bytes(at);
        let start = &content[..content.len().min(64)];
        let known = written(files).contains(&md5(&content));
        assert!(known || later.windows(start.len()).any(|piece| piece == start), "{name}: {entry:?}");
    }
}

/// A file that counts the bytes that are read from it.
struct Counted(std::fs::File, AtomicU64);

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        let read = self.0.read_at(buffer, offset).unwrap();
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[test]
fn clusters_of_32_mib_are_not_read_to_their_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let Some(shown) = make(&path, 800_000, "512", "33554432", 6) else { return };
    let source = Arc::new(Counted(std::fs::File::open(&path).unwrap(), AtomicU64::new(0)));
    let image = Image::of(&Exfat, Arc::clone(&source) as Arc<dyn ReadAt>).unwrap();
    let read = source.1.load(Ordering::Relaxed);
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    assert!(read < 8 << 20, "{read} bytes for {} entries", image.entries.len());
    eprintln!("clusters of 32 MiB: {} entries for {read} bytes", image.entries.len());
    compare_allocated(&image, &shown, &[]);
}

/// Digests of all that is written to a made volume.
fn written(files: u64) -> Vec<String> {
    let many = (0..files).map(|number| (number, 100 + 40 * number as usize));
    let others = [(500, 3000), (501, 5), (502, 700), (504, 60_000), (505, 30_000), (506, 10)];
    many.chain(others).map(|(seed, length)| md5(&bytes(seed, length))).collect()
}
