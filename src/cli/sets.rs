//! Finds the hash lists of a run, compiles them, and says what was loaded.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::hashset::{Builder, KnownSet, Profile, Stated};
use crate::model::{Digest, Role, SetSignature, SetSummary, visible};
use crate::platform::SharedBytes;
use crate::scan::{CONTROL_SET, control_set, open_set};

use super::config::Config;
use super::opening::{self, Keyring, Opened};
use super::say;

/// The environment variable that names a folder with the folders `alert` and `known-good`.
pub(super) const VARIABLE: &str = "ONSCENE_HASHSETS";

/// Which lists a run uses, before any is opened.
#[derive(Debug, Default)]
pub struct Choice {
    /// Lists to look for.
    pub alert: Vec<PathBuf>,
    /// Single digests to look for.
    pub digests: Vec<Digest>,
    /// Lists of files that are of no interest.
    pub known_good: Vec<PathBuf>,
    /// What the categories mean.
    pub profile: Option<String>,
    /// Whether lists are taken for what the operator says against what they hold.
    pub force_role: bool,
    /// What is said of lists that do not say it themselves.
    pub stated: Stated,
    /// The folder from which lists were taken without being named one by one.
    pub folder: Option<PathBuf>,
}

/// The compiled sets of a run, the control set last, and what is said of them.
#[derive(Default)]
pub struct Loaded {
    /// The images.
    pub images: Vec<SharedBytes>,
    /// One summary for each set but the control set.
    pub summaries: Vec<SetSummary>,
}

impl Choice {
    /// What the flags say; without lists in them what the settings say, then the folders beside the binary.
    ///
    /// # Errors
    /// When a folder of lists cannot be read.
    pub fn settle(mut self, config: &Config) -> Result<Self> {
        let folder = hashsets_folder(config);
        let mut found = false;
        if self.alert.is_empty() && self.digests.is_empty() {
            self.alert = config.alert.clone();
            if self.alert.is_empty() {
                self.alert = lists_in(folder.as_deref(), Role::Alert)?;
                found |= !self.alert.is_empty();
            }
        }
        if self.known_good.is_empty() {
            self.known_good = config.known_good.clone();
            if self.known_good.is_empty() {
                self.known_good = lists_in(folder.as_deref(), Role::KnownGood)?;
                found |= !self.known_good.is_empty();
            }
        }
        // A compiled set keeps its own profile: the one of the settings is for lists.
        let is_list = |path: &PathBuf| opening::kind(path).is_ok_and(|kind| kind == opening::Kind::Other);
        if self.profile.is_none() && (!self.digests.is_empty() || self.alert.iter().any(is_list)) {
            self.profile.clone_from(&config.profile);
        }
        self.folder = folder.filter(|_| found);
        Ok(self)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.alert.is_empty() && self.digests.is_empty()
    }

    /// Opens every compiled set; imports and compiles the lists.
    ///
    /// # Errors
    /// When a set is altered or for another role, a list cannot be read in whole, or there is nothing to look for.
    pub fn load(&self, keyring: &Keyring<'_>) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        let alert = loaded.add_compiled(&self.alert, Role::Alert, keyring)?;
        if !alert.is_empty() || !self.digests.is_empty() {
            let name = loaded.free_name("alert", "alert lists");
            let mut builder = self.lists(name, Role::Alert, self.profile()?, &alert)?;
            if !self.digests.is_empty() {
                builder.add_digests("digests given by hand", &self.digests)?;
            }
            loaded.add(builder)?;
        } else if let Some(profile) = &self.profile {
            bail!(
                "--profile {profile} has no list to apply to: a compiled set keeps the profile that it was built with; \
                 leave the flag out"
            );
        }
        let good = loaded.add_compiled(&self.known_good, Role::KnownGood, keyring)?;
        if !good.is_empty() {
            let name = loaded.free_name("known-good", "known-good lists");
            loaded.add(self.lists(name, Role::KnownGood, Profile::none(), &good)?)?;
        }
        loaded.with_control()
    }

    fn lists(&self, name: &str, role: Role, profile: Profile, paths: &[&Path]) -> Result<Builder> {
        let mut builder =
            Builder::new(name, role, profile).force_role(self.force_role).stated(self.stated.clone());
        paths.iter().try_for_each(|path| builder.add_file(path))?;
        Ok(builder)
    }

    fn profile(&self) -> Result<Profile> {
        match self.profile.as_deref() {
            None => Ok(Profile::none()),
            Some(name) => profile(name),
        }
    }
}

impl Loaded {
    /// Opens what is compiled already, and gives back the paths that are not.
    fn add_compiled<'p>(
        &mut self,
        paths: &'p [PathBuf],
        role: Role,
        keyring: &Keyring<'_>,
    ) -> Result<Vec<&'p Path>> {
        let mut lists = Vec::new();
        for path in paths {
            if opening::kind(path)? == opening::Kind::Other {
                lists.push(path.as_path());
                continue;
            }
            let Opened { bytes, summary } = keyring.open(path)?;
            if summary.role != role {
                bail!(
                    "{} was built as an {} set and is given as {}: its role is the statement of whoever built it",
                    path.display(),
                    summary.role.name(),
                    role.name()
                );
            }
            if self.summaries.iter().any(|other| other.root == summary.root) {
                bail!("{} is loaded already: give each set once", path.display());
            }
            if open_set(&bytes)?.is_empty() {
                bail!("{} has no digest that can be looked up", path.display());
            }
            self.check_name(&summary).with_context(|| path.display().to_string())?;
            if summary.signature == SetSignature::None && keyring.trusts_any() {
                say::alarm(&format!(
                    "UNSIGNED  {}: nothing shows who made this set, although this machine has trusted keys; whoever \
                     can write a signed set can cut its signature off",
                    path.display()
                ));
            }
            self.summaries.push(summary);
            self.images.push(bytes);
        }
        Ok(lists)
    }

    /// The name for lists that were given directly, which a compiled set may bear already.
    fn free_name(&self, usual: &'static str, other: &'static str) -> &'static str {
        if self.summaries.iter().any(|set| set.name == usual) { other } else { usual }
    }

    /// Compiles a set and takes it over.
    ///
    /// # Errors
    /// When it cannot be compiled or has no entry.
    pub fn add(&mut self, builder: Builder) -> Result<()> {
        let image = SharedBytes::new(builder.finish()?).context("memory for a hash set")?;
        let set = KnownSet::open(&image)?;
        set.verify()?;
        let summary = set.summary();
        if set.is_empty() {
            bail!("the {} set has no entry that can be looked up: check its lists", summary.name);
        }
        self.check_name(&summary)?;
        self.summaries.push(summary);
        self.images.push(image);
        Ok(())
    }

    /// Findings name their set: two of one name could not be told apart, and what the control set finds is no finding.
    /// Those of known-good sets stand apart from those of alert sets.
    fn check_name(&self, set: &SetSummary) -> Result<()> {
        let name = set.name.as_str();
        if name == CONTROL_SET {
            bail!("the name {name} is that of the control set: build the set again with another --name");
        }
        if self.summaries.iter().any(|other| other.name == name && other.role == set.role) {
            bail!(
                "a set of the name {} is loaded already, and a finding could not say which of the two it is by: give \
                 one of them, or build one again with another --name",
                visible(name)
            );
        }
        Ok(())
    }

    /// Adds the set of the control file.
    ///
    /// # Errors
    /// When it cannot be compiled.
    pub fn with_control(mut self) -> Result<Self> {
        self.images.push(SharedBytes::new(control_set()?)?);
        Ok(self)
    }
}

/// A shipped profile by its name, or one from a file.
///
/// # Errors
/// When it is neither.
pub fn profile(name: &str) -> Result<Profile> {
    if let Some(shipped) = Profile::shipped(name) {
        return Ok(shipped);
    }
    let text = std::fs::read_to_string(name)
        .with_context(|| format!("profile {name}: neither uk nor us, nor a file that can be read"))?;
    Profile::from_toml(name, &text).with_context(|| format!("profile {name}"))
}

fn hashsets_folder(config: &Config) -> Option<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("hashsets"));
    std::env::var_os(VARIABLE).map(PathBuf::from).or_else(|| config.hashsets.clone()).or_else(beside)
}

/// The lists in the folder for a role, by name. Read-me files and hidden files are none.
fn lists_in(folder: Option<&Path>, role: Role) -> Result<Vec<PathBuf>> {
    let Some(folder) = folder.map(|folder| folder.join(role.name())).filter(|folder| folder.is_dir()) else {
        return Ok(Vec::new());
    };
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("hash lists in {}", folder.display()))?;
    let mut lists = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("hash lists in {}", folder.display()))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        if path.is_file() && !name.starts_with('.') && !name.starts_with("readme") {
            lists.push(path);
        }
    }
    lists.sort();
    Ok(lists)
}
