//! `onscene.toml`: what does not change between scenes. Flags win over it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The settings; every one may be absent. Paths are relative to the folder of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Hash lists to look for.
    #[serde(default)]
    pub alert: Vec<PathBuf>,
    /// Hash lists of files that are of no interest.
    #[serde(default)]
    pub known_good: Vec<PathBuf>,
    /// A folder with the folders `alert` and `known-good`, instead of the one beside the binary.
    pub hashsets: Option<PathBuf>,
    /// What the categories mean: `uk`, `us`, or a TOML file.
    pub profile: Option<String>,
    /// Who runs scans.
    pub operator: Option<String>,
    /// Under which authority.
    pub authority: Option<String>,
    /// Where case folders are kept.
    pub output: Option<PathBuf>,
    /// What is kept of files that did not match; only `hits` so far: nothing but counts and problems.
    pub retention: Option<Retention>,
}

/// What is kept of files that did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retention {
    /// Only counts, and the paths of problems.
    Hits,
}

/// Reads the settings: from the file that was named, else from the one beside the binary if there is one.
///
/// # Errors
/// When a named file is missing, or any file cannot be read or has a setting that is not known.
pub fn load(named: Option<&Path>) -> Result<Config> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("onscene.toml"));
    let path = match named {
        Some(path) => path.to_owned(),
        None => match beside().filter(|path| path.is_file()) {
            Some(path) => path,
            None => return Ok(Config::default()),
        },
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("settings {}", path.display()))?;
    let mut config = parse(&text).with_context(|| format!("settings {}", path.display()))?;
    let base = path.parent().unwrap_or(Path::new(""));
    let settle = |path: &mut PathBuf| *path = base.join(&*path);
    config.alert.iter_mut().for_each(settle);
    config.known_good.iter_mut().for_each(settle);
    config.hashsets.iter_mut().for_each(settle);
    config.output.iter_mut().for_each(settle);
    Ok(config)
}

fn parse(text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.split('\n').count());
        anyhow::anyhow!("line {line}: {}", error.message().replace('\n', " "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_a_misspelt_one_is_refused() {
        let config = parse("alert = [\"caid.json\"]\nprofile = \"uk\"\nretention = \"hits\"\n").unwrap();
        assert_eq!((config.alert, config.profile), (vec!["caid.json".into()], Some("uk".into())));
        let error = format!("{:#}", parse("operater = \"x\"").unwrap_err());
        assert!(error.contains("operater"), "{error}");
        assert!(parse("retention = \"everything\"").is_err());
    }
}
