//! What the tests of folders share: trees, surveys, and runs of one test as somebody else.
#![allow(clippy::arithmetic_side_effects, clippy::print_stderr, reason = "tests")]

mod access;
mod listing;
mod race;
mod reading;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Folder;
use super::descend::Descent;
use super::listing::Listing;
use crate::filesystem::Filesystem;
use crate::model::{EntryKind, EntryTable, FileEntry, Problem, Survey, SurveyEnd, Times};
use crate::platform::descent::Root;

/// Names the tree of a test that was started again; its absence says that this is the first start.
const TREE: &str = "ONSCENE_TEST_TREE";

fn folder(path: &Path) -> Folder {
    Folder::new(Root::open(path).unwrap(), false)
}

fn survey(folder: &Folder) -> (EntryTable, Vec<Problem>) {
    surveyed(|survey| folder.survey(survey).unwrap())
}

fn surveyed(fill: impl FnOnce(&mut Survey<'_>)) -> (EntryTable, Vec<Problem>) {
    let mut table = EntryTable::default();
    let mut survey = Survey::new(0, crate::model::Placement::whole(u64::MAX), &mut table);
    fill(&mut survey);
    let SurveyEnd { claims: metadata, problems } = survey.finish();
    assert!(metadata.is_empty());
    (table, problems)
}

/// By path, whatever the mount.
fn walked(root: &Root) -> (EntryTable, Vec<Problem>) {
    surveyed(|survey| {
        let mut listing = Listing::new(survey, root.status(), root.mount().stable_inodes);
        super::walk::walk(root, &mut Descent::new(root, false), &mut listing).unwrap();
    })
}

/// By handle, whatever the mount.
fn descended(root: &Root) -> (EntryTable, Vec<Problem>) {
    surveyed(|survey| {
        let mut listing = Listing::new(survey, root.status(), root.mount().stable_inodes);
        Descent::new(root, false).whole(&mut listing).unwrap();
    })
}

/// Everything that a table says of an entry.
type Row = (Vec<u8>, EntryKind, u64, u64, Times);

fn rows(table: &EntryTable) -> Vec<Row> {
    let row = |entry: FileEntry<'_>| {
        (entry.path().as_bytes().to_vec(), entry.kind(), entry.record(), entry.size(), entry.times())
    };
    table.iter().map(row).collect()
}

fn entry<'t>(table: &'t EntryTable, path: &str) -> FileEntry<'t> {
    table.iter().find(|entry| entry.path() == path.into()).unwrap_or_else(|| panic!("{path} is not listed"))
}

fn content(folder: &Folder, entry: FileEntry<'_>) -> crate::read::Result<Vec<u8>> {
    let stream = folder.open(entry)?;
    Ok(stream.read_vec(0, stream.size().try_into().unwrap())?)
}

/// The tree of this test when it was started again by [`again`].
fn given_tree() -> Option<PathBuf> {
    std::env::var_os(TREE).map(PathBuf::from)
}

/// Starts one test again with a tree, as `wrapper` or another user; false, said aloud, where that is not possible.
fn again(test: &str, tree: &Path, wrapper: &[&str], user: Option<u32>) -> bool {
    let binary = std::env::current_exe().unwrap();
    let test = format!("filesystem::folder::tests::{test}");
    let mut words = wrapper.iter().map(|word| Path::new(*word)).chain([binary.as_path()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words.map(Path::as_os_str)).args(["--exact", &test, "--nocapture"]).env(TREE, tree);
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    match command.output() {
        Ok(output) if output.status.code() == Some(77) => {
            eprintln!("skipped: {test} cannot be set up here");
            false
        }
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            true
        }
        Err(error) => {
            eprintln!("skipped: {test} cannot be started again: {error}");
            false
        }
    }
}
