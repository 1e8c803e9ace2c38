//! Structure of kinds of content that are written as text: mail, and pictures and pages in text form.

use crate::read::Fields;

/// Longest first line of a mail store that is looked at, in bytes.
const ENVELOPE: usize = 256;
/// Header fields that a program writes and a person does not.
const WRITTEN_BY_MACHINES: &[&str] = &[
    "delivered-to",
    "dkim-signature",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "x-mozilla-status",
];
/// Header fields of every message.
const OF_EVERY_MESSAGE: &[&str] = &["content-type", "date", "from", "subject", "to"];

/// A mail store in one of the mbox forms (RFC 4155): `From `, a sender, a date with weekday and month, and
/// then a message.
pub fn mbox(head: Fields<'_>) -> bool {
    let Some(rest) = head.0.strip_prefix(b"From ") else { return false };
    let window = rest.get(..ENVELOPE).unwrap_or(rest);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else { return false };
    let (Some(envelope), Some(message)) = (rest.get(..end), rest.get(end.saturating_add(1)..)) else {
        return false;
    };
    let words: Vec<&[u8]> = envelope.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let dated = words.windows(2).any(|pair| matches!(pair, [day, month] if is_day(day) && is_month(month)));
    let year = words.iter().any(|word| word.len() == 4 && word.iter().all(u8::is_ascii_digit));
    dated && year && header_names(message).next().is_some_and(|name| name.is_some())
}

/// A single mail message (RFC 5322): nothing but header fields up to the empty line, with a date or a
/// sender and at least one field that only programs write.
pub fn message(head: Fields<'_>) -> bool {
    let (mut machine, mut common) = (0u32, 0u32);
    for name in header_names(head.0) {
        let Some(name) = name else { return false };
        let name = name.to_ascii_lowercase();
        if WRITTEN_BY_MACHINES.contains(&name.as_str()) {
            machine = machine.saturating_add(1);
        } else if OF_EVERY_MESSAGE.contains(&name.as_str()) {
            common = common.saturating_add(1);
        }
    }
    machine >= 1 && common >= 2
}

/// Names of the header fields up to the first empty line or the last whole line; `None` for a line that is none.
fn header_names(text: &[u8]) -> impl Iterator<Item = Option<String>> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').and_then(|end| text.get(..end)).unwrap_or(&[]);
    whole
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
        // A continued line belongs to the field above it.
        .filter(|line| !matches!(line.first(), Some(b' ' | b'\t')))
        .map(|line| {
            let colon = line.iter().take(78).position(|byte| *byte == b':').filter(|at| *at > 0)?;
            let name = line.get(..colon)?;
            let text = || name.iter().map(|byte| char::from(*byte)).collect();
            name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then(text)
        })
}

fn is_day(word: &[u8]) -> bool {
    [&b"Mon"[..], b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].contains(&word)
}

fn is_month(word: &[u8]) -> bool {
    let months: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    months.contains(&word)
}

/// A page of HTML: its declaration or first element after blanks.
pub fn html(head: Fields<'_>) -> bool {
    starts_with_one_of(text_start(head.0), &[b"<!doctype html", b"<html"])
}

/// A drawing in SVG: its element, behind an XML declaration or not.
pub fn svg(head: Fields<'_>) -> bool {
    let start = text_start(head.0);
    let window = start.get(..1024).unwrap_or(start);
    starts_with_one_of(start, &[b"<svg", b"<!doctype svg"])
        || (window.starts_with(b"<?xml")
            && window.windows(5).any(|five| matches!(five, b"<svg " | b"<svg\n")))
}

/// The text after a byte order mark and blanks.
fn text_start(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

fn starts_with_one_of(text: &[u8], starts: &[&[u8]]) -> bool {
    starts.iter().any(|start| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
}

/// A portable anymap (netpbm: P1 to P7, ASCII or binary): blanks or comments, then a width in digits.
pub fn anymap(head: Fields<'_>) -> bool {
    let (Some(b'P'), Some(kind @ b'1'..=b'7'), Some(blank)) = (head.u8(0), head.u8(1), head.u8(2)) else {
        return false;
    };
    if kind == b'7' {
        return head.has(2, b"\nWIDTH ") || head.has(2, b"\n#") || head.has(2, b"\nHEIGHT ");
    }
    let rest = head.0.get(3..).unwrap_or(&[]);
    let mut lines = rest.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let numbers = lines.find(|line| !line.is_empty() && line.first() != Some(&b'#')).unwrap_or(&[]);
    // Kinds 1 to 3 are text all through; what follows the sizes of the others may be on the same line.
    let sizes = numbers.split(u8::is_ascii_whitespace).take(2);
    blank.is_ascii_whitespace()
        && !numbers.is_empty()
        && sizes.into_iter().all(|size| !size.is_empty() && size.iter().all(u8::is_ascii_digit))
}
