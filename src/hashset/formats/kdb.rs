//! Hash sets of Autopsy: SQLite databases in files `.kdb`.

#[cfg(test)]
mod tests;

use super::sqlite::{Database, Field, Object, declares, is_database, schema_lies_elsewhere};
use super::{Format, Input, Sink};
use crate::hashset::{Error, Place, Result};
use crate::model::Algorithm;
use crate::read::Confidence;

/// Digests lie as bytes in the table `hashes`.
pub struct Kdb;

const COLUMNS: [(&str, Field); 3] = [
    ("md5", Field::Digest(Algorithm::Md5)),
    ("sha1", Field::Digest(Algorithm::Sha1)),
    ("sha2_256", Field::Digest(Algorithm::Sha256)),
];

impl Format for Kdb {
    fn name(&self) -> &'static str {
        "autopsy-kdb"
    }

    fn description(&self) -> &'static str {
        "hash set of Autopsy (.kdb), SQLite: MD5, SHA-1, SHA-256; names and comments are not read. Not in a zip"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        match is_database(head) {
            true if declares(head, "hashes") && declares(head, "db_properties") => Confidence::Strong,
            true if schema_lies_elsewhere(head) => Confidence::Weak,
            _ => Confidence::No,
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let database = Database::open(sink.name(), input.path)?;
        if database.object("hashes")? != Some(Object::Table) {
            let reason = "expected a table hashes, found none or a view";
            return Err(Error::malformed(sink.name(), Place::Record(1), reason));
        }
        database.records("hashes", &COLUMNS, sink)
    }
}
