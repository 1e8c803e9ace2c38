//! Databases of Autopsy as they are, as they are damaged, and as they may be made to deceive.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::hashset::{Builder, KnownSet, Profile, Result};
use crate::model::{Digest, ListSummary, Role};
use crate::read::Memory;

type Set = KnownSet<Memory<Vec<u8>>>;

const SCHEMA: &str = "PRAGMA page_size = 512; \
     CREATE TABLE db_properties (name TEXT NOT NULL, value TEXT); \
     INSERT INTO db_properties VALUES ('Schema Version', '1'); \
     CREATE TABLE hashes (id INTEGER PRIMARY KEY AUTOINCREMENT, md5 BINARY(16) UNIQUE, sha1 BINARY(20), sha2_256 BINARY(32)); \
     CREATE TABLE comments (comment TEXT NOT NULL, hash_id INTEGER NOT NULL);";

fn database(folder: &TempDir, name: &str, sql: &str) -> PathBuf {
    let path = folder.path().join(name);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path
}

fn import(path: &Path) -> Result<(ListSummary, Set)> {
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    builder.add_file(path)?;
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    Ok((set.lists()[0].clone(), set))
}

fn refusal(path: &Path) -> String {
    import(path).map(|(summary, _)| summary).unwrap_err().to_string()
}

fn holds(set: &Set, digits: &str) -> bool {
    !set.find(&Digest::from_hex(digits).unwrap()).unwrap().is_empty()
}

fn rows(count: u32) -> String {
    (0..count)
        .map(|n| format!("INSERT INTO hashes (md5, sha1) VALUES (X'{:032x}', X'{:040x}');", n + 1, n + 1))
        .collect()
}

#[test]
fn bytes_and_digits_are_read_and_rows_that_are_neither_rejected_with_their_number() {
    let folder = TempDir::new().unwrap();
    let (a, b, c) = ("a".repeat(32), "B".repeat(40), "c".repeat(64));
    let path = database(
        &folder,
        "a b#?%.kdb",
        &format!(
            "{SCHEMA} INSERT INTO hashes VALUES (1, X'{a}', '{b}', X'{c}'), (2, X'00', NULL, ''), (3, 17, NULL, NULL), \
             (4, NULL, NULL, NULL), (5, 'z', X'{b}', X'{a}');"
        ),
    );
    let (summary, set) = import(&path).unwrap();
    assert_eq!((summary.format(), summary.name.as_str()), ("autopsy-kdb".into(), "a b#?%.kdb"));
    assert_eq!((summary.entries, summary.rejected, summary.without_digest), (3, 4, 1));
    assert!(summary.rejected_examples[0].starts_with("record 2: not a digest of kind MD5"));
    assert!([a, b, c].iter().all(|digits| holds(&set, digits)));
}

#[test]
fn triggers_and_views_beside_the_table_do_nothing_and_a_view_in_its_place_is_refused() {
    let folder = TempDir::new().unwrap();
    let md5 = "1".repeat(32);
    let path = database(
        &folder,
        "beside.kdb",
        &format!(
            "{SCHEMA} INSERT INTO hashes (md5) VALUES (X'{md5}'); \
             CREATE VIEW loop AS WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT x FROM c; \
             CREATE TRIGGER t AFTER INSERT ON hashes BEGIN DELETE FROM hashes; END;"
        ),
    );
    assert_eq!(import(&path).unwrap().0.entries, 1);
    let hidden = "CREATE TABLE db_properties (name TEXT, value TEXT); CREATE TABLE other (md5, sha1);";
    let endless = "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c) SELECT randomblob(16) AS md5 FROM c";
    for (name, sql, expected) in [
        (
            "view.kdb",
            format!("{hidden} CREATE VIEW hashes AS {endless};"),
            "expected a table hashes, found none or a view",
        ),
        (
            "generated.kdb",
            format!("{hidden} CREATE TABLE hashes (id, md5 AS (zeroblob(16)));"),
            "column \"md5\" of table hashes is hidden or computed",
        ),
        (
            "virtual.kdb",
            format!("{hidden} CREATE VIRTUAL TABLE hashes USING fts5(md5);"),
            "expected a table hashes",
        ),
        ("none.kdb", format!("{hidden} CREATE TABLE hashes (id, crc);"), "has no column md5, sha1 or sha256"),
    ] {
        let path = database(&folder, name, &sql);
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        let format = crate::hashset::formats::named("autopsy-kdb");
        let message = builder.add_list(name, &[&path], format).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(name), "{message}");
    }
}

#[test]
fn a_schema_that_calls_a_view_a_table_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "forged.kdb", &format!("{SCHEMA} {}", rows(3)));
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = 'CREATE VIEW hashes AS SELECT name AS md5 FROM db_properties' WHERE name = 'hashes';",
        )
        .unwrap();
    drop(connection);
    let message = refusal(&path);
    assert!(message.contains("forged.kdb") && message.contains("nothing of it was taken over"), "{message}");
}

#[test]
fn changes_beside_the_file_or_a_missing_file_are_said() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "set.kdb", &format!("{SCHEMA} {}", rows(1)));
    for suffix in ["-wal", "-journal"] {
        let beside = PathBuf::from(format!("{}{suffix}", path.display()));
        std::fs::write(&beside, b"x").unwrap();
        let message = refusal(&path);
        assert!(message.contains(&format!("its file {suffix} with changes")), "{message}");
        std::fs::write(&beside, b"").unwrap();
        assert!(import(&path).is_ok(), "an empty one holds nothing");
        std::fs::remove_file(beside).unwrap();
    }
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    let message = builder.add_reader("piped", std::fs::File::open(&path).unwrap()).unwrap_err().to_string();
    assert!(message.contains("a database must be a file by itself: unpack it first"), "{message}");
    let written = database(&folder, "wal.kdb", &format!("PRAGMA journal_mode = WAL; {SCHEMA} {}", rows(2)));
    assert_eq!(import(&written).unwrap().0.entries, 4, "one that was closed is whole");
}

#[test]
fn other_databases_are_unrecognised_and_a_schema_that_is_not_seen_must_be_stated() {
    let folder = TempDir::new().unwrap();
    let other = database(&folder, "other.db", "CREATE TABLE hashes_x (md5); CREATE TABLE PKG (a);");
    assert!(refusal(&other).contains("an SQLite database without the tables of NSRL RDSv3 or Autopsy"));
    let many: String = (0..40).map(|n| format!("CREATE TABLE t{n} (a, b, c, d, e, f, g, h);")).collect();
    let large =
        database(&folder, "large.kdb", &format!("PRAGMA page_size = 512; {many} {SCHEMA} {}", rows(2)));
    match import(&large) {
        Ok((summary, _)) => assert_eq!(summary.entries, 4),
        Err(error) => panic!("{error}"),
    }
    let format = crate::hashset::formats::named("nsrl-v3");
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    assert!(
        builder
            .add_list("large", &[&large], format)
            .unwrap_err()
            .to_string()
            .contains("expected a table FILE")
    );
}

#[test]
fn a_database_cut_anywhere_gives_nothing() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "whole.kdb", &format!("{SCHEMA} {}", rows(20)));
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.kdb");
    for end in (0..whole.len()).step_by(7).chain([whole.len() - 1, 16, 100, 512]) {
        std::fs::write(&cut, &whole[..end]).unwrap();
        let message = refusal(&cut);
        assert!(message.contains("truncated") || end < 2048, "{end}: {message}");
    }
}

#[test]
fn a_database_with_flipped_bytes_is_refused_or_read_and_ends_soon() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "whole.kdb", &format!("{SCHEMA} {}", rows(60)));
    let whole = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.kdb");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for round in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=round % 4 {
            let at = random() % if round % 2 == 0 { bytes.len() } else { 1024 };
            bytes[at] ^= u8::try_from(random() % 255 + 1).unwrap();
        }
        std::fs::write(&damaged, &bytes).unwrap();
        match import(&damaged) {
            Ok((summary, _)) => {
                read += 1;
                assert!(summary.entries <= 2 * 700, "{}", summary.entries);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 20 && refused > 20, "{read} read, {refused} refused");
}

#[test]
fn pages_that_lead_in_a_circle_end() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder, "circle.kdb", &format!("{SCHEMA} {}", rows(400)));
    let root: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'hashes'", [], |row| row.get(0))
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let page = (usize::try_from(root).unwrap() - 1) * 512;
    assert_eq!(bytes[page], 5, "an interior page");
    let cells = usize::from(u16::from_be_bytes([bytes[page + 3], bytes[page + 4]]));
    for cell in 0..cells {
        let at = page + 12 + cell * 2;
        let at = page + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        // All children are the first leaf: more rows than the file has room for, or an error of SQLite.
        let first = page + usize::from(u16::from_be_bytes([bytes[page + 12], bytes[page + 13]]));
        let leaf: [u8; 4] = bytes[first..first + 4].try_into().unwrap();
        bytes[at..at + 4].copy_from_slice(&leaf);
    }
    bytes[page + 8..page + 12].copy_from_slice(&root.to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let message = refusal(&path);
    assert!(message.contains("circle.kdb") && message.contains("nothing of it was taken over"), "{message}");
}

#[test]
fn a_schema_that_would_fill_memory_is_refused() {
    let folder = TempDir::new().unwrap();
    let tables: String = (0..1200).map(|n| format!("CREATE TABLE t{n} (a);")).collect();
    let path = database(&folder, "many.kdb", &format!("{SCHEMA} BEGIN; {tables} COMMIT;"));
    let message = refusal(&path);
    assert!(message.contains("a damaged database") || message.contains("too many"), "{message}");
    let long =
        database(&folder, "long.kdb", &format!("{SCHEMA} CREATE TABLE t (a /* {} */);", "x".repeat(2 << 20)));
    assert!(refusal(&long).contains("nothing of it was taken over"));
    let wide = database(
        &folder,
        "wide.kdb",
        &format!("{SCHEMA} INSERT INTO hashes (md5) VALUES (zeroblob(3 << 20)); {}", rows(1)),
    );
    assert!(refusal(&wide).contains("nothing of it was taken over"));
}

#[test]
fn what_hfind_finds_is_what_is_imported() {
    let folder = TempDir::new().unwrap();
    let path = database(
        &folder,
        "oracle.kdb",
        &format!(
            "{SCHEMA} CREATE TABLE file_names (name TEXT NOT NULL, hash_id INTEGER NOT NULL); \
             CREATE INDEX md5_index ON hashes(md5); {}",
            rows(5)
        ),
    );
    let set = import(&path).unwrap().1;
    for number in [1, 3, 5, 6, 7] {
        let digits = format!("{number:032x}");
        let Ok(output) = Command::new("hfind").arg("-q").arg(&path).arg(&digits).output() else {
            eprintln!("SKIPPED: hfind of the Sleuth Kit is not here");
            return;
        };
        let found = String::from_utf8_lossy(&output.stdout).trim() == "1";
        assert_eq!(holds(&set, &digits), found, "{number}");
    }
}
