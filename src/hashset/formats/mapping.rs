//! Mappings: which columns of somebody's table hold what, as the operator states it in TOML.

#[cfg(test)]
mod tests;

use serde::Deserialize;

use super::fields::Fields;
use super::table::{Column, SEPARATORS, Table};
use crate::hashset::error::excerpt;
use crate::hashset::{Error, Result};
use crate::model::Algorithm;

/// Which columns of a table hold what.
///
/// ```toml
/// separator = ";"          # , ; | or tab; without it the one that fits the heading
/// heading = true           # false: the first row holds data, and columns have numbers from 1
///
/// [columns]                # a name of the heading or a number; also sha1, sha256, pdq, hash, size, quality, distributed
/// md5 = "Hash value"
/// category = 3
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    separator: Option<u8>,
    heading: bool,
    columns: Vec<(Column, Named)>,
}

/// How a column is named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column or its number from 1")]
enum Named {
    Heading(String),
    Number(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    separator: Option<String>,
    heading: Option<bool>,
    columns: Columns,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    md5: Option<Named>,
    sha1: Option<Named>,
    sha256: Option<Named>,
    pdq: Option<Named>,
    hash: Option<Named>,
    category: Option<Named>,
    size: Option<Named>,
    quality: Option<Named>,
    #[serde(rename = "victim-identified")]
    victim_identified: Option<Named>,
    distributed: Option<Named>,
}

impl Mapping {
    /// Reads a mapping; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// Unknown keys, an unknown separator, no column with hashes, names of columns where there is no heading.
    pub fn from_toml(name: &str, text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Mapping { mapping: name.to_owned(), reason };
        let stated: Stated = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let separator = match stated.separator.as_deref() {
            None => None,
            Some("tab" | "\t") => Some(b'\t'),
            Some(",") => Some(b','),
            Some(";") => Some(b';'),
            Some("|") => Some(b'|'),
            Some(other) => {
                return Err(wrong(format!(
                    "separator is {}, expected , ; | or tab",
                    excerpt(other.as_bytes())
                )));
            }
        };
        let heading = stated.heading.unwrap_or(true);
        let named = stated.columns;
        let columns: Vec<(Column, Named)> = [
            (Column::Digest(Algorithm::Md5), named.md5),
            (Column::Digest(Algorithm::Sha1), named.sha1),
            (Column::Digest(Algorithm::Sha256), named.sha256),
            (Column::Pdq, named.pdq),
            (Column::AnyDigest, named.hash),
            (Column::Category, named.category),
            (Column::Size, named.size),
            (Column::Quality, named.quality),
            (Column::VictimIdentified, named.victim_identified),
            (Column::Distributed, named.distributed),
        ]
        .into_iter()
        .filter_map(|(column, named)| Some((column, named?)))
        .collect();
        if !columns.iter().any(|(column, _)| column.identifies()) {
            return Err(wrong("[columns] names none of md5, sha1, sha256, pdq and hash".into()));
        }
        for (_, named) in &columns {
            match named {
                Named::Number(0) => return Err(wrong("columns are counted from 1".into())),
                Named::Heading(column) if !heading => {
                    let column = excerpt(column.as_bytes());
                    return Err(wrong(format!(
                        "column {column} is a name, but heading = false; give its number"
                    )));
                }
                _ => {}
            }
        }
        Ok(Self { separator, heading, columns })
    }

    /// Whether the first row names the columns.
    pub const fn has_heading(&self) -> bool {
        self.heading
    }

    /// The table whose first row this is, or why it does not have the columns.
    pub fn table(&self, first: &[u8]) -> std::result::Result<Table, String> {
        let separators: &[u8] = self.separator.as_ref().map_or(&SEPARATORS, std::slice::from_ref);
        let mut best: Option<(usize, std::result::Result<Table, String>)> = None;
        for separator in separators {
            let mut fields = Fields::default();
            if !fields.split(first, *separator) {
                continue;
            }
            let names: Vec<_> = fields.iter(first).map(|name| name.trim_ascii().to_vec()).collect();
            let table = self.placed(*separator, &names, first);
            // One that fits beats one that does not; then the one with most columns.
            let better = best
                .as_ref()
                .is_none_or(|(width, known)| (table.is_ok(), names.len()) > (known.is_ok(), *width));
            if better {
                best = Some((names.len(), table));
            }
        }
        best.map_or_else(
            || Err("the first row has a quoted field that does not end".into()),
            |(_, table)| table,
        )
    }

    fn placed(&self, separator: u8, names: &[Vec<u8>], first: &[u8]) -> std::result::Result<Table, String> {
        let found = || {
            // A row may hold free text, which no error shows.
            let row = if self.heading {
                format!("heading found: {}", excerpt(first))
            } else {
                format!("the first row has {} fields", names.len())
            };
            format!("the mapping of columns does not fit; {row}")
        };
        let mut columns = vec![None; names.len()];
        for (column, named) in &self.columns {
            let at = match named {
                Named::Number(number) => number.saturating_sub(1),
                Named::Heading(name) => {
                    let wanted = name.trim().as_bytes();
                    let mut same =
                        names.iter().enumerate().filter(|(_, name)| name.eq_ignore_ascii_case(wanted));
                    match (same.next(), same.next()) {
                        (Some((at, _)), None) => at,
                        (None, _) => return Err(format!("no column {}: {}", excerpt(wanted), found())),
                        _ => return Err(format!("several columns {}: {}", excerpt(wanted), found())),
                    }
                }
            };
            match columns.get_mut(at) {
                Some(place @ None) => *place = Some(*column),
                Some(Some(_)) => return Err(format!("column {} is named twice in the mapping", at + 1)),
                None => return Err(format!("no column {} among {}: {}", at + 1, names.len(), found())),
            }
        }
        Table::new(separator, columns).ok_or_else(found)
    }
}
