//! What a scan means once everything that was typed has been resolved and checked, before evidence is read.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;

use crate::hashset::Stated;
use crate::journal;
use crate::model::{Role, RunHeader, SetSummary};
use crate::platform::{self, SharedBytes};
use crate::run::{Exhibit, Plan};

use super::args::ScanArguments;
use super::config::Config;
use super::exhibits::Rules;
use super::opening::Keyring;
use super::set::Long;
use super::sets::{Choice, Loaded, VARIABLE};
use super::{ask, demo, devices, exhibits, say};

/// Folder name of a case without a reference.
const NO_CASE: &str = "UNNAMED";

/// A scan, ready to be started but for its folder.
pub struct Prepared {
    /// What is examined.
    pub exhibits: Vec<Exhibit>,
    images: Vec<SharedBytes>,
    header: RunHeader,
    threads: usize,
    accept_atime: bool,
    out: PathBuf,
}

/// Resolves everything; the sets are compiled, the sources are open.
///
/// # Errors
/// The first thing that stands against the scan, with what to do about it.
pub fn prepare(arguments: &ScanArguments, config: &Config) -> Result<Prepared> {
    let out = arguments.out.clone().or_else(|| config.output.clone()).unwrap_or_else(|| "cases".into());
    let (loaded, exhibits) = if arguments.demo {
        (demo::sets()?, vec![demo::exhibit()?])
    } else {
        let choice = choice(arguments).settle(config)?;
        let loaded = if choice.is_empty() {
            demonstration_alone()?
        } else {
            choice.load(&Keyring::new(&arguments.keyring)?)?
        };
        (loaded, sources(arguments, &out, choice.folder)?)
    };
    let threads = threads(arguments.threads);
    let header = header(arguments, config, &loaded.summaries, threads);
    let accept_atime = arguments.accept_atime;
    Ok(Prepared { exhibits, images: loaded.images, header, threads, accept_atime, out })
}

/// Without any list there is only the demonstration set, and everything that the run says, says so.
fn demonstration_alone() -> Result<Loaded> {
    say::error(&format!(
        "onscene: no hash list was given: only the demonstration set is loaded, so this run says nothing about \
         evidence. Give --alert FILE, put lists into hashsets/alert beside the binary, or name their folder in {VARIABLE}"
    ));
    demo::sets()
}

impl Prepared {
    /// The sets that were loaded.
    pub fn sets(&self) -> &[SetSummary] {
        &self.header.sets
    }

    /// Makes the folder of the run; the first thing that is written.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn begin(self) -> Result<Plan> {
        let case = if self.header.case.is_empty() { NO_CASE } else { &self.header.case };
        let folder = journal::case_folder(&self.out, case, Timestamp::now()).with_context(|| {
            format!(
                "no case folder can be made in {}: give --out a folder that you can write to",
                self.out.display()
            )
        })?;
        Ok(Plan {
            header: self.header,
            exhibits: self.exhibits,
            sets: self.images,
            threads: self.threads,
            accept_atime: self.accept_atime,
            warnings: platform::portable_devices().iter().map(devices::not_examined).collect(),
            folder,
        })
    }
}

fn choice(arguments: &ScanArguments) -> Choice {
    Choice {
        alert: arguments.alert.clone(),
        digests: arguments.alert_digest.clone(),
        known_good: arguments.known_good.clone(),
        profile: arguments.profile.clone(),
        force_role: arguments.force_role,
        stated: Stated { long_digits: arguments.long_digits.map(Into::into), ..Stated::default() },
        folder: None,
    }
}

fn sources(arguments: &ScanArguments, out: &std::path::Path, lists: Option<PathBuf>) -> Result<Vec<Exhibit>> {
    let rules = Rules {
        out: out.to_owned(),
        lists,
        allow_system_disk: arguments.allow_system_disk,
        accept_atime: arguments.accept_atime,
        accept_mounted: arguments.accept_mounted,
        set_read_only: arguments.set_read_only,
    };
    let mut unlabelled = arguments.sources.clone();
    if unlabelled.is_empty() && arguments.exhibit.is_empty() {
        unlabelled = ask::devices(arguments.allow_system_disk)?;
    }
    let exhibits = exhibits::open(&arguments.exhibit, &unlabelled, &rules)?;
    match u16::try_from(exhibits.len()) {
        Ok(1..=256) => Ok(exhibits),
        _ => bail!("at most 256 sources can be examined in one run"),
    }
}

/// The threads asked for, else one for each processor.
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// The profiles of the alert sets, each once: compiled ones bring their own.
fn profiles(sets: &[SetSummary]) -> String {
    let alert = sets.iter().filter(|set| set.role == Role::Alert);
    let mut names: Vec<&str> = alert.map(|set| set.profile.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn header(arguments: &ScanArguments, config: &Config, sets: &[SetSummary], threads: usize) -> RunHeader {
    let text = |flag: &Option<String>, setting: &Option<String>| {
        flag.clone().or_else(|| setting.clone()).unwrap_or_default()
    };
    let switch = |on: bool| if on { "yes" } else { "no" }.to_owned();
    RunHeader {
        version: env!("CARGO_PKG_VERSION").into(),
        binary_sha256: platform::binary_sha256().unwrap_or_else(|error| format!("not available: {error}")),
        system: platform::system_name(),
        case: arguments.case.clone().unwrap_or_default(),
        operator: text(&arguments.operator, &config.operator),
        authority: text(&arguments.authority, &config.authority),
        options: vec![
            ("profile".into(), profiles(sets)),
            ("force-role".into(), switch(arguments.force_role)),
            ("long-digits".into(), arguments.long_digits.map_or("not stated", Long::name).into()),
            ("accept-atime".into(), switch(arguments.accept_atime)),
            ("accept-mounted".into(), switch(arguments.accept_mounted)),
            ("set-read-only".into(), switch(arguments.set_read_only)),
            ("write-blocker".into(), arguments.write_blocker.clone().unwrap_or_else(|| "none stated".into())),
            ("allow-system-disk".into(), switch(arguments.allow_system_disk)),
            ("retention".into(), "hits".into()),
            ("threads".into(), threads.to_string()),
        ],
        sets: sets.to_vec(),
    }
}
