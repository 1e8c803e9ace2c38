//! What deletion leaves: files that are still open, and files of older states.

use super::*;

/// An image with some files, removed by a second mount.
fn removed(options: &str, mount_options: &str) -> Option<(PathBuf, tempfile::TempDir)> {
    let (path, folder) = format(options, 116)?;
    let mount = Mounted::new(&path, mount_options)?;
    std::fs::create_dir(mount.at("keep")).unwrap();
    for number in 0..80 {
        let name = mount.at(&format!("keep/picture {number:02}.jpg"));
        std::fs::write(name, bytes(number, 8192 + 1000 * (number as usize % 3))).unwrap();
        std::fs::write(mount.at(&format!("keep/note {number:02}")), bytes(number, 300)).unwrap();
    }
    drop(mount);
    let mount = Mounted::new(&path, mount_options)?;
    for number in (0..80).step_by(7) {
        std::fs::remove_file(mount.at(&format!("keep/picture {number:02}.jpg"))).unwrap();
        std::fs::remove_file(mount.at(&format!("keep/note {number:02}"))).unwrap();
    }
    drop(mount);
    Some((path, folder))
}

#[test]
fn files_of_older_states_are_deleted_ones_with_likely_content() {
    let Some((path, _folder)) = removed("-m single", "") else { return };
    let image = survey(&path);
    assert_eq!(image.digests(EntryState::Allocated).len(), 136);
    let digests = image.digests(EntryState::Deleted);
    for number in (0..80).step_by(7) {
        let length = 8192 + 1000 * (number as usize % 3);
        for (path, length, content) in [
            (format!("keep/picture {number:02}.jpg"), length, Content::Likely),
            (format!("keep/note {number:02}"), 300, Content::Opened),
        ] {
            let digest = crate::filesystem::trial::md5(&bytes(number, length));
            assert_eq!(digests.get(&path), Some(&(length as u64, digest)), "{path}: {:#?}", image.problems);
            assert_eq!(image.find(&path).content, content);
        }
    }
    assert_eq!(digests.len(), 24);
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
}

#[test]
fn compressed_content_that_is_only_likely_is_not_taken_for_certain() {
    let Some((path, _folder)) = format("-m single", 116) else { return };
    let Some(mount) = Mounted::new(&path, "compress-force=zlib") else { return };
    std::fs::write(mount.at("file"), vec![b'x'; 100_000]).unwrap();
    std::fs::write(mount.at("cloned"), vec![b'y'; 100_000]).unwrap();
    mount.sync();
    run("cp", &["--reflink=always", &mount.at("cloned"), &mount.at("clone")]);
    drop(mount);
    let Some(mount) = Mounted::new(&path, "") else { return };
    std::fs::remove_file(mount.at("file")).unwrap();
    std::fs::remove_file(mount.at("cloned")).unwrap();
    drop(mount);
    let image = survey(&path);
    assert_eq!(image.find("file").content, Content::Unsupported);
    image.problem(ProblemKind::Unsupported, "deleted files whose content is compressed");
    // The extents of the other are held by its clone.
    let at = image.entries.iter().position(|entry| entry.path == "cloned").unwrap();
    assert_eq!((image.entries[at].state, image.entries[at].content), (EntryState::Deleted, Content::Opened));
    assert_eq!(image.bytes(at), vec![b'y'; 100_000]);
}

#[test]
fn a_removed_subvolume_is_listed_with_its_files() {
    let Some((path, _folder)) = format("-m single", 116) else { return };
    let Some(mount) = Mounted::new(&path, "noatime") else { return };
    run("btrfs", &["subvolume", "create", &mount.at("gone")]);
    for number in 0..20 {
        std::fs::write(mount.at(&format!("gone/file {number:02}")), bytes(number, 300 * number as usize))
            .unwrap();
    }
    drop(mount);
    let Some(mount) = Mounted::new(&path, "noatime") else { return };
    run("btrfs", &["subvolume", "delete", "-c", &mount.at("gone")]);
    drop(mount);
    let image = survey(&path);
    let digests = image.digests(EntryState::Deleted);
    for number in 0..20_u64 {
        let expected = bytes(number, 300 * number as usize);
        let digest = crate::filesystem::trial::md5(&expected);
        let path = format!("gone/file {number:02}");
        assert_eq!(
            digests.get(&path),
            Some(&(expected.len() as u64, digest)),
            "{path}: {:#?}",
            image.problems
        );
    }
}

#[test]
fn extents_in_use_again_are_overwritten() {
    let Some((path, _folder)) = format("-m single", 116) else { return };
    let Some(mount) = Mounted::new(&path, "") else { return };
    std::fs::write(mount.at("video"), bytes(1, 20 << 20)).unwrap();
    drop(mount);
    let Some(mount) = Mounted::new(&path, "") else { return };
    std::fs::remove_file(mount.at("video")).unwrap();
    mount.sync();
    // Little enough for one transaction, because older states are few; the first free place is taken.
    std::fs::write(mount.at("other"), bytes(2, 16 << 20)).unwrap();
    drop(mount);
    let image = survey(&path);
    let video = image.find("video");
    assert_eq!((video.state, video.content), (EntryState::Deleted, Content::Overwritten));
    assert!(video.runs.is_empty());
}

#[test]
fn files_that_are_open_without_a_name_are_orphans_and_the_log_is_said() {
    let Some((path, folder)) = format("-m single", 116) else { return };
    let copy = folder.path().join("copy");
    let Some(mount) = Mounted::new(&path, "") else { return };
    std::fs::write(mount.at("open"), bytes(1, 20_000)).unwrap();
    let open = std::fs::File::open(mount.at("open")).unwrap();
    std::fs::remove_file(mount.at("open")).unwrap();
    mount.sync();
    let logged = std::fs::File::create(mount.at("logged")).unwrap();
    logged.sync_all().unwrap();
    std::io::Write::write_all(&mut &logged, b"content").unwrap();
    logged.sync_all().unwrap();
    // As if the cable had been pulled.
    std::fs::copy(&path, &copy).unwrap();
    drop((open, logged));
    drop(mount);
    let image = survey(&copy);
    let at = image.entries.iter().position(|entry| entry.size == 20_000).unwrap();
    let orphan = &image.entries[at];
    assert_eq!((orphan.state, orphan.content), (EntryState::Orphan, Content::Runs), "{orphan:?}");
    assert_eq!(image.bytes(at), bytes(1, 20_000));
    image.problem(ProblemKind::Ambiguous, "only in the log tree");
}
