//! `onscene set diff` and `onscene set conflicts`: two sets, digest by digest.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::hashset::{self, Kind, KnownSet, Provenance};
use crate::model::{Role, grouped, visible};
use crate::platform::SharedBytes;
use crate::scan;

use super::super::opening::{Keyring, Opened};
use super::super::{lines, say};
use super::arguments::{ConflictsArguments, DiffArguments};

/// What became of the values of one kind.
#[derive(Default)]
struct Change {
    added: u64,
    removed: u64,
    /// Values of which the lists say something else.
    changed: u64,
    same: u64,
}

/// Says what differs between an older and a newer set.
///
/// # Errors
/// When one of them cannot be used.
pub fn diff(arguments: &DiffArguments) -> Result<ExitCode> {
    let keyring = Keyring::new(&arguments.keyring)?;
    let (old, new) = (open(&keyring, &arguments.old)?, open(&keyring, &arguments.new)?);
    if old.summary.role != new.summary.role {
        bail!(
            "{} is for {}, {} for {}: only sets of one role are compared",
            arguments.old.display(),
            old.summary.role.name(),
            arguments.new.display(),
            new.summary.role.name()
        );
    }
    if old.summary.root == new.summary.root {
        say::line("the same set, byte for byte");
        return Ok(ExitCode::SUCCESS);
    }
    let (old, new) = (scan::open_set(&old.bytes)?, scan::open_set(&new.bytes)?);
    let mut differ = false;
    for kind in Kind::ALL {
        let change = compare(&old, &new, kind, arguments.list)?;
        differ |= change.added + change.removed + change.changed > 0;
        if old.count(kind) + new.count(kind) > 0 {
            say::line(&format!(
                "{kind:<8} {} added, {} removed, {} of which the lists say something else, {} the same",
                grouped(change.added),
                grouped(change.removed),
                grouped(change.changed),
                grouped(change.same)
            ));
        }
    }
    if !differ {
        say::line("the same digests; only what the sets state of themselves and their lists differs");
    }
    Ok(ExitCode::from(u8::from(differ)))
}

fn compare(
    old: &KnownSet<&SharedBytes>,
    new: &KnownSet<&SharedBytes>,
    kind: Kind,
    list: bool,
) -> hashset::Result<Change> {
    let mut change = Change::default();
    hashset::join(old, new, kind, &mut |value, old, new| {
        let (count, sign) = match (old, new) {
            (Some(old), Some(new)) if statements(&old.said()?) == statements(&new.said()?) => {
                (&mut change.same, ' ')
            }
            (Some(_), Some(_)) => (&mut change.changed, '~'),
            (Some(_), None) => (&mut change.removed, '-'),
            (None, _) => (&mut change.added, '+'),
        };
        *count = count.saturating_add(1);
        if list && sign != ' ' {
            let side =
                |entries: Option<Vec<Provenance<'_>>>| entries.map(|said| told(&said)).unwrap_or_default();
            let before = side(old.map(|old| old.said()).transpose()?);
            let after = side(new.map(|new| new.said()).transpose()?);
            let arrow = if before.is_empty() || after.is_empty() { "" } else { " -> " };
            say::line(&format!("{sign} {} {before}{arrow}{after}", hex::encode(value)));
        }
        Ok(())
    })?;
    Ok(change)
}

/// Names the digests that an alert set and a known-good set both hold.
///
/// # Errors
/// When one of them cannot be used, or has another role.
pub fn conflicts(arguments: &ConflictsArguments) -> Result<ExitCode> {
    let keyring = Keyring::new(&arguments.keyring)?;
    let alert = open_as(&keyring, &arguments.alert, Role::Alert)?;
    let known = open_as(&keyring, &arguments.known, Role::KnownGood)?;
    let (alert, known) = (scan::open_set(&alert.bytes)?, scan::open_set(&known.bytes)?);
    let mut count = 0_u64;
    for kind in Kind::ALL {
        hashset::join(&alert, &known, kind, &mut |value, alert, known| {
            let (Some(alert), Some(known)) = (alert, known) else { return Ok(()) };
            count = count.saturating_add(1);
            let (alert, known) = (told(&alert.said()?), told(&known.said()?));
            say::line(&format!("conflict  {} {kind}: {alert}; known-good: {known}", hex::encode(value)));
            Ok(())
        })?;
    }
    say::line(&match count {
        0 => "no digest is in both sets".to_owned(),
        _ => format!("{} in both sets: in a scan the alert wins, and the finding says so", grouped(count)),
    });
    Ok(ExitCode::from(u8::from(count > 0)))
}

fn open(keyring: &Keyring<'_>, path: &Path) -> Result<Opened> {
    let opened = keyring.open(path)?;
    lines::expired(&opened.summary).iter().for_each(|line| say::alarm(line));
    Ok(opened)
}

fn open_as(keyring: &Keyring<'_>, path: &Path, role: Role) -> Result<Opened> {
    let opened = open(keyring, path)?;
    match opened.summary.role == role {
        true => Ok(opened),
        false => bail!(
            "{} is an {} set: expected one that is {}",
            path.display(),
            opened.summary.role.name(),
            role.name()
        ),
    }
}

/// What matters of provenances when sets are compared.
type Statement<'a> = (&'a str, Option<&'a str>, Option<u64>, [Option<bool>; 2]);

fn statements<'a>(said: &[Provenance<'a>]) -> Vec<Statement<'a>> {
    let one = |from: &Provenance<'a>| {
        (from.list, from.category, from.size, [from.victim_identified, from.distributed])
    };
    said.iter().map(one).collect()
}

fn told(said: &[Provenance<'_>]) -> String {
    let one = |from: &Provenance<'_>| match from.category {
        Some(category) => format!("list {} category {}", visible(from.list), visible(category)),
        None => format!("list {}", visible(from.list)),
    };
    said.iter().map(one).collect::<Vec<_>>().join(", ")
}
