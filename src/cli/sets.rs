//! Finds the hash lists of a run, compiles them, and says what was loaded.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::hashset::{Builder, KnownSet, Profile};
use crate::model::{Digest, Role, SetSummary};
use crate::platform::SharedBytes;
use crate::scan::control_set;

use super::config::Config;

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
        self.profile = self.profile.or_else(|| config.profile.clone());
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
        self.folder = folder.filter(|_| found);
        Ok(self)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.alert.is_empty() && self.digests.is_empty()
    }

    /// Imports and compiles every list.
    ///
    /// # Errors
    /// When a list cannot be read in whole, or has nothing to look for.
    pub fn load(&self) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        let mut alert = Builder::new("alert", Role::Alert, self.profile()?).force_role(self.force_role);
        self.alert.iter().try_for_each(|path| alert.add_file(path).map(drop))?;
        if !self.digests.is_empty() {
            alert.add_digests("digests given by hand", &self.digests);
        }
        loaded.add(alert)?;
        if !self.known_good.is_empty() {
            let mut good =
                Builder::new("known-good", Role::KnownGood, Profile::none()).force_role(self.force_role);
            self.known_good.iter().try_for_each(|path| good.add_file(path).map(drop))?;
            loaded.add(good)?;
        }
        loaded.with_control()
    }

    fn profile(&self) -> Result<Profile> {
        match self.profile.as_deref() {
            None => Ok(Profile::none()),
            Some(name) => profile(name),
        }
    }
}

impl Loaded {
    /// Compiles a set and takes it over.
    ///
    /// # Errors
    /// When it cannot be compiled or has no entry.
    pub fn add(&mut self, builder: Builder) -> Result<()> {
        let image = SharedBytes::new(builder.finish()?).context("memory for a hash set")?;
        let set = KnownSet::open(image.as_ref())?;
        set.verify()?;
        let summary = set.summary();
        if set.is_empty() {
            bail!("the {} set has no entry that can be looked up: check its lists", summary.name);
        }
        self.summaries.push(summary);
        self.images.push(image);
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
fn profile(name: &str) -> Result<Profile> {
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
