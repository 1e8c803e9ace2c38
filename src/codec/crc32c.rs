//! CRC-32C, the checksum of the metadata of ext4, XFS, Btrfs, VHDX and others.

/// CRC-32C (Castagnoli) carried on from `seed`, neither inverted before nor after.
/// Source: RFC 3720, appendix B.4.
pub(crate) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    let (blocks, rest) = bytes.as_chunks::<8>();
    let crc = blocks.iter().fold(seed, |crc, [b0, b1, b2, b3, b4, b5, b6, b7]| {
        let [c0, c1, c2, c3] = crc.to_le_bytes();
        entry(7, b0 ^ c0)
            ^ entry(6, b1 ^ c1)
            ^ entry(5, b2 ^ c2)
            ^ entry(4, b3 ^ c3)
            ^ entry(3, *b4)
            ^ entry(2, *b5)
            ^ entry(1, *b6)
            ^ entry(0, *b7)
    });
    rest.iter().fold(crc, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        entry(0, low ^ byte) ^ (crc >> 8)
    })
}

#[expect(clippy::indexing_slicing, reason = "callers name one of eight tables, a byte one of its 256 places")]
fn entry(table: usize, byte: u8) -> u32 {
    TABLES[table][usize::from(byte)]
}

static TABLES: [[u32; 256]; 8] = tables();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    reason = "computed by the compiler, which refuses a table that overflows"
)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(crc32c(!0, b"123456789") ^ !0, 0xe306_9283);
        assert_eq!(crc32c(crc32c(!0, b"1234"), b"56789") ^ !0, 0xe306_9283);
    }
}
