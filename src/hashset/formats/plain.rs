//! One hexadecimal digest a line; its length says which kind it is.

use std::io::BufRead;

use super::{Format, Sink, text};
use crate::hashset::Result;
use crate::read::Confidence;

/// Lines of 32, 40 or 64 hexadecimal digits.
pub struct Plain;

impl Format for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn description(&self) -> &'static str {
        "one hexadecimal MD5, SHA-1 or SHA-256 a line (32, 40 or 64 digits); lines starting with # or ; are comments"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        text::probe(head, |line| text::digest(line).is_some())
    }

    fn read(&self, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<()> {
        let mut longest = 0;
        text::read(input, sink, |digits, line| {
            let digest = text::digest(digits).ok_or("not 32, 40 or 64 hexadecimal digits")?;
            // The start of a long digest has the length of a short one: where a file was cut, one must not become the other.
            if !line.terminated && digits.len() < longest {
                return Err(
                    "the last line has no line end and is shorter than others: the list may be cut here",
                );
            }
            longest = longest.max(digits.len());
            Ok(digest)
        })
    }
}
