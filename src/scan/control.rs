//! Every run proves itself: known answers, a control file through the whole pipeline, entries of every set.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use crate::container;
use crate::digest::{self, Buffer, digest};
use crate::hashset::{self, Builder, Profile};
use crate::model::{
    Algorithm, Algorithms, ControlKind, Digest, Digests, Event, Finding, Problem, ProblemKind, Progress,
    Protection, Role,
};
use crate::platform::Presence;
use crate::read::{Memory, ReadAt};

use super::survey::Surveyed;
use super::{Context, Decoded, Options, Prior, Sink, coverage, examine, survey};

/// Name of the set that holds the control file and nothing else.
pub const CONTROL_SET: &str = "onscene control";

/// A FAT12 volume with one file; made by tests/data/make-control.sh.
const IMAGE: &[u8] = include_bytes!("control.img");
const PATH: &str = "CONTROL.TXT";
/// Digests of the file as `md5sum`, `sha1sum` and `sha256sum` give them.
const DIGESTS: [&str; 3] = [
    "737a2d91efcaebfd37ba8974162361cc",
    "7a3d522f45080333131831db42bcb2a6c3ade2bd",
    "528f7208058a10cf9d94d0b700a51aeacc8b617b9add2f69f6e7a16a09ee0637",
];

/// The compiled set of the control file.
///
/// # Errors
/// When the set cannot be compiled.
pub fn control_set() -> Result<Vec<u8>, hashset::Error> {
    let digests: Vec<Digest> = DIGESTS.iter().filter_map(|digits| Digest::from_hex(digits)).collect();
    let mut builder = Builder::new(CONTROL_SET, Role::Alert, Profile::none());
    builder.add_digests("control file", &digests)?;
    builder.finish()
}

/// Checks that must hold before evidence is read. `false` when one failed.
pub fn before(threads: usize, context: &Context<'_>) -> bool {
    context.control(ControlKind::SelfTest, digest::self_test())
        && context.control(ControlKind::SetEntries, set_entries(context))
        && context.control(ControlKind::ControlFile, control_file(threads, context))
}

/// Checks that the pipeline still finds the control file after all evidence was read.
pub fn after(threads: usize, context: &Context<'_>) {
    if let Some(damage) = context.sets.damage() {
        context.control(ControlKind::SetEntries, Err(damage.to_owned()));
    }
    context.control(
        ControlKind::ControlFile,
        control_file(threads, context).map(|found| format!("{found}, at the end too")),
    );
}

/// Looks entries of every list up again that were drawn when it was imported.
fn set_entries(context: &Context<'_>) -> Result<String, String> {
    let mut count = 0_u64;
    for set in context.sets.iter() {
        for (list, digest) in set.probes() {
            let name = set.lists().get(list).map(|list| list.name.as_str()).unwrap_or_default();
            let found = set.find(&digest).map_err(|error| format!("the set {}: {error}", set.name()))?;
            if !found.iter().any(|from| from.list == name) {
                return Err(format!(
                    "entry {digest} of list {name} is not found in the loaded set {}",
                    set.name()
                ));
            }
            count += 1;
        }
    }
    Ok(format!("{count} entries drawn from the loaded lists are found in the loaded sets"))
}

/// Keeps what a control scan tells.
#[derive(Default)]
struct Witness {
    findings: Mutex<Vec<Finding>>,
    problems: Mutex<Vec<Problem>>,
}

impl Sink for Witness {
    fn send(&self, event: Event) -> bool {
        match event {
            Event::Finding(finding) => {
                self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding)
            }
            Event::Problem(problem) => {
                self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem)
            }
            _ => {}
        }
        true
    }
}

/// Scans the control image exactly as evidence is scanned.
fn control_file(threads: usize, context: &Context<'_>) -> Result<String, String> {
    let image = container::open(vec![Arc::new(Memory(IMAGE))]).map_err(|error| error.to_string())?;
    let witness = Witness::default();
    let stop = AtomicBool::new(false);
    let wanted = if context.wanted.is_empty() { Algorithms::ALL } else { context.wanted };
    let control = Context {
        sets: context.sets,
        wanted,
        sink: &witness,
        stop: &stop,
        presence: Presence::default(),
        is_control: true,
    };
    let options = Options {
        threads: threads.min(2),
        open_files: 1024,
        protection: Protection::default(),
        prior: Prior::default(),
    };
    let surveyed = survey::survey(Decoded::Medium(image), &options, &control);
    let examined = examine::examine(&surveyed, &options, &control);
    let ledger = coverage::settle(&surveyed, &examined);
    if let Some(problem) = witness.problems.lock().unwrap_or_else(PoisonError::into_inner).first() {
        return Err(format!("the control image gave a problem: {}", problem.detail));
    }
    if !ledger.sums() {
        return Err(format!(
            "the ledger of the control image does not sum: {:?} of {}",
            ledger.bytes, ledger.total
        ));
    }
    let findings = witness.findings.lock().unwrap_or_else(PoisonError::into_inner);
    let expected = |finding: &&Finding| {
        finding.item.path == PATH.into()
            && finding.item.digests.iter().map(|digest| digest.to_string()).eq(DIGESTS)
            && finding.hits.iter().any(|hit| hit.set == CONTROL_SET)
    };
    match findings.iter().filter(expected).count() {
        1 if findings.len() == 1 => Ok("the control file was found through the whole pipeline".into()),
        _ => Err(format!(
            "the control file should be the one finding in its image; there were {}",
            findings.len()
        )),
    }
}

/// Computes the digest again that an image stores of its medium, and compares.
pub fn stored_digest(surveyed: &Surveyed, context: &Context<'_>) {
    let Some(medium) = surveyed.medium.as_ref().filter(|_| surveyed.stored.iter().next().is_some()) else {
        return;
    };
    let wanted: Algorithms = surveyed.stored.iter().map(|digest| digest.algorithm()).collect();
    let told = Mutex::new((0_u64, 0_u64));
    let pulse = |read: u64| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.0 += read;
        // Often enough for a person, too seldom to matter.
        if told.0 - told.1 >= 64 << 20 {
            told.1 = told.0;
            context.send(Event::Progress(verifying(told.0, medium.size())));
        }
        !context.stopped()
    };
    let reading = digest(&[&**medium], wanted, &mut Buffer::default(), &pulse).pop().unwrap_or_default();
    if reading.stopped {
        let detail = "stopped before the digest that the image stores of its medium was checked";
        return context.send(Event::Problem(Problem::new(ProblemKind::NotReached, detail)));
    }
    if reading.digests.iter().next().is_none() {
        let detail = "the digest that the image stores cannot be checked: parts of it cannot be read";
        return context.send(Event::Problem(Problem::new(ProblemKind::Corrupt, detail)));
    }
    for stored in surveyed.stored.iter() {
        compare(stored, &reading.digests, context);
    }
}

fn compare(stored: Digest, computed: &Digests, context: &Context<'_>) {
    let algorithm: Algorithm = stored.algorithm();
    match computed.get(algorithm) {
        Some(found) if found == stored => {
            let detail = format!("{algorithm} of the whole medium is {stored}, as the image stores it");
            context.control(ControlKind::StoredDigest, Ok(detail));
        }
        found => {
            let found = found.map(|digest| digest.to_string()).unwrap_or_default();
            let detail = format!(
                "{algorithm} of the whole medium: the image stores {stored}, its content gives {found}"
            );
            let advice = "the image is not as it was made: get another copy, or image the device again";
            context.send(Event::Problem(Problem::new(ProblemKind::Corrupt, detail).advise(advice)));
        }
    }
}

fn verifying(bytes: u64, total: u64) -> Progress {
    Progress { phase: "checking the image's digest".into(), bytes, bytes_total: total, ..Progress::default() }
}
