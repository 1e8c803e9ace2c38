//! Whether the desktop is kept from mounting what is plugged in.

/// The rule that ships in `kit/`.
const RULE: &str = include_str!("../../../kit/60-onscene-read-only.rules");
/// Its name in the folders of udev.
const NAME: &str = "60-onscene-read-only.rules";

/// Whether the rule is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutomountRule {
    /// It is installed as it ships, and the service that applies it runs.
    Active,
    /// It is installed, but differs from the one that ships, or nothing applies it.
    Doubtful,
    /// It is not installed.
    Absent,
    /// This operating system has no such rules.
    NotAvailable,
}

impl AutomountRule {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Doubtful => "doubtful",
            Self::Absent => "absent",
            Self::NotAvailable => "not available",
        }
    }

    /// What an operator should know of it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Active => {
                "active: what is plugged in from now on is not mounted by the desktop and is set read-only"
            }
            Self::Doubtful => {
                "installed, but not as it ships, or udev does not run: install kit/60-onscene-read-only.rules again"
            }
            Self::Absent => {
                "NOT ACTIVE: a desktop may mount and change what is plugged in; install kit/60-onscene-read-only.rules \
                 (see kit/README.md) or use a write blocker"
            }
            Self::NotAvailable => "not available on this operating system: use a write blocker",
        }
    }
}

/// Looks for the rule where udev does, the first place that has it being the one that counts (udev(7)).
pub fn automount_rule() -> AutomountRule {
    if !cfg!(target_os = "linux") {
        return AutomountRule::NotAvailable;
    }
    let folders =
        ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d"];
    let installed =
        folders.iter().find_map(|folder| std::fs::read_to_string(format!("{folder}/{NAME}")).ok());
    let runs = std::path::Path::new("/run/udev/control").exists();
    match installed {
        None => AutomountRule::Absent,
        Some(text) if text == RULE && runs => AutomountRule::Active,
        Some(_) => AutomountRule::Doubtful,
    }
}
