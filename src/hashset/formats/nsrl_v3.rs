//! NSRL RDSv3: the SQLite databases of NIST's reference data set of known software.

#[cfg(test)]
mod tests;

use super::sqlite::{Database, Field, Object, declares, is_database, schema_lies_elsewhere};
use super::{Format, Input, Sink};
use crate::hashset::{Error, Place, Result};
use crate::model::Algorithm;
use crate::read::Confidence;

/// A minimal database has its files in the table FILE; in a full one that is a view, and METADATA is the table.
pub struct NsrlV3;

const COLUMNS: [(&str, Field); 5] = [
    ("sha256", Field::Digest(Algorithm::Sha256)),
    ("sha1", Field::Digest(Algorithm::Sha1)),
    ("md5", Field::Digest(Algorithm::Md5)),
    ("file_size", Field::Size),
    ("bytes", Field::Size),
];

impl Format for NsrlV3 {
    fn name(&self) -> &'static str {
        "nsrl-v3"
    }

    fn description(&self) -> &'static str {
        "NSRL RDSv3, SQLite, minimal and full: MD5, SHA-1, SHA-256, size. Known, hacker tools among it. Not in a zip; \
         delta scripts are refused"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let files = declares(head, "FILE") || declares(head, "METADATA");
        match is_database(head) {
            true if files && declares(head, "PKG") => Confidence::Strong,
            true if schema_lies_elsewhere(head) => Confidence::Weak,
            _ => Confidence::No,
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let database = Database::open(sink.name(), input.path)?;
        let (table, variant) = match (database.object("FILE")?, database.object("METADATA")?) {
            (Some(Object::Table), _) => ("FILE", "minimal"),
            (Some(Object::View) | None, Some(Object::Table)) => ("METADATA", "full"),
            _ => {
                let reason =
                    "expected a table FILE, or a table METADATA with FILE as a view of it, found neither";
                return Err(Error::malformed(sink.name(), Place::Record(1), reason));
            }
        };
        match release(&database, sink)? {
            Some(version) => sink.variant(&format!("{variant},{version}")),
            None => sink.variant(variant),
        }
        database.records(table, &COLUMNS, sink)
    }
}

/// The version that a database says it is; notes its date.
fn release(database: &Database, sink: &mut dyn Sink) -> Result<Option<String>> {
    if database.object("VERSION")? != Some(Object::Table) {
        return Ok(None);
    }
    let columns = database.columns("VERSION")?;
    let has = |name: &str| columns.iter().any(|column| column.eq_ignore_ascii_case(name));
    if !has("version") || !has("release_date") {
        return Ok(None);
    }
    let mut version = None;
    database.rows("VERSION", &["version", "release_date"], |_, row| {
        let text = |at| row.get_ref(at).ok().and_then(|value| value.as_str().ok());
        if let Some(date) = text(1).and_then(|date| date.split_whitespace().next()) {
            sink.date(date);
        }
        version = text(0).map(str::to_owned).or(version.take());
    })?;
    Ok(version)
}
