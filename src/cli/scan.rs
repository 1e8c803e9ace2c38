//! `onscene scan`: the main job.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail};

use crate::journal;
use crate::model::{ExitCode, RunRecord};
use crate::report;
use crate::run::{self, Ended};

use super::args::ScanArguments;
use super::mask::Mask;
use super::screen::Screen;
use super::{config, demo, lines, plan, say};

/// Set by the first Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// Runs a scan from its first check to its sealed folder.
///
/// # Errors
/// Whatever kept it from starting, or its record from being kept.
pub fn run(arguments: ScanArguments) -> Result<ExitCode> {
    let config = config::load(arguments.config.as_deref())?;
    let prepared = plan::prepare(&arguments, &config)?;
    let mask = Mask { show_names: arguments.show_names };
    let tell = |line: &str| {
        if !arguments.json {
            say::line(line);
        }
    };
    tell(&format!("onscene {}: nothing is written to a source", env!("CARGO_PKG_VERSION")));
    if prepared.sets().iter().all(|set| set.demonstration) {
        tell("DEMONSTRATION ONLY");
    }
    prepared.sets().iter().flat_map(lines::set).for_each(|line| tell(&line));
    let plan = prepared.begin()?;

    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("Ctrl-C cannot be watched for")?;
    let mut screen = Screen::new(mask, arguments.json, &plan.exhibits);
    let ended = run::record(&plan, &mut screen, &STOP)?;
    drop(screen);

    let record = keep(&plan.folder, ended.journal_head)?;
    lines::verdict(&ended.verdict).iter().for_each(|line| tell(line));
    tell(&format!("record    {}", plan.folder.display()));
    tell(&format!("head      {}  (write this into the notebook)", ended.head));
    if let Some(failure) = &ended.failed {
        say::error(&format!("onscene: the run FAILED, do not rely on it: {failure}"));
        return Ok(ExitCode::Failure);
    }
    exit_code(&arguments, &ended, &record, &tell)
}

/// Writes every report from the journal alone and seals the folder. `head` is what the writer committed last.
fn keep(folder: &Path, head: journal::Head) -> Result<RunRecord> {
    let replay = journal::replay(folder).context("the journal that was just written")?;
    if replay.head != head {
        bail!(
            "{}: the journal is not as it was written: it holds {} records, head {}; written were {}, head {}; nothing \
             was sealed",
            folder.display(),
            replay.head.records,
            replay.head.short(),
            head.records,
            head.short()
        );
    }
    report::write_all(&replay.record, folder).with_context(|| format!("reports in {}", folder.display()))?;
    journal::seal(folder, head).with_context(|| format!("manifest of {}", folder.display()))?;
    Ok(replay.record)
}

fn exit_code(
    arguments: &ScanArguments,
    ended: &Ended,
    record: &RunRecord,
    tell: &dyn Fn(&str),
) -> Result<ExitCode> {
    if !arguments.demo {
        return Ok(ended.verdict.exit_code());
    }
    let differences = demo::compare(record)?;
    if differences.is_empty() {
        tell("DEMONSTRATION PASSED: exactly what is known to be on the demonstration image was found");
        return Ok(ExitCode::NothingFound);
    }
    differences.iter().for_each(|difference| say::error(&format!("onscene: {difference}")));
    say::error("onscene: the demonstration FAILED: do not use this binary");
    Ok(ExitCode::Failure)
}
