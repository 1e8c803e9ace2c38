//! Structure of archives, disk images and encrypted files.

use crate::read::Fields;

/// POSIX.1-1988 tar and older: the header's checksum holds (IEEE Std 1003.1, pax, "ustar Interchange Format").
pub fn tar(head: Fields<'_>) -> bool {
    let (Some(header), Some(stored)) = (head.bytes(0, 512), head.bytes(148, 8)) else { return false };
    let digits: String = stored.iter().map(|byte| char::from(*byte)).collect();
    let Ok(stored) = u32::from_str_radix(digits.trim_matches([' ', '\0']), 8) else { return false };
    // The checksum counts its own field as blanks.
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    // A header of zeros sums to the eight blanks: the end of an archive, or an empty disk.
    stored == sum && sum > 256
}

/// The first member of a zip archive is encrypted (APPNOTE.TXT, section 4.4.4, bit 0).
pub fn zip_encrypted(head: Fields<'_>) -> bool {
    head.has(0, b"PK\x03\x04") && head.u16(6).is_some_and(|flags| flags & 1 == 1)
}

/// A rar archive of version 4 or 5 whose list of names is encrypted.
pub fn rar_encrypted(head: Fields<'_>) -> bool {
    let four = head.has(0, b"Rar!\x1a\x07\0")
        && head.u8(9) == Some(0x73)
        && head.u16(10).is_some_and(|flags| flags & 0x80 != 0);
    // After the checksum come the size of the header, one byte here, and its type.
    let five = head.has(0, b"Rar!\x1a\x07\x01\0") && head.u8(13) == Some(4);
    four || five
}

/// An ARJ archive: mark, a header of a size that exists, and the type of an archive header.
pub fn arj(head: Fields<'_>) -> bool {
    head.has(0, b"\x60\xea")
        && head.u16(2).is_some_and(|size| (30..=2600).contains(&size))
        && matches!(head.u8(10), Some(2))
}

/// A PDF: its mark in the first kilobyte, as readers accept it (ISO 32000-1, annex H.3.4.1), on a line of its own.
pub fn pdf(head: Fields<'_>) -> bool {
    let window = head.0.get(..1024).unwrap_or(head.0);
    let found = window.windows(7).position(|seven| matches!(seven, b"%PDF-1." | b"%PDF-2."));
    found.is_some_and(|at| at == 0 || matches!(head.u8(at.saturating_sub(1)), Some(b'\n' | b'\r' | 0 | 0xbf)))
}

/// An LZMA-alone stream with usual properties (lzma-file-format.txt).
pub fn lzma(head: Fields<'_>) -> bool {
    let Some(dictionary) = head.u32(1) else { return false };
    // The size of the content, -1 where it was not known beforehand; then the range coder's first byte.
    let size = head.u64(5).is_some_and(|size| size == u64::MAX || (1..1 << 38).contains(&size));
    head.u8(0) == Some(0x5d)
        && dictionary.is_power_of_two()
        && dictionary >= 1 << 12
        && size
        && head.u8(13) == Some(0)
}

/// The first sector of a disk or volume: a raw image of it.
pub fn disk(head: Fields<'_>) -> bool {
    let boot = head.has(510, b"\x55\xaa");
    let volume =
        [(3, &b"NTFS    "[..]), (3, b"EXFAT   "), (54, b"FAT12   "), (54, b"FAT16   "), (82, b"FAT32   ")]
            .iter()
            .any(|(at, name)| head.has(*at, name));
    // APFS container, HFS+ and HFSX volume header, XFS superblock.
    let marked = [(32, &b"NXSB"[..]), (1024, b"H+\0\x04"), (1024, b"HX\0\x05"), (0, b"XFSB\0\0")]
        .iter()
        .any(|(at, mark)| head.has(*at, mark));
    boot && (volume || partition_table(head)) || gpt(head) || ext(head) || marked
}

fn partition_table(head: Fields<'_>) -> bool {
    let mut used = 0;
    for at in [446, 462, 478, 494] {
        let (Some(flag), Some(kind)) = (head.u8(at), head.u8(at + 4)) else { return false };
        let (Some(start), Some(count)) = (head.u32(at + 8), head.u32(at + 12)) else { return false };
        match kind {
            0 if start == 0 && count == 0 && flag == 0 => {}
            1.. if flag & 0x7f == 0 && start > 0 && count > 0 => used += 1,
            _ => return false,
        }
    }
    used > 0
}

fn gpt(head: Fields<'_>) -> bool {
    head.has(512, b"EFI PART\0\0\x01\0") || head.has(4096, b"EFI PART\0\0\x01\0")
}

/// ext2, ext3 or ext4: the superblock's mark, state and revision (ext4 Data Structures, "Super Block").
fn ext(head: Fields<'_>) -> bool {
    head.has(1080, b"\x53\xef")
        && head.u16(1082).is_some_and(|state| state <= 7)
        && head.u32(1100).is_some_and(|revision| revision <= 1)
        && head.u32(1048).is_some_and(|log_block_size| log_block_size <= 6)
}

/// A file of eCryptfs: two words whose exclusive or is fixed.
pub fn ecryptfs(head: Fields<'_>) -> bool {
    matches!((head.u32_be(8), head.u32_be(12)), (Some(first), Some(second)) if first ^ second == 0x3c81_b7f5)
}

/// An encrypted OpenPGP message in binary form (RFC 9580, sections 4.2, 5.1 and 5.3).
pub fn openpgp(head: Fields<'_>) -> bool {
    // Encrypted to an RSA key of 2048, 3072 or 4096 bits: packet length, version 3, key, algorithm.
    let key = head.u8(0) == Some(0x85)
        && matches!(head.u16_be(1), Some(0x010c | 0x018c | 0x020c))
        && head.u8(3) == Some(3)
        && matches!(head.u8(12), Some(1 | 2));
    // Encrypted to a curve: the length of the point tells the algorithm.
    let curve = head.u8(0) == Some(0x84)
        && matches!(head.u8(1), Some(0x5e | 0x7e))
        && head.u8(2) == Some(3)
        && head.u8(11) == Some(18);
    // With a passphrase: version 4, cipher, salted and iterated string-to-key, then the encrypted data.
    let passphrase = head.has(0, b"\x8c\x0d\x04")
        && matches!(head.u8(3), Some(1..=13))
        && head.u8(4) == Some(3)
        && matches!(head.u8(5), Some(1..=14))
        && matches!(head.u8(15), Some(0xc9 | 0xd2 | 0xd4));
    key || curve || passphrase
}

/// An AES Crypt file: mark, version, and nothing in the reserved byte.
pub fn aes_crypt(head: Fields<'_>) -> bool {
    head.has(0, b"AES") && head.u8(3).is_some_and(|version| version <= 3) && head.u8(4) == Some(0)
}
