//! Somebody swaps directories and links while the folder is read, and nothing outside is ever read.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags};

use super::*;

const SWAPS: u64 = 10_000;

#[test]
fn ten_thousand_swaps_with_a_link_never_lead_outside() {
    let top = tempfile::tempdir().unwrap();
    let [root, outside] = ["root", "outside"].map(|name| top.path().join(name));
    for directory in ["root/dir/sub", "outside/sub"] {
        fs::create_dir_all(top.path().join(directory)).unwrap();
    }
    for file in ["file", "sub/file"] {
        fs::write(root.join("dir").join(file), "inside").unwrap();
        fs::write(outside.join(file), "outside").unwrap();
    }
    fs::write(outside.join("sub/only outside"), "outside").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
    let (done, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut inside, mut refused, mut rounds) = (0, 0, 0);
    let folders = [folder(&root), Folder::new(Root::open(&root).unwrap().stepwise(), false)];
    // What is opened was surveyed in peace, and again in the middle of the swaps.
    let peaceful = survey(&folders[0]).0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let [dir, link] = ["dir", "link"].map(|name| root.join(name));
            while !done.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &dir, CWD, &link, RenameFlags::EXCHANGE).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        while swaps.load(Ordering::Relaxed) < SWAPS || rounds < 50 {
            rounds += 1;
            for folder in &folders {
                let (table, _) = survey(folder);
                for entry in table.iter().chain(peaceful.iter()) {
                    assert!(!entry.path().lossy().contains("only outside"), "{:?}", entry.path());
                    if entry.kind() != EntryKind::File {
                        continue;
                    }
                    match content(folder, entry) {
                        Ok(bytes) => {
                            assert_eq!(bytes, b"inside");
                            inside += 1;
                        }
                        Err(_) => refused += 1,
                    }
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let swaps = swaps.into_inner();
    eprintln!("{swaps} swaps, {rounds} rounds: read {inside} times inside, refused {refused} times");
    assert!(inside > 0 && refused > 0);
}
