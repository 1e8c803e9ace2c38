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
    match restrict(readable) {
        Ok(sandbox) => sandbox,
        Err(error) => not_sandboxed(&error.to_string()),
    }
}

#[cfg(target_os = "linux")]
fn restrict(readable: &[&File]) -> Result<Sandbox, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, Ruleset,
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
    Ok(match status.ruleset {
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
