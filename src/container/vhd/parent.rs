//! What a differencing VHD says of the disk that it changes.

use crate::container::text;
use crate::read::{Fields, ReadAt};

/// Most bytes of a path that are read.
const MAX_PATH: usize = 4096;

/// The parent in words: its name, where it was, and its identifier.
pub(super) fn describe(file: &dyn ReadAt, header: &[u8]) -> String {
    let fields = Fields(header);
    let name = text::utf16_be(fields.bytes(64, 512).unwrap_or_default());
    let mut places: Vec<String> = (0..8_usize)
        .filter_map(|index| {
            let at = index.saturating_mul(24).saturating_add(576);
            let little = match fields.bytes(at, 4)? {
                b"W2ku" | b"W2ru" => true,
                b"MacX" => false,
                _ => return None,
            };
            let length = usize::try_from(fields.u32_be(at.saturating_add(8))?).ok()?.min(MAX_PATH);
            let bytes = file.read_vec(fields.u64_be(at.saturating_add(16))?, length).ok()?;
            let path =
                if little { text::utf16_le(&bytes) } else { String::from_utf8_lossy(&bytes).into_owned() };
            Some(path).filter(|path| !path.is_empty())
        })
        .collect();
    places.dedup();
    let identifier = text::guid_be(fields.bytes(40, 16).unwrap_or_default());
    match places.is_empty() {
        true => format!("\"{name}\" (identifier {identifier})"),
        false => format!("\"{name}\" at {} (identifier {identifier})", places.join(" or ")),
    }
}
