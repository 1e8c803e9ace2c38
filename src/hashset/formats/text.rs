//! What the line-by-line formats share: probing by lines, and one value from each line.

use std::io::BufRead;

use super::lines::{BOM, Line, Lines};
use super::values::{Unstated, Value};
use super::{HEAD, Record, Sink, table};
use crate::hashset::{Error, Place, Result};
use crate::model::Digest;
use crate::read::Confidence;

/// Most lines that are looked at when a list is probed.
const PROBED: usize = 1000;

/// The lines at the start of a list that are neither blank nor comments; a line that the end of the head may have
/// cut is not among them.
pub fn significant(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = head.strip_prefix(BOM).unwrap_or(head);
    let whole = match text.iter().rposition(|byte| *byte == b'\n') {
        Some(end) if head.len() >= HEAD => text.get(..end).unwrap_or_default(),
        _ => text,
    };
    whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !is_comment(line))
}

/// Blank, or starting with `#` or `;`.
pub fn is_comment(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b'#' | b';'))
}

/// Whether the bytes can be text in UTF-8 or a code page: no zeros, no byte order mark of UTF-16.
pub fn is_text(head: &[u8]) -> bool {
    !head.contains(&0) && !head.starts_with(b"\xff\xfe") && !head.starts_with(b"\xfe\xff")
}

/// Strong when the first significant line is one of the format's; Weak when a later one is and the first is not the
/// heading of a table.
pub fn probe(head: &[u8], matches: impl Fn(&[u8]) -> bool) -> Confidence {
    if !is_text(head) {
        return Confidence::No;
    }
    let mut lines = significant(head).take(PROBED);
    match lines.next() {
        None => Confidence::No,
        Some(first) if matches(first) => Confidence::Strong,
        Some(first) if table::Table::of_heading(first).is_some() => Confidence::No,
        Some(_) if lines.any(matches) => Confidence::Weak,
        Some(_) => Confidence::No,
    }
}

/// Why a line gives no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is rejected and shown.
    Rejected(&'static str),
    /// It is rejected but not shown: free text may stand in it.
    Unshown(&'static str),
    /// It says something of the list.
    NoEntry,
    /// It is an entry without anything that is compared.
    NotCompared,
    /// Its 64 digits may be of either kind, which refuses the list.
    Unstated(Unstated),
}

impl From<&'static str> for Flaw {
    fn from(reason: &'static str) -> Self {
        Self::Rejected(reason)
    }
}

impl From<Unstated> for Flaw {
    fn from(unstated: Unstated) -> Self {
        Self::Unstated(unstated)
    }
}

/// Reads a list of which every line that is neither blank nor comment holds one value, or says why it does not.
pub fn read<F: Into<Flaw>>(
    input: &mut dyn BufRead,
    sink: &mut dyn Sink,
    mut parse: impl FnMut(&[u8], &Line<'_>) -> std::result::Result<Value, F>,
) -> Result<()> {
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next().map_err(|error| Error::io(sink.name(), error))? {
        let place = Place::Line(line.number);
        if unusable(&line, sink) {
            continue;
        }
        let text = line.bytes.trim_ascii();
        if line.number == 1 && !line.terminated {
            one_line(&line, sink)?;
        }
        if is_comment(text) {
            continue;
        }
        match parse(text, &line).map_err(F::into) {
            Ok(Value::Digest(digest)) => sink.digest(digest),
            Ok(Value::Pdq(pdq)) => sink.record(Record { pdq: Some(pdq), ..Record::default() }),
            Err(Flaw::Rejected(reason)) => sink.reject(place, reason, text),
            Err(Flaw::Unshown(reason)) => sink.reject(place, reason, b""),
            Err(Flaw::NoEntry) => {}
            Err(Flaw::NotCompared) => sink.record(Record::default()),
            Err(Flaw::Unstated(unstated)) => return Err(unstated.refuse(sink.name(), place)),
        }
    }
    Ok(())
}

/// Refuses a list whose lines end in carriage returns alone: all of it would pass for its first line, and every entry
/// but one would be lost without being counted.
pub fn one_line(line: &Line<'_>, sink: &dyn Sink) -> Result<()> {
    if !line.bytes.trim_ascii().contains(&b'\r') {
        return Ok(());
    }
    let reason = "lines that end in a carriage return alone, which are not read; save it with line feeds";
    Err(Error::malformed(sink.name(), Place::Line(line.number), reason))
}

/// Rejects a line that no format reads: too long, or with zero bytes in it. It is not shown: nothing says which part
/// of it is free text.
pub fn unusable(line: &Line<'_>, sink: &mut dyn Sink) -> bool {
    let place = Place::Line(line.number);
    if line.too_long {
        sink.reject(place, "longer than 1 MiB", b"");
    } else if line.bytes.contains(&0) {
        sink.reject(place, "holds zero bytes", b"");
    } else {
        return false;
    }
    true
}

/// Hexadecimal digits of either case as a digest; the length decides the kind.
///
/// By table, because this is where the import of a plain list spends its time.
pub fn digest(digits: &[u8]) -> Option<Digest> {
    let mut bytes = [0; 32];
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let target = bytes.get_mut(..pairs.len())?;
    let mut seen = 0;
    for (byte, [high, low]) in target.iter_mut().zip(pairs) {
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    if seen > 0xf { None } else { Digest::new(target) }
}

/// What a hexadecimal digit stands for; more than 15 for any other byte.
fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

const NO_DIGIT: u8 = 0xff;

static VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16_u8 {
        #[expect(
            clippy::as_conversions,
            clippy::indexing_slicing,
            reason = "constant, checked by the compiler"
        )]
        {
            values[b"0123456789abcdef"[value as usize] as usize] = value;
            values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        }
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_read_as_the_model_reads_them(
            digits in prop_oneof!["[0-9a-fA-F]{32}", "[0-9a-fA-F]{40}", "[0-9a-fA-F]{64}", "[0-9a-gA-G/:@`]{30,34}", ".{0,70}"]
        ) {
            prop_assert_eq!(digest(digits.as_bytes()), Digest::from_hex(&digits));
        }
    }
}
