//! One hexadecimal value a line; its length says which kind it is, 64 digits by statement only.

use super::text::Flaw;
use super::values::{PdqQuality, Value, kind_of};
use super::{Format, Input, Sink, text};
use crate::hashset::Result;
use crate::read::Confidence;

/// Lines of 32, 40 or 64 hexadecimal digits.
pub struct Plain;

impl Format for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn description(&self) -> &'static str {
        "one hexadecimal MD5 or SHA-1 a line (32 or 40 digits); 64 digits are SHA-256 or PDQ as stated; lines starting \
         with # or ; are comments"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        text::probe(head, |line| text::digest(line).is_some())
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut longest = 0;
        let mut quality = PdqQuality::default();
        let stated = input.stated.long_digits;
        text::read(input.bytes, sink, |digits, line| {
            let value =
                kind_of(digits, stated)?.ok_or(Flaw::Rejected("not 32, 40 or 64 hexadecimal digits"))?;
            // The start of a long digest has the length of a short one: where a file was cut, one must not become the other.
            if !line.terminated && digits.len() < longest {
                return Err(Flaw::Rejected(
                    "the last line has no line end and is shorter than others: the list may be cut here",
                ));
            }
            longest = longest.max(digits.len());
            if let Value::Pdq(pdq) = &value {
                quality.count(pdq, None);
            }
            Ok(value)
        })?;
        quality.remark(sink);
        Ok(())
    }
}
