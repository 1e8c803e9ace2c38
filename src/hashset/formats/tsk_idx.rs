//! The sorted index that hfind of The Sleuth Kit writes beside a list.

use super::values::Value;
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::model::Algorithm;
use crate::read::Confidence;

/// Header lines start with a number of 41 digits, longer than any digest in it; the others are
/// `<MD5 or SHA-1>|<offset of 16 digits>`. Source of facts: what hfind writes.
pub struct TskIdx;

const HEADER_DIGITS: usize = 41;
const OFFSET_DIGITS: usize = 16;

impl Format for TskIdx {
    fn name(&self) -> &'static str {
        "tsk-idx"
    }

    fn description(&self) -> &'static str {
        "index .idx of The Sleuth Kit's hfind, MD5 or SHA-1; its companion .idx2 holds no digests and is not read"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        let first = text::significant(head).next().filter(|_| text::is_text(head));
        match first.and_then(header) {
            Some((number, _)) if number.iter().all(|digit| *digit == b'0') => Confidence::Strong,
            _ => Confidence::No,
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut source = None;
        text::read(input.bytes, sink, |line, _| {
            if let Some((number, said)) = header(line) {
                // The second one holds the name of the list that was indexed.
                if number.iter().all(|digit| *digit == b'0') {
                    source.get_or_insert_with(|| String::from_utf8_lossy(said).into_owned());
                }
                return Err(text::Flaw::NoEntry);
            }
            entry(line).ok_or(text::Flaw::Rejected("not an MD5 or SHA-1, | and an offset of 16 digits"))
        })?;
        if let Some(source) = source {
            sink.variant(&source);
            if source.starts_with("nsrl") {
                let reason = "made from NSRL: the index does not say which files NSRL marks as not harmless";
                sink.remark(reason.to_owned());
            }
        }
        Ok(())
    }
}

/// The number and the text of a header line.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (number, said) = line.split_at_checked(HEADER_DIGITS)?;
    let said = said.strip_prefix(b"|")?;
    // Lines that end in carriage returns alone would make a header of the whole index.
    let is_header = number.iter().all(u8::is_ascii_digit) && !said.contains(&b'\r');
    is_header.then_some((number, said))
}

fn entry(line: &[u8]) -> Option<Value> {
    let at = line.iter().position(|byte| *byte == b'|')?;
    let (digits, offset) = line.split_at_checked(at)?;
    let offset = offset.strip_prefix(b"|")?;
    let whole = offset.len() == OFFSET_DIGITS && offset.iter().all(u8::is_ascii_digit);
    let digest = text::digest(digits).filter(|digest| digest.algorithm() != Algorithm::Sha256);
    digest.filter(|_| whole).map(Value::Digest)
}
