//! The texts that describe the device and the case: names and values in two lines.

use super::section::Section;
use crate::container::text;
use crate::container::unpack::{Method, unpack};
use crate::read::{Error, ReadAt, Result};

/// Most bytes of a text, packed or not.
const MOST: usize = 1 << 20;

/// Names of values and what they are called here. Source: "Device information" and "Case data".
pub(super) const NAMES: &[(&str, &str)] = &[
    ("cn", "case number"),
    ("en", "evidence number"),
    ("nm", "description"),
    ("ex", "examiner"),
    ("nt", "notes"),
    ("md", "model"),
    ("sn", "serial number"),
    ("lb", "device label"),
    ("av", "software version"),
    ("os", "operating system"),
    ("tt", "acquired"),
    ("at", "system time"),
    ("bp", "sector size"),
    ("sb", "sectors of a chunk"),
    ("hs", "protected sectors (HPA)"),
    ("dc", "protected sectors (DCO)"),
];

/// The names and values of a section.
pub(super) fn read(file: &dyn ReadAt, section: &Section, method: Method) -> Result<Vec<(String, String)>> {
    let length = usize::try_from(section.length).unwrap_or(MOST).min(MOST);
    let mut packed = file.read_vec(section.start, length)?;
    let damaged =
        |reason: String| Error::corrupt("Ex01 text section", section.start, "a packed text", reason);
    let plain = unpack(method, &packed, MOST).or_else(|reason| {
        // Padding to 16 bytes may follow a stream whose decoder looks at everything.
        while packed.last() == Some(&0) {
            packed.pop();
        }
        unpack(method, &packed, MOST).map_err(|_| reason)
    });
    let words = text::utf16_le(&plain.map_err(damaged)?);
    let mut lines = words.trim_start_matches('\u{feff}').lines().map(|line| line.trim_end_matches('\r'));
    lines.by_ref().find(|line| *line == "main");
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let pairs = names.split('\t').zip(values.split('\t'));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
