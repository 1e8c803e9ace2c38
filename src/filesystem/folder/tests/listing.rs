//! Both ways of walking give the same, and what independent tools give.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use rustix::fs::{FileType, Mode};

use super::*;
use crate::filesystem::folder::listing::Next;
use crate::model::{Content, ProblemKind};
use crate::platform::descent::{Mount, Status};

/// Every kind of entry and every sort of name.
fn hostile_tree(top: &Path) {
    for directory in ["a", "a.b", "B/deep/er", "\u{202e}gpj", "a\x1b[2Jb", "new\nline", " ", "-rf", "empty"] {
        fs::create_dir_all(top.join(directory)).unwrap();
    }
    for name in [&b"a/\xff\xfe"[..], b"a/b", b"a/b.c", b"a/b c", b"B/deep/er/x\x01", b"B/deep/z", b"top\x7f"]
    {
        fs::write(top.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::hard_link(top.join("a/b"), top.join("B/again")).unwrap();
    symlink("/etc", top.join("a/outside")).unwrap();
    symlink("..", top.join("B/deep/up")).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, top.join("a/pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    drop(UnixListener::bind(top.join("B/socket")).unwrap());
}

#[test]
fn by_path_or_by_handle_the_same_entries_come_in_the_same_order() {
    let top = tempfile::tempdir().unwrap();
    hostile_tree(top.path());
    let (by_path, problems) = walked(&Root::open(top.path()).unwrap());
    assert_eq!(problems, []);
    let whole = descended(&Root::open(top.path()).unwrap());
    let stepwise = descended(&Root::open(top.path()).unwrap().stepwise());
    for (by_handle, problems) in [whole, stepwise] {
        assert_eq!(problems, []);
        assert_eq!(rows(&by_path), rows(&by_handle));
    }
    let kinds = |kind| by_path.iter().filter(|entry| entry.kind() == kind).count();
    assert_eq!([kinds(EntryKind::Directory), kinds(EntryKind::File)], [11, 8]);
    assert_eq!([kinds(EntryKind::Symlink), kinds(EntryKind::Other)], [3, 2]);
    assert_eq!(entry(&by_path, "a/b").record(), entry(&by_path, "B/again").record());
    for entry in by_path.iter() {
        let file = entry.kind() == EntryKind::File;
        assert_eq!(entry.content() == Content::Opened, file);
        assert!(file || entry.size() == 0);
    }
    let from_another = Root::open(top.path()).unwrap();
    let handle = rustix::io::dup(&from_another).unwrap();
    let inherited = Root::from_fd(handle, "/no/such/place".into()).unwrap();
    assert!(!inherited.is_at_its_path() && from_another.is_at_its_path());
    assert_eq!(rows(&survey(&Folder::new(inherited, false)).0), rows(&by_path));
}

#[test]
fn find_lists_the_same() {
    let top = tempfile::tempdir().unwrap();
    hostile_tree(top.path());
    // Ours comes first: find moves the access times of what it lists.
    let (table, _) = survey(&folder(top.path()));
    let format = "%P\\0%y\\0%i\\0%s\\0%T@\\0%A@\\0%C@\\0";
    let found = Command::new("find").arg(top.path()).args(["-mindepth", "1", "-printf", format]).output();
    let Ok(found) = found else {
        eprintln!("skipped: find is missing");
        return;
    };
    let mut expected = BTreeMap::new();
    let fields: Vec<&[u8]> = found.stdout.split(|byte| *byte == 0).collect();
    for [path, rest @ ..] in fields.as_chunks::<7>().0 {
        let mut rest = rest.map(|field| String::from_utf8(field.to_vec()).unwrap());
        if rest[0] != "f" {
            rest[2] = "0".into();
        }
        expected.insert(path.to_vec(), rest.join(" "));
    }
    let stamp = |raw: Option<u64>| {
        let nanos = raw.unwrap();
        format!("{}.{:09}0", nanos / 1_000_000_000, nanos % 1_000_000_000)
    };
    let ours: BTreeMap<_, _> = table
        .iter()
        .map(|entry| {
            let path = entry.path();
            let kind = match entry.kind() {
                EntryKind::File => "f",
                EntryKind::Directory => "d",
                EntryKind::Symlink => "l",
                EntryKind::Other if path.as_bytes().ends_with(b"pipe") => "p",
                EntryKind::Other => "s",
            };
            let Times { modified, accessed, changed, .. } = entry.times();
            let times = [modified, accessed, changed].map(stamp).join(" ");
            (path.as_bytes().to_vec(), format!("{kind} {} {} {times}", entry.record(), entry.size()))
        })
        .collect();
    assert_eq!(ours, expected);
    let born = fs::metadata(top.path().join("a/b")).unwrap().created().ok();
    let born = born.map(|time| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos());
    assert_eq!(entry(&table, "a/b").times().created.map(u128::from), born);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_listed_alike(paths in prop::collection::vec(prop::collection::vec("[-ab. é\u{1}~]{1,3}", 1..6), 1..30)) {
        let top = tempfile::tempdir().unwrap();
        for names in paths {
            // A name may be that of a file already, or a dot: what can be made is made.
            let path = top.path().join(names.join("/"));
            let _ = path.parent().map(fs::create_dir_all);
            if !names.iter().any(|name| name.contains("..")) {
                let _ = fs::write(path, names.join("/"));
            }
        }
        let root = Root::open(top.path()).unwrap();
        prop_assert_eq!(rows(&walked(&root).0), rows(&descended(&root).0));
    }
}

/// Ten thousand levels; below the directory in each stands a file that is reached on the way back.
#[test]
fn ten_thousand_levels_exhaust_neither_handles_nor_stack() {
    const LEVELS: usize = 10_000;
    // In memory where possible: a disk takes half a minute to forget so many directories.
    let top = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut handle = rustix::fs::open(top.path(), rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
    for level in 0..LEVELS {
        use rustix::fs::{OFlags, mkdirat, openat};
        mkdirat(&handle, "d", Mode::RWXU).unwrap();
        if level % 100 == 0 {
            openat(&handle, "z", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
        }
        handle = openat(&handle, "d", OFlags::PATH, Mode::empty()).unwrap();
    }
    let last = rustix::fs::openat(
        &handle,
        "last",
        rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY,
        Mode::RWXU,
    );
    rustix::io::write(last.unwrap(), b"bottom").unwrap();

    let root = Root::open(top.path()).unwrap();
    let (by_handle, problems) = descended(&root);
    assert_eq!((problems, by_handle.len()), (vec![], LEVELS + LEVELS / 100 + 1));
    // The longest path that the kernel takes is passed on the way: the walk hands over to the descent.
    let (by_path, problems) = walked(&root);
    assert_eq!(problems, []);
    let facts = |table: &EntryTable| -> Vec<_> {
        let facts = |e: FileEntry<'_>| (e.record(), e.parent().map(FileEntry::index), e.times().changed);
        table.iter().map(facts).collect()
    };
    assert_eq!(facts(&by_path), facts(&by_handle));
    let bottom = by_handle.iter().find(|entry| entry.name() == b"last").unwrap();
    assert_eq!(content(&Folder::new(root, false), bottom).unwrap(), b"bottom");
    let stepwise = Folder::new(Root::open(top.path()).unwrap().stepwise(), false);
    assert_eq!(content(&stepwise, bottom).unwrap(), b"bottom");
    // Removed level by level from the top: the standard library would hold ten thousand handles.
    let [upper, lower] = ["d", "rest"].map(|name| top.path().join(name));
    for _ in 1..LEVELS {
        fs::rename(upper.join("d"), &lower).unwrap();
        fs::remove_dir_all(&upper).unwrap();
        fs::rename(&lower, &upper).unwrap();
    }
}

#[test]
fn another_file_system_inside_is_named_and_not_entered() {
    let (dev, inner) = (Path::new("/dev"), Path::new("/dev/shm"));
    let device = |path| fs::metadata(path).map(|found| found.dev()).ok();
    if device(dev) == device(inner) || device(inner).is_none() {
        eprintln!("skipped: nothing is mounted at /dev/shm");
        return;
    }
    let root = Root::open(dev).unwrap();
    for (table, problems) in [survey(&Folder::new(Root::open(dev).unwrap(), true)), walked(&root)] {
        assert_eq!(entry(&table, "shm").kind(), EntryKind::Directory);
        assert_eq!(entry(&table, "null").kind(), EntryKind::Other);
        assert!(!table.iter().any(|entry| entry.path().as_bytes().starts_with(b"shm/")));
        let problem = problems.iter().find(|problem| problem.path == Some("shm".into())).unwrap();
        assert_eq!(problem.kind, ProblemKind::Refused);
        assert!(problem.detail.contains("scan it as a source of its own"), "{}", problem.detail);
        assert!(problem.record.is_some());
    }
    let null = survey(&Folder::new(root, true)).0;
    let refused = folder(dev).open(entry(&null, "null")).err().unwrap();
    assert_eq!(refused.problem_kind(), ProblemKind::Refused);
}

/// A directory mounted a second time is another mount of the same device: seen by the number of the mount.
#[test]
fn a_second_mount_of_the_same_file_system_is_not_entered() {
    if let Some(tree) = given_tree() {
        let folder = folder(&tree);
        for (table, problems) in [survey(&folder), walked(folder.root())] {
            assert!(entry(&table, "in").kind() == EntryKind::Directory && table.len() == 2);
            let [problem] = problems.as_slice() else { panic!("{problems:?}") };
            assert_eq!((problem.kind, &problem.path), (ProblemKind::Refused, &Some("in".into())));
        }
        for root in [Root::open(&tree).unwrap(), Root::open(&tree).unwrap().stepwise()] {
            let (table, _) = surveyed_before(&tree);
            let refused = Folder::new(root, false).open(entry(&table, "in/file")).err().unwrap();
            assert_eq!(refused.problem_kind(), ProblemKind::Refused);
        }
        return;
    }
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join("in")).unwrap();
    fs::write(top.path().join("in/file"), "mounted").unwrap();
    fs::write(top.path().join("zzz"), "beside").unwrap();
    let mount = "cd \"$ONSCENE_TEST_TREE\" && mount --bind in in 2>/dev/null || exit 77; exec \"$0\" \"$@\"";
    let wrapper = ["unshare", "--mount", "sh", "-c", mount];
    again("listing::a_second_mount_of_the_same_file_system_is_not_entered", top.path(), &wrapper, None);
}

/// The table as it would be had nothing been mounted.
fn surveyed_before(tree: &Path) -> (EntryTable, Vec<Problem>) {
    surveyed(|survey| {
        let root = Root::open(tree).unwrap().status();
        let inner = Root::open(&tree.join("in")).unwrap();
        let mut listing = Listing::new(survey, root, true);
        let Next::Enter(index, status) =
            listing.entry(b"in", Ok(Status { mount: root.mount, ..inner.status() }))
        else {
            panic!("not entered")
        };
        listing.enter(index, &status);
        let file = Status { mount: root.mount, ..inner.status_of(Path::new("file")).unwrap() };
        listing.entry(b"file", Ok(file));
    })
}

#[test]
fn where_inode_numbers_do_not_stay_the_path_is_the_identity() {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir_all(top.path().join("a/b")).unwrap();
    fs::write(top.path().join("a/b/file"), b"same").unwrap();
    fs::hard_link(top.path().join("a/b/file"), top.path().join("a/other")).unwrap();
    let unstable = || {
        let root = Root::open(top.path()).unwrap();
        let mount = Mount { stable_inodes: false, ..root.mount() };
        root.mounted(mount)
    };
    let folder = Folder::new(unstable(), false);
    let (table, problems) = survey(&folder);
    assert!(problems.is_empty(), "{problems:?}");
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"a/b/file");
    let first = u64::from_be_bytes(digest[..8].try_into().unwrap()) >> 1;
    assert_eq!(entry(&table, "a/b/file").record(), first);
    assert_ne!(entry(&table, "a/other").record(), first);
    assert_eq!(content(&folder, entry(&table, "a/b/file")).unwrap(), b"same");
    let records = |table: &EntryTable| table.iter().map(FileEntry::record).collect::<Vec<_>>();
    assert_eq!(records(&walked(&unstable()).0), records(&table));
    assert_eq!(records(&descended(&unstable()).0), records(&table));
    let stable = survey(&Folder::new(Root::open(top.path()).unwrap(), false)).0;
    assert_eq!(entry(&stable, "a/b/file").record(), entry(&stable, "a/other").record());
}
