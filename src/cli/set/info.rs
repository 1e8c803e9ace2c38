//! `onscene set info` and `onscene set verify`: what a set states, and whether it is sound.

use std::process::ExitCode;

use anyhow::Result;

use crate::hashset::Kind;
use crate::model::{SetSignature, counted, grouped, visible};
use crate::scan;

use super::super::opening::Keyring;
use super::super::{lines, say};
use super::arguments::{InfoArguments, SetFileArguments};

/// Shows what a set states of itself.
///
/// # Errors
/// When it cannot be opened.
pub fn info(arguments: &InfoArguments) -> Result<()> {
    let opened = Keyring::new(&arguments.set.keyring)?.open(&arguments.set.set)?;
    let summary = &opened.summary;
    if arguments.json {
        say::line(&serde_json::to_string(summary)?);
        return Ok(());
    }
    let set = scan::open_set(&opened.bytes)?;
    lines::set(summary).iter().for_each(|line| say::line(line));
    for list in &summary.lists {
        for file in &list.files {
            let name = visible(&file.name);
            say::line(&format!(
                "  file    {} of list {}: SHA-256 {}",
                name,
                visible(&list.name),
                file.sha256
            ));
        }
        for category in &list.categories {
            let text = category.category.as_deref();
            let meaning = text.and_then(|text| set.profile().category_name(text));
            say::line(&format!(
                "  records of list {} in category {}: {}",
                visible(&list.name),
                match (text, meaning) {
                    (Some(text), Some(name)) => format!("{} ({})", visible(text), visible(name)),
                    (Some(text), None) => visible(text).into_owned(),
                    (None, _) => "none".into(),
                },
                grouped(category.records)
            ));
        }
    }
    for kind in Kind::ALL {
        if set.count(kind) > 0 {
            say::line(&format!("  {kind:<8}{}", counted(set.count(kind), "value", "values")));
        }
    }
    say::line(&format!("root      {}", summary.root));
    if let SetSignature::Trusted { key, .. } | SetSignature::Unknown { key } = &summary.signature {
        say::line(&format!("key       {key}"));
    }
    lines::expired(summary).iter().for_each(|line| say::alarm(line));
    Ok(())
}

/// Checks every byte of a set and its signature.
///
/// # Errors
/// When it cannot be read.
pub fn verify(arguments: &SetFileArguments) -> Result<ExitCode> {
    let keyring = Keyring::new(&arguments.keyring)?;
    let checked = keyring.open(&arguments.set).and_then(|opened| {
        scan::open_set(&opened.bytes)?.verify()?;
        Ok(opened)
    });
    let opened = match checked {
        Ok(opened) => opened,
        Err(error) if is_altered(&error) => {
            say::line(&format!("ALTERED   {error:#}"));
            return Ok(ExitCode::from(1));
        }
        Err(error) => return Err(error),
    };
    let (state, code) = match &opened.summary.signature {
        SetSignature::Trusted { name, .. } => (format!("signed by the trusted key {}", visible(name)), 0),
        SetSignature::None => ("not signed: whoever can write the file can make another one".into(), 0),
        SetSignature::Unknown { key } => (format!("signed by a key that is not trusted: {key}"), 2),
    };
    say::line(&format!("SOUND     every byte is as compiled; {state}"));
    say::line(&format!("root      {}", opened.summary.root));
    lines::expired(&opened.summary).iter().for_each(|line| say::alarm(line));
    Ok(ExitCode::from(code))
}

/// Whether the set itself is at fault, not the way to it.
fn is_altered(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref::<crate::hashset::Error>(), Some(crate::hashset::Error::Image { .. }))
            || cause.downcast_ref::<crate::signing::Error>().is_some_and(crate::signing::Error::is_altered)
    })
}
