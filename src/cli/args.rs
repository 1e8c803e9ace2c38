//! What was typed; nothing is opened or checked against the world here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::model::{Algorithm, Digest};

use super::key::KeyArguments;
use super::opening::KeyringArguments;
use super::set::{Long, SetArguments};

/// Read-only triage of storage at a search address.
///
/// Compares what is on attached storage with sets of known hashes, shows matches as they are found, and leaves a
/// record of what was found and what was not looked at. Never writes to evidence, never shows a picture, never uses
/// a network.
#[derive(Debug, Parser)]
#[command(name = "onscene", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes of a scan:
  0  complete, and nothing found
  1  at least one match
  2  needs review: something was not examined, is encrypted, or only resembles an entry
  3  the run failed or was misused";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Examine sources and record what they hold of known content.
    Scan(Box<ScanArguments>),
    /// List every entry of a source, allocated and deleted, with places and digests.
    List(ListArguments),
    /// List attached storage: what it is, whether it is mounted or writable, and what is on it.
    Devices(DevicesArguments),
    /// Show which formats of each family are read.
    Formats,
    /// Check this binary: known answers, then the demonstration image through the whole pipeline.
    SelfTest,
    /// Write the reports of a run again, from its journal.
    Report(ReportArguments),
    /// Compile, check, compare and look into hash sets.
    Set(SetArguments),
    /// Make signing keys, and show what a key file holds.
    Key(KeyArguments),
    /// Check that a run's folder is as the tool left it.
    ///
    /// Exit codes: 0 SEALED, 1 altered, 2 UNSEALED (the run never ended: its tail cannot be proved), 3 cannot be
    /// checked.
    Verify(CaseArguments),
    /// Correct the exhibit reference of a source; the record itself stays as it is.
    Label(LabelArguments),
    /// Print a completion script for a shell.
    Completions(CompletionArguments),
    /// Print the manual page.
    Man,
    /// The examiner process; started by the tool itself.
    #[command(hide = true)]
    Examine,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ScanArguments {
    /// Folders, disk images or block devices; each is an exhibit of its own. None: choose from what is attached.
    pub sources: Vec<PathBuf>,
    /// A source with the reference of its exhibit, such as JS/1=/dev/sdb.
    #[arg(long, value_name = "REF=SOURCE", value_parser = labelled)]
    pub exhibit: Vec<(String, PathBuf)>,
    /// A compiled set, or a hash list in any supported format, to look for.
    #[arg(long, value_name = "FILE")]
    pub alert: Vec<PathBuf>,
    /// A single digest to look for, in hexadecimal.
    #[arg(long, value_name = "HEX", value_parser = digest)]
    pub alert_digest: Vec<Digest>,
    /// A compiled set, or a hash list, of files that are known and of no interest.
    #[arg(long, value_name = "FILE")]
    pub known_good: Vec<PathBuf>,
    /// What the categories of lists mean: uk, us, or a TOML file. A compiled set keeps its own.
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// What 64 hexadecimal digits are where a list does not say it.
    #[arg(long, value_enum, value_name = "KIND")]
    pub long_digits: Option<Long>,
    #[command(flatten)]
    pub keyring: KeyringArguments,
    /// Take a list for what the flag says even where its content speaks against it; the report quotes this.
    #[arg(long)]
    pub force_role: bool,
    /// Scan the image that the binary carries, with its demonstration set, and check that exactly that is found.
    #[arg(long, conflicts_with_all = ["sources", "exhibit", "alert", "alert_digest", "known_good", "profile"])]
    pub demo: bool,
    /// Reference of the case.
    #[arg(long, value_name = "REF")]
    pub case: Option<String>,
    /// Who runs the scan.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Under which authority the scan is run.
    #[arg(long, value_name = "TEXT")]
    pub authority: Option<String>,
    /// Where case folders are kept; never on a source [default: ./cases].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// Show file names on the screen; the report has them in any case.
    #[arg(long)]
    pub show_names: bool,
    /// Print events as JSON lines, masked like the screen.
    #[arg(long)]
    pub json: bool,
    /// Allow scanning the disk that this machine runs from.
    #[arg(long)]
    pub allow_system_disk: bool,
    /// Scan a device although a volume of it is mounted for writing, and may change meanwhile; the report says so.
    #[arg(long)]
    pub accept_mounted: bool,
    /// Have the kernel refuse writes to each device and its partitions before it is opened; nothing else is set on it.
    #[arg(long)]
    pub set_read_only: bool,
    /// Make, model and serial number of the write blocker in use, for the record.
    #[arg(long, value_name = "TEXT")]
    pub write_blocker: Option<String>,
    /// Read files whose access time cannot be protected; the report says so.
    #[arg(long)]
    pub accept_atime: bool,
    /// Read settings from this file instead of onscene.toml beside the binary.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DevicesArguments {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Do not look at what is on the devices: ask the system alone.
    #[arg(long)]
    pub no_volumes: bool,
}

#[derive(Debug, Args)]
pub struct ListArguments {
    /// A folder, disk image or block device.
    pub source: PathBuf,
    /// Digests to compute of each entry, such as md5,sha256.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = algorithm)]
    pub digest: Vec<Algorithm>,
    /// How the entries are printed.
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
    /// Worker threads [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub threads: Option<u16>,
    /// Read files whose access time cannot be protected.
    #[arg(long)]
    pub accept_atime: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// One JSON object a line.
    Jsonl,
    /// One line for a person: state, volume, record, size, path.
    Text,
}

#[derive(Debug, Args)]
pub struct CaseArguments {
    /// The folder of a run: CASE/RUN.
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The folder of a run: CASE/RUN.
    pub folder: PathBuf,
    /// A new folder for the reports [default: beside the run's folder].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only these reports, by name; `onscene formats` lists them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub format: Vec<String>,
}

#[derive(Debug, Args)]
pub struct LabelArguments {
    /// The folder of a run: CASE/RUN.
    pub folder: PathBuf,
    /// The source: its present reference, its name as typed, or its number in the run from 0.
    pub source: String,
    /// The right reference.
    pub reference: String,
    /// Who makes the correction.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub operator: String,
}

#[derive(Debug, Args)]
pub struct CompletionArguments {
    /// The shell.
    pub shell: Shell,
}

fn labelled(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((reference, source)) if !reference.is_empty() && !source.is_empty() => {
            Ok((reference.to_owned(), source.into()))
        }
        _ => Err("expected REF=SOURCE, such as JS/1=/dev/sdb".into()),
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text.trim())
        .ok_or_else(|| "expected 32, 40 or 64 hexadecimal digits (MD5, SHA-1, SHA-256)".into())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::named(text).ok_or_else(|| "expected md5, sha1 or sha256".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn an_exhibit_reference_may_hold_a_slash_and_a_source_an_equals_sign() {
        assert_eq!(labelled("JS/1=/a=b"), Ok(("JS/1".into(), "/a=b".into())));
        assert!(labelled("/dev/sdb").is_err() && labelled("=x").is_err() && labelled("x=").is_err());
    }
}
