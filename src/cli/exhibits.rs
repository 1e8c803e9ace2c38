//! Opens the sources of a run and refuses what must not be scanned.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::platform;
use crate::run::Exhibit;
use crate::source::EvidenceSource;

/// What bears on whether a source may be scanned.
pub struct Rules {
    /// Where case folders go.
    pub out: PathBuf,
    /// Whether the disk that this machine runs from may be scanned.
    pub allow_system_disk: bool,
    /// Whether access times may change where they cannot be protected.
    pub accept_atime: bool,
}

/// Opens every source; those with a reference first, in the order given.
///
/// # Errors
/// The first source that cannot be opened or must not be scanned.
pub fn open(labelled: &[(String, PathBuf)], unlabelled: &[PathBuf], rules: &Rules) -> Result<Vec<Exhibit>> {
    let mut exhibits = Vec::new();
    let given = labelled.iter().map(|(reference, path)| (Some(reference.clone()), path));
    for (reference, path) in given.chain(unlabelled.iter().map(|path| (None, path))) {
        rules.check(path)?;
        let source = EvidenceSource::open(path, rules.accept_atime)?;
        exhibits.push(Exhibit {
            labelled: reference.is_some(),
            reference: reference.unwrap_or_else(|| stand_in(&source)),
            source,
        });
    }
    let mut references = BTreeSet::new();
    for exhibit in &mut exhibits {
        if !references.insert(exhibit.reference.clone()) {
            if exhibit.labelled {
                bail!("the exhibit reference {} is given twice", exhibit.reference);
            }
            // Two sticks of one model without a serial, two images of one name: told apart by their paths.
            exhibit.reference = exhibit.source.path.to_string_lossy().into_owned();
        }
    }
    Ok(exhibits)
}

/// What an unlabelled source goes by: model and serial of a device, else its file name.
fn stand_in(source: &EvidenceSource) -> String {
    let device = &source.device;
    match (&device.model, &device.serial) {
        (Some(model), Some(serial)) => format!("{model} {serial}"),
        (Some(model), None) => model.clone(),
        (None, Some(serial)) => serial.clone(),
        (None, None) => {
            let real = std::fs::canonicalize(&source.path).unwrap_or_else(|_| source.path.clone());
            real.file_name().unwrap_or(real.as_os_str()).to_string_lossy().into_owned()
        }
    }
}

impl Rules {
    fn check(&self, source: &Path) -> Result<()> {
        let Ok(metadata) = std::fs::metadata(source) else { return Ok(()) };
        let out = existing(&self.out).with_context(|| format!("output folder {}", self.out.display()))?;
        if metadata.is_dir() {
            let source_folder = std::fs::canonicalize(source)?;
            if out.starts_with(&source_folder) {
                bail!(
                    "{} lies inside the source {}: nothing is ever written to a source; give --out a folder on a disk \
                     of your own",
                    self.out.display(),
                    source.display()
                );
            }
        }
        if platform::is_block_device(&metadata) {
            let numbers = platform::device_numbers(source);
            if lies_on(&out, &numbers) {
                bail!(
                    "{} lies on the device {}: nothing is ever written to a source; give --out a folder on another disk",
                    self.out.display(),
                    source.display()
                );
            }
            if lies_on(Path::new("/"), &numbers) && !self.allow_system_disk {
                bail!(
                    "{} is the disk that this machine runs from: it changes while it is read; give --allow-system-disk \
                     if it is meant",
                    source.display()
                );
            }
        }
        Ok(())
    }
}

/// The nearest folder above `path` that exists, without links.
fn existing(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let found = absolute.ancestors().find_map(|folder| std::fs::canonicalize(folder).ok());
    found.ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

#[cfg(unix)]
fn lies_on(path: &Path, numbers: &[u64]) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| numbers.contains(&metadata.dev()))
}

#[cfg(not(unix))]
fn lies_on(_path: &Path, _numbers: &[u64]) -> bool {
    false
}
