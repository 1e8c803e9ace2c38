//! Apple Data Compression: literals, and copies of what stands at most 64 KiB before.
//!
//! Source: libmodi, Mac OS disk image types, "Apple Data Compression".

/// Unpacks to at most `most` bytes.
pub(super) fn unpack(stored: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let cut = || "the compressed bytes are cut off".to_owned();
    let mut output: Vec<u8> = Vec::new();
    let mut rest = stored;
    while let Some((&first, after)) = rest.split_first() {
        let low = usize::from(first & 0x3f);
        let (length, distance, next) = match first {
            0x80.. => {
                let length = usize::from(first & 0x7f).saturating_add(1);
                let (literal, next) = after.split_at_checked(length).ok_or_else(cut)?;
                if output.len().saturating_add(length) > most {
                    return Err(super::too_long(most));
                }
                output.extend_from_slice(literal);
                rest = next;
                continue;
            }
            0x40.. => {
                let (place, next) = after.split_first_chunk::<2>().ok_or_else(cut)?;
                (low.saturating_add(4), usize::from(u16::from_be_bytes(*place)), next)
            }
            _ => {
                let (&place, next) = after.split_first().ok_or_else(cut)?;
                let high = usize::from(first & 3).saturating_mul(256);
                ((low >> 2).saturating_add(3), high.saturating_add(usize::from(place)), next)
            }
        };
        if output.len().saturating_add(length) > most {
            return Err(super::too_long(most));
        }
        let from = output.len().checked_sub(distance.saturating_add(1));
        let from = from.ok_or("the compressed bytes point before their beginning")?;
        for at in from..from.saturating_add(length) {
            // The copy may reach into what it makes.
            output.push(output.get(at).copied().unwrap_or(0));
        }
        rest = next;
    }
    Ok(output)
}
