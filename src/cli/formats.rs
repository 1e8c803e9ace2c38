//! `onscene formats`: what is read and written, straight from the registries.

use anyhow::Result;

use super::say;
use crate::{container, filesystem, hashset, report, volume};

/// Prints every family with its formats.
///
/// # Errors
/// Never so far; a command returns a result.
pub fn run() -> Result<()> {
    family("Disk images", container::FORMATS.iter().map(|f| (f.name(), f.description())));
    family("Partition tables", volume::FORMATS.iter().map(|f| (f.name(), f.description())));
    family("Sets of volumes", volume::sets::SETS.iter().map(|set| (set.name(), set.description())));
    let encryption = volume::encryption::FORMATS.iter();
    family("Encryption, recognised and not opened", encryption.map(|f| (f.name(), f.description())));
    family("File systems", filesystem::FORMATS.iter().map(|f| (f.name(), f.description())));
    family("Hash lists", hashset::FORMATS.iter().map(|f| (f.name(), f.description())));
    family("Reports", report::FORMATS.iter().map(|f| (f.name(), f.description())));
    Ok(())
}

fn family<'a>(title: &str, formats: impl Iterator<Item = (&'a str, &'a str)>) {
    say::line(title);
    for (name, description) in formats {
        say::line(&format!("  {name:<14} {description}"));
    }
}
