//! What a run states of the hash sets that it was made with.

use serde::{Deserialize, Serialize};

use super::Role;

/// One imported list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSummary {
    /// Its name: the file name without folders, or what the operator called it.
    pub name: String,
    /// The files that it was read from, in the order in which they were given.
    pub files: Vec<ListFile>,
    /// Latest date that the list states of itself or its records, as it writes it; absent when it states none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Digests taken over, each kind by itself, each value once.
    pub entries: u64,
    /// Near-duplicate hashes taken over, each value once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub near: u64,
    /// Digests and near-duplicate hashes that stand in it more than once.
    pub duplicates: u64,
    /// Digests of the empty file, left out.
    pub empty_file: u64,
    /// Records without any digest that is read here, left out.
    pub without_digest: u64,
    /// Records that the list itself marks as not harmless, left out of a known-good set.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_harmless: u64,
    /// Records that a later one replaced or took back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withdrawn: u64,
    /// Lines or records that could not be read.
    pub rejected: u64,
    /// The first of them: where and why.
    pub rejected_examples: Vec<String>,
    /// Records of each category, in the order of their text; empty when no record has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<CategoryRecords>,
    /// What whoever uses the list must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl ListSummary {
    /// The formats of its files, each once, in words.
    pub fn format(&self) -> String {
        let mut formats: Vec<&str> = self.files.iter().map(|file| file.format.as_str()).collect();
        formats.dedup();
        formats.join(", ")
    }
}

/// A file that a list was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListFile {
    /// Its name without folders.
    pub name: String,
    /// Its format, with the variant that it states.
    pub format: String,
    /// SHA-256 of the file as it lies there, packed or not.
    pub sha256: String,
}

/// How many records of a list are of a category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryRecords {
    /// The category as the list writes it; absent for records without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Records.
    pub records: u64,
}

/// What the issuer of a set states of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Who issues it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Last day on which it is to be used, as YYYY-MM-DD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
}

/// One compiled set as loaded for a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSummary {
    /// Its name.
    pub name: String,
    /// What the operator said it is for.
    pub role: Role,
    /// The profile that gives its categories a meaning; `none` when no profile was chosen.
    pub profile: String,
    /// Whether it is the demonstration set.
    pub demonstration: bool,
    /// Root of the compiled image: a SHA-256 that every byte of it bears on.
    pub root: String,
    /// Which edition it is.
    #[serde(flatten)]
    pub edition: Edition,
    /// Whether that day was past when the run began.
    #[serde(default, skip_serializing_if = "is_false")]
    pub expired: bool,
    /// Who signed it, as far as that can be said.
    #[serde(default)]
    pub signature: SetSignature,
    /// The lists in it, in the order of their names.
    pub lists: Vec<ListSummary>,
}

impl SetSummary {
    /// A set of which nothing else is stated.
    pub fn new(name: &str, role: Role, profile: &str, root: String) -> Self {
        Self {
            name: name.to_owned(),
            role,
            profile: profile.to_owned(),
            demonstration: false,
            root,
            edition: Edition::default(),
            expired: false,
            signature: SetSignature::None,
            lists: Vec::new(),
        }
    }
}

/// What the signature of a set shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SetSignature {
    /// It has none, as lists that are given directly.
    #[default]
    None,
    /// It is right, by a key that is not among the trusted ones.
    Unknown {
        /// Fingerprint of the key.
        key: String,
    },
    /// It is right, by a trusted key.
    Trusted {
        /// Fingerprint of the key.
        key: String,
        /// What the key's file is called.
        name: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
