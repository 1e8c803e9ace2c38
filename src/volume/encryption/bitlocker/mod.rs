//! BitLocker of Windows Vista and later, and BitLocker To Go.
//!
//! Source: libbde documentation, "BitLocker Drive Encryption (BDE) format", sections "Volume header" to "FVE Volume
//! Master Key"; cryptsetup, lib/bitlk/bitlk.h, for the smart card.

mod metadata;
#[cfg(test)]
mod tests;

use self::metadata::{Block, Protector};
use super::{ADVICE, Encryption, Format, State, filetime, shown};
use crate::model::{Extent, size_text};
use crate::read::{Confidence, Fields, ReadAt};

const SIGNATURE: &[u8] = b"-FVE-FS-";
/// `4967D63B-2E29-4AD8-8399-F6A339E3D001` as stored.
const IDENTIFIER: &[u8] = b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01";
/// `92A84D3B-DD80-4D0E-9E4E-B1E3284EAED8` as stored: only the space in use is encrypted.
const USED_SPACE: &[u8] = b"\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8";
/// Most protectors that are described.
const MAX_LISTED: usize = 32;

/// The encryption of Windows.
pub(super) struct BitLocker;

/// What the first sector says.
struct Front {
    name: &'static str,
    /// Where the metadata blocks are.
    blocks: Vec<u64>,
    used_space: bool,
    /// Whether the sector by itself is proof enough.
    sure: bool,
}

impl Format for BitLocker {
    fn name(&self) -> &'static str {
        "bitlocker"
    }

    fn description(&self) -> &'static str {
        "BitLocker of Windows Vista to 11, and To Go: method, state, protectors, identifiers of recovery keys"
    }

    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption> {
        let front = front(volume)?;
        let blocks: Vec<(u64, Block)> =
            front.blocks.iter().filter_map(|at| Some((*at, Block::read(volume, *at)?))).collect();
        let mut facts = Vec::new();
        let mut metadata = vec![Extent::new(0, 512)];
        let Some((_, block)) = blocks.first() else {
            // A discovery volume that was formatted anew still has the old words in its first sector.
            if !front.sure {
                return None;
            }
            facts.push("its metadata cannot be read at any of the places that the first sector names".into());
            return Some(Encryption {
                name: front.name.into(),
                confidence: Confidence::Strong,
                state: State::On,
                facts,
                advice: ADVICE.into(),
                metadata,
            });
        };
        metadata.extend(blocks.iter().map(|(at, block)| Extent::new(*at, block.length)));
        if blocks.len() < front.blocks.len() {
            facts.push(format!("{} of its {} metadata blocks can be used", blocks.len(), front.blocks.len()));
        }
        let state = block.state();
        facts.extend(block.facts());
        if front.used_space {
            facts.push("only the space in use is encrypted".into());
        }
        let advice = match state {
            State::Suspended => {
                format!("the key is stored on it: the digital unit can open it without a password; {ADVICE}")
            }
            _ => ADVICE.into(),
        };
        Some(Encryption {
            name: front.name.into(),
            confidence: Confidence::Strong,
            state,
            facts,
            advice,
            metadata,
        })
    }
}

fn front(volume: &dyn ReadAt) -> Option<Front> {
    let bytes = volume.read_vec(0, 512).ok()?;
    let fields = Fields(&bytes);
    let three = |at: usize| {
        (0..3_usize).filter_map(|index| fields.u64(at.checked_add(index.checked_mul(8)?)?)).collect()
    };
    let signed = fields.has(3, SIGNATURE);
    for (at, to_go) in [(160, false), (424, true)] {
        let used_space = fields.has(at, USED_SPACE);
        if (signed || (to_go && fields.has(3, b"MSWIN4.1"))) && (used_space || fields.has(at, IDENTIFIER)) {
            let name = if to_go { "BitLocker To Go" } else { "BitLocker" };
            return Some(Front { name, blocks: three(at.checked_add(16)?), used_space, sure: signed });
        }
    }
    if !signed {
        return None;
    }
    // Vista counts in clusters, and only the first block; the others are named in it.
    let cluster = u64::from(fields.u16(11)?).checked_mul(u64::from(fields.u8(13)?))?;
    let first = fields.u64(56)?.saturating_mul(cluster);
    let mut blocks = vec![first];
    if let Some(block) = Block::read(volume, first) {
        blocks.extend(block.places.into_iter().filter(|place| *place != first && *place != 0));
    }
    Some(Front { name: "BitLocker (Windows Vista)", blocks, used_space: false, sure: true })
}

impl Block {
    fn state(&self) -> State {
        let clear = self.protectors.iter().any(|protector| protector.kind == 0);
        match (self.current, self.next) {
            (1, 1) => State::NotYet,
            (_, 1) => State::Decrypting,
            (4, 4) | (0, 0) if clear => State::Suspended,
            (4, 4) | (0, 0) => State::On,
            (_, 4) => State::Encrypting,
            _ => State::On,
        }
    }

    fn facts(&self) -> Vec<String> {
        let mut facts = vec![method(self.method)];
        if self.size > 0 {
            facts.push(format!("{} of it are encrypted", size_text(self.size)));
        }
        let listed = self.protectors.iter().take(MAX_LISTED).map(Protector::words);
        match self.protectors.len() {
            0 => facts.push("no protector of its key is recorded".into()),
            count => {
                let words: Vec<String> = listed.collect();
                facts.push(format!("{count} protectors of its key: {}", words.join(", ")));
            }
        }
        if !self.description.is_empty() {
            facts.push(format!("described as \"{}\"", shown(&self.description, 128)));
        }
        facts.extend(filetime(self.created).map(|time| format!("made {time}")));
        facts
    }
}

impl Protector {
    fn words(&self) -> String {
        let id = self.id.get(..8).unwrap_or_default();
        match self.kind {
            0x0000 => "clear key (none is needed)".into(),
            0x0100 => "TPM".into(),
            0x0200 => format!("startup key (file {}.BEK)", self.id),
            0x0300 => "TPM and startup key".into(),
            0x0500 => "TPM and PIN".into(),
            0x0700 => "TPM, PIN and startup key".into(),
            0x0800 => format!("recovery key with the ID {id} (in full {})", self.id),
            0x1000 => "smart card or certificate".into(),
            0x2000 => "password".into(),
            other => format!("protector of type {other:#06x}"),
        }
    }
}

fn method(method: u32) -> String {
    // Nobody knows what the upper half is for.
    match method & 0xffff {
        0x8000 => "AES-CBC 128 with diffuser".into(),
        0x8001 => "AES-CBC 256 with diffuser".into(),
        0x8002 => "AES-CBC 128".into(),
        0x8003 => "AES-CBC 256".into(),
        0x8004 => "AES-XTS 128".into(),
        0x8005 => "AES-XTS 256".into(),
        other => format!("encryption method {other:#06x}"),
    }
}
