//! The checksums of ext4: CRC-32C of `metadata_csum` and CRC-16 of `uninit_bg`.

pub(super) use crate::codec::crc32c::crc32c;

/// CRC-16 (polynomial 0xA001, reflected) carried on from `seed`. Only group descriptors use it, so speed is nothing.
pub(super) fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xa001 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(crc16(0, b"123456789"), 0xbb3d);
    }
}
