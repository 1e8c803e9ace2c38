//! LUKS1.
//!
//! Source: LUKS On-Disk Format Specification 1.2.3, figures 1 and 2.

use super::super::{ADVICE, Encryption, Format, State, text};
use super::MAGIC;
use crate::model::Extent;
use crate::read::{Confidence, Fields, ReadAt};

/// Bytes of the header.
const HEADER: usize = 592;
const SLOT: usize = 48;
const ACTIVE: u32 = 0x00ac_71f3;
/// What the older tool for re-encryption puts in place of the magic while it works.
const AT_WORK: &[u8] = b"LUKS\xde\xad\0\x01";

/// Version 1.
pub struct Luks1;

impl Format for Luks1 {
    fn name(&self) -> &'static str {
        "luks1"
    }

    fn description(&self) -> &'static str {
        "LUKS1: identifier, cipher, number of key slots in use"
    }

    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption> {
        let bytes = volume.read_vec(0, HEADER).ok()?;
        let fields = Fields(&bytes);
        let at_work = fields.has(0, AT_WORK);
        let in_use = fields.has(0, MAGIC) && fields.u16_be(6)? == 1;
        if !at_work && !in_use {
            return None;
        }
        let words = |at, length| text(fields.bytes(at, length).unwrap_or_default(), 64);
        let mut facts = vec![format!("UUID {}", words(168, 40))];
        facts.push(format!(
            "{}-{}, key of {} bits",
            words(8, 32),
            words(40, 32),
            u64::from(fields.u32_be(108)?).saturating_mul(8)
        ));
        let slots = bytes.get(208..).unwrap_or_default().chunks_exact(SLOT);
        let used = slots.filter(|slot| Fields(slot).u32_be(0) == Some(ACTIVE)).count();
        facts.push(match used {
            0 => "no key slot is in use: no password opens it any more".into(),
            used => format!("{used} of 8 key slots in use"),
        });
        let data = u64::from(fields.u32_be(104)?).saturating_mul(512);
        if data == 0 || data >= volume.size() {
            facts.push("a header by itself: its data are on another device".into());
        }
        Some(Encryption {
            name: "LUKS1".into(),
            confidence: Confidence::Strong,
            state: if at_work { State::Reencrypting } else { State::On },
            facts,
            advice: ADVICE.into(),
            metadata: vec![Extent::new(0, crate::read::size(HEADER))],
        })
    }
}
