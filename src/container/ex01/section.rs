//! The chain of sections, which goes from the end of a segment file to its start.

use super::HEADER;
use crate::read::{Fields, ReadAt};

const DESCRIPTOR: usize = 64;
const MAX_SECTIONS: usize = 1 << 20;

/// What a section holds. Source: "Section types".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Device,
    Case,
    Table,
    Errors,
    Md5,
    Sha1,
    Keys,
    Done,
    Other,
}

/// A section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub kind: Kind,
    pub encrypted: bool,
    /// First byte of its data.
    pub start: u64,
    /// Bytes of its data.
    pub length: u64,
}

/// The sections of a segment file in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub sections: Vec<Section>,
    /// Why what stands before them is unknown, when it is.
    pub broken: Option<String>,
}

/// Follows the chain in segment file `number`. It only ever goes backwards.
pub(super) fn chain(file: &dyn ReadAt, number: usize) -> Chain {
    let mut chain = Chain::default();
    let mut at = file.size().saturating_sub(64);
    loop {
        let broken = |why: &str| Some(format!("segment {number}: no section ends with byte {at}: {why}"));
        if at < HEADER || chain.sections.len() >= MAX_SECTIONS {
            chain.broken = broken("the chain is too long or the file is too short");
            break;
        }
        let mut bytes = [0; DESCRIPTOR];
        if let Err(error) = file.read_exact_at(at, &mut bytes) {
            chain.broken = broken(&error.to_string());
            break;
        }
        let fields = Fields(&bytes);
        let sum = fields.bytes(0, 60).map(adler2::adler32_slice);
        if fields.u32(60) != sum {
            chain.broken = broken("the checksum of its descriptor is wrong; what stands before is not shown");
            break;
        }
        let length = fields.u64(16).unwrap_or(0);
        let previous = fields.u64(8).unwrap_or(0);
        let Some(start) = at.checked_sub(length).filter(|start| *start >= HEADER) else {
            chain.broken = broken("it is longer than what stands before it");
            break;
        };
        let kind = match fields.u32(0).unwrap_or(0) {
            1 => Kind::Device,
            2 => Kind::Case,
            4 => Kind::Table,
            5 => Kind::Errors,
            8 => Kind::Md5,
            9 => Kind::Sha1,
            11 => Kind::Keys,
            15 => Kind::Done,
            _ => Kind::Other,
        };
        let encrypted = fields.u32(4).unwrap_or(0) & 2 != 0;
        chain.sections.push(Section { kind, encrypted, start, length });
        if previous == 0 {
            break;
        }
        if previous >= at {
            chain.broken = broken("the one before it stands behind it");
            break;
        }
        at = previous;
    }
    chain.sections.reverse();
    chain
}
