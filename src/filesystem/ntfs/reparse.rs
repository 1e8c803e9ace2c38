//! Reparse points: what a file stands for that is more than its own bytes. None is ever followed.

use crate::read::Fields;

/// What a reparse point makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reparse {
    /// Nothing that concerns its content.
    None,
    /// A symbolic link or a mount point.
    Link,
    /// A pipe, socket or device of the Windows subsystem for Linux.
    Special,
    /// Compressed by the Windows overlay filter, in a stream of its own.
    Overlay(Packing),
    /// Compressed by the Windows overlay filter, in a way or place that is not read.
    OverlayElsewhere,
    /// Its chunks stand in the volume's store of deduplicated data.
    Deduplicated,
    /// Another computer, a tape or another file has what this one lacks.
    Elsewhere,
}

/// How the overlay filter compresses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// XPRESS with Huffman codes, in chunks of that power of two of bytes.
    Xpress(u8),
    /// LZX in chunks of 32 KiB.
    Lzx,
}

impl Packing {
    /// Bytes of a chunk.
    pub(super) fn chunk(self) -> usize {
        match self {
            Self::Xpress(power) => 1_usize.checked_shl(power.into()).unwrap_or(0),
            Self::Lzx => 1 << 15,
        }
    }
}

/// The stream in which the overlay filter keeps a compressed file.
pub(super) const OVERLAY_STREAM: &[u8] = b"WofCompressedData";

/// Reads a reparse point. Tags: Microsoft, [MS-FSCC] 2.1.2.1; overlay: `WOF_EXTERNAL_INFO` and
/// `FILE_PROVIDER_EXTERNAL_INFO_V1` of the Windows driver kit.
pub(super) fn parse(value: &[u8]) -> Reparse {
    let fields = Fields(value);
    let Some(tag) = fields.u32(0) else { return Reparse::None };
    match tag {
        0xa000_000c | 0xa000_0003 | 0xa000_001d => Reparse::Link,
        0x8000_0023..=0x8000_0026 => Reparse::Special,
        0x8000_0017 => overlay(fields),
        0x8000_0013 => Reparse::Deduplicated,
        // OneDrive and its like, one number for each of up to sixteen.
        0x9000_001a..=0x9000_f01a if tag & 0xfff == 0x01a => Reparse::Elsewhere,
        // Older OneDrive, hierarchical storage, single instances, images of Windows, file replication, storage sync,
        // containers, projected file systems.
        0x8000_0021 | 0xc000_0004 | 0x8000_0006 | 0x8000_0007 | 0x8000_0008 | 0x8000_0016 | 0x8000_001e
        | 0x8000_0018 | 0x9000_1018 | 0x9000_001c | 0xa000_0022 | 0xa000_0028 => Reparse::Elsewhere,
        _ => Reparse::None,
    }
}

fn overlay(fields: Fields<'_>) -> Reparse {
    const PROVIDER_FILE: u32 = 2;
    if (fields.u32(8), fields.u32(12), fields.u32(16)) != (Some(1), Some(PROVIDER_FILE), Some(1)) {
        return Reparse::OverlayElsewhere;
    }
    match fields.u32(20) {
        Some(0) => Reparse::Overlay(Packing::Xpress(12)),
        Some(1) => Reparse::Overlay(Packing::Lzx),
        Some(2) => Reparse::Overlay(Packing::Xpress(13)),
        Some(3) => Reparse::Overlay(Packing::Xpress(14)),
        _ => Reparse::OverlayElsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_what_a_file_stands_for() {
        let tag = |tag: u32| parse(&tag.to_le_bytes());
        assert_eq!((tag(0xa000_000c), tag(0xa000_0003)), (Reparse::Link, Reparse::Link));
        assert_eq!((tag(0x9000_001a), tag(0x9000_701a)), (Reparse::Elsewhere, Reparse::Elsewhere));
        assert_eq!((tag(0x9000_701b), tag(0x8000_0013)), (Reparse::None, Reparse::Deduplicated));
        assert_eq!((parse(&[]), tag(0x8000_0017)), (Reparse::None, Reparse::OverlayElsewhere));
        let overlay = |algorithm: u8| {
            let words: [u32; 6] = [0x8000_0017, 16, 1, 2, 1, algorithm.into()];
            parse(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(overlay(1), Reparse::Overlay(Packing::Lzx));
        assert_eq!(overlay(3), Reparse::Overlay(Packing::Xpress(14)));
        assert_eq!(overlay(4), Reparse::OverlayElsewhere);
    }
}
