//! What is read is what was surveyed, and changes are noticed.

use std::fs;
use std::io::Write as _;

use rustix::fs::{FileType, Mode};

use super::*;
use crate::model::ProblemKind;
use crate::platform::descent::Mount;
use crate::read::Error;

/// A tree with one file, its folder and its table.
fn one_file() -> (tempfile::TempDir, Folder, EntryTable) {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join("in")).unwrap();
    fs::write(top.path().join("in/file"), b"0123456789").unwrap();
    let folder = folder(top.path());
    let table = survey(&folder).0;
    (top, folder, table)
}

#[test]
fn a_file_is_read_at_any_place_and_says_what_its_handle_says() {
    let (_top, folder, table) = one_file();
    let file = entry(&table, "in/file");
    let stream = folder.open(file).unwrap();
    assert_eq!(stream.read_vec(3, 4).unwrap(), b"3456");
    let mut buffer = [0; 100];
    assert_eq!(stream.read_at(8, &mut buffer), Ok(2));
    assert_eq!((stream.read_at(10, &mut buffer), stream.read_at(u64::MAX, &mut buffer)), (Ok(0), Ok(0)));
    let facts = stream.facts().unwrap();
    assert_eq!((facts.size, facts.times), (10, file.times()));
    assert_eq!(stream.changed(), None);
    assert_eq!(folder.remarks(), []);
}

#[test]
fn a_file_that_was_replaced_since_the_survey_is_refused() {
    let (top, folder, table) = one_file();
    let file = entry(&table, "in/file");
    let path = top.path().join("in/file");
    let failed = |folder: &Folder| match folder.open(file) {
        Err(error @ Error::Changed { .. }) => {
            assert_eq!(error.problem_kind(), ProblemKind::Changed);
            assert_eq!(error.clone().into_problem().extent, None);
            error.to_string()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("opened"),
    };
    fs::write(top.path().join("other"), b"abc").unwrap();
    fs::rename(top.path().join("other"), &path).unwrap();
    assert!(failed(&folder).contains("found another file"));
    // The number may be given anew at once; the birth of the file tells them apart.
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"9876543210").unwrap();
    failed(&folder);
    fs::remove_file(&path).unwrap();
    failed(&folder);
    rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert!(failed(&folder).contains("another kind of entry"));
    fs::remove_file(&path).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    failed(&folder);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    failed(&folder);
    fs::remove_dir_all(top.path().join("in")).unwrap();
    std::os::unix::fs::symlink("/etc", top.path().join("in")).unwrap();
    failed(&folder);
}

#[test]
fn a_file_that_the_kernel_numbered_anew_is_known_by_its_other_facts() {
    let (top, folder, table) = one_file();
    let file = entry(&table, "in/file");
    let opened = folder.root.file(&[b"in", b"file"], false).unwrap().status();
    let anew = crate::platform::descent::Status { inode: Some(1), ..opened };
    assert!(folder.check(file, &opened).is_ok() && folder.check(file, &anew).is_err());
    let unstable = Mount { stable_inodes: false, ..folder.root.mount() };
    let folder = Folder::new(Root::open(top.path()).unwrap().mounted(unstable), false);
    assert!(folder.check(file, &anew).is_ok());
    assert!(folder.check(file, &crate::platform::descent::Status { size: 11, ..anew }).is_err());
    assert!(folder.check(file, &crate::platform::descent::Status { size: 11, ..opened }).is_err());
    let elsewhere = crate::platform::descent::Status { device: 1, ..opened };
    assert_eq!(folder.check(file, &elsewhere).unwrap_err().problem_kind(), ProblemKind::Refused);
}

#[test]
fn a_file_that_changes_while_it_is_read_says_so() {
    let (top, folder, table) = one_file();
    let path = top.path().join("in/file");
    let stream = folder.open(entry(&table, "in/file")).unwrap();
    fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    let said = stream.changed().unwrap();
    assert!(said.contains("size was 10, is 14 bytes"), "{said}");
    assert_eq!(stream.size(), 10);

    fs::File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(stream.read_at(0, &mut buffer), Ok(4));
    let missing = stream.read_exact_at(0, &mut buffer).unwrap_err();
    assert_eq!((missing.offset, missing.length), (4, 6));
    assert!(missing.reason.contains("shortened"), "{missing}");

    let stream = folder.open(entry(&table, "in/file")).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said = stream.changed().unwrap();
    assert!(said.contains("metadata") && !said.contains("size"), "{said}");
}
