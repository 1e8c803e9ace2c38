//! `onscene key`: makes signing keys and shows what a key file holds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::signing::{PublicKey, SECRET_KEY_ENDING, SecretKey, TrustedKeys};

use super::say;

/// The environment variable that names the folder of trusted keys.
pub(super) const VARIABLE: &str = "ONSCENE_KEYS";

#[derive(Debug, Args)]
pub struct KeyArguments {
    #[command(subcommand)]
    pub command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a signing key: NAME.key stays with its owner, NAME.pub goes to those who verify.
    New(NewKeyArguments),
    /// Show what key files hold: kind, fingerprint, and whether the key is trusted here.
    Show(ShowKeyArguments),
}

#[derive(Debug, Args)]
pub struct NewKeyArguments {
    /// Name of the key, such as lab-2026.
    pub name: String,
    /// Where the two files are written.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
}

#[derive(Debug, Args)]
pub struct ShowKeyArguments {
    /// Files NAME.pub or NAME.key.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

/// Makes or shows keys.
///
/// # Errors
/// When a key cannot be made or read, or the folder of trusted keys cannot be read.
pub fn run(arguments: &KeyArguments) -> Result<()> {
    match &arguments.command {
        KeyCommand::New(arguments) => new(arguments),
        KeyCommand::Show(arguments) => show(arguments),
    }
}

/// The folder of trusted keys: what [`VARIABLE`] says, or `keys` beside the binary.
pub(super) fn trusted_folder() -> Option<PathBuf> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("keys"));
    std::env::var_os(VARIABLE).map(PathBuf::from).or_else(beside)
}

/// The keys that this machine trusts.
///
/// # Errors
/// When the folder or one of its keys cannot be read.
pub(super) fn trusted() -> Result<TrustedKeys> {
    match trusted_folder() {
        Some(folder) => TrustedKeys::load(&folder).context("trusted keys"),
        None => Ok(TrustedKeys::default()),
    }
}

fn new(arguments: &NewKeyArguments) -> Result<()> {
    let (key, files) = SecretKey::create(&arguments.folder, &arguments.name)?;
    let fingerprint = key.public_key().fingerprint();
    say::line(&format!(
        "Secret key   {}: keep it, and a copy of it, where nobody else reads it",
        files.secret.display()
    ));
    say::line(&format!(
        "Public key   {}: put it into the folder keys beside the binary of those who verify",
        files.public.display()
    ));
    say::line(&format!("Fingerprint  {fingerprint}"));
    say::line(&format!("To compare   {}", fingerprint.short()));
    Ok(())
}

fn show(arguments: &ShowKeyArguments) -> Result<()> {
    let trusted = trusted()?;
    for (number, path) in (0..).zip(&arguments.files) {
        if number > 0 {
            say::line("");
        }
        let (kind, key) = read(path)?;
        let name = path.file_stem().map(|name| name.to_string_lossy()).unwrap_or_default();
        let trust = match trusted.name_of(&key) {
            Some(name) => format!("yes, as {name}"),
            None => "no".to_owned(),
        };
        say::line(&format!("Name         {name}"));
        say::line(&format!("Kind         {kind} key, Ed25519"));
        say::line(&format!("Fingerprint  {}", key.fingerprint()));
        say::line(&format!("To compare   {}", key.fingerprint().short()));
        say::line(&format!("Trusted      {trust}"));
    }
    Ok(())
}

/// The kind of key that the name of the file announces, and its public part.
fn read(path: &Path) -> Result<(&'static str, PublicKey)> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(SECRET_KEY_ENDING)) {
        Ok(("secret", SecretKey::load(path)?.public_key()))
    } else {
        Ok(("public", PublicKey::load(path)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_of_a_key_show_the_same_public_key() {
        let folder = tempfile::tempdir().unwrap();
        let (key, files) = SecretKey::create(folder.path(), "lab").unwrap();
        assert_eq!(read(&files.secret).unwrap(), ("secret", key.public_key()));
        assert_eq!(read(&files.public).unwrap(), ("public", key.public_key()));
    }
}
