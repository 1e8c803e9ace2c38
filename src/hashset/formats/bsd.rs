//! What BSD's md5 and sha256, and `--tag` of the GNU tools, print: `SHA256 (name) = digits`.

use super::values::Value;
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::model::{Algorithm, Digest};
use crate::read::Confidence;

/// `ALGORITHM (name) = <digits>`; GNU coreutils manual, section "cksum output modes".
pub struct Bsd;

impl Format for Bsd {
    fn name(&self) -> &'static str {
        "bsd"
    }

    fn description(&self) -> &'static str {
        "tagged sums as BSD's md5 and --tag of the GNU tools print them: SHA256 (name) = digits"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        text::probe(head, |line| parse(line).is_some())
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        text::read(input.bytes, sink, |line, _| {
            parse(line)
                .map(Value::Digest)
                .ok_or("not an MD5, SHA1 or SHA256 line of the form ALGORITHM (name) = digits")
        })
    }
}

/// The name may hold `) = ` itself, so the last one counts. The stated kind must be that of the digits.
fn parse(line: &[u8]) -> Option<Digest> {
    const BEFORE_NAME: &[u8] = b" (";
    const AFTER_NAME: &[u8] = b") = ";
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    let open = line.windows(BEFORE_NAME.len()).position(|bytes| bytes == BEFORE_NAME)?;
    let close = line.windows(AFTER_NAME.len()).rposition(|bytes| bytes == AFTER_NAME)?;
    let kind = Algorithm::named(std::str::from_utf8(line.get(..open)?).ok()?)?;
    let digest = text::digest(line.get(close.checked_add(AFTER_NAME.len())?..)?)?;
    (open < close && digest.algorithm() == kind).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_and_the_last_closing_bracket_decide() {
        let digits = "5d41402abc4b2a76b9719d911017c592";
        for good in ["MD5 (a) = ", "MD5 (a) = b) = ", "\\MD5 (a\\nb) = ", "md5 () = "] {
            assert_eq!(parse(format!("{good}{digits}").as_bytes()), Digest::from_hex(digits), "{good:?}");
        }
        for bad in ["SHA1 (a) = ", "MD5 a) = ", "MD5 (a = ", "MD5) = (", "SHA512 (a) = "] {
            assert_eq!(parse(format!("{bad}{digits}").as_bytes()), None, "{bad:?}");
        }
    }
}
