//! `onscene label`: corrects the exhibit reference of a source without touching the record.

use anyhow::{Context as _, Result, bail};

use crate::journal::{self, Correction};

use super::args::LabelArguments;
use super::say;

/// Appends the correction beside the journal.
///
/// # Errors
/// When the run has no such source, or the correction cannot be kept.
pub fn run(arguments: &LabelArguments) -> Result<()> {
    let folder = &arguments.folder;
    let replay =
        journal::replay(folder).with_context(|| format!("{}: not the folder of a run", folder.display()))?;
    let named = |source: &&crate::model::SourceHeader| {
        [&source.exhibit, &source.name].contains(&&arguments.source)
            || source.source.to_string() == arguments.source
    };
    let matching: Vec<_> = replay.record.sources.iter().filter(named).collect();
    let source = match matching.as_slice() {
        [one] => one.exhibit.clone(),
        [] => {
            let known: Vec<&str> =
                replay.record.sources.iter().map(|source| source.exhibit.as_str()).collect();
            bail!("the run has no source {}; it has: {}", arguments.source, known.join(", "))
        }
        _ => bail!("{} names more than one source of the run: give its number", arguments.source),
    };
    let correction = Correction {
        source: source.clone(),
        reference: arguments.reference.clone(),
        operator: arguments.operator.clone(),
    };
    journal::append_correction(folder, &correction).context("the correction cannot be kept")?;
    say::line(&format!(
        "{source} is now {}; `onscene report` writes reports that say so",
        arguments.reference
    ));
    Ok(())
}
