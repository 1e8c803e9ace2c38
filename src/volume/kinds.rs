//! Types of partitions in words.

/// The type byte of an MBR entry in words, else as `type 0xNN`.
///
/// Source: util-linux, `include/pt-mbr-partnames.h`, and A. Brouwer, "List of partition identifiers for PCs".
pub(super) fn mbr(kind: u8) -> String {
    MBR.iter()
        .find(|(known, _)| *known == kind)
        .map_or_else(|| format!("type {kind:#04x}"), |(_, name)| (*name).into())
}

/// The type identifier of a GPT entry, as stored, in words, else as the identifier.
///
/// Source: UEFI Specification 2.10, table 5-7, and the Discoverable Partitions Specification.
pub(super) fn gpt(stored: [u8; 16]) -> String {
    let text = guid(stored);
    GPT.iter()
        .find(|(known, _)| *known == text)
        .map_or_else(|| format!("type {text}"), |(_, name)| (*name).into())
}

/// An identifier as it is written; its first three fields are little-endian (UEFI Specification 2.10, appendix A).
pub(super) fn guid(stored: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = stored;
    let [i, j, node @ ..] = rest;
    let parts = [hex::encode_upper([d, c, b, a]), hex::encode_upper([f, e]), hex::encode_upper([h, g])];
    format!("{}-{}-{}", parts.join("-"), hex::encode_upper([i, j]), hex::encode_upper(node))
}

const MBR: &[(u8, &str)] = &[
    (0x01, "FAT12"),
    (0x04, "FAT16 below 32 MiB"),
    (0x05, "extended"),
    (0x06, "FAT16"),
    (0x07, "NTFS, exFAT or HPFS"),
    (0x0b, "FAT32"),
    (0x0c, "FAT32 (LBA)"),
    (0x0e, "FAT16 (LBA)"),
    (0x0f, "extended (LBA)"),
    (0x11, "hidden FAT12"),
    (0x12, "recovery or diagnostics"),
    (0x14, "hidden FAT16 below 32 MiB"),
    (0x16, "hidden FAT16"),
    (0x17, "hidden NTFS, exFAT or HPFS"),
    (0x1b, "hidden FAT32"),
    (0x1c, "hidden FAT32 (LBA)"),
    (0x1e, "hidden FAT16 (LBA)"),
    (0x27, "Windows recovery"),
    (0x42, "Windows dynamic disk"),
    (0x82, "Linux swap"),
    (0x83, "Linux"),
    (0x84, "hibernation"),
    (0x85, "extended (Linux)"),
    (0x8e, "Linux LVM"),
    (0xa5, "FreeBSD"),
    (0xa6, "OpenBSD"),
    (0xa8, "macOS UFS"),
    (0xa9, "NetBSD"),
    (0xab, "macOS boot"),
    (0xaf, "macOS HFS or HFS+"),
    (0xbe, "Solaris boot"),
    (0xbf, "Solaris"),
    (0xda, "no file system"),
    (0xe8, "LUKS"),
    (0xee, "protects a GPT"),
    (0xef, "EFI system"),
    (0xfb, "VMware VMFS"),
    (0xfd, "Linux RAID"),
];

const GPT: &[(&str, &str)] = &[
    ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "Linux swap"),
    ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "Linux file system"),
    ("21686148-6449-6E6F-744E-656564454649", "BIOS boot"),
    ("37AFFC90-EF7D-4E96-91C3-2D7AE055B174", "IBM GPFS"),
    ("44479540-F297-41B2-9AF7-D131D5F0458A", "Linux root (x86)"),
    ("48465300-0000-11AA-AA11-00306543ECAC", "Apple HFS+"),
    ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "Linux root (x86-64)"),
    ("516E7CB4-6ECF-11D6-8FF8-00022D09712B", "FreeBSD data"),
    ("516E7CB5-6ECF-11D6-8FF8-00022D09712B", "FreeBSD swap"),
    ("516E7CB6-6ECF-11D6-8FF8-00022D09712B", "FreeBSD UFS"),
    ("516E7CBA-6ECF-11D6-8FF8-00022D09712B", "FreeBSD ZFS"),
    ("52414944-0000-11AA-AA11-00306543ECAC", "Apple RAID"),
    ("53746F72-6167-11AA-AA11-00306543ECAC", "Apple Core Storage (FileVault)"),
    ("5808C8AA-7E8F-42E0-85D2-E1E90434CFB3", "Windows dynamic disk metadata"),
    ("6A898CC3-1DD2-11B2-99A6-080020736631", "ZFS (Solaris, macOS)"),
    ("773F91EF-66D4-49B5-BD83-D683BF40AD16", "Linux encrypted home"),
    ("7C3457EF-0000-11AA-AA11-00306543ECAC", "Apple APFS"),
    ("7FFEC5C9-2D00-49B7-8941-3EA10A5586B7", "dm-crypt"),
    ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "Linux home"),
    ("A19D880F-05FC-4D3B-A006-743F0F84911E", "Linux RAID"),
    ("AF9B60A0-1431-4F62-BC68-3311714A69AD", "Windows dynamic disk data"),
    ("B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "Linux root (ARM 64)"),
    ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "Linux boot"),
    ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EFI system"),
    ("CA7D7CCB-63ED-4C53-861C-1742536059CC", "LUKS"),
    ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "Windows recovery"),
    ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", "Microsoft reserved"),
    ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "Linux LVM"),
    ("E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D", "Windows storage spaces"),
    ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "Microsoft basic data"),
    ("FE3A2A5D-4F32-41A7-B725-ACCC3285A309", "ChromeOS kernel"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_in_order_and_known_ones_have_words() {
        assert!(MBR.is_sorted_by(|a, b| a.0 < b.0) && GPT.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((mbr(0x83), mbr(0x99)), ("Linux".into(), "type 0x99".into()));
        let stored = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
        assert_eq!(gpt(stored), "EFI system");
        assert_eq!(gpt([1; 16]), "type 01010101-0101-0101-0101-010101010101");
    }
}
