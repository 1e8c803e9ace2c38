//! What hexadecimal digits stand for: digests, PDQ hashes, and what only the operator can say.

use super::{LongDigits, Record, Sink, text};
use crate::hashset::{Error, Place};
use crate::model::{Digest, Pdq};

/// A value that files are looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A digest of the whole file.
    Digest(Digest),
    /// A near-duplicate hash of a picture.
    Pdq(Pdq),
}

impl Value {
    /// 64 hexadecimal digits that are known to be a PDQ hash.
    pub fn pdq(digits: &[u8]) -> Option<Self> {
        let bytes = text::digest(digits)?.as_bytes().try_into().ok()?;
        Some(Self::Pdq(Pdq(bytes)))
    }

    /// Puts it into a record; false when the record holds another value of the kind.
    pub fn set(self, record: &mut Record<'_>) -> bool {
        match self {
            Self::Digest(digest) => {
                let alike = record.digests.iter().find(|other| other.algorithm() == digest.algorithm());
                if alike.is_some_and(|other| other != digest) {
                    return false;
                }
                record.digests.set(digest);
            }
            Self::Pdq(pdq) => {
                if record.pdq.is_some_and(|other| other != pdq) {
                    return false;
                }
                record.pdq = Some(pdq);
            }
        }
        true
    }
}

/// 64 digits of which nothing says what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstated;

impl Unstated {
    /// The refusal of the list in which they stand.
    pub fn refuse(self, list: &str, place: Place) -> Error {
        Error::Unstated { list: list.to_owned(), place }
    }
}

/// The value of digits whose kind their length says, 64 by statement only; `None` for what are no digits of any kind.
pub fn kind_of(digits: &[u8], stated: Option<LongDigits>) -> Result<Option<Value>, Unstated> {
    let Some(digest) = text::digest(digits) else { return Ok(None) };
    match (digest.as_bytes().try_into(), stated) {
        (Err(_), _) | (Ok(_), Some(LongDigits::Sha256)) => Ok(Some(Value::Digest(digest))),
        (Ok(bytes), Some(LongDigits::Pdq)) => Ok(Some(Value::Pdq(Pdq(bytes)))),
        (Ok::<[u8; 32], _>(_), None) => Err(Unstated),
    }
}

/// Least quality of a picture whose PDQ hash is worth comparing, as the reference of PDQ recommends.
const LEAST_QUALITY: u32 = 50;
/// PDQ sets the bits of what lies above the median, so that a picture with detail has 128 of 256 set. Two hashes differ
/// in at least as many bits as their counts do: one that is further off than this, the greatest distance of a match,
/// can only match hashes that are as lopsided, of flat pictures.
const LOPSIDED: u32 = 31;

/// Counts the PDQ hashes of a list and those of pictures without detail.
#[derive(Debug, Default)]
pub struct PdqQuality {
    all: u64,
    low: u64,
}

impl PdqQuality {
    /// Counts one; `stated` is the quality that the list gives it, 0 to 100.
    pub fn count(&mut self, pdq: &Pdq, stated: Option<u32>) {
        let set: u32 = pdq.0.iter().map(|byte| byte.count_ones()).sum();
        let low = stated.map_or(set.abs_diff(128) > LOPSIDED, |quality| quality < LEAST_QUALITY);
        self.all = self.all.saturating_add(1);
        self.low = self.low.saturating_add(u64::from(low));
    }

    /// Says once how many are of low quality.
    pub fn remark(self, sink: &mut dyn Sink) {
        let Self { all, low } = self;
        if low > 0 {
            sink.remark(format!(
                "{low} of {all} PDQ hashes are of low quality (stated below {LEAST_QUALITY}, or far from half of their \
                 bits set): they resemble blank pictures and match many"
            ));
        }
    }
}
