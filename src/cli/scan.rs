//! `onscene scan`: the main job.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::journal;
use crate::model::{ExitCode, RunRecord, visible};
use crate::report;
use crate::run::{self, Ended, Stops};

use super::args::ScanArguments;
use super::mask::Mask;
use super::screen::Screen;
use super::{config, demo, lines, plan, say};

/// What the operator wants ended.
static STOPS: Stops = Stops::new();

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
    prepared.sets().iter().filter_map(lines::expired).for_each(|line| say::alarm(&line));
    let plan = prepared.begin()?;

    ctrlc::set_handler(|| STOPS.stop_all()).context("Ctrl-C cannot be watched for")?;
    if plan.exhibits.len() > 1 {
        tell("to stop one source alone, type its number and Enter; Ctrl-C stops all:");
        for (number, exhibit) in (1..).zip(&plan.exhibits) {
            tell(&format!("  {number}  {}", visible(&exhibit.reference)));
        }
        listen(plan.exhibits.len());
    }
    let mut screen = Screen::new(mask, arguments.json, &plan.exhibits);
    let ended = run::record(&plan, &mut screen, &STOPS)?;
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

/// Takes numbers of sources to stop alone, a line each, until there is no more input.
fn listen(sources: usize) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            match line.trim().parse::<u32>().ok().and_then(|number| number.checked_sub(1)) {
                Some(index) if usize::try_from(index).is_ok_and(|index| index < sources) => STOPS.stop(index),
                _ if line.trim().is_empty() => {}
                _ => say::error(&format!("onscene: not a number from 1 to {sources}: nothing was stopped")),
            }
        }
    });
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
