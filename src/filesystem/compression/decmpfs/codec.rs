//! Decoding one piece of a compressed file.

use flate2::{Decompress, FlushDecompress, Status};

use crate::codec::{Flaw, lzfse, lzvn};
use crate::read::size;

/// Bytes that output grows by at once, so that memory follows what is there and not what is stated.
const STEP: usize = 1 << 16;

/// How a piece is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// As it is.
    Stored,
    /// As it is, behind a marker of one byte.
    Marked,
    Zlib,
    Lzvn,
    Lzfse,
}

impl Codec {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stored | Self::Marked => "uncompressed",
            Self::Zlib => "zlib",
            Self::Lzvn => "LZVN",
            Self::Lzfse => "LZFSE",
        }
    }

    /// The content of a piece, exactly `length` bytes long.
    pub(super) fn decode(self, piece: &[u8], length: usize) -> Result<Vec<u8>, Flaw> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let (first, rest) = piece.split_first().ok_or_else(|| Flaw::new(0, "compressed data", "none"))?;
        let mut content = Vec::new();
        match self {
            Self::Stored => return exactly(piece, length),
            Self::Marked => return exactly(rest, length),
            // No zlib stream, no LZVN stream of content and no LZFSE block begins with these markers.
            Self::Zlib if first & 15 == 15 => return exactly(rest, length),
            Self::Lzvn if *first == 6 => return exactly(rest, length),
            Self::Lzfse if *first != b'b' => return exactly(rest, length),
            Self::Zlib => zlib(piece, length, &mut content)?,
            Self::Lzvn => lzvn::decode(piece, length, &mut content)?,
            Self::Lzfse => lzfse::decode(piece, length, &mut content)?,
        }
        Ok(content)
    }
}

/// A last piece may be padded, so more is no flaw.
fn exactly(piece: &[u8], length: usize) -> Result<Vec<u8>, Flaw> {
    let content = piece.get(..length).ok_or_else(|| Flaw::new(0, "as many bytes as stated", piece.len()))?;
    Ok(content.to_vec())
}

fn zlib(piece: &[u8], length: usize, content: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut state = Decompress::new(true);
    loop {
        let room = length.saturating_add(1).saturating_sub(content.len()).min(STEP);
        content.reserve(room);
        let read = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let before = (state.total_in(), state.total_out());
        let status =
            state.decompress_vec(piece.get(read..).unwrap_or_default(), content, FlushDecompress::None);
        let at = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        match status {
            Err(error) => return Err(Flaw::new(at, "zlib data", error)),
            _ if content.len() > length => return Err(Flaw::new(at, "no more content than stated", "more")),
            Ok(Status::StreamEnd) if content.len() == length => return Ok(()),
            Ok(Status::StreamEnd) => {
                return Err(Flaw::new(at, "as much content as stated", format!("{} bytes", content.len())));
            }
            Ok(_) if before == (state.total_in(), state.total_out()) => {
                let missing = size(length.saturating_sub(content.len()));
                return Err(Flaw::new(
                    at,
                    "the end of a zlib stream",
                    format!("none, {missing} bytes missing"),
                ));
            }
            Ok(_) => {}
        }
    }
}
