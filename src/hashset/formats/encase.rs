//! The hash sets of EnCase up to version 6: a header and records of MD5.

use std::io::{self, BufRead};

use super::{Format, Input, Record, Sink};
use crate::hashset::{Error, Place, Result};
use crate::model::{Digest, Digests};
use crate::read::Confidence;

/// A header of 1152 bytes, then records of 18 bytes to the end of the file: an MD5 and two bytes that are not used.
/// Source of facts: the readers of The Sleuth Kit and Autopsy.
pub struct EnCase;

const MAGIC: &[u8] = b"HASH\r\n\xff\0\x02\0\0\0\x01\0\0\0";
const HEADER: usize = 0x480;
const COUNT: usize = 0x10;
const NAME: usize = 0x408;
const NAME_END: usize = NAME + 0x50;
const MD5: usize = 16;
const RECORD: usize = MD5 + 2;

impl Format for EnCase {
    fn name(&self) -> &'static str {
        "encase"
    }

    fn description(&self) -> &'static str {
        "EnCase .hash (binary, MD5) up to version 6; hash libraries of version 7 and later are not read"
    }

    fn probe(&self, head: &[u8]) -> Confidence {
        if head.starts_with(MAGIC) { Confidence::Strong } else { Confidence::No }
    }

    fn read(&self, input: Input<'_>, sink: &mut dyn Sink) -> Result<()> {
        let failed = |sink: &dyn Sink, error| Error::io(sink.name(), error);
        let mut header = [0; HEADER];
        let read = fill(input.bytes, &mut header).map_err(|error| failed(sink, error))?;
        if !header.starts_with(MAGIC) {
            let reason = "expected the signature of an EnCase hash set at the start";
            return Err(Error::malformed(sink.name(), Place::Record(1), reason));
        }
        if read < HEADER {
            let reason = format!("its header has {HEADER} bytes, the file has {read}");
            return Err(Error::Truncated { list: sink.name().to_owned(), reason });
        }
        let name = utf16(header.get(NAME..NAME_END).unwrap_or_default());
        if !name.is_empty() {
            sink.variant(&name);
        }
        let (mut records, mut record) = (0_u64, [0; RECORD]);
        loop {
            let read = fill(input.bytes, &mut record).map_err(|error| failed(sink, error))?;
            if read == 0 {
                break;
            }
            if read < RECORD {
                let place = Place::Record(records.saturating_add(1));
                let reason = format!("the file ends after {read} of the {RECORD} bytes of a record");
                sink.reject(place, &reason, b"");
                break;
            }
            records = records.saturating_add(1);
            let mut digests = Digests::default();
            if let Some(digest) = record.get(..MD5).and_then(Digest::new) {
                digests.set(digest);
            }
            sink.record(Record { digests, ..Record::default() });
        }
        let stated = header.get(COUNT..).and_then(<[u8]>::first_chunk).map_or(0, |n| u32::from_le_bytes(*n));
        if stated > 0 && records == 0 {
            let reason = format!("its header states {stated} records, the file holds none");
            return Err(Error::Truncated { list: sink.name().to_owned(), reason });
        }
        if u64::from(stated) != records {
            sink.remark(format!(
                "its header states {stated} records, the file holds {records}: it may be cut or damaged; all that \
                 stand in it were taken"
            ));
        }
        Ok(())
    }
}

/// Reads until the buffer is full or the input ends, and says how many bytes there are.
fn fill(input: &mut dyn BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// UTF-16, least byte first, up to its first zero.
fn utf16(bytes: &[u8]) -> String {
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> =
        units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|u| *u != 0).collect();
    String::from_utf16_lossy(&units).trim().to_owned()
}
