//! Minimal and full databases, and what else a release may bring.

use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::hashset::{Builder, KnownSet, Profile, Result};
use crate::model::{Digest, ListSummary, Role};
use crate::read::Memory;

type Set = KnownSet<Memory<Vec<u8>>>;

const PKG: &str = "CREATE TABLE PKG (package_id INTEGER, name VARCHAR, version VARCHAR);";

fn database(folder: &TempDir, sql: &str) -> PathBuf {
    let path = folder.path().join("rds.db");
    Connection::open(&path).unwrap().execute_batch(&format!("{PKG} {sql}")).unwrap();
    path
}

fn import(sql: &str) -> Result<(ListSummary, Set)> {
    let folder = TempDir::new().unwrap();
    let mut builder = Builder::new("set", Role::KnownGood, Profile::none());
    builder.add_file(&database(&folder, sql))?;
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    Ok((set.lists()[0].clone(), set))
}

fn row(table: &str, number: u32) -> String {
    format!(
        "INSERT INTO {table} (sha256, sha1, md5) VALUES ('{number:064X}', '{number:040X}', '{number:032X}');"
    )
}

#[test]
fn a_minimal_database_is_read_from_its_files_with_version_and_date() {
    let (summary, set) = import(&format!(
        "CREATE TABLE FILE (sha256 VARCHAR, sha1 VARCHAR, md5 VARCHAR, file_name VARCHAR, file_size INTEGER, package_id INTEGER); \
         CREATE TABLE VERSION (version VARCHAR, build_set VARCHAR, release_date TIMESTAMP); \
         INSERT INTO VERSION VALUES ('2024.03.1', 'x', '2024-03-01 10:00:00'); \
         {}{} INSERT INTO FILE VALUES (NULL, NULL, '{:032x}', 'n', 7, 1); INSERT INTO FILE VALUES ('', 'z', NULL, 'n', -1, 1);",
        row("FILE", 1),
        row("FILE", 1),
        5
    ))
    .unwrap();
    assert_eq!(summary.format(), "nsrl-v3 (minimal,2024.03.1)");
    assert_eq!((summary.entries, summary.duplicates, summary.rejected), (4, 3, 1));
    assert_eq!(summary.rejected_examples, ["record 4: not a digest of kind SHA-1: \"z\""]);
    assert_eq!(summary.date.as_deref(), Some("2024-03-01"));
    assert_eq!(set.find(&Digest::from_hex(&format!("{:032x}", 5)).unwrap()).unwrap()[0].size, Some(7));
}

#[test]
fn a_full_database_is_read_from_its_metadata_because_its_files_are_a_view() {
    let (summary, _) = import(&format!(
        "CREATE TABLE METADATA (sha256 VARCHAR, sha1 VARCHAR, md5 VARCHAR, bytes INTEGER, extension VARCHAR); \
         CREATE VIEW FILE AS SELECT UPPER(sha256) AS sha256, sha1, md5 FROM METADATA; {}",
        row("METADATA", 1)
    ))
    .unwrap();
    assert_eq!((summary.format(), summary.entries), ("nsrl-v3 (full)".into(), 3));
}

#[test]
fn files_that_are_a_view_of_anything_else_are_refused() {
    for sql in [
        "CREATE TABLE x (md5); CREATE VIEW FILE AS SELECT md5 FROM x;",
        "CREATE TABLE x (md5); CREATE VIEW METADATA AS SELECT md5 FROM x; CREATE VIEW FILE AS SELECT md5 FROM x;",
    ] {
        let message = import(sql).map(|(summary, _)| summary).unwrap_err().to_string();
        assert!(
            message.contains("expected a table FILE, or a table METADATA with FILE as a view"),
            "{message}"
        );
    }
}

#[test]
fn columns_are_taken_from_the_table_and_never_from_an_index() {
    let (summary, _) = import(&format!(
        "CREATE TABLE FILE (sha256, sha1, md5, file_size, PRIMARY KEY (sha256, sha1, md5, file_size)) WITHOUT ROWID; \
         INSERT INTO FILE VALUES ('{:064x}', '{:040x}', '{:032x}', 1);",
        1, 2, 3
    ))
    .unwrap();
    assert_eq!((summary.entries, summary.rejected), (3, 0));
}
