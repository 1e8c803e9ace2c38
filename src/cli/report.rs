//! `onscene report`: the reports of a run again, from its journal alone.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{journal, report};

use super::args::ReportArguments;
use super::say;

/// Writes the reports into a new folder; the run's own folder stays as it is.
///
/// # Errors
/// When the journal cannot be read, or the folder exists.
pub fn run(arguments: &ReportArguments) -> Result<()> {
    let (replay, fault) = journal::salvage(&arguments.folder)
        .with_context(|| format!("{}: not the folder of a run", arguments.folder.display()))?;
    let names: Vec<&str> = arguments.format.iter().map(String::as_str).collect();
    if let Some(unknown) =
        names.iter().find(|name| !report::FORMATS.iter().any(|format| format.name() == **name))
    {
        bail!("there is no report named {unknown}; `onscene formats` lists them");
    }
    let folder = arguments.out.clone().map_or_else(|| beside(&arguments.folder), Ok)?;
    std::fs::create_dir(&folder).with_context(|| {
        format!("{}: reports go into a new folder, so that none is overwritten", folder.display())
    })?;
    report::write_some(&replay.record, &folder, |format| names.is_empty() || names.contains(&format.name()))
        .with_context(|| format!("reports in {}", folder.display()))?;
    if let Some(fault) = fault {
        say::error(&format!(
            "onscene: the journal is damaged, the reports hold what comes before the damage: {fault}"
        ));
    }
    if !replay.ended {
        say::error(
            "onscene: the run never ended: the reports say INCOMPLETE and hold what was found until then",
        );
    }
    say::line(&folder.display().to_string());
    Ok(())
}

/// The first free name `RUN-report-N` beside the run's folder.
fn beside(folder: &Path) -> Result<PathBuf> {
    let real = std::fs::canonicalize(folder)?;
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parent = real.parent().unwrap_or(Path::new("."));
    let free = (1..=9999).map(|n| parent.join(format!("{name}-report-{n}"))).find(|path| !path.exists());
    free.context("too many reports of this run: remove some, or name a folder with --out")
}
