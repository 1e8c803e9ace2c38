//! Tables of delimited text: what a heading says of the columns.

use super::fields::Fields;
use crate::model::Algorithm;

/// Separators that are tried on a heading.
pub const SEPARATORS: [u8; 3] = [b';', b',', b'\t'];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Digests of that kind.
    Digest(Algorithm),
    /// Digests of which only the length says the kind.
    AnyDigest,
    /// PDQ hashes.
    Pdq,
    /// The quality of the picture that a PDQ hash was made of, 0 to 100.
    Quality,
    /// PhotoDNA values, which are not compared.
    PhotoDna,
    /// Categories.
    Category,
    /// Sizes in bytes.
    Size,
    /// Whether the victim is identified.
    VictimIdentified,
    /// Whether the file is in circulation.
    Distributed,
    /// What NSRL says of files that are known but not harmless; empty for all others.
    SpecialCode,
}

impl Column {
    /// The column that a heading names, in any usual spelling: `SHA-1`, `md5_hash`, `File Size`.
    pub fn named(heading: &[u8]) -> Option<Self> {
        match letters(heading)?.as_str() {
            "category" | "categoryid" | "categorynumber" | "severity" => Some(Self::Category),
            "size" | "filesize" | "mediasize" | "sizebytes" | "sizeinbytes" | "filesizebytes"
            | "filesizeinbytes" => Some(Self::Size),
            "hash" | "digest" | "hashvalue" | "filehash" => Some(Self::AnyDigest),
            "quality" | "pdqquality" => Some(Self::Quality),
            "photodna" | "pdna" | "photodnahash" => Some(Self::PhotoDna),
            "victimidentified" => Some(Self::VictimIdentified),
            "distributed" | "isdistributed" => Some(Self::Distributed),
            "specialcode" => Some(Self::SpecialCode),
            plain => {
                let bare = ["hash", "sum", "digest", "value", "file"]
                    .iter()
                    .fold(plain.to_owned(), |name, word| name.replace(word, ""));
                let pdq = (bare == "pdq").then_some(Self::Pdq);
                pdq.or_else(|| Algorithm::named(&bare).map(Self::Digest))
            }
        }
    }

    /// Whether it holds what files are looked for by.
    pub const fn identifies(self) -> bool {
        matches!(self, Self::Digest(_) | Self::AnyDigest | Self::Pdq)
    }
}

/// The letters and digits of a name in lower case; `None` for what is no name: a line of JSON that mentions a digest
/// is no heading.
pub fn letters(heading: &[u8]) -> Option<String> {
    let heading = std::str::from_utf8(heading).ok()?;
    if !heading.chars().all(|c| c.is_ascii_alphanumeric() || " _-.()[]".contains(c)) {
        return None;
    }
    let plain: String = heading.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(plain.to_ascii_lowercase())
}

/// The columns of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    separator: u8,
    columns: Vec<Option<Column>>,
}

impl Table {
    /// `None` when no column holds digests, or two claim the same content: neither can be chosen without a guess.
    pub fn new(separator: u8, columns: Vec<Option<Column>>) -> Option<Self> {
        let known: Vec<Column> =
            columns.iter().copied().flatten().filter(|column| *column != Column::PhotoDna).collect();
        let twice = known
            .iter()
            .enumerate()
            .any(|(at, column)| known.iter().skip(at + 1).any(|other| other == column));
        let identifies = known.iter().any(|column| column.identifies());
        (identifies && !twice).then_some(Self { separator, columns })
    }

    /// The table that a heading describes in usual words, with the separator that gives it most columns.
    pub fn of_heading(line: &[u8]) -> Option<Self> {
        Self::described(line, Column::named)
    }

    /// The table that a heading describes in the words of one format.
    pub fn described(line: &[u8], named: fn(&[u8]) -> Option<Column>) -> Option<Self> {
        let mut fields = Fields::default();
        let read = |separator: u8| {
            let whole = fields.split(line, separator);
            let columns = fields.iter(line).map(|name| named(name.trim_ascii())).collect();
            whole.then(|| Self::new(separator, columns)).flatten()
        };
        SEPARATORS.into_iter().filter_map(read).max_by_key(Self::width)
    }

    /// What each field of a row holds; `None` for what is not read.
    pub fn columns(&self) -> &[Option<Column>] {
        &self.columns
    }

    /// How many fields a row has.
    pub const fn width(&self) -> usize {
        self.columns.len()
    }

    /// The byte between fields.
    pub const fn separator(&self) -> u8 {
        self.separator
    }
}

/// The names of the columns of a heading, see [`letters`]; empty for those that are no names.
pub fn names(heading: &[u8]) -> Vec<String> {
    let mut fields = Fields::default();
    if !fields.split(heading, b',') {
        return Vec::new();
    }
    fields.iter(heading).map(|name| letters(name.trim_ascii()).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_in_their_usual_spellings() {
        for (heading, column) in [
            ("MD5", Some(Column::Digest(Algorithm::Md5))),
            ("SHA-1", Some(Column::Digest(Algorithm::Sha1))),
            ("sha_256 hash", Some(Column::Digest(Algorithm::Sha256))),
            ("File MD5", Some(Column::Digest(Algorithm::Md5))),
            ("Severity", Some(Column::Category)),
            ("File Size (bytes)", Some(Column::Size)),
            ("PhotoDNA", Some(Column::PhotoDna)),
            ("ParentMD5", None),
            ("hash", Some(Column::AnyDigest)),
            ("Hash Value", Some(Column::AnyDigest)),
            ("PDQ hash", Some(Column::Pdq)),
            ("pdq", Some(Column::Pdq)),
            ("Victim identified", Some(Column::VictimIdentified)),
            ("Is distributed", Some(Column::Distributed)),
            ("Offender identified", None),
            ("SpecialCode", Some(Column::SpecialCode)),
            ("file", None),
            ("SHA512", None),
            ("{\"value\": [{\"MD5\": \"", None),
        ] {
            assert_eq!(Column::named(heading.as_bytes()), column, "{heading}");
        }
    }

    #[test]
    fn a_heading_without_digests_or_with_a_kind_twice_describes_no_table() {
        assert_eq!(
            Table::of_heading(b"md5;\"sha1\";x").map(|table| (table.separator, table.width())),
            Some((b';', 3))
        );
        assert_eq!(Table::of_heading(b"md5").map(|table| table.width()), Some(1));
        assert_eq!(Table::of_heading(b"category,size"), None);
        assert_eq!(Table::of_heading(b"md5,MD-5"), None);
        assert_eq!(Table::of_heading(b"\"md5"), None);
    }
}
