//! `onscene set texts`: the free text of lists, for a lab's export.

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::model::counted;
use crate::scan;

use super::super::opening::Keyring;
use super::super::say;
use super::arguments::TextsArguments;

/// Writes the texts into a new file; nothing of them is shown.
///
/// # Errors
/// When the set has none, or the file cannot be made.
pub fn run(arguments: &TextsArguments) -> Result<()> {
    let opened = Keyring::new(&arguments.keyring)?.open(&arguments.set)?;
    let texts = scan::open_set(&opened.bytes)?.texts()?;
    if texts.is_empty() {
        bail!("the set holds no text: it is kept only with `onscene set build --with-list-text`");
    }
    let out = &arguments.out;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // For its owner alone. Elsewhere the permissions of the folder decide.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(out).with_context(|| format!("{} cannot be made", out.display()))?;
    file.write_all(&texts).and_then(|()| file.sync_all()).with_context(|| format!("{}", out.display()))?;
    let records = texts.iter().filter(|byte| **byte == b'\n').count();
    let records = counted(crate::read::size(records), "record", "records");
    say::line(&format!("{records} written to {}: they may name victims", out.display()));
    Ok(())
}
