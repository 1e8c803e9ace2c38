//! Asks which attached device is meant when none was named.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::say;
use crate::platform::{self, BlockDevice};

/// Lists what is attached and asks; the machine's own disk is listed only when it may be scanned.
///
/// # Errors
/// When nothing is attached, nobody is there to answer, or the answer names none.
pub fn devices(allow_system_disk: bool) -> Result<Vec<PathBuf>> {
    let attached: Vec<BlockDevice> =
        platform::devices().into_iter().filter(|device| allow_system_disk || !device.holds_system).collect();
    if attached.is_empty() {
        bail!(
            "no source: no device is attached besides the one that this machine runs from; name a folder, image or device"
        );
    }
    say::error("Attached devices:");
    for (number, device) in (1..).zip(&attached) {
        let size = device.identity.capacity.map(crate::model::size_text).unwrap_or_default();
        let mounted = if device.mounts.is_empty() { "" } else { ", mounted" };
        let path = device.path.display();
        say::error(&format!("  {number}  {path}  {size}  {}{mounted}", device.title()));
    }
    if !std::io::stdin().is_terminal() {
        bail!("no source: name one of these, an image or a folder");
    }
    say::question("Numbers of those to scan, separated by blanks: ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let chosen: Option<Vec<PathBuf>> = answer
        .split_whitespace()
        .map(|word| {
            let at = word.parse::<usize>().ok()?.checked_sub(1)?;
            Some(attached.get(at)?.path.clone())
        })
        .collect();
    match chosen {
        Some(chosen) if !chosen.is_empty() => Ok(chosen),
        _ => bail!("nothing was scanned: answer with numbers from the list"),
    }
}
