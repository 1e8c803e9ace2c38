//! What md5sum, sha1sum, sha256sum and md5deep print: digest, blanks, name.

use super::values::Value;
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::model::Digest;
use crate::read::Confidence;

/// `<digits>  <name>`; GNU coreutils manual, section "md5sum invocation".
pub struct Md5sum;

impl Format for Md5sum {
    fn name(&self) -> &'static str {
        "md5sum"
    }

    fn description(&self) -> &'static str {
        "output of md5sum, sha1sum, sha256sum, md5deep: digits, blanks, name; escaped names (leading \\) included, -z not"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        text::probe(head, |line| parse(line).is_some())
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        text::read(input.bytes, sink, |line, _| {
            parse(line).map(Value::Digest).ok_or("not a digest of 32, 40 or 64 digits, blanks and a name")
        })
    }
}

/// A leading backslash escapes the name only. The name is not used, but must be there: without it the digits may be cut.
fn parse(line: &[u8]) -> Option<Digest> {
    let line = line.strip_prefix(b"\\").unwrap_or(line);
    let end = memchr::memchr2(b' ', b'\t', line)?;
    let (digits, rest) = line.split_at_checked(end)?;
    let name = rest.trim_ascii_start();
    let name = name.strip_prefix(b"*").unwrap_or(name);
    if name.is_empty() { None } else { text::digest(digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_need_blanks_and_a_name_behind_them() {
        let hello = Digest::from_hex("5d41402abc4b2a76b9719d911017c592");
        let digits = "5d41402abc4b2a76b9719d911017c592";
        for good in ["  a", " *a", "\ta", " \t  a b", " a"] {
            assert_eq!(parse(format!("{digits}{good}").as_bytes()), hello, "{good:?}");
            assert_eq!(parse(format!("\\{digits}{good}").as_bytes()), hello, "{good:?}");
        }
        for bad in ["", " ", " *", "0  a", ",a"] {
            assert_eq!(parse(format!("{digits}{bad}").as_bytes()), None, "{bad:?}");
        }
    }
}
