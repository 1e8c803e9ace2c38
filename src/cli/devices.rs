//! `onscene devices`: what is attached, how it stands, and what is on it.

use anyhow::Result;
use serde::Serialize;

use crate::model::{Event, ExitCode, Problem, VolumeSummary, size_text, visible};
use crate::platform::{self, AutomountRule, BlockDevice, Partition, PortableDevice};
use crate::run;
use crate::source::EvidenceSource;

use super::args::DevicesArguments;
use super::mask::Mask;
use super::{lines, say};

/// Everything that is attached.
#[derive(Debug, Serialize)]
struct Attached {
    automount_rule: &'static str,
    disks: Vec<Disk>,
    portable: Vec<Portable>,
}

#[derive(Debug, Serialize)]
struct Disk {
    path: String,
    model: Option<String>,
    serial: Option<String>,
    capacity: Option<u64>,
    sector_size: Option<u32>,
    bus: Option<&'static str>,
    removable: bool,
    rotational: Option<bool>,
    read_only: Option<bool>,
    holds_system: bool,
    mounts: Vec<Mounted>,
    partitions: Vec<Part>,
    /// What is on it, by looking; absent when nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<Contents>,
}

/// What an examiner says of a disk, as the lines of a scan.
#[derive(Debug, Default, Serialize)]
struct Contents {
    volumes: Vec<VolumeSummary>,
    problems: Vec<Problem>,
    /// Why it could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Debug, Serialize)]
struct Part {
    path: String,
    offset: u64,
    length: u64,
    read_only: Option<bool>,
    mounts: Vec<Mounted>,
}

#[derive(Debug, Serialize)]
struct Mounted {
    place: String,
    writable: bool,
}

#[derive(Debug, Serialize)]
struct Portable {
    model: String,
    serial: Option<String>,
    protocol: &'static str,
    examined: bool,
}

/// Lists what is attached.
///
/// # Errors
/// When the list cannot be made into JSON.
pub fn run(arguments: &DevicesArguments) -> Result<ExitCode> {
    let rule = platform::automount_rule();
    let attached = Attached {
        automount_rule: rule.name(),
        disks: platform::devices().iter().map(|device| Disk::new(device, !arguments.no_volumes)).collect(),
        portable: platform::portable_devices().iter().map(Portable::new).collect(),
    };
    if arguments.json {
        say::line(&serde_json::to_string(&attached)?);
    } else {
        attached.lines(rule).iter().for_each(|line| say::line(line));
    }
    Ok(ExitCode::NothingFound)
}

/// What the record of a run says of a telephone, tablet or camera that was attached meanwhile.
pub fn not_examined(device: &PortableDevice) -> String {
    format!(
        "NOT EXAMINED: {} is attached; onscene does not read it: use a tool for telephones",
        device.title()
    )
}

impl Attached {
    fn lines(&self, rule: AutomountRule) -> Vec<String> {
        let mut lines = vec![format!("Automount rule: {}", rule.advice())];
        if self.disks.is_empty() {
            lines.push("No disk is attached, or the system does not tell.".into());
        }
        for disk in &self.disks {
            lines.extend(disk.lines());
        }
        for device in &self.portable {
            let serial = device.serial.as_deref().unwrap_or("not available");
            lines.push(
                visible(&format!(
                    "NOT EXAMINED  {} (serial {serial}, {}): use a tool for telephones",
                    device.model, device.protocol
                ))
                .into_owned(),
            );
        }
        lines
    }
}

impl Disk {
    fn new(device: &BlockDevice, look: bool) -> Self {
        let identity = &device.identity;
        Self {
            path: device.path.to_string_lossy().into_owned(),
            model: identity.model.clone(),
            serial: identity.serial.clone(),
            capacity: identity.capacity,
            sector_size: identity.sector_size,
            bus: device.bus,
            removable: device.removable,
            rotational: identity.rotational,
            read_only: device.read_only,
            holds_system: device.holds_system,
            mounts: device.mounts.iter().map(Mounted::new).collect(),
            partitions: device.partitions.iter().map(Part::new).collect(),
            // The machine's own disk is nobody's exhibit.
            contents: (look && !device.holds_system).then(|| Contents::of(device)),
        }
    }

    fn lines(&self) -> Vec<String> {
        let text = |field: &Option<String>, absent: &str| field.clone().unwrap_or_else(|| absent.into());
        let mut facts = vec![self.bus.unwrap_or("bus not available").to_owned()];
        facts.extend(self.removable.then(|| "removable".into()));
        facts.push(match self.rotational {
            Some(true) => "spinning".into(),
            Some(false) => "solid state".into(),
            None => "spinning or not: not available".into(),
        });
        facts.extend(self.sector_size.map(|size| format!("sectors of {size} bytes")));
        facts.push(protection(self.read_only).into());
        facts.extend(self.holds_system.then(|| "THIS MACHINE RUNS FROM IT".into()));
        let size = self.capacity.map(size_text).unwrap_or_default();
        let (model, serial) = (text(&self.model, "model not available"), text(&self.serial, "not available"));
        let mut lines = vec![
            visible(&format!("{}  {size}  {model} (serial {serial})", self.path)).into_owned(),
            format!("    {}", facts.join(", ")),
        ];
        // A partition says itself where it is mounted.
        let whole = self.mounts.iter().filter(|mount| self.partitions.iter().all(|part| !part.has(mount)));
        lines.extend(whole.map(|mount| format!("    {}", mount.text())));
        for part in &self.partitions {
            let mounts: String = part.mounts.iter().map(|mount| format!(", {}", mount.text())).collect();
            let (size, kernel) = (size_text(part.length), protection(part.read_only));
            lines.push(
                visible(&format!("    {}  {size} from byte {}, {kernel}{mounts}", part.path, part.offset))
                    .into_owned(),
            );
        }
        lines.extend(self.contents.iter().flat_map(Contents::lines));
        lines
    }
}

impl Contents {
    /// Has an examiner look; the recorder parses nothing.
    fn of(device: &BlockDevice) -> Self {
        let mut contents = Self::default();
        let looked =
            EvidenceSource::open(&device.path, false).map_err(|error| error.to_string()).and_then(|source| {
                let looked = run::look(&source, |event| {
                    match event {
                        Event::Volume(volume) => contents.volumes.push(volume),
                        Event::Problem(problem) => contents.problems.push(problem),
                        _ => {}
                    }
                    true
                });
                looked.map_err(|error| error.to_string())
            });
        contents.failure = looked.err();
        contents
    }

    fn lines(&self) -> Vec<String> {
        let mask = Mask { show_names: true };
        let events = self.volumes.iter().cloned().map(Event::Volume);
        let events = events.chain(self.problems.iter().cloned().map(Event::Problem));
        let lines = events.filter_map(|event| lines::line(&event, mask, &[]));
        let failure = self.failure.iter().map(|failure| format!("not looked at: {failure}"));
        lines.chain(failure).map(|line| visible(&format!("    {line}")).into_owned()).collect()
    }
}

const fn protection(read_only: Option<bool>) -> &'static str {
    match read_only {
        Some(true) => "the kernel refuses writes",
        Some(false) => "the kernel allows writes",
        None => "write protection not available",
    }
}

impl Part {
    fn new(partition: &Partition) -> Self {
        Self {
            path: partition.path.to_string_lossy().into_owned(),
            offset: partition.offset,
            length: partition.length,
            read_only: partition.read_only,
            mounts: partition.mounts.iter().map(Mounted::new).collect(),
        }
    }

    fn has(&self, mount: &Mounted) -> bool {
        self.mounts.iter().any(|own| own.place == mount.place)
    }
}

impl Mounted {
    fn new((place, writable): &(std::path::PathBuf, bool)) -> Self {
        Self { place: place.to_string_lossy().into_owned(), writable: *writable }
    }

    fn text(&self) -> String {
        let how = if self.writable { "for WRITING" } else { "read-only" };
        visible(&format!("mounted {how} at {}", self.place)).into_owned()
    }
}

impl Portable {
    fn new(device: &PortableDevice) -> Self {
        Self {
            model: device.model.clone(),
            serial: device.serial.clone(),
            protocol: device.protocol,
            examined: false,
        }
    }
}
