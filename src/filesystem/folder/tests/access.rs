//! No access time moves, and where that cannot be kept nothing is read unless it was accepted.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::model::ProblemKind;

const NOBODY: u32 = 65_534;

/// Two levels, each with a file, with access times that a relatime mount moves at the next reading.
fn old_tree(top: &Path) {
    let deep = top.join("one/two");
    fs::create_dir_all(&deep).unwrap();
    fs::write(top.join("one/file"), "1").unwrap();
    fs::write(deep.join("file"), "2").unwrap();
    std::os::unix::fs::symlink("file", deep.join("link")).unwrap();
    let old = SystemTime::now() - Duration::from_secs(40 * 86_400);
    let times = FileTimes::new().set_accessed(old).set_modified(old + Duration::from_secs(86_400));
    for path in ["one/two/file", "one/file", "one/two", "one", ""] {
        File::open(top.join(path)).unwrap().set_times(times).unwrap();
    }
}

fn access_times(top: &Path) -> Vec<(i64, i64)> {
    ["", "one", "one/two", "one/file", "one/two/file", "one/two/link"]
        .map(|path| fs::symlink_metadata(top.join(path)).unwrap())
        .iter()
        .map(|found| (found.atime(), found.atime_nsec()))
        .collect()
}

fn read_all(folder: &Folder) -> usize {
    let (table, problems) = survey(folder);
    assert_eq!(problems, []);
    table
        .iter()
        .filter(|entry| entry.kind() == EntryKind::File)
        .map(|e| content(folder, e).unwrap().len())
        .sum()
}

#[test]
fn listing_and_reading_move_no_access_time() {
    let top = tempfile::tempdir().unwrap();
    old_tree(top.path());
    let before = access_times(top.path());
    for root in [Root::open(top.path()).unwrap(), Root::open(top.path()).unwrap().stepwise()] {
        assert_eq!(read_all(&Folder::new(root, false)), 2);
        assert_eq!(access_times(top.path()), before);
    }
    // The mount does move them when nothing is done against it.
    fs::read(top.path().join("one/file")).unwrap();
    let _ = fs::read_dir(top.path().join("one")).unwrap().count();
    match access_times(top.path()) == before {
        true => eprintln!("skipped: this mount moves no access times, so the test shows nothing here"),
        false => assert!(!folder(top.path()).root().mount().protects()),
    }
}

/// The examiner may read below the root and nothing else; the sandbox binds the thread that asks for it.
#[test]
fn a_sandbox_that_allows_only_the_root_is_enough() {
    use landlock::{
        ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    };
    let top = tempfile::tempdir().unwrap();
    old_tree(top.path());
    let folder = folder(top.path());
    let path = top.path().to_owned();
    let confined = move || {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).unwrap().create().unwrap();
        let below = PathBeneath::new(PathFd::new(&path).unwrap(), AccessFs::from_read(ABI::V1));
        let status = rules.add_rule(below).unwrap().restrict_self().unwrap();
        if status.ruleset == RulesetStatus::NotEnforced {
            eprintln!("skipped: this kernel enforces no Landlock rules");
            return;
        }
        assert!(File::open("/etc/passwd").is_err() && File::create(path.join("new")).is_err());
        assert_eq!(read_all(&folder), 2);
        assert!(folder.root().is_at_its_path());
        assert_eq!(walked(folder.root()).0.len(), 5);
    };
    std::thread::spawn(confined).join().unwrap();
}

/// Mounted read-only in a name space of its own, the folder is walked by path.
#[test]
fn a_read_only_mount_is_walked_by_path_and_nothing_moves() {
    if let Some(tree) = given_tree() {
        let before = access_times(&tree);
        let folder = folder(&tree);
        assert!(folder.root().mount().read_only && folder.root().mount().protects());
        assert_eq!(read_all(&folder), 2);
        assert_eq!(access_times(&tree), before);
        return;
    }
    let top = tempfile::tempdir().unwrap();
    old_tree(top.path());
    let mount = "mount --bind \"$ONSCENE_TEST_TREE\" \"$ONSCENE_TEST_TREE\" 2>/dev/null && \
                 mount -o remount,bind,ro \"$ONSCENE_TEST_TREE\" || exit 77; exec \"$0\" \"$@\"";
    let wrapper = ["unshare", "--mount", "sh", "-c", mount];
    again("access::a_read_only_mount_is_walked_by_path_and_nothing_moves", top.path(), &wrapper, None);
}

/// Files of root, read by nobody: neither their access times nor their permissions are in the way of honesty.
#[test]
fn files_of_another_owner_are_refused_unless_moving_their_access_times_was_accepted() {
    if let Some(tree) = given_tree() {
        as_nobody(&tree);
        return;
    }
    let top = tempfile::tempdir().unwrap();
    old_tree(top.path());
    fs::create_dir(top.path().join("one/closed")).unwrap();
    fs::write(top.path().join("one/secret"), "3").unwrap();
    for (path, mode) in [("one/closed", 0o700), ("one/secret", 0o600), ("", 0o755)] {
        fs::set_permissions(top.path().join(path), Permissions::from_mode(mode)).unwrap();
    }
    // The root belongs to whoever reads, everything in it to somebody else.
    if !rustix::process::geteuid().is_root()
        || std::os::unix::fs::chown(top.path(), Some(NOBODY), None).is_err()
    {
        eprintln!("skipped: only root can show what another user meets");
        return;
    }
    let before = access_times(top.path());
    let name = "access::files_of_another_owner_are_refused_unless_moving_their_access_times_was_accepted";
    let shown = again(name, top.path(), &[], Some(NOBODY));
    assert!(!shown || access_times(top.path()) != before || folder(top.path()).root().mount().protects());
}

fn as_nobody(tree: &Path) {
    let before = access_times(tree);
    let strict = folder(tree);
    let (table, problems) = survey(&strict);
    let paths = |table: &EntryTable| -> Vec<String> {
        table.iter().map(|entry| entry.path().lossy().into_owned()).collect()
    };
    assert_eq!(paths(&table), ["one"]);
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.kind, &problem.path), (ProblemKind::Refused, &Some("one".into())));
    assert_eq!(problem.record, Some(entry(&table, "one").record()));
    assert!(problem.detail.contains("access time cannot be protected"), "{}", problem.detail);

    let willing = Folder::new(Root::open(tree).unwrap(), true);
    let (table, problems) = survey(&willing);
    let listed = ["one", "one/closed", "one/file", "one/secret", "one/two", "one/two/file", "one/two/link"];
    assert_eq!(paths(&table), listed);
    let [closed, moved] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((closed.kind, &closed.path), (ProblemKind::Refused, &Some("one/closed".into())));
    assert!(closed.detail.contains("Permission denied"), "{}", closed.detail);
    assert_eq!((moved.kind, moved.count), (ProblemKind::Changed, 2));
    assert!(moved.detail.starts_with("directories were read without protection"), "{}", moved.detail);

    let file = entry(&table, "one/file");
    let now = access_times(tree);
    assert!(now[3..] == before[3..] && now[0] == before[0], "no file was read yet, and the root is our own");
    assert_eq!(strict.open(file).err().unwrap().problem_kind(), ProblemKind::Refused);
    assert_eq!(access_times(tree), now);
    assert_eq!(content(&willing, file).unwrap(), b"1");
    let secret = willing.open(entry(&table, "one/secret")).err().unwrap();
    assert_eq!(secret.problem_kind(), ProblemKind::Refused);
    let remarks = willing.remarks();
    assert_eq!((remarks.len(), remarks[0].count), (1, 1));
    assert!(strict.remarks().is_empty());
}
