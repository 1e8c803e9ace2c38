//! `onscene set lookup`: whether digests or files are in a set.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::digest::{Buffer, digest};
use crate::hashset::KnownSet;
use crate::model::{Algorithms, Digest, Digests, Hit, Pdq, visible};
use crate::platform::{EvidenceFile, open_evidence};
use crate::read::ReadAt;
use crate::scan;

use super::super::opening::Keyring;
use super::super::{lines, say};
use super::arguments::LookupArguments;

/// Values that are looked up together.
const BATCH: usize = 1 << 16;

/// Looks every value up and says what the lists say.
///
/// # Errors
/// When the set is damaged, or a value is neither a digest nor a file that can be read.
pub fn run(arguments: &LookupArguments) -> Result<ExitCode> {
    let opened = Keyring::new(&arguments.keyring)?.open(&arguments.set)?;
    lines::expired(&opened.summary).iter().for_each(|line| say::alarm(line));
    let set = scan::open_set(&opened.bytes)?;
    let (mut found, mut out) = (false, say::Lines::new());
    let mut batch = Vec::new();
    let mut say = |batch: &mut Vec<String>| -> Result<()> {
        for answer in look_up(&std::mem::take(batch), &set)? {
            found |= answer.found;
            answer.lines.iter().for_each(|line| out.line(line));
        }
        Ok(())
    };
    for value in &arguments.values {
        if value != "-" {
            batch.push(value.trim().to_owned());
            continue;
        }
        for line in std::io::stdin().lines() {
            let line = line?;
            if !line.trim().is_empty() {
                batch.push(line.trim().to_owned());
            }
            if batch.len() >= BATCH {
                say(&mut batch)?;
            }
        }
    }
    say(&mut batch)?;
    Ok(ExitCode::from(u8::from(found)))
}

/// What the set says of one value.
#[derive(Default)]
struct Answer {
    found: bool,
    lines: Vec<String>,
}

/// The answers in the order of the values. They are looked up in the order of their bytes, which is that of the set: so
/// a disk is read forwards.
fn look_up<R: ReadAt>(values: &[String], set: &KnownSet<R>) -> Result<Vec<Answer>> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let digest = |at: &usize| values.get(*at).and_then(|value| Digest::from_hex(value));
    order.sort_by_cached_key(digest);
    let answers: Result<Vec<(usize, Answer)>> = order
        .into_par_iter()
        .map(|at| Ok((at, answer(values.get(at).map(String::as_str).unwrap_or_default(), set)?)))
        .collect();
    let mut answers = answers?;
    answers.sort_unstable_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

fn answer<R: ReadAt>(value: &str, set: &KnownSet<R>) -> Result<Answer> {
    let digests = digests(value, set)?;
    let hits = set.hits(&digests)?;
    // The same 64 digits may be a hash of a picture, which no file's digest is compared with.
    let near = Pdq::from_hex(value).map(|pdq| set.find_pdq(&pdq)).transpose()?.unwrap_or_default();
    let shown = visible(value);
    let mut lines: Vec<String> = near
        .iter()
        .map(|from| {
            format!("found     {shown}: PDQ, by list {}, which no scan compares yet", visible(from.list))
        })
        .chain(hits.iter().map(|hit| format!("found     {shown}: {}", said(hit))))
        .collect();
    let found = !lines.is_empty();
    if !found {
        let held = set.algorithms();
        let comparable = digests.iter().any(|digest| held.iter().any(|kind| kind == digest.algorithm()));
        let why = if comparable { "" } else { " (the set holds no digest of this kind: this says nothing)" };
        lines.push(format!("absent    {shown}{why}"));
    }
    Ok(Answer { found, lines })
}

fn digests<R: ReadAt>(value: &str, set: &KnownSet<R>) -> Result<Digests> {
    let mut digests = Digests::default();
    match Digest::from_hex(value) {
        Some(digest) => digests.set(digest),
        None => digests = of_file(Path::new(value), set.algorithms())?,
    }
    Ok(digests)
}

fn of_file(path: &Path, wanted: Algorithms) -> Result<Digests> {
    let what =
        || format!("{}: neither a digest of 32, 40 or 64 digits nor a file that can be read", path.display());
    let (file, _) = open_evidence(path, true).with_context(what)?;
    if !file.metadata().with_context(what)?.is_file() {
        return Err(anyhow!("a folder, or something else that is no file")).with_context(what);
    }
    let file = EvidenceFile::new(file).with_context(what)?;
    let reading = digest(&[&file], wanted, &mut Buffer::default(), &|_| true).pop().unwrap_or_default();
    match wanted.iter().all(|kind| reading.digests.get(kind).is_some()) {
        true => Ok(reading.digests),
        false => Err(anyhow!("it could not be read to its end")).with_context(what),
    }
}

fn said(hit: &Hit) -> String {
    format!("{}, {}, {}", hit.algorithm, visible(&hit.category_text()), hit.action.name())
}
