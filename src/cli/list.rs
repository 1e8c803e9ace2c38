//! `onscene list`: every entry of a source, so that anyone can check the tool against a second one.

use std::io::{self, BufWriter, Write};

use anyhow::Result;

use crate::model::{Content, EntryKind, EntryState, Event, ExitCode, ItemRecord, visible, write_json};
use crate::run;
use crate::source::EvidenceSource;

use super::args::{ListArguments, ListFormat};
use super::mask::Mask;
use super::{lines, plan, say};

/// Prints the listing to standard output, volumes and problems to standard error.
///
/// # Errors
/// When the source cannot be opened or the examiner does not come to its end.
pub fn run(arguments: &ListArguments) -> Result<ExitCode> {
    let source = EvidenceSource::open(&arguments.source, arguments.accept_atime)?;
    let wanted = arguments.digest.iter().copied().collect();
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    // Names are what a listing is for.
    let mask = Mask { show_names: true };
    let exhibits = [arguments.source.to_string_lossy().into_owned()];
    let mut problems = false;
    let mut written = Ok(());
    let threads = plan::threads(arguments.threads);
    run::list(&source, wanted, threads, arguments.accept_atime, |event| {
        match &event {
            Event::Entry(entry) => written = print(&mut output, entry, arguments.format),
            Event::Problem(_) | Event::Volume(_) => {
                problems |= matches!(event, Event::Problem(_));
                if let Some(line) = lines::line(&event, mask, &exhibits) {
                    say::error(&line);
                }
            }
            _ => {}
        }
        written.is_ok()
    })?;
    match written.and_then(|()| output.flush()) {
        // Whoever reads only the first lines of a listing has what they wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ if problems => Ok(ExitCode::Review),
        _ => Ok(ExitCode::NothingFound),
    }
}

fn print(output: &mut impl Write, entry: &ItemRecord, format: ListFormat) -> io::Result<()> {
    match format {
        ListFormat::Jsonl => {
            write_json(output, entry)?;
            writeln!(output)
        }
        ListFormat::Text => writeln!(output, "{}", text(entry)),
    }
}

fn text(entry: &ItemRecord) -> String {
    let state = match entry.state {
        EntryState::Allocated => ' ',
        EntryState::Deleted => '*',
        EntryState::Orphan => '?',
    };
    let content = match entry.content {
        _ if entry.kind != EntryKind::File => "",
        Content::Runs | Content::Opened => "",
        Content::Lost => "  (content lost)",
        Content::Overwritten => "  (overwritten)",
        Content::Likely => "  (content only likely)",
        Content::Encrypted => "  (encrypted)",
        Content::Unsupported => "  (content not read)",
    };
    let kind = match entry.kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Other => 'o',
    };
    let digests: String = entry.digests.iter().map(|digest| format!("{digest}  ")).collect();
    let path = entry.path.lossy();
    format!(
        "{state}{kind} {:>3} {:>10} {:>12}  {digests}{}{content}",
        entry.volume,
        entry.record,
        entry.size,
        visible(&path)
    )
}
