//! The tables of chunks out of the XML property list, of which nothing else is read.

/// Partitions of an image.
const MAX_TABLES: usize = 1 << 12;

/// Name and bytes of each table under the key `blkx`; none when there is no such key.
pub(super) fn tables(xml: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let rest = after(xml, b"<key>blkx</key>")?;
    let rest = after(rest, b"<array>")?;
    // No dictionary of a table has an array: the first end is that of the list.
    let mut rest = rest.get(..find(rest, b"</array>").unwrap_or(rest.len()))?;
    let mut tables = Vec::new();
    while tables.len() < MAX_TABLES {
        let Some(start) = find(rest, b"<dict>") else {
            break;
        };
        let inside = rest.get(start..)?;
        let length = find(inside, b"</dict>").unwrap_or(inside.len());
        let (dictionary, behind) = inside.split_at_checked(length)?;
        tables.push(table(dictionary));
        rest = behind;
    }
    Some(tables)
}

/// Name and data of one dictionary; what is missing is empty.
fn table(dictionary: &[u8]) -> (String, Vec<u8>) {
    let value = |key: &str, tag: &str| {
        let rest = after(dictionary, format!("<key>{key}</key>").as_bytes())?.trim_ascii_start();
        let value = rest.strip_prefix(format!("<{tag}>").as_bytes())?;
        value.get(..find(value, b"</")?)
    };
    let name = value("CFName", "string").or_else(|| value("Name", "string")).unwrap_or_default();
    let name = String::from_utf8_lossy(name).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (name, value("Data", "data").map(base64).unwrap_or_default())
}

fn after<'a>(bytes: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    bytes.get(find(bytes, words)?.checked_add(words.len())?..)
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes.windows(words.len()).position(|window| window == words)
}

/// The bytes of base64 up to its end or to what is none; white space between is passed over.
fn base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity((text.len() / 4).saturating_mul(3));
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.iter().filter(|letter| !letter.is_ascii_whitespace()) {
        let value = match letter {
            b'A'..=b'Z' => letter.wrapping_sub(b'A'),
            b'a'..=b'z' => letter.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => letter.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        held = (held << 6) | u32::from(value);
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push((held >> bits).to_le_bytes()[0]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_with_their_names_and_nothing_behind_the_array_is() {
        let xml = b"<plist><dict><key>resource-fork</key><dict><key>blkx</key>\n<array>\n<dict><key>Data</key>\n<data>\n\taGVs\n\tbG8=\n</data><key>Name</key><string>a &amp; b</string></dict><dict><key>Name</key><string>x</string></dict></array><key>plst</key><array><dict/></array></dict></dict></plist>";
        let found = tables(xml).unwrap();
        assert_eq!(found, [("a & b".to_owned(), b"hello".to_vec()), ("x".to_owned(), vec![])]);
        assert_eq!(tables(b"<plist></plist>"), None);
    }
}
