//! The demonstration: an image and lists that the binary carries, and what must be found.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::hashset::{Builder, Profile};
use crate::model::{Action, EntryState, Finding, ItemRecord, Role, RunRecord};
use crate::platform;
use crate::run::Exhibit;
use crate::source::EvidenceSource;

use super::sets::Loaded;

const IMAGE: &[u8] = include_bytes!("../../tests/data/demo-usb.E01");
const NAME: &str = "demo-usb.E01";
const PICTURES: (&str, &[u8]) =
    ("demo-pictures.json", include_bytes!("../../hashsets/demo/demo-pictures.json"));
const MD5: (&str, &[u8]) = ("demo-md5.txt", include_bytes!("../../hashsets/demo/demo-md5.txt"));
const KNOWN_GOOD: (&str, &[u8]) =
    ("demo-known-good.txt", include_bytes!("../../hashsets/demo/demo-known-good.txt"));
/// Written by the script that made the image, not by this program.
const EXPECTED: &str = include_str!("../../hashsets/demo/expected.json");

/// The demonstration sets, with the control set.
///
/// # Errors
/// When they cannot be compiled.
pub fn sets() -> Result<Loaded> {
    let mut loaded = Loaded::default();
    for (name, role, lists) in [
        ("demonstration", Role::Alert, &[PICTURES, MD5][..]),
        ("demonstration known-good", Role::KnownGood, &[KNOWN_GOOD]),
    ] {
        let profile = if role == Role::Alert { Profile::uk() } else { Profile::none() };
        let mut builder = Builder::new(name, role, profile).demonstration(true);
        for (list, bytes) in lists {
            builder.add_reader(list, *bytes)?;
        }
        loaded.add(builder)?;
    }
    loaded.with_control()
}

/// The image, as a source like any other.
///
/// # Errors
/// When the operating system gives no memory for it.
pub fn exhibit() -> Result<Exhibit> {
    let file = platform::private_memory(NAME, IMAGE).context("the demonstration image")?;
    Ok(Exhibit { reference: "DEMO/1".into(), labelled: true, source: EvidenceSource::of_image(NAME, file) })
}

#[derive(Deserialize)]
struct Expected {
    findings: Vec<ExpectedFinding>,
    known_good: ExpectedKnown,
    ignored: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ExpectedKnown {
    count: u64,
}

fn expected() -> Result<Expected> {
    serde_json::from_str(EXPECTED).context("expected findings of the demonstration")
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct ExpectedFinding {
    volume: u32,
    path: String,
    size: u64,
    md5: String,
    sha1: String,
    sha256: String,
    state: String,
    list: String,
    action: Action,
}

impl From<&Finding> for ExpectedFinding {
    fn from(finding: &Finding) -> Self {
        let item = &finding.item;
        let digest = |digest: Option<crate::model::Digest>| digest.map(|d| d.to_string()).unwrap_or_default();
        Self {
            volume: item.volume,
            path: item.path.lossy().into_owned(),
            size: item.size,
            md5: digest(item.digests.md5),
            sha1: digest(item.digests.sha1),
            sha256: digest(item.digests.sha256),
            state: match item.state {
                EntryState::Allocated => "allocated",
                EntryState::Deleted => "deleted",
                EntryState::Orphan => "orphan",
            }
            .into(),
            list: finding
                .hits
                .iter()
                .map(|hit| hit.list.clone())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            action: finding.action(),
        }
    }
}

/// Expected files that a listing of the image lacks, or has with other digests.
///
/// # Errors
/// When the expectation itself cannot be read.
pub fn missing_from(records: &[ItemRecord]) -> Result<Vec<String>> {
    let expected = expected()?;
    let listed = |finding: &ExpectedFinding| {
        records.iter().any(|item| {
            item.volume == finding.volume
                && item.path.lossy() == finding.path
                && item.digests.sha256.is_some_and(|digest| digest.to_string() == finding.sha256)
        })
    };
    Ok(expected
        .findings
        .iter()
        .filter(|f| !listed(f))
        .map(|f| format!("not listed as it should be: {f:?}"))
        .collect())
}

/// How a record of the demonstration differs from what must be found; empty when it does not.
///
/// # Errors
/// When the expectation itself cannot be read.
pub fn compare(record: &RunRecord) -> Result<Vec<String>> {
    let expected = expected()?;
    let known = expected.known_good.count + crate::read::size(expected.ignored.len());
    let counted: u64 = record.coverage.iter().map(|coverage| coverage.known).sum();
    let miscounted = (known != counted).then(|| format!("known files: expected {known}, counted {counted}"));
    let expected: BTreeSet<ExpectedFinding> = expected.findings.into_iter().collect();
    let found: BTreeSet<ExpectedFinding> = record.findings.iter().map(ExpectedFinding::from).collect();
    let missing = expected.difference(&found).map(|finding| format!("not found: {finding:?}"));
    let surplus =
        found.difference(&expected).map(|finding| format!("found, though it should not be: {finding:?}"));
    Ok(missing.chain(surplus).chain(miscounted).collect())
}
