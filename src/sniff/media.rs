//! Structure of pictures, videos and sound.

use super::rule::brands_of;
use crate::read::Fields;

/// Most directory entries of a TIFF that are looked at.
const MAX_TAGS: u16 = 200;

/// Windows bitmap: `BM` and a header of a size that exists (Microsoft, "Bitmap Header Types").
pub fn bmp(head: Fields<'_>) -> bool {
    head.has(0, b"BM")
        && matches!(head.u32(14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
        && head.u32(10).is_some_and(|pixels| pixels < 1 << 24)
}

/// Icon or cursor (Microsoft, "Icons"): the first image lies behind the directory.
pub fn icon(head: Fields<'_>) -> bool {
    let (Some(count), Some(length), Some(offset)) = (head.u16(4), head.u32(14), head.u32(18)) else {
        return false;
    };
    let directory = 6 + 16 * u32::from(count);
    (head.has(0, b"\0\0\x01\0") || head.has(0, b"\0\0\x02\0"))
        && (1..=512).contains(&count)
        && length > 0
        && offset >= directory
        && offset < 1 << 24
}

/// Truevision TGA, which has no mark at its start: every field of the header is one that occurs
/// (Truevision TGA File Format Specification 2.0, section "File Header").
pub fn tga(head: Fields<'_>) -> bool {
    let Some([_, map_type, kind, .., map_bits]) = head.array::<8>(0) else { return false };
    let (Some(width), Some(height), Some(bits), Some(descriptor)) =
        (head.u16(12), head.u16(14), head.u8(16), head.u8(17))
    else {
        return false;
    };
    let map = head.u16(5).is_some_and(|entries| (1..=256).contains(&entries))
        && matches!(map_bits, 15 | 16 | 24 | 32);
    let mapped = map_type == 1 && map && matches!((kind, bits), (1 | 9, 8 | 16));
    // Pictures without need of a map may have one all the same.
    let direct = (map_type == 0 && head.has(3, &[0; 5]) || map_type == 1 && map)
        && matches!((kind, bits), (2 | 10, 15 | 16 | 24 | 32) | (3 | 11, 8 | 16));
    // Bits 6 and 7 of the descriptor are zero, the lower four count bits of the alpha channel.
    (mapped || direct)
        && (1..=16384).contains(&width)
        && (1..=16384).contains(&height)
        && descriptor & 0xc0 == 0
        && matches!(descriptor & 0x0f, 0 | 1 | 8)
}

/// PCX: version, run-length encoding, a depth that exists, and corners in order.
pub fn pcx(head: Fields<'_>) -> bool {
    head.u8(0) == Some(0x0a)
        && matches!(head.u8(1), Some(0 | 2..=5))
        && head.u8(2) == Some(1)
        && matches!(head.u8(3), Some(1 | 2 | 4 | 8))
        && matches!((head.u16(4), head.u16(8)), (Some(left), Some(right)) if left <= right)
        && matches!((head.u16(6), head.u16(10)), (Some(top), Some(bottom)) if top <= bottom)
        && head.u8(64) == Some(0)
        && matches!(head.u8(65), Some(1..=4))
}

/// A bare JPEG XL codestream (ISO/IEC 18181-1, annex D). Its mark is two bytes only: of random data, one stream
/// in 65,536 is taken for one.
pub fn jpeg_xl(head: Fields<'_>) -> bool {
    head.has(0, b"\xff\x0a") && head.bytes(2, 10).is_some_and(|b| b.iter().any(|v| *v != 0))
}

/// Any ISO base media file.
pub fn base_media(head: Fields<'_>) -> bool {
    brands_of(head).next().is_some()
}

/// A QuickTime file without a file type box: its first atom is one that such files begin with.
pub fn quicktime(head: Fields<'_>) -> bool {
    let (Some(size), Some(kind)) = (head.array::<4>(0), head.array::<4>(4)) else { return false };
    // Four printable bytes are text, not a length.
    let text = size.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let length = u32::from_be_bytes(size);
    match &kind {
        b"moov" | b"pnot" => (16..1 << 28).contains(&length),
        b"mdat" => !text && (length == 1 || length == 0 || length >= 8),
        b"wide" => length == 8,
        b"free" | b"skip" => (8..1 << 20).contains(&length) && atom_follows(head, length),
        _ => false,
    }
}

fn atom_follows(head: Fields<'_>, length: u32) -> bool {
    let next = usize::try_from(length).ok().and_then(|at| head.array::<4>(at.checked_add(4)?));
    next.is_some_and(|kind| matches!(&kind, b"moov" | b"mdat" | b"ftyp" | b"wide" | b"free" | b"skip"))
}

/// A Matroska header that states the WebM document type (tag 4282).
pub fn webm(head: Fields<'_>) -> bool {
    let window = head.0.get(..64).unwrap_or(head.0);
    window.windows(7).any(|seven| seven == b"\x42\x82\x84webm")
}

/// A Flash animation: mark, a version that exists, and a length of its content (SWF File Format, "The SWF header").
pub fn flash(head: Fields<'_>) -> bool {
    matches!(head.bytes(0, 3), Some(b"FWS" | b"CWS" | b"ZWS"))
        && matches!(head.u8(3), Some(1..=31 | 33..=60))
        && head.u32(4).is_some_and(|length| (21..1 << 28).contains(&length))
}

/// An MPEG transport stream: the sync byte at the start of four packets of 188 bytes, or of 192 with a time
/// stamp in front as cameras and discs write (ISO/IEC 13818-1, section 2.4.3).
pub fn transport_stream(head: Fields<'_>) -> bool {
    let packets = |first: usize, length: usize| {
        (0..4).all(|n: usize| {
            n.checked_mul(length).and_then(|at| head.u8(at.checked_add(first)?)) == Some(0x47)
        })
    };
    // Text of nothing but the letter G would pass.
    (packets(0, 188) || packets(4, 192)) && !head.has(0, b"GGGG")
}

/// Two MPEG audio frames in a row (ISO/IEC 11172-3, section 2.4.2.3), layer III.
pub fn mp3(head: Fields<'_>) -> bool {
    frame_length(head, 0).is_some_and(|second| frame_length(head, second).is_some())
}

/// Length in bytes of the layer III frame at `at`.
fn frame_length(head: Fields<'_>, at: usize) -> Option<usize> {
    const FIRST: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const SECOND: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [sync, kind, rates, _] = head.array(at)?;
    // Sync, version (2.5, 2 or 1), layer III.
    if sync != 0xff || kind & 0xe6 != 0xe2 || kind & 0x18 == 0x08 {
        return None;
    }
    let first = kind & 0x18 == 0x18;
    let table = if first { FIRST } else { SECOND };
    let kilobits = table.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let base = *[44100u32, 48000, 32000].get(usize::from((rates >> 2) & 3))?;
    let (hertz, samples) = match kind & 0x18 {
        0x18 => (base, 144),
        0x10 => (base / 2, 72),
        _ => (base / 4, 72),
    };
    let length = (samples * 1000 * kilobits).checked_div(hertz)?.checked_add(u32::from((rates >> 1) & 1))?;
    at.checked_add(usize::try_from(length).ok()?)
}

/// Two ADTS frames of AAC in a row (ISO/IEC 13818-7, section 6.2).
pub fn adts(head: Fields<'_>) -> bool {
    let frame = |at: usize| -> Option<usize> {
        let fixed = head.u16_be(at)?;
        let length = usize::from(head.u16_be(at.checked_add(3)?)? & 0x03ff) << 3
            | usize::from(head.u8(at.checked_add(5)?)? >> 5);
        // Sync of twelve bits, layer 0, and a frame longer than its header.
        (fixed & 0xfff6 == 0xfff0 && length > 9).then(|| at.checked_add(length)).flatten()
    };
    frame(0).is_some_and(|second| frame(second).is_some())
}

/// A TIFF that states the version of Adobe's digital negative (tag 50706).
pub fn dng(head: Fields<'_>) -> bool {
    tags(head).any(|(tag, _)| tag == 0xc612)
}

/// A TIFF by a Nikon camera that points to further pictures.
pub fn nef(head: Fields<'_>) -> bool {
    raw_by(head, b"NIKON")
}

/// A TIFF by a Sony camera that points to further pictures.
pub fn arw(head: Fields<'_>) -> bool {
    raw_by(head, b"SONY")
}

/// A TIFF by a Pentax or Ricoh camera that points to further pictures.
pub fn pef(head: Fields<'_>) -> bool {
    raw_by(head, b"PENTAX") || raw_by(head, b"RICOH")
}

/// Whether tag 271 (maker) begins with the name and tag 330 (further directories) is there: what a program of
/// the same maker saves as a plain TIFF has no further directories.
fn raw_by(head: Fields<'_>, maker: &[u8]) -> bool {
    let made = tags(head).any(|(tag, value)| {
        tag == 0x010f && value.and_then(|at| usize::try_from(at).ok()).is_some_and(|at| head.has(at, maker))
    });
    made && tags(head).any(|(tag, _)| tag == 0x014a)
}

/// Tags of the first directory and their values as an offset (TIFF 6.0, section 2).
fn tags(head: Fields<'_>) -> impl Iterator<Item = (u16, Option<u32>)> {
    let big = head.has(0, b"MM\0*");
    let short = move |at: usize| if big { head.u16_be(at) } else { head.u16(at) };
    let long = move |at: usize| if big { head.u32_be(at) } else { head.u32(at) };
    let known = big || head.has(0, b"II*\0");
    let directory = long(4).filter(|_| known).and_then(|at| usize::try_from(at).ok());
    let count = directory.and_then(short).unwrap_or(0).min(MAX_TAGS);
    (0..usize::from(count)).map_while(move |n| {
        let at = directory?.checked_add(2)?.checked_add(n.checked_mul(12)?)?;
        Some((short(at)?, at.checked_add(8).and_then(long)))
    })
}
