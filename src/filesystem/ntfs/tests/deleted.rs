//! Deleted files: listed as The Sleuth Kit does, with their content where nothing took its place.

use super::*;
use crate::filesystem::trial::{bytes, md5};
use crate::model::{Content, EntryState};

fn content(number: u64) -> Vec<u8> {
    bytes(number, 200 + 700 * number as usize)
}

fn fill(root: &Path) {
    for folder in ["kept", "gone/below"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    for number in 0..12 {
        std::fs::write(root.join(format!("kept/{number}.jpg")), content(number)).unwrap();
        std::fs::write(root.join(format!("gone/below/{number}.png")), content(number + 20)).unwrap();
    }
    std::fs::write(root.join("kept/3.jpg:stream"), b"a stream").unwrap();
    fill::sparse(&root.join("kept/fragmented"), 700, 16_384);
}

#[test]
fn what_was_deleted_keeps_its_path_and_what_nothing_took_keeps_its_content() {
    let Some(made) = Made::new("-c 1024", 24_000, fill) else { return };
    let Some(()) = made.change(|root| {
        for number in 0..8 {
            std::fs::remove_file(root.join(format!("kept/{number}.jpg"))).unwrap();
        }
        std::fs::remove_file(root.join("kept/fragmented")).unwrap();
        std::fs::remove_dir_all(root.join("gone")).unwrap();
    }) else {
        return;
    };
    let image = survey(made.bytes());
    assert!(image.problems.is_empty(), "{:#?}", image.problems);
    let deleted = image.digests(EntryState::Deleted);
    for number in 0..8 {
        let expected = (content(number).len() as u64, md5(&content(number)));
        assert_eq!(deleted.get(&format!("kept/{number}.jpg")), Some(&expected), "{number}");
    }
    for number in 0..12 {
        let expected = (content(number + 20).len() as u64, md5(&content(number + 20)));
        assert_eq!(deleted.get(&format!("gone/below/{number}.png")), Some(&expected), "{number}");
    }
    assert_eq!(deleted.get("kept/3.jpg:stream"), Some(&(8, md5(b"a stream"))));
    // The driver takes away a name that stands in a record of its own; what else is spread over seven records is whole.
    let mut large = image.entries.iter().filter(|entry| entry.size > 11_000_000);
    let orphan = large.next().unwrap();
    assert_eq!((orphan.state, orphan.content), (EntryState::Orphan, Content::Runs));
    let held: u64 = orphan.runs.iter().filter(|run| !run.is_hole()).map(|run| run.length).sum();
    assert!(held > 700 * 100, "{held}");
    at_least_as_many_as_the_sleuth_kit(&made, &image);
    // New files take the records and the clusters of some of them.
    let Some(()) = made.change(|root| {
        std::fs::create_dir(root.join("new")).unwrap();
        for number in 0..2 {
            std::fs::write(root.join(format!("new/{number}")), bytes(number + 100, 9_000_000)).unwrap();
        }
    }) else {
        return;
    };
    let image = survey(made.bytes());
    at_least_as_many_as_the_sleuth_kit(&made, &image);
    let lost = image.entries.iter().filter(|entry| entry.content == Content::Overwritten);
    assert!(lost.clone().count() > 5 && lost.clone().all(|entry| entry.runs.is_empty()));
    for (path, found) in image.digests(EntryState::Deleted) {
        let name = path.rsplit('/').next().unwrap();
        let number = name.split_once('.').and_then(|(number, _)| number.parse::<u64>().ok());
        let Some(number) = number.filter(|_| !name.contains(':')) else { continue };
        let number = if path.starts_with("kept") { number } else { number + 20 };
        assert_eq!(found, (content(number).len() as u64, md5(&content(number))), "{path}");
    }
}

/// `fls -rd` also names what an index still holds of a name whose record has another one now; records without a name that
/// never held anything are left out here.
fn at_least_as_many_as_the_sleuth_kit(made: &Made, image: &Image) {
    let Some(listing) = run("fls", &["-rdpF", made.path.to_str().unwrap()]) else { return };
    let listing = String::from_utf8_lossy(&listing).into_owned();
    let ours = image.entries.iter().filter(|entry| entry.state != EntryState::Allocated);
    let ours: Vec<&str> = ours.map(|entry| entry.path.as_str()).collect();
    let mut theirs = 0;
    for line in listing.lines().filter(|line| !line.contains("OrphanFile-") && !line.contains("(realloc)")) {
        let path = line.split_once('\t').unwrap().1;
        assert!(ours.contains(&path), "{line} is not among {ours:#?}");
        theirs += 1;
    }
    eprintln!("{} deleted entries, {theirs} of The Sleuth Kit's among them", ours.len());
}

#[test]
fn a_deleted_file_without_its_directory_is_an_orphan() {
    let Some(made) = Made::new("-c 1024", 8000, fill) else { return };
    let Some(()) = made.change(|root| std::fs::remove_dir_all(root.join("gone")).unwrap()) else { return };
    let mut volume = made.bytes();
    let before = survey(volume.clone());
    let below = before.find("gone/below").record;
    // As if the directory's record had been used again and given back.
    patch(&mut volume, below, |record| {
        record[0x10] += 3;
    });
    let after = survey(volume);
    let orphans = after.digests(EntryState::Orphan);
    let expected = (content(25).len() as u64, md5(&content(25)));
    assert_eq!(orphans.get("$OrphanFiles/5.png"), Some(&expected));
    assert_eq!(after.entries.len(), before.entries.len());
}
