//! Project VIC and CAID: VICS JSON 1.x and 2.0, as a hash set (`value[]` of Media) or a case (`value[]` with `Media[]`).

mod guard;
mod keys;
mod record;
mod scalar;
#[cfg(test)]
mod tests;

use std::io::BufReader;

use guard::Guard;
use record::{Reading, Root};
use serde::de::DeserializeSeed;

use super::{Format, Input, Sink, lines, text};
use crate::hashset::{Error, Place, Result};
use crate::read::Confidence;

/// Read as a stream: memory does not depend on the size of the file.
pub struct Vics;

const CONTEXTS: [&[u8]; 2] = [b"\"odata.metadata\"", b"\"@odata.context\""];

impl Format for Vics {
    fn name(&self) -> &'static str {
        "vics"
    }

    fn description(&self) -> &'static str {
        "Project VIC / CAID JSON 1.x and 2.0, hash sets and cases: MD5, SHA-1, SHA-256, PDQ, category, size, victim \
         identified, distributed; PhotoDNA is not read"
    }

    /// Weak for JSON without a context: reading it gives the better message.
    fn probe(&self, head: &[u8]) -> Confidence {
        let body = head.strip_prefix(lines::BOM).unwrap_or(head).trim_ascii_start();
        if !body.starts_with(b"{") || !text::is_text(head) {
            Confidence::No
        } else if CONTEXTS.iter().any(|context| body.windows(context.len()).any(|window| window == *context))
        {
            Confidence::Strong
        } else {
            Confidence::Weak
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let list = sink.name().to_owned();
        let mut guard = Guard::new(input.bytes).map_err(|error| Error::io(&list, error))?;
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, &mut guard));
        let mut reading = Reading::new(sink);
        let outcome = Root(&mut reading).deserialize(&mut json).and_then(|()| json.end());
        let found_value = reading.found_value;
        drop(json);
        match outcome {
            Err(error) => Err(refusal(&list, error, guard.violation())),
            Ok(()) if !found_value => {
                let reason =
                    "expected a key \"value\" with the records of a VICS hash set or case, found none";
                Err(Error::malformed(&list, Place::Line(1), reason))
            }
            Ok(()) => Ok(()),
        }
    }

    fn zero_is_benign(&self) -> bool {
        true
    }
}

fn refusal(list: &str, error: serde_json::Error, violation: Option<&'static str>) -> Error {
    let place = Place::Line(u64::try_from(error.line()).unwrap_or(u64::MAX));
    if let Some(violation) = violation {
        return Error::malformed(list, place, violation);
    }
    if error.is_eof() {
        let reason =
            format!("its JSON ends in the middle, at line {}, column {}", error.line(), error.column());
        return Error::Truncated { list: list.to_owned(), reason };
    }
    if error.is_io() {
        return Error::io(list, error.into());
    }
    // What stands instead of what was expected may be free text, which no error shows.
    let text = error.to_string();
    let said =
        if error.is_data() { text.rsplit_once(", ").map_or("", |(_, expected)| expected) } else { &text };
    Error::malformed(list, place, format_args!("not VICS JSON: {said}"))
}
