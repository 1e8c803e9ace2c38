//! What was typed after `onscene set`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::hashset::{LongDigits, formats};
use crate::model;

use super::super::opening::KeyringArguments;

#[derive(Debug, Args)]
pub struct SetArguments {
    #[command(subcommand)]
    pub command: SetCommand,
}

#[derive(Debug, Subcommand)]
pub enum SetCommand {
    /// Compile hash lists into one set of one role.
    ///
    /// The same lists, names and statements give the same bytes, whatever their order. What does not fit into memory
    /// is put into nameless files in the folder of OUT while the set is built, but never with --seal.
    Build(Box<BuildArguments>),
    /// Read a list without making a set of it: its format, what is in it, what is wrong with it.
    ///
    /// What does not fit into memory is put into nameless files in the temporary folder of the system. Exit codes: 0
    /// every line was read, 2 some were rejected, 3 the list cannot be used.
    Check(CheckArguments),
    /// Name the digests that an alert set and a known-good set both hold.
    ///
    /// In a scan the alert wins, and the finding says that the other set holds it too. Exit codes: 0 none, 1 some,
    /// 3 a set cannot be used.
    Conflicts(ConflictsArguments),
    /// Say what a newer set holds that an older one does not, and the other way round.
    ///
    /// Exit codes: 0 no difference, 1 some, 3 a set cannot be used.
    Diff(DiffArguments),
    /// Show what a set states of itself: lists, counts, dates, who signed it.
    Info(InfoArguments),
    /// Look digests, or the digests of files, up in a set.
    ///
    /// A set says nothing of digests of a kind that it does not hold; the answer says so. Exit codes: 0 none is in it,
    /// 1 at least one is, 3 the set or a file cannot be read.
    Lookup(LookupArguments),
    /// Write the series, tags and comments of a set that was built with them, for a lab's export.
    ///
    /// They may name victims: onscene shows them nowhere else.
    Texts(TextsArguments),
    /// Check every byte of a set, and its signature.
    ///
    /// Exit codes: 0 sound, and signed by a trusted key or by nobody; 1 altered or damaged; 2 sound, but signed by a
    /// key that is not trusted; 3 cannot be read.
    Verify(SetFileArguments),
}

#[derive(Debug, Args)]
pub struct BuildArguments {
    /// The set to be made; must not exist.
    pub out: PathBuf,
    /// What it is for. Never guessed from a list.
    #[arg(long, value_enum)]
    pub role: Role,
    /// A list with its name in the set; the same name again adds a file to that list. Without NAME= the file's name.
    #[arg(long, value_name = "NAME=FILE", required = true, value_parser = named)]
    pub list: Vec<Named>,
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Name of the set [default: that of OUT without ending].
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// What the categories mean: uk, us, or a TOML file.
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Last day on which it is to be used, YYYY-MM-DD; afterwards every scan says so in red.
    #[arg(long, value_name = "DATE")]
    pub valid_until: Option<Date>,
    /// Who issues it.
    #[arg(long, value_name = "TEXT")]
    pub issuer: Option<String>,
    /// Its version.
    #[arg(long, value_name = "TEXT")]
    pub set_version: Option<String>,
    /// Take lists for the role even where their own categories speak against it; the set and every report say so.
    #[arg(long)]
    pub force_role: bool,
    /// Keep series, tags and comments, which may name victims, for `onscene set texts`.
    #[arg(long)]
    pub with_list_text: bool,
    /// Mark it as a demonstration: a run with nothing else says DEMONSTRATION ONLY.
    #[arg(long)]
    pub demonstration: bool,
    /// Sign it with this secret key, made by `onscene key new`.
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Seal it with a passphrase: it is unsealed into memory only. A lost passphrase means a lost set.
    #[arg(long, conflicts_with = "seal_to")]
    pub seal: bool,
    /// Seal it for a recipient (age1...); may be repeated. A lost identity means a lost set.
    #[arg(long, value_name = "RECIPIENT")]
    pub seal_to: Vec<String>,
    /// File whose first line is the passphrase for --seal; without it the passphrase is asked for, twice.
    #[arg(long, value_name = "FILE", requires = "seal")]
    pub passphrase_file: Option<PathBuf>,
}

/// What must be said of lists that do not say it themselves.
#[derive(Clone, Debug, Default, Args)]
pub struct ReadingArguments {
    /// Format of the lists, by its name in `onscene formats` [default: by content].
    #[arg(long, value_name = "NAME", value_parser = format)]
    pub format: Option<String>,
    /// What 64 hexadecimal digits are where a list does not say it.
    #[arg(long, value_enum, value_name = "KIND")]
    pub long_digits: Option<Long>,
    /// TOML file that says which columns of a table hold what.
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Hash lists.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub reading: ReadingArguments,
    /// Print one JSON object a list.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SetFileArguments {
    /// A compiled set.
    pub set: PathBuf,
    #[command(flatten)]
    pub keyring: KeyringArguments,
}

#[derive(Debug, Args)]
pub struct InfoArguments {
    #[command(flatten)]
    pub set: SetFileArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LookupArguments {
    /// A compiled set.
    pub set: PathBuf,
    /// Digests in hexadecimal (MD5, SHA-1, SHA-256), or files; `-` reads them from standard input, one a line.
    #[arg(required = true, value_name = "DIGEST|FILE")]
    pub values: Vec<String>,
    #[command(flatten)]
    pub keyring: KeyringArguments,
}

#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The older set.
    pub old: PathBuf,
    /// The newer set.
    pub new: PathBuf,
    /// Name every digest that differs.
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub keyring: KeyringArguments,
}

#[derive(Debug, Args)]
pub struct ConflictsArguments {
    /// An alert set.
    pub alert: PathBuf,
    /// A known-good set.
    pub known: PathBuf,
    #[command(flatten)]
    pub keyring: KeyringArguments,
}

#[derive(Debug, Args)]
pub struct TextsArguments {
    /// A compiled set.
    pub set: PathBuf,
    /// The file to be made, one JSON object a line; must not exist.
    pub out: PathBuf,
    #[command(flatten)]
    pub keyring: KeyringArguments,
}

/// What a set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Files to be found.
    Alert,
    /// Files that are known and of no interest.
    KnownGood,
}

impl From<Role> for model::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Alert => Self::Alert,
            Role::KnownGood => Self::KnownGood,
        }
    }
}

/// What 64 hexadecimal digits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Long {
    /// A digest.
    Sha256,
    /// A near-duplicate hash of a picture.
    Pdq,
}

impl Long {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Pdq => "pdq",
        }
    }
}

impl From<Long> for LongDigits {
    fn from(long: Long) -> Self {
        match long {
            Long::Sha256 => Self::Sha256,
            Long::Pdq => Self::Pdq,
        }
    }
}

fn format(name: &str) -> Result<String, String> {
    let known = || formats::FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
    formats::named(name)
        .map(|format| format.name().to_owned())
        .ok_or_else(|| format!("expected one of {}", known()))
}

/// A file and the name of its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What the operator calls the list; `None`: as the file is called.
    pub name: Option<String>,
    /// The file.
    pub file: PathBuf,
}

impl Named {
    /// The name of the list.
    pub fn name(&self) -> String {
        let own = || self.file.file_name().unwrap_or(self.file.as_os_str()).to_string_lossy().into_owned();
        self.name.clone().unwrap_or_else(own)
    }
}

/// A name may hold no `=`, a file may; a file that is there is never taken apart.
fn named(text: &str) -> Result<Named, String> {
    let path = PathBuf::from(text);
    match text.split_once('=') {
        _ if text.is_empty() => Err("expected NAME=FILE or FILE".into()),
        Some((name, file)) if !path.exists() && !name.is_empty() && !file.is_empty() => {
            Ok(Named { name: Some(name.to_owned()), file: file.into() })
        }
        _ => Ok(Named { name: None, file: path }),
    }
}
