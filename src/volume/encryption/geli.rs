//! GELI of FreeBSD, whose metadata stand in the last sector.
//!
//! Source: FreeBSD, sys/geom/eli/g_eli.h, `struct g_eli_metadata` and `eli_metadata_decode_v1v2v3v4v5v6v7`.

use super::{ADVICE, Encryption, Format, State};
use crate::model::{Extent, size_text};
use crate::read::{Confidence, Fields, ReadAt};

const SECTORS: [u64; 2] = [512, 4096];

/// The disk encryption of FreeBSD.
pub(super) struct Geli;

impl Format for Geli {
    fn name(&self) -> &'static str {
        "geli"
    }

    fn description(&self) -> &'static str {
        "GELI of FreeBSD: version, method, number of keys"
    }

    fn examine(&self, volume: &dyn ReadAt) -> Option<Encryption> {
        let (at, bytes) = SECTORS.into_iter().find_map(|sector| {
            let at = volume.size().checked_sub(sector)?;
            let bytes = volume.read_vec(at, 512).ok()?;
            Fields(&bytes).has(0, b"GEOM::ELI\0").then_some((at, bytes))
        })?;
        let fields = Fields(&bytes);
        let version = fields.u32(16)?;
        let mut facts = vec![format!("version {version}")];
        // Version 0 has no algorithm of authentication between the two.
        let (length, sector, keys) = if version == 0 { (28, 36, 40) } else { (30, 38, 42) };
        let cipher = match fields.u16(24)? {
            1 => "DES-CBC".to_owned(),
            2 => "3DES-CBC".into(),
            3 => "Blowfish-CBC".into(),
            11 => "AES-CBC".into(),
            21 => "Camellia-CBC".into(),
            22 => "AES-XTS".into(),
            other => format!("cipher {other}"),
        };
        facts.push(format!("{cipher}, key of {} bits", fields.u16(26)?));
        facts.push(format!("{} in sectors of {} bytes", size_text(fields.u64(length)?), fields.u32(sector)?));
        facts.push(format!("{} of 2 keys in use", (fields.u8(keys)? & 3).count_ones()));
        Some(Encryption {
            name: "GELI".into(),
            // The last sector outlives a new file system.
            confidence: Confidence::Weak,
            state: State::On,
            facts,
            advice: ADVICE.into(),
            metadata: vec![Extent::new(at, 512)],
        })
    }
}
