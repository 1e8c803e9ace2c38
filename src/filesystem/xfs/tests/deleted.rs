//! What deletion leaves behind, and the journal that is not replayed.

use super::*;

/// Files of which every seventh is removed, once everything has reached its place.
fn remove(root: &Path) {
    std::fs::create_dir(root.join("keep")).unwrap();
    for number in 0..80 {
        let path = root.join(format!("keep/picture {number:02}.jpg"));
        std::fs::write(path, bytes(number, 8192 + 4096 * (number as usize % 3))).unwrap();
    }
}

#[test]
fn removed_files_come_back_as_likely_while_their_blocks_are_free() {
    let Some(((), path, _folder)) = filled("", 40, remove) else { return };
    // A second mount: everything has its place on the medium, as on a volume that was attached later.
    let Some(mount) = Mount::new("xfs", &path, "") else { return };
    for number in (0..80).step_by(7) {
        std::fs::remove_file(mount.0.join(format!("keep/picture {number:02}.jpg"))).unwrap();
    }
    drop(mount);
    let image = survey(&path);
    let digests = image.digests(EntryState::Deleted);
    for number in (0..80).step_by(7) {
        let path = format!("keep/picture {number:02}.jpg");
        let length = 8192 + 4096 * (number as usize % 3);
        assert_eq!(digests.get(&path), Some(&(length as u64, md5(&bytes(number, length)))), "{path}");
        assert_eq!(image.find(&path).content, Content::Likely);
    }
    assert_eq!(image.digests(EntryState::Allocated).len(), 68);
    let told = image.problem(ProblemKind::Lost, "whose size is not recorded");
    assert_eq!(told.count, 12);
    assert_eq!(image.problems.len(), 1, "{:#?}", image.problems);
}

#[test]
fn blocks_in_use_again_are_overwritten_and_not_content() {
    let large = |root: &Path| {
        remove(root);
        std::fs::write(root.join("video.mp4"), bytes(1, 8 << 20)).unwrap();
    };
    let Some(((), path, _folder)) = filled("", 40, large) else { return };
    let Some(mount) = Mount::new("xfs", &path, "") else { return };
    std::fs::remove_file(mount.0.join("video.mp4")).unwrap();
    drop(mount);
    let before = survey(&path);
    let removed = before.entries.iter().find(|entry| entry.size == 8 << 20).unwrap().clone();
    // A directory that stands in its inode keeps no removed names.
    assert_eq!((removed.state, removed.content), (EntryState::Orphan, Content::Likely));
    let Some(mount) = Mount::new("xfs", &path, "") else { return };
    // Only blocks are taken: the inode stays free.
    let file = std::fs::File::options().append(true).open(mount.0.join("keep/picture 01.jpg")).unwrap();
    let piece = bytes(1, 1 << 18);
    while std::io::Write::write_all(&mut &file, &piece).is_ok() {}
    drop(file);
    drop(mount);
    let image = survey(&path);
    let again = image.entries.iter().find(|entry| entry.record == removed.record).unwrap();
    assert_eq!((again.state, again.content), (EntryState::Orphan, Content::Overwritten));
    assert!(again.runs.is_empty());
}

#[test]
fn a_journal_with_changes_is_said_and_a_clean_one_is_not() {
    let Some((path, folder)) = format("", 40) else { return };
    let words = "changes that are only in the journal were not read";
    assert!(survey(&path).problems.is_empty());
    let Some(mount) = Mount::new("xfs", &path, "") else { return };
    std::fs::write(mount.0.join("file"), b"content").unwrap();
    run("sync", &["-f", mount.0.to_str().unwrap()]);
    // As if the cable had been pulled.
    let copy = folder.path().join("copy");
    std::fs::copy(&path, &copy).unwrap();
    drop(mount);
    survey(&copy).problem(ProblemKind::Ambiguous, words);
    let clean = survey(&path);
    assert!(clean.problems.is_empty(), "{:#?}", clean.problems);
    assert_eq!(clean.digests(EntryState::Allocated).len(), 1);
}
