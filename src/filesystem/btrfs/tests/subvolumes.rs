//! Subvolumes and snapshots: each at its place, and what they share examined once.

use std::collections::BTreeSet;

use super::*;
use crate::filesystem::trial::{compare_allocated, walk};

#[test]
fn subvolumes_and_snapshots_stand_at_their_places_and_share_records() {
    let Some((path, _folder)) = format("-m single", 116) else { return };
    let Some(mount) = Mounted::new(&path, "noatime,compress=zstd") else { return };
    let subvolume = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["subvolume"].iter().chain(arguments).copied().collect();
        run("btrfs", &arguments).unwrap();
    };
    std::fs::create_dir(mount.at("homes")).unwrap();
    subvolume(&["create", &mount.at("homes/one")]);
    subvolume(&["create", &mount.at("homes/one/inner")]);
    for number in 0..200_u64 {
        let length = if number % 3 == 0 { 200 } else { 6000 };
        std::fs::write(mount.at(&format!("homes/one/file {number}")), bytes(number, length)).unwrap();
    }
    std::fs::write(mount.at("homes/one/text"), vec![b'a'; 300_000]).unwrap();
    std::fs::write(mount.at("homes/one/inner/secret"), bytes(7, 9000)).unwrap();
    mount.sync();
    subvolume(&["snapshot", "-r", &mount.at("homes/one"), &mount.at("first")]);
    std::fs::write(mount.at("homes/one/file 1"), bytes(1000, 7000)).unwrap();
    std::fs::remove_file(mount.at("homes/one/file 2")).unwrap();
    std::fs::write(mount.at("homes/one/new"), bytes(2000, 7000)).unwrap();
    subvolume(&["snapshot", &mount.at("homes/one"), &mount.at("second")]);
    std::fs::write(mount.at("second/only here"), bytes(3000, 7000)).unwrap();
    // The default subvolume does not move the top level.
    let id = String::from_utf8(run("btrfs", &["inspect-internal", "rootid", &mount.at("second")]).unwrap())
        .unwrap();
    subvolume(&["set-default", id.trim(), &mount.at("")]);
    mount.sync();
    let files = walk(&mount.0.0);
    drop(mount);
    let Some(mount) = Mounted::new(&path, "noatime,subvolid=5") else { return };
    assert_eq!(walk(&mount.0.0), files);
    drop(mount);
    let image = survey(&path);
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    compare_allocated(&image, &files, &[]);
    let record = |path: &str| image.find(path).record;
    for same in ["file 3", "file 4", "text"] {
        let paths = ["homes/one", "first", "second"].map(|place| record(&format!("{place}/{same}")));
        assert_eq!(BTreeSet::from(paths).len(), 1, "{same}");
    }
    assert_ne!(record("homes/one/file 1"), record("first/file 1"));
    assert_eq!(record("homes/one/file 1"), record("second/file 1"));
    assert!(image.find("first/inner").kind == EntryKind::Directory);
    assert!(image.entries.iter().all(|entry| entry.path != "first/inner/secret"));
    // Every record is one content.
    let files = image.entries.iter().filter(|entry| entry.kind == EntryKind::File);
    let distinct: BTreeSet<u64> = files.clone().map(|entry| entry.record).collect();
    eprintln!("{} files, {} of them distinct", files.count(), distinct.len());
    assert!(distinct.len() < 260, "{}", distinct.len());
}

/// A file as a block device; given back at the end whatever happens.
struct Loop(String);

impl Loop {
    fn new(path: &Path) -> Option<Self> {
        let output = Command::new("losetup").args(["--find", "--show"]).arg(path).output().ok()?;
        let device = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if device.is_empty() {
            eprintln!("skipped: losetup: {}", String::from_utf8_lossy(&output.stderr).trim());
            return None;
        }
        Some(Self(device))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // The kernel remembers devices of a file system that it has seen.
        let _ = Command::new("btrfs").args(["device", "scan", "--forget", &self.0]).output();
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

/// Two devices that the kernel has filled with the files of a folder; those of one large file alternate.
fn two_devices(options: &str, folder: &Path) -> Option<(tempfile::TempDir, [PathBuf; 2])> {
    let place = tempfile::tempdir().unwrap();
    let paths = ["one", "two"].map(|name| place.path().join(name));
    for path in &paths {
        std::fs::File::create(path).unwrap().set_len(256 << 20).unwrap();
    }
    let mut arguments = vec!["-q", "-K"];
    arguments.extend(options.split_whitespace());
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    run("mkfs.btrfs", &arguments)?;
    let (one, two) = (Loop::new(&paths[0])?, Loop::new(&paths[1])?);
    let mounted = place.path().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    let devices = format!("device={},device={}", one.0, two.0);
    let mut command = Command::new("mount");
    let output = command.args(["-t", "btrfs", "-o", &devices, &one.0]).arg(&mounted).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: mount: {}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    // Dropped before the devices, which were made earlier.
    let mount = Mounted(Mount(mounted));
    run("cp", &["-r", &format!("{}/.", folder.display()), &mount.at("")]);
    drop(mount);
    drop((one, two));
    Some((place, paths))
}

#[test]
fn what_lies_on_missing_devices_is_said_and_the_rest_is_read() {
    let folder = folder();
    let files = walk(folder.path());
    let Some((_place, paths)) = two_devices("-m raid1 -d raid0", folder.path()) else { return };
    for path in &paths {
        let image = survey(path);
        let told = image.problem(ProblemKind::Unsupported, "spans 2 devices");
        assert!(told.detail.contains("1 are missing"), "{told:?}");
        image.problem(ProblemKind::Unsupported, "on other devices");
        // Metadata are on both; what stands in it is had.
        let listed = image.entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
        assert_eq!(listed, files.len());
        assert_eq!(image.find("large").content, Content::Unsupported);
        let had = image.digests(EntryState::Allocated);
        assert!(had.len() > 200 && had.iter().all(|(path, file)| files[path] == *file), "{}", had.len());
    }
}

#[test]
fn one_of_two_mirrors_is_enough() {
    let folder = folder();
    let files = walk(folder.path());
    let Some((_place, paths)) = two_devices("-m raid1 -d raid1", folder.path()) else { return };
    for path in &paths {
        let image = survey(path);
        assert_eq!(image.problems.len(), 1, "{:#?}", image.problems);
        assert_eq!(compare_allocated(&image, &files, &[]), files.len());
    }
}
