//! Giving up rights before the first byte of evidence is read.

use std::fs::File;

use serde::{Deserialize, Serialize};

/// What the kernel enforces from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Whether no file can be written, created or removed anywhere, and nothing be opened outside the source.
    pub enforced: bool,
    /// In plain words, for the record.
    pub detail: String,
}

/// Gives up, for this process and for good, every right to change a file and to open one outside `readable`.
///
/// Must be called while the process has one thread. Handles that are open already stay as they are. Where the
/// kernel cannot enforce it, the process goes on, and the record says so.
#[cfg(target_os = "linux")]
pub fn give_up_rights(readable: &[&File]) -> Sandbox {
    let mut sandbox = match restrict(readable) {
        Ok(sandbox) => sandbox,
        Err(error) => not_sandboxed(&error.to_string()),
    };
    if let Err(error) = drop_capabilities(!readable.is_empty()) {
        sandbox.detail.push_str(&format!("; its capabilities could not be given up: {error}"));
    }
    sandbox
}

/// Gives up every capability (capabilities(7)). An open handle needs none; below a folder, files of others are opened
/// to be read, and their access times protected.
#[cfg(target_os = "linux")]
fn drop_capabilities(reads_folder: bool) -> std::io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
    let needed = match reads_folder {
        true => CapabilitySet::FOWNER | CapabilitySet::DAC_READ_SEARCH,
        false => CapabilitySet::empty(),
    };
    let kept = capabilities(None)?.permitted.intersection(needed);
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    Ok(set_capabilities(None, sets)?)
}

#[cfg(target_os = "linux")]
fn restrict(readable: &[&File]) -> Result<Sandbox, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, PathBeneath, Ruleset,
        RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
    };
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    for folder in readable {
        rules = rules.add_rule(PathBeneath::new(folder, AccessFs::ReadFile | AccessFs::ReadDir))?;
    }
    let status = rules.restrict_self()?;
    // Before its third version Landlock does not cover truncate(2), which needs no open file.
    let covers_truncate = matches!(status.landlock, LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V3);
    Ok(match status.ruleset {
        RulesetStatus::PartiallyEnforced if !covers_truncate => Sandbox {
            enforced: false,
            detail: "the kernel (Landlock, its first versions) refuses the examiner every open for writing, but not to \
                     cut a file short by its name: it does not count as sandboxed"
                .into(),
        },
        RulesetStatus::FullyEnforced => Sandbox {
            enforced: true,
            detail: "the kernel (Landlock) refuses the examiner every write and every open outside the source"
                .into(),
        },
        RulesetStatus::PartiallyEnforced => Sandbox {
            enforced: true,
            detail: "the kernel (Landlock, an older version) refuses the examiner every open for writing and every \
                     open outside the source; network and signals are not covered"
                .into(),
        },
        RulesetStatus::NotEnforced => not_sandboxed("this kernel has no Landlock"),
    })
}

/// Gives up nothing: this operating system has no such call that the tool uses.
#[cfg(not(target_os = "linux"))]
pub fn give_up_rights(_readable: &[&File]) -> Sandbox {
    not_sandboxed("not available on this operating system")
}

fn not_sandboxed(reason: &str) -> Sandbox {
    Sandbox { enforced: false, detail: format!("the examiner was not sandboxed: {reason}") }
}
