//! Packed units of disk images, unpacked into no more bytes than a unit may have.

mod adc;
mod lzma;
mod xz;

use std::io::Read;

use bzip2::read::BzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::codec::lzfse;
use crate::read::{Fields, size};

/// How a unit is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Apple Data Compression.
    Adc,
    /// A bzip2 stream; it has a checksum.
    Bzip2,
    /// Deflate without header and checksum; what follows its end is not looked at.
    Deflate,
    /// A grain of a VMDK: its first sector on the medium, the length of a zlib stream, and the stream.
    Grain(u64),
    /// LZFSE of Apple.
    Lzfse,
    /// Plain bytes with their Adler-32 after them.
    Summed,
    /// LZMA in an xz stream; it usually has a checksum.
    Xz,
    /// A zlib stream; it has a checksum.
    Zlib,
    /// A Zstandard frame; it may have a checksum.
    Zstd,
}

/// Unpacks at most `most` bytes.
///
/// # Errors
/// Why it cannot be unpacked: it is damaged, has a wrong checksum, or gives more bytes than that.
pub(super) fn unpack(method: Method, stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    match method {
        Method::Adc => adc::unpack(stored, most),
        Method::Bzip2 => read_all(BzDecoder::new(stored), most),
        Method::Deflate => inflate(stored, false, most),
        Method::Grain(sector) => grain(stored, sector, most),
        Method::Lzfse => lzfse(stored, most),
        Method::Summed => summed(stored, most),
        Method::Xz => xz::unpack(stored, most),
        Method::Zlib => inflate(stored, true, most),
        Method::Zstd => zstd(stored, most),
    }
}

/// One deflate stream, with the frame of zlib or without; with it, its checksum was right.
fn inflate(stored: &[u8], zlib: bool, most: usize) -> Result<Vec<u8>, String> {
    // One byte more than allowed shows that there is more.
    let mut output = vec![0; most.saturating_add(1)];
    let mut state = Decompress::new(zlib);
    let status = state.decompress(stored, &mut output, FlushDecompress::Finish);
    let length = usize::try_from(state.total_out()).unwrap_or(usize::MAX);
    if length > most {
        return Err(too_long(most));
    }
    if !matches!(status, Ok(Status::StreamEnd)) {
        return Err("the compressed bytes are damaged".into());
    }
    output.truncate(length);
    Ok(output)
}

/// Plain bytes with their checksum; padding after it is not looked at.
fn summed(stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let length = stored.len().saturating_sub(4).min(most);
    let (plain, rest) = stored.split_at_checked(length).ok_or("the chunk is cut off")?;
    if Fields(rest).u32(0) != Some(adler2::adler32_slice(plain)) {
        return Err("the checksum of the chunk is wrong".into());
    }
    Ok(plain.to_vec())
}

/// A grain with its marker. Source: VMware, Virtual Disk Format 5.0, "Compressed grains".
fn grain(stored: &[u8], sector: u64, most: usize) -> Result<Vec<u8>, String> {
    const MARKER: usize = 12;
    let fields = Fields(stored);
    let found = fields.u64(0).ok_or("the compressed grain is cut off")?;
    if found != sector {
        return Err(format!("the compressed grain says that it is of sector {found}, not of {sector}"));
    }
    let length = fields.u32(8).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let stream = fields.bytes(MARKER, length).ok_or("the compressed grain is longer than its place")?;
    inflate(stream, true, most)
}

/// One Zstandard frame whose window is no larger than a unit; what follows it is not looked at.
fn zstd(stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let damaged = |error: &dyn std::fmt::Display| format!("the compressed bytes are damaged: {error}");
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(size(most).max(8 << 20));
    let reader = StreamingDecoder::new_with_decoder(stored, decoder).map_err(|error| damaged(&error))?;
    read_all(reader, most)
}

/// LZFSE up to its end mark.
fn lzfse(stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let mut output = Vec::new();
    lzfse::decode_up_to(stored, most, &mut output)
        .map_err(|flaw| format!("the compressed bytes are damaged: {flaw}"))?;
    Ok(output)
}

fn read_all(reader: impl Read, most: usize) -> Result<Vec<u8>, String> {
    let mut output = Vec::new();
    let read = reader.take(size(most).saturating_add(1)).read_to_end(&mut output);
    read.map_err(|error| format!("the compressed bytes are damaged: {error}"))?;
    match output.len() > most {
        true => Err(too_long(most)),
        false => Ok(output),
    }
}

fn too_long(most: usize) -> String {
    format!("the compressed bytes unpack to more than {most} bytes")
}

#[cfg(test)]
mod tests;
