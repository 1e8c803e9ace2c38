//! `onscene set check`: what is in a list and what is wrong with it.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::hashset::{Builder, Built, Error, Profile};
use crate::model::{ListSummary, Role, counted, grouped, visible};

use super::super::say;
use super::arguments::{CheckArguments, ReadingArguments};
use super::build;

/// Reads each list by itself.
///
/// # Errors
/// When one cannot be used at all.
pub fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let mut rejected = 0_u64;
    for path in &arguments.files {
        let (list, refusal) = read(path, &arguments.reading)?;
        rejected = rejected.saturating_add(list.rejected);
        if arguments.json {
            let value =
                serde_json::json!({ "file": path.to_string_lossy(), "list": list, "refusal": refusal });
            say::line(&value.to_string());
        } else {
            show(&list, refusal.as_deref());
        }
    }
    Ok(if rejected > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// What a list holds, and why it would be refused as an alert list.
fn read(path: &Path, reading: &ReadingArguments) -> Result<(ListSummary, Option<String>)> {
    let compile = |forced: bool| -> Result<Built> {
        let builder = Builder::with_scratch("", Role::Alert, Profile::none(), Some(std::env::temp_dir()));
        let mut builder = builder.force_role(forced).stated(build::stated(reading)?);
        builder.add_list(
            &path.file_name().unwrap_or_default().to_string_lossy(),
            &[path],
            build::format(reading),
        )?;
        Ok(builder.finish_into(&mut Nowhere::default())?)
    };
    let (built, refusal) = match compile(false) {
        Err(error) => match error.downcast::<Error>() {
            Ok(Error::Refused { reason, .. }) => {
                let mut built = compile(true)?;
                built
                    .summary
                    .lists
                    .iter_mut()
                    .for_each(|list| list.remarks.retain(|remark| !remark.contains(&reason)));
                (built, Some(reason))
            }
            Ok(error) => return Err(error.into()),
            Err(error) => return Err(error),
        },
        Ok(built) => (built, None),
    };
    Ok((built.summary.lists.into_iter().next().unwrap_or_default(), refusal))
}

fn show(list: &ListSummary, refusal: Option<&str>) {
    say::line(&format!("{}: {}", visible(&list.name), visible(&list.format())));
    for file in &list.files {
        say::line(&format!("  SHA-256     {}", file.sha256));
    }
    say::line(&format!("  date        {}", visible(list.date.as_deref().unwrap_or("the list states none"))));
    say::line(&format!("  entries     {}", counted(list.entries, "different digest", "different digests")));
    for (label, number, what) in [
        ("near", list.near, "near-duplicate hashes"),
        ("duplicates", list.duplicates, "values that stand in it before"),
        ("empty file", list.empty_file, "digests of the empty file, which never match"),
        ("no digest", list.without_digest, "records without a digest that is read here"),
        ("not harmless", list.not_harmless, "records that the list marks so"),
        ("withdrawn", list.withdrawn, "records that later ones replace or take back"),
        ("rejected", list.rejected, "lines or records"),
    ] {
        if number > 0 {
            say::line(&format!("  {label:<11} {} {what}", grouped(number)));
        }
    }
    list.rejected_examples.iter().for_each(|example| say::line(&format!("    {}", visible(example))));
    for category in &list.categories {
        let name = category.category.as_deref().map_or_else(|| "none".into(), visible);
        say::line(&format!("  category    {name}: {}", counted(category.records, "record", "records")));
    }
    list.remarks.iter().for_each(|remark| say::line(&format!("  note        {}", visible(remark))));
    if let Some(reason) = refusal {
        say::line(&format!("  role        refused as alert without --force-role: {reason}"));
    }
}

/// Takes an image and keeps nothing of it.
#[derive(Default)]
struct Nowhere {
    position: u64,
}

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.position = self.position.saturating_add(crate::read::size(bytes.len()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Nowhere {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if let SeekFrom::Start(position) = to {
            self.position = position;
        }
        Ok(self.position)
    }
}
