//! The boot catalogue of El Torito (specification 1.0, section 2): images that no directory need name.

use crate::read::{Fields, ReadAt};

/// Bytes of a record of the catalogue.
const RECORD: usize = 32;
/// Bytes that are read: more images are on no disc.
const SECTOR: usize = 2048;

/// A boot image, in bytes of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) at: u64,
    pub(super) length: u64,
}

/// The images of the catalogue at byte `at`, in its order; `None` when there is no catalogue.
pub(super) fn read(volume: &dyn ReadAt, at: u64, block: u64) -> Option<Vec<Image>> {
    let bytes = volume.read_vec(at, SECTOR).ok()?;
    let (validation, entries) = bytes.split_at_checked(RECORD)?;
    if validation.first() != Some(&1) || validation.get(30..) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let mut images = Vec::new();
    for (number, raw) in entries.chunks_exact(RECORD).enumerate() {
        let fields = Fields(raw);
        match raw.first()? {
            // A section header (0x91: the last one), an extension of an entry.
            0x90 | 0x91 | 0x44 => {}
            0x88 => images.extend(image(fields, block)),
            // The first entry counts also where it says that it does not boot; zeros end the catalogue.
            0 if number == 0 || fields.u32(8) != Some(0) => images.extend(image(fields, block)),
            _ => break,
        }
    }
    images.retain(|image| image.length > 0 && image.at < volume.size());
    Some(images)
}

/// An entry: the medium that is imitated, how many sectors of 512 bytes are loaded, and the first block.
fn image(fields: Fields<'_>, block: u64) -> Option<Image> {
    let loaded = u64::from(fields.u16(6)?).saturating_mul(512);
    let length = match fields.u8(1)? & 15 {
        1 => 1200 << 10,
        2 => 1440 << 10,
        3 => 2880 << 10,
        _ => loaded,
    };
    Some(Image { at: u64::from(fields.u32(8)?).saturating_mul(block), length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Memory;

    #[test]
    fn entries_of_every_section_are_found() {
        let mut bytes = vec![0; 100 * 2048];
        bytes[0] = 1;
        bytes[30..32].copy_from_slice(&[0x55, 0xaa]);
        bytes[32..44].copy_from_slice(&[0x88, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]);
        bytes[64] = 0x91;
        bytes[96..108].copy_from_slice(&[0x88, 2, 0, 0, 0, 0, 1, 0, 30, 0, 0, 0]);
        let expected = [Image { at: 20 * 2048, length: 2048 }, Image { at: 30 * 2048, length: 1_474_560 }];
        assert_eq!(read(&Memory(&bytes), 0, 2048), Some(expected.to_vec()));
        assert_eq!(read(&Memory(&bytes), 2048, 2048), None);
    }
}
