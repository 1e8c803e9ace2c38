//! The boot sector and its backups: how large clusters and records are, and where the $MFT begins.

use crate::model::{Extent, Problem, ProblemKind};
use crate::read::{Confidence, Error, Fields, ReadAt, Result};

/// Bytes of a boot sector that are looked at, whatever the size of a sector.
pub(super) const SIZE: usize = 512;
/// Microsoft allows clusters of up to 2 MiB.
const MAX_CLUSTER: u64 = 2 << 20;
const SECTORS: [u64; 4] = [512, 1024, 2048, 4096];

/// What a boot sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of a sector.
    pub sector: u64,
    /// Bytes of a cluster.
    pub cluster: u64,
    /// Clusters that the boot sector gives the volume.
    pub clusters: u64,
    /// First byte of the $MFT.
    pub mft: u64,
    /// First byte of $MFTMirr, the copy of its first records.
    pub mirror: u64,
    /// Bytes of a record.
    pub record: usize,
}

/// A boot sector that can be used.
pub(super) struct Boot {
    /// What it says.
    pub geometry: Geometry,
    /// Where it stands, in bytes from the start of the volume.
    pub at: u64,
    /// Why that is not the first sector.
    pub damage: Option<Problem>,
}

/// `Strong` when the first sector agrees with itself and with a record where it says, `Weak` by a backup alone.
pub(super) fn probe(volume: &dyn ReadAt) -> Confidence {
    match find(volume) {
        Ok(boot) if boot.at == 0 => Confidence::Strong,
        Ok(_) => Confidence::Weak,
        Err(_) => Confidence::No,
    }
}

/// The first boot sector, or a backup when the first cannot be used: in the volume's last sector, or in its middle, where
/// Windows NT 3 kept it.
pub(super) fn find(volume: &dyn ReadAt) -> Result<Boot> {
    let first = usable(volume, 0, Proof::First);
    let error = match first {
        Ok(geometry) => return Ok(Boot { geometry, at: 0, damage: None }),
        Err(error) => error,
    };
    // BitLocker's own name stands there: what is readable behind it is not this volume's.
    if volume.read_vec(3, 8).is_ok_and(|name| name == b"-FVE-FS-") {
        return Err(error);
    }
    let size = volume.size();
    let ends = SECTORS.iter().filter_map(|sector| {
        let last = size.checked_div(*sector)?.checked_sub(1)?;
        last.checked_mul(*sector).filter(|at| *at > 0)
    });
    let middle = Some((size / 1024).saturating_mul(512)).filter(|at| *at > 0);
    let places: Vec<u64> = ends.chain(middle).collect();
    // The first record itself proves more than its copy: a wrong place of it would lose everything.
    let copies = std::iter::once((0, Proof::Copy)).chain(places.iter().map(|at| (*at, Proof::Copy)));
    for (at, proof) in places.iter().map(|at| (*at, Proof::First)).chain(copies) {
        let Ok(geometry) = usable(volume, at, proof) else { continue };
        let damage = (at > 0).then(|| {
            let detail =
                format!("the first boot sector is damaged ({error}): its backup at byte {at} was used");
            Problem::new(ProblemKind::Corrupt, detail).at(Extent::new(0, geometry.sector.min(size)))
        });
        return Ok(Boot { geometry, at, damage });
    }
    Err(error)
}

/// Which record shows that a boot sector is right.
#[derive(Clone, Copy)]
enum Proof {
    /// The first one of the $MFT.
    First,
    /// Its copy.
    Copy,
}

/// What a boot sector says, when a record of the size that it says is where it says.
fn usable(volume: &dyn ReadAt, at: u64, proof: Proof) -> Result<Geometry> {
    let geometry = parse(&volume.read_vec(at, SIZE)?, at)?;
    let place = match proof {
        Proof::First => geometry.mft,
        Proof::Copy => geometry.mirror,
    };
    let start = volume.read_vec(place, 0x20).unwrap_or_default();
    let fields = Fields(&start);
    let is_record = (fields.has(0, b"FILE") || fields.has(0, b"BAAD"))
        && fields.u32(0x1c).and_then(|length| usize::try_from(length).ok()) == Some(geometry.record);
    if is_record {
        return Ok(geometry);
    }
    let expected = format!("a record of {} bytes", geometry.record);
    Err(Error::corrupt("first record of the $MFT", place, expected, "something else"))
}

/// Reads a boot sector. Layout: Microsoft, "NTFS: partition boot sector".
fn parse(block: &[u8], at: u64) -> Result<Geometry> {
    let fields = Fields(block);
    let wrong = |what, offset: u64, expected: &str, found: String| {
        Error::corrupt(what, at.saturating_add(offset), expected, found)
    };
    if !fields.has(3, b"NTFS    ") {
        return Err(wrong("name in the boot sector", 3, "NTFS", format!("{:02x?}", fields.bytes(3, 8))));
    }
    let sector = u64::from(fields.u16(11).unwrap_or(0));
    if !SECTORS.contains(&sector) {
        return Err(wrong("bytes of a sector", 11, "512, 1024, 2048 or 4096", sector.to_string()));
    }
    let stored = fields.u8(13).unwrap_or(0);
    let cluster = cluster(stored, sector)
        .ok_or_else(|| wrong("sectors of a cluster", 13, "a power of two up to 2 MiB", stored.to_string()))?;
    let stored = fields.u8(0x40).unwrap_or(0);
    let record = record(stored, cluster)
        .ok_or_else(|| wrong("size of a record", 0x40, "512 to 65536 bytes", stored.to_string()))?;
    let sectors = fields.u64(0x28).unwrap_or(0);
    let place = |offset: usize| fields.u64(offset).and_then(|number| number.checked_mul(cluster));
    let (Some(mft), Some(mirror)) = (place(0x30), place(0x38)) else {
        return Err(wrong("place of the $MFT", 0x30, "a cluster of the volume", "beyond any".into()));
    };
    let clusters = sectors.saturating_mul(sector).checked_div(cluster).unwrap_or(0);
    Ok(Geometry { sector, cluster, clusters, mft, mirror, record })
}

/// Up to 0x80 sectors as they are; beyond, the byte is a negative power of two.
fn cluster(stored: u8, sector: u64) -> Option<u64> {
    let sectors = match stored {
        0..=0x80 => u64::from(stored),
        _ => 1_u64.checked_shl(u32::from(stored.wrapping_neg()))?,
    };
    let bytes = sectors.checked_mul(sector)?;
    (bytes.is_power_of_two() && bytes <= MAX_CLUSTER).then_some(bytes)
}

/// Clusters when positive, a negative power of two of bytes otherwise.
fn record(stored: u8, cluster: u64) -> Option<usize> {
    let bytes = match stored.cast_signed() {
        clusters @ 1.. => u64::try_from(clusters).ok()?.checked_mul(cluster)?,
        power => 1_u64.checked_shl(power.unsigned_abs().into())?,
    };
    (bytes.is_power_of_two() && (512..=1 << 16).contains(&bytes)).then_some(usize::try_from(bytes).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_numbers_and_as_negative_powers_of_two() {
        assert_eq!(cluster(8, 512), Some(4096));
        assert_eq!(cluster(0x80, 512), Some(65536));
        assert_eq!(cluster(0xf4, 512), Some(2 << 20));
        assert_eq!(cluster(0xf3, 512), None);
        assert_eq!((cluster(0, 512), cluster(3, 512), cluster(0x81, 512)), (None, None, None));
        assert_eq!(
            (record(0xf6, 4096), record(1, 4096), record(0xf4, 512)),
            (Some(1024), Some(4096), Some(4096))
        );
        assert_eq!((record(0, 4096), record(0x80, 4096), record(100, 65536)), (None, None, None));
    }
}
