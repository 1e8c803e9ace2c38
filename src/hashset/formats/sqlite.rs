//! SQLite databases as hostile input: opened for reading only, and asked for plain columns of plain tables only.
//!
//! Nothing of what a database brings is run: no trigger, no view, no expression, no extension. Memory is bounded by
//! limits of SQLite, time by the size of the file.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Record, Sink, text};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Place, Result};
use crate::model::{Algorithm, Digest, Digests};

/// With which every database begins.
const SIGNATURE: &[u8] = b"SQLite format 3\0";

/// Most memory that SQLite takes, in all databases together.
const HEAP: &str = "67108864";
/// Instructions between two looks at how many there were.
const LOOK: i32 = 100_000;

const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, 1 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 64 << 10),
    (Limit::SQLITE_LIMIT_COLUMN, 200),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 50),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    (Limit::SQLITE_LIMIT_SCHEMA, 1000),
];

/// Set before anything of the file is read.
const SETTINGS: &str = "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA query_only = ON; \
                        PRAGMA cache_size = -8192;";

/// Whether a file with these first bytes is one.
pub fn is_database(head: &[u8]) -> bool {
    head.starts_with(SIGNATURE)
}

/// Whether a database with these first bytes declares a table or view of that name. Only what lies in them is found:
/// the schema of a larger database may lie elsewhere.
pub fn declares(head: &[u8], name: &str) -> bool {
    const KEYWORDS: [&[u8]; 2] = [b"create table", b"create view"];
    let named = |rest: &[u8]| {
        let rest = rest.trim_ascii_start();
        let rest = match rest.split_first() {
            Some((b'"' | b'`' | b'[' | b'\'', rest)) => rest,
            _ => rest,
        };
        let (found, behind) = rest.split_at(rest.len().min(name.len()));
        found.eq_ignore_ascii_case(name.as_bytes())
            && behind.first().is_none_or(|next| !next.is_ascii_alphanumeric() && *next != b'_')
    };
    (0..head.len()).filter_map(|at| head.get(at..)).any(|rest| {
        KEYWORDS.iter().any(|keyword| {
            let start = rest.split_at_checked(keyword.len());
            start.is_some_and(|(found, rest)| found.eq_ignore_ascii_case(keyword) && named(rest))
        })
    })
}

/// Whether the schema of a database with these first bytes does not lie in its first page.
pub fn schema_lies_elsewhere(head: &[u8]) -> bool {
    const INTERIOR: u8 = 5;
    is_database(head) && head.get(100) == Some(&INTERIOR)
}

/// What a name of a schema stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A table whose rows lie in the file.
    Table,
    /// A query under a name.
    View,
    /// Anything else: the rows of a virtual table come from code.
    Other,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Digests of that kind, as bytes or as hexadecimal digits.
    Digest(Algorithm),
    /// Sizes in bytes.
    Size,
}

/// A database.
pub struct Database {
    connection: Connection,
    list: String,
    /// Its length in bytes.
    length: u64,
}

impl Database {
    /// Opens the database of a list.
    pub fn open(list: &str, path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Err(Error::unready(list, "a database must be a file by itself: unpack it first"));
        };
        let length = whole(list, path)?;
        settled(list, path)?;
        let uri = uri(path).map_err(|error| Error::io(list, error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
        let connection = Connection::open_with_flags(uri, flags)
            .and_then(|connection| restricted(connection, length))
            .map_err(|error| failure(list, 0, &error))?;
        Ok(Self { connection, list: list.to_owned(), length })
    }

    /// What the schema says of a name.
    pub fn object(&self, wanted: &str) -> Result<Option<Object>> {
        let mut found = None;
        self.query("SELECT type, name, rootpage, sql FROM main.sqlite_schema", |_, row| {
            let text = |at| row.get_ref(at).ok().and_then(|value: ValueRef<'_>| value.as_str().ok());
            let (kind, name, sql) = (text(0).unwrap_or_default(), text(1), text(3).unwrap_or_default());
            // An index may have the name of a table; nothing else may.
            if name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                && kind != "index"
                && kind != "trigger"
            {
                let root = row.get_ref(2).ok().and_then(|value| value.as_i64().ok()).unwrap_or(0);
                found = Some(match kind {
                    "table" if root > 0 && starts_with(sql, "CREATE TABLE ") => Object::Table,
                    "view" => Object::View,
                    _ => Object::Other,
                });
            }
        })?;
        Ok(found)
    }

    /// The columns of a table, all of which must be stored.
    pub fn columns(&self, table: &str) -> Result<Vec<String>> {
        let (mut columns, mut computed) = (Vec::new(), None);
        self.query(&format!("PRAGMA main.table_xinfo({})", quoted(table)), |_, row| {
            let name = row.get::<_, String>(1).unwrap_or_default();
            if row.get::<_, i64>(6).unwrap_or(1) != 0 {
                computed = Some(excerpt(name.as_bytes()));
            }
            columns.push(name);
        })?;
        match computed {
            None => Ok(columns),
            Some(column) => {
                let reason =
                    format!("column {column} of table {table} is hidden or computed, which no release is");
                Err(Error::malformed(&self.list, Place::Record(1), reason))
            }
        }
    }

    /// Gives the rows of a table as records to the sink. Which of the wanted columns it has is looked up; one with
    /// digests must be among them.
    pub fn records(&self, table: &str, wanted: &[(&str, Field)], sink: &mut dyn Sink) -> Result<()> {
        let columns = self.columns(table)?;
        let present: Vec<(&str, Field)> = wanted
            .iter()
            .copied()
            .filter(|(name, _)| columns.iter().any(|column| column.eq_ignore_ascii_case(name)))
            .collect();
        if !present.iter().any(|(_, field)| matches!(field, Field::Digest(_))) {
            let reason = format!("table {table} has no column md5, sha1 or sha256");
            return Err(Error::malformed(&self.list, Place::Record(1), reason));
        }
        let names: Vec<&str> = present.iter().map(|(name, _)| *name).collect();
        self.rows(table, &names, |number, row| {
            let mut digests = Digests::default();
            let (mut size, mut unreadable) = (None, false);
            for (at, (_, field)) in present.iter().enumerate() {
                let Ok(value) = row.get_ref(at) else { continue };
                match field {
                    Field::Size => size = value.as_i64().ok().and_then(|size| u64::try_from(size).ok()),
                    Field::Digest(kind) => match digest(value, *kind) {
                        Cell::Absent => {}
                        Cell::Digest(digest) => digests.set(digest),
                        Cell::Unreadable(shown) => {
                            unreadable = true;
                            sink.reject(
                                Place::Record(number),
                                &format!("not a digest of kind {kind}"),
                                shown,
                            );
                        }
                    },
                }
            }
            if !digests.is_empty() || !unreadable {
                sink.record(Record { digests, size, ..Record::default() });
            }
        })
    }

    /// The rows of plain columns of a table, in the order in which they lie there.
    pub fn rows(
        &self,
        table: &str,
        columns: &[&str],
        row: impl FnMut(u64, &rusqlite::Row<'_>),
    ) -> Result<()> {
        let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        // An index may hold other rows than its table in a database that was made to deceive.
        self.query(&format!("SELECT {} FROM main.{} NOT INDEXED", columns.join(", "), quoted(table)), row)
    }

    fn query(&self, sql: &str, mut each: impl FnMut(u64, &rusqlite::Row<'_>)) -> Result<()> {
        let mut number = 0_u64;
        let failed = |number, error| failure(&self.list, number, &error);
        let mut statement = self.connection.prepare(sql).map_err(|error| failed(0, error))?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| failed(number, error))? {
            number = number.saturating_add(1);
            // No row is shorter than 8 bytes: pages that lead back to themselves have more.
            if number > self.length / 8 + 100 {
                let reason = "more rows than the file can hold: its pages lead in a circle";
                return Err(Error::malformed(&self.list, Place::Record(number), reason));
            }
            each(number, row);
        }
        Ok(())
    }
}

/// What stands in a column of digests.
enum Cell<'a> {
    Absent,
    Digest(Digest),
    Unreadable(&'a [u8]),
}

fn digest(value: ValueRef<'_>, kind: Algorithm) -> Cell<'_> {
    let (bytes, digest) = match value {
        ValueRef::Null => return Cell::Absent,
        ValueRef::Text(digits) => (digits, text::digest(digits)),
        ValueRef::Blob(bytes) => (bytes, Digest::new(bytes)),
        ValueRef::Integer(_) | ValueRef::Real(_) => return Cell::Unreadable(b"a number"),
    };
    match digest.filter(|digest| digest.algorithm() == kind) {
        Some(digest) => Cell::Digest(digest),
        None if bytes.is_empty() => Cell::Absent,
        None => Cell::Unreadable(bytes),
    }
}

/// The length of the file, which must hold all pages that its header counts.
fn whole(list: &str, path: &Path) -> Result<u64> {
    let failed = |error| Error::io(list, error);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut header = Vec::new();
    file.by_ref().take(100).read_to_end(&mut header).map_err(failed)?;
    let number = |at: usize| header.get(at..)?.first_chunk().copied().map(u32::from_be_bytes).map(u64::from);
    let page = header.get(16..).and_then(|rest| rest.first_chunk().copied()).map(u16::from_be_bytes);
    let page = page.map(|size| if size == 1 { 65_536 } else { u64::from(size) });
    let (Some(page), Some(pages)) = (page, number(28)) else {
        return Err(Error::truncated(list, "a database that ends in its header"));
    };
    // Old writers leave the count alone and do not say for which state of the file it holds.
    if number(24) == number(92) && page.saturating_mul(pages) > length {
        let reason =
            format!("a database of {pages} pages of {page} bytes, of which the file has {length} bytes");
        return Err(Error::truncated(list, reason));
    }
    Ok(length)
}

/// Changes that were not written back lie beside the file and would be missed.
fn settled(list: &str, path: &Path) -> Result<()> {
    let real = fs::canonicalize(path).map_err(|error| Error::io(list, error))?;
    for path in [path, &real] {
        for suffix in ["-wal", "-journal"] {
            let mut beside = path.as_os_str().to_owned();
            beside.push(suffix);
            if fs::metadata(PathBuf::from(beside)).is_ok_and(|found| found.len() > 0) {
                let reason = format!(
                    "beside the database lies its file {suffix} with changes that are not in it yet; have the program \
                     that made it close it, or open and close a copy of both with sqlite3 first"
                );
                return Err(Error::unready(list, reason));
            }
        }
    }
    Ok(())
}

/// The URI of a file of which SQLite is told that nobody changes it: no lock, no journal, no file beside it.
fn uri(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let mut uri = String::from(if cfg!(windows) { "file:///" } else { "file://" });
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(*byte)),
            plain if plain.is_ascii_alphanumeric() => uri.push(char::from(*plain)),
            // Writing to a string cannot fail.
            other => drop(write!(uri, "%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Ok(uri)
}

fn restricted(mut connection: Connection, length: u64) -> rusqlite::Result<Connection> {
    for (limit, value) in LIMITS {
        connection.set_limit(limit, value)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    let most = length.saturating_mul(4).saturating_add(20_000_000);
    let mut instructions = 0_u64;
    let step = u64::from(LOOK.unsigned_abs());
    connection.progress_handler(
        LOOK,
        Some(move || {
            instructions = instructions.saturating_add(step);
            instructions > most
        }),
    )?;
    connection.execute_batch(&format!("PRAGMA hard_heap_limit = {HEAP}; {SETTINGS}"))?;
    connection.authorizer(Some(allowed))?;
    Ok(connection)
}

/// Reading by our own statements is allowed, nothing else: what a view reads it reads on its own account.
fn allowed(context: AuthContext<'_>) -> Authorization {
    match (context.action, context.accessor) {
        (AuthAction::Select | AuthAction::Read { .. }, None) => Authorization::Allow,
        (AuthAction::Pragma { pragma_name: "table_xinfo", .. }, None) => Authorization::Allow,
        _ => Authorization::Deny,
    }
}

/// An error of SQLite behind that many rows. Its text may quote the file.
fn failure(list: &str, rows: u64, error: &rusqlite::Error) -> Error {
    let place = Place::Record(rows.saturating_add(1));
    let said = excerpt(error.to_string().as_bytes());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            Error::malformed(list, place, "not an SQLite database, or an encrypted one")
        }
        Some(ErrorCode::OutOfMemory) => Error::malformed(list, place, "reading it needs more than 64 MiB"),
        Some(ErrorCode::OperationInterrupted) => {
            Error::malformed(list, place, "reading it takes more steps than its size explains")
        }
        Some(ErrorCode::CannotOpen) => Error::io(list, io::Error::other(said)),
        _ => Error::malformed(list, place, format_args!("a damaged database: {said}")),
    }
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
