//! Deleted and orphaned entries of hand-built volumes.

use super::image::{Builder, FREE, ROOT, file, folder, place};
use super::survey;
use crate::model::{Content, EntryState, Run};

#[test]
fn a_place_that_is_recorded_and_free_is_certain_and_any_doubt_is_said() {
    let mut image = Builder::new();
    image.used(20..=20);
    image.directory(
        ROOT,
        &[
            file("free", 10, 1000).deleted(),
            file("taken", 19, 1000).deleted(),
            file("living", 20, 100),
            file("nowhere", 1, 100).deleted(),
        ],
    );
    image.directory(FREE, &[file("one", 30, 600).deleted(), file("other", 31, 600).deleted()]);
    image.chain(&[ROOT, FREE]);
    // Used, but nobody has it.
    image.chain(&[ROOT, FREE, FREE + 1]).used(40..=40);
    image.directory(FREE + 1, &[file("lost", 40, 10).deleted(), file("empty", 0, 0).deleted()]);
    image.fill(10, 1).fill(11, 2).full(ROOT).full(FREE);
    let found = survey(image.seal());
    let free = found.find("free");
    assert_eq!((free.state, free.content), (EntryState::Deleted, Content::Runs));
    assert_eq!(free.runs, [Run::new(place(10) as u64, 1000)]);
    for (name, content) in [
        ("taken", Content::Overwritten),
        ("nowhere", Content::Lost),
        ("one", Content::Likely),
        ("other", Content::Likely),
        ("lost", Content::Overwritten),
        ("empty", Content::Runs),
    ] {
        assert_eq!(found.find(name).content, content, "{name}");
    }
    found.problem(crate::model::ProblemKind::Corrupt, "that no living entry has, the first is 40");
    assert_eq!(found.problems.len(), 1, "{:#?}", found.problems);
}

#[test]
fn a_chain_that_the_fat_still_has_is_followed_and_an_erased_one_guessed() {
    let mut image = Builder::new();
    image.chain(&[10, 14, 12]).chain(&[20, 22]).used(51..=51);
    for cluster in [10, 12, 14, 20, 22] {
        image.mark(cluster, false);
    }
    image.link(32, 32);
    image.directory(
        ROOT,
        &[file("kept", 10, 1500).chained().deleted(), file("single", 40, 5).chained().deleted()],
    );
    image.chain(&[ROOT, FREE]);
    image.directory(
        FREE,
        &[file("short", 20, 1500).chained().deleted(), file("erased", 50, 1000).chained().deleted()],
    );
    image.chain(&[ROOT, FREE, FREE + 1]);
    image.directory(FREE + 1, &[file("loop", 32, 1000).chained().deleted(), file("living", 51, 5)]);
    image.full(ROOT).full(FREE);
    let found = survey(image.seal());
    let runs = |clusters: &[(u32, u64)]| -> Vec<Run> {
        clusters.iter().map(|(cluster, length)| Run::new(place(*cluster) as u64, *length)).collect()
    };
    for (name, content, places) in [
        ("kept", Content::Runs, runs(&[(10, 512), (14, 512), (12, 476)])),
        ("single", Content::Runs, runs(&[(40, 5)])),
        ("short", Content::Likely, runs(&[(20, 1500)])),
        ("erased", Content::Likely, runs(&[(50, 512), (52, 488)])),
        ("loop", Content::Likely, runs(&[(32, 1000)])),
    ] {
        let file = found.find(name);
        assert_eq!((file.content, &file.runs), (content, &places), "{name}");
    }
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
}

#[test]
fn without_a_bitmap_that_can_be_believed_nothing_deleted_is_certain() {
    for (at, value) in [(place(ROOT) + 32, 1), (place(2), 0)] {
        let mut image = Builder::new();
        image.directory(ROOT, &[file("gone", 10, 100).deleted(), file("living", 11, 5)]).used(11..=11);
        image.raw(at, &[value]);
        let found = survey(image.seal());
        assert_eq!(found.find("gone").content, Content::Likely);
        assert_eq!(found.find("living").content, Content::Runs);
        found.problem(crate::model::ProblemKind::Corrupt, "bitmap");
    }
}

#[test]
fn deleted_directories_are_looked_into_as_long_as_they_hold_entries() {
    let mut image = Builder::new();
    image.directory(ROOT, &[folder("gone", 10, 2).deleted(), folder("reused", 20, 1).deleted()]);
    image.put(10, 0, &file("a name that is longer than one entry holds", 30, 10).deleted());
    image.put(10, 5, &folder("deeper", 12, 1).deleted());
    // A set that reaches into the next cluster.
    image.put(10, 8, &file(&"x".repeat(100), 0, 0).deleted());
    image.put(12, 0, &file("leaf", 31, 700).deleted());
    image.put(20, 0, &file("of another", 0, 0));
    image.used(20..=20).directory(FREE, &[file("living", 20, 512)]).chain(&[ROOT, FREE]).full(ROOT);
    let found = survey(image.seal());
    assert_eq!(found.find("gone/a name that is longer than one entry holds").content, Content::Runs);
    assert_eq!(found.find("gone/deeper/leaf").runs, [Run::new(place(31) as u64, 700)]);
    assert_eq!(found.find(&format!("gone/{}", "x".repeat(100))).state, EntryState::Deleted);
    assert_eq!(found.find("reused").content, Content::Lost);
    assert!(found.entries.iter().all(|entry| entry.path != "reused/of another"));
    assert!(found.problems.is_empty(), "{:#?}", found.problems);
}

#[test]
fn directories_that_nothing_leads_to_are_found_with_their_tree() {
    let mut image = Builder::new();
    image.put(50, 0, &file("leaf", 80, 100));
    image.put(60, 0, &folder("inner", 50, 1));
    // Still used, in the bitmap as well, and a pair that hold each other.
    image.used(70..=73).put(70, 0, &file("in use", 72, 1024));
    image.put(90, 0, &folder("b", 91, 1));
    image.put(91, 0, &folder("a", 90, 1));
    let found = survey(image.seal());
    assert!(found.entries.iter().all(|entry| entry.state == EntryState::Orphan));
    for path in ["inner", "inner/leaf", "in use", "b", "b/a"] {
        found.find(&format!("$OrphanFiles/{path}"));
    }
    assert_eq!(found.entries.len(), 5);
    assert_eq!(found.find("$OrphanFiles/in use").content, Content::Runs);
}
