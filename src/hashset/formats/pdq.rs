//! Lists of PDQ hashes as the reference tools of PDQ and vPDQ print them: `[hash=]digits[,metadata]`.

use super::text::Flaw;
use super::values::{PdqQuality, Value, kind_of};
use super::{Format, Input, LongDigits, Sink, text};
use crate::hashset::Result;
use crate::read::Confidence;

/// One hash a line. 64 digits and a name may also be a SHA-256 and a name: that they are a PDQ hash is only taken from
/// `hash=`, from the names that PDQ tools give to their metadata, or from the operator.
pub struct PdqText;

/// Metadata that only PDQ tools write.
const KEYS: [&[u8]; 4] = [b"quality=", b"norm=", b"delta=", b"idx="];

impl Format for PdqText {
    fn name(&self) -> &'static str {
        "pdq"
    }

    fn description(&self) -> &'static str {
        "PDQ and vPDQ text: [hash=]64 digits[,metadata]; without hash=, quality=, norm=, delta= or idx= only when stated"
    }

    /// A list that starts with bare digits is also of this format when others of its lines are not bare: neither this
    /// one nor `plain`, which would reject those, is chosen by itself then.
    fn probe(&self, head: &[u8]) -> Confidence {
        let is_more =
            |line: &[u8]| parse(line).is_some_and(|entry| entry.prefixed || entry.metadata.is_some());
        let bare = text::significant(head).next().is_some_and(|line| Value::pdq(line).is_some());
        match text::probe(head, is_more) {
            Confidence::Weak if bare => Confidence::Strong,
            confidence => confidence,
        }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let mut quality = PdqQuality::default();
        let (stated, mut says) = (input.stated.long_digits, None);
        text::read(input.bytes, sink, |line, _| {
            let entry = parse(line).ok_or(Flaw::Unshown(
                "not 64 hexadecimal digits, with hash= before and a comma behind them at most",
            ))?;
            if entry.is_of_pdq_tools() {
                // The lines that follow are of the same tool.
                says = Some(LongDigits::Pdq);
            }
            let value = kind_of(entry.digits, says.or(stated))?;
            if let Some(Value::Pdq(pdq)) = &value {
                quality.count(pdq, entry.quality());
            }
            value.ok_or(Flaw::Unshown("not 64 hexadecimal digits"))
        })?;
        if says.is_none() && stated == Some(LongDigits::Sha256) {
            sink.variant("SHA-256-as-stated");
        }
        quality.remark(sink);
        Ok(())
    }
}

/// A line of the list.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    prefixed: bool,
    digits: &'a [u8],
    metadata: Option<&'a [u8]>,
}

fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let bare = line.strip_prefix(b"hash=");
    let mut parts = bare.unwrap_or(line).splitn(2, |byte| *byte == b',');
    let digits = parts.next().map(<[u8]>::trim_ascii)?;
    Value::pdq(digits)?;
    Some(Entry { prefixed: bare.is_some(), digits, metadata: parts.next() })
}

impl<'a> Entry<'a> {
    fn fields(&self) -> impl Iterator<Item = &'a [u8]> {
        self.metadata.into_iter().flat_map(|text| text.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    fn is_of_pdq_tools(&self) -> bool {
        self.prefixed || self.fields().any(|field| KEYS.iter().any(|key| field.starts_with(key)))
    }

    /// The quality of the picture: of metadata `quality=N`, or the first field of a vPDQ feature, which is two numbers,
    /// quality and time in seconds.
    fn quality(&self) -> Option<u32> {
        let named = self.fields().find_map(|field| field.strip_prefix(b"quality="));
        let mut fields = self.fields();
        let feature = match (fields.next(), fields.next(), fields.next()) {
            (Some(quality), Some(time), None) if number::<f64>(time).is_some_and(|time| time >= 0.0) => {
                Some(quality)
            }
            _ => None,
        };
        number::<u32>(named.or(feature)?).filter(|quality| *quality <= 100)
    }
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
