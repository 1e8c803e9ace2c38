//! Opens the sources of a run and refuses what must not be scanned.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::platform;
use crate::run::Exhibit;
use crate::source::EvidenceSource;

/// What bears on whether a source may be scanned.
pub struct Rules {
    /// Where case folders go.
    pub out: PathBuf,
    /// The folder from which hash lists were taken without being named one by one.
    pub lists: Option<PathBuf>,
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
        let advice = "nothing is ever written to a source; give --out a folder on a disk of your own";
        Self::keep_apart(source, &metadata, &self.out, advice)?;
        if let Some(lists) = &self.lists {
            let advice =
                "no hash list is looked for inside a source; name the lists with --alert if they are yours";
            Self::keep_apart(source, &metadata, lists, advice)?;
        }
        if platform::is_block_device(&metadata)
            && lies_on(Path::new("/"), &platform::device_numbers(source))
            && !self.allow_system_disk
        {
            bail!(
                "{} is the disk that this machine runs from: it changes while it is read; give --allow-system-disk if \
                 it is meant",
                source.display()
            );
        }
        Ok(())
    }

    /// Refuses a folder of ours that lies in the source, whatever either is called.
    fn keep_apart(source: &Path, metadata: &Metadata, ours: &Path, advice: &str) -> Result<()> {
        let place = existing(ours).with_context(|| format!("folder {}", ours.display()))?;
        let (ours, shown) = (ours.display(), source.display());
        if metadata.is_dir() && lies_in(&place, source)? {
            bail!("{ours} lies inside the source {shown}: {advice}");
        }
        if platform::is_block_device(metadata) {
            let numbers = platform::device_numbers(source);
            if numbers.is_empty() {
                bail!(
                    "{shown}: the system does not tell which device this is, so it cannot be shown that {ours} does not \
                     lie on it; devices need Linux with /sys and /proc"
                );
            }
            if lies_on(&place, &numbers) {
                bail!("{ours} lies on the device {shown}: {advice}");
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

/// Whether a folder is the source or lies below it, through links and mounts too.
fn lies_in(place: &Path, source: &Path) -> Result<bool> {
    let folder = std::fs::canonicalize(source)?;
    let is_source = |above: &Path| above == folder || same_item(above, &folder);
    if place.ancestors().any(is_source) {
        return Ok(true);
    }
    // A part of the source that is mounted elsewhere has none of its folders above it.
    let (ours, theirs) = (platform::location(place), platform::location(&folder));
    Ok(ours.zip(theirs).is_some_and(|(ours, theirs)| {
        ours.filesystem == theirs.filesystem && ours.inside.starts_with(&theirs.inside)
    }))
}

#[cfg(unix)]
fn same_item(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(one).is_some_and(|one| Some(one) == identity(other))
}

#[cfg(not(unix))]
fn same_item(_one: &Path, _other: &Path) -> bool {
    false
}

/// Whether a path lies on one of the devices of those numbers.
fn lies_on(path: &Path, numbers: &[u64]) -> bool {
    let devices = platform::location(path).map(|location| location.devices).unwrap_or_default();
    devices.iter().chain(&number_of(path)).any(|number| numbers.contains(number))
}

#[cfg(unix)]
fn number_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|metadata| metadata.dev()).ok()
}

#[cfg(not(unix))]
fn number_of(_path: &Path) -> Option<u64> {
    None
}
