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
    /// Whether a device may be scanned while a volume of it is mounted for writing.
    pub accept_mounted: bool,
    /// Whether the kernel is told to refuse writes to each device.
    pub set_read_only: bool,
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
        let protected = rules.protect(path)?;
        let mut source = EvidenceSource::open(path, rules.accept_atime)?;
        source.remarks.extend(protected);
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
        if platform::is_block_device(&metadata) {
            self.refuse_mounted(source)?;
        }
        Ok(())
    }

    /// Refuses a device that others may write to while it is read.
    fn refuse_mounted(&self, source: &Path) -> Result<()> {
        let mounts = platform::device_at(source).unwrap_or_default().mounts;
        let Some((place, _)) = mounts.iter().find(|(_, writable)| *writable) else { return Ok(()) };
        let (place, shown) = (place.display(), source.display());
        if self.set_read_only {
            bail!(
                "{shown} is mounted for writing at {place}: setting it read-only now would damage what is being written; \
                 unmount it first (umount {place})"
            );
        }
        if !self.accept_mounted {
            bail!(
                "{shown} is mounted for writing at {place}, so it may change while it is read: unmount it first (umount \
                 {place}), or give --accept-mounted if that cannot be; the report says so"
            );
        }
        Ok(())
    }

    /// Has the kernel refuse writes to a device, where that was asked for; returns what the record says of it.
    fn protect(&self, source: &Path) -> Result<Option<String>> {
        let is_device = std::fs::metadata(source).is_ok_and(|found| platform::is_block_device(&found));
        if !self.set_read_only || !is_device {
            return Ok(None);
        }
        let device = platform::device_at(source).unwrap_or_default();
        let partitions: Vec<PathBuf> =
            device.partitions.into_iter().map(|partition| partition.path).collect();
        let set = platform::set_read_only(source, &partitions).map_err(|(path, error)| {
            anyhow::anyhow!("{} cannot be set read-only: {error}; use a write blocker", path.display())
        })?;
        if let Some((path, _)) = set.iter().find(|(_, read_only)| !read_only) {
            bail!(
                "{}: the kernel took the order and still allows writes: use a write blocker",
                path.display()
            );
        }
        let paths: Vec<String> = set.iter().map(|(path, _)| path.display().to_string()).collect();
        Ok(Some(format!(
            "the kernel was told to refuse writes (--set-read-only), and read back that it does: {}",
            paths.join(", ")
        )))
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
