//! The descriptor: a text that names the extents of a disk, in a file of its own or within an extent.

use crate::read::{Error, ReadAt, Result};

/// Most bytes of a descriptor.
const MAX_LENGTH: u64 = 1 << 20;
/// Most extents of a disk; 2 GB each, this is more than any disk has.
const MAX_EXTENTS: usize = 1 << 14;
/// What a disk without a parent says.
const NO_PARENT: &str = "ffffffff";

/// How an extent holds its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Flat,
    Sparse,
    Zero,
    NoAccess,
}

/// One extent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub sectors: u64,
    pub kind: Kind,
    /// The name of its file, as it stands there.
    pub file: Option<String>,
    /// First sector within that file, for a flat one.
    pub offset: u64,
}

/// A descriptor.
#[derive(Debug, Default)]
pub(super) struct Descriptor {
    /// The extents in the order of the disk.
    pub extents: Vec<Extent>,
    /// An extent of a kind that is not read.
    foreign: Option<String>,
    /// Every `name = value`, names in lower case.
    values: Vec<(String, String)>,
}

impl Descriptor {
    /// The descriptor when the file is one.
    pub(super) fn of_file(file: &dyn ReadAt) -> Option<Self> {
        const MARK: &[u8] = b"disk descriptorfile";
        let mut head = [0; 128];
        let length = file.read_at(0, &mut head).ok()?;
        let head = head.get(..length)?.to_ascii_lowercase();
        let front = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
        let mark = front.strip_prefix(b"#")?.trim_ascii_start();
        mark.starts_with(MARK).then(|| Self::read(file, 0, file.size())).flatten()
    }

    /// Reads the text of at most `length` bytes at `at`.
    pub(super) fn read(file: &dyn ReadAt, at: u64, length: u64) -> Option<Self> {
        let length = length.min(MAX_LENGTH).min(file.size().saturating_sub(at));
        let bytes = file.read_vec(at, usize::try_from(length).ok()?).ok()?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(Self::parse(&String::from_utf8_lossy(text)))
    }

    fn parse(text: &str) -> Self {
        let mut descriptor = Self::default();
        for line in text.lines().map(|line| line.trim_start_matches('\u{feff}').trim()) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(extent) = extent(line) {
                match extent {
                    Ok(extent) if descriptor.extents.len() < MAX_EXTENTS => descriptor.extents.push(extent),
                    Ok(_) => descriptor.foreign = Some(format!("more than {MAX_EXTENTS} extents")),
                    Err(kind) => descriptor.foreign = Some(kind),
                }
            } else if let Some((name, value)) = line.split_once('=') {
                let value = value.trim().trim_matches('"').to_owned();
                descriptor.values.push((name.trim().to_ascii_lowercase(), value));
            }
        }
        descriptor
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses a disk that is only the changes against a parent, and extents of a kind that is not read.
    pub(super) fn refuse(&self) -> Result<()> {
        let parent = self.value("parentcid").ok_or_else(|| {
            Error::corrupt(
                "VMDK descriptor",
                0,
                "a line parentCID, without which it may be a part of another disk",
                "none",
            )
        })?;
        let hint = self.value("parentfilenamehint");
        if !parent.eq_ignore_ascii_case(NO_PARENT) || hint.is_some() {
            let hint = hint.unwrap_or("which it does not name");
            let found = format!(
                "it holds only what changed against its parent \"{hint}\" (content identifier {parent}); convert the whole chain with `qemu-img convert -O raw` and scan the result"
            );
            return Err(Error::unsupported("VMDK image", 0, found));
        }
        match &self.foreign {
            Some(kind) => Err(Error::unsupported("VMDK extent", 0, kind)),
            None => Ok(()),
        }
    }

    /// What it says of the image.
    pub(super) fn notes(&self) -> Vec<(String, String)> {
        let named = [
            ("createtype", "subformat"),
            ("cid", "content identifier"),
            ("ddb.adaptertype", "adapter"),
            ("ddb.toolsversion", "tools version"),
            ("ddb.uuid", "identifier"),
            ("ddb.uuid.image", "identifier"),
            ("ddb.longcontentid", "long content identifier"),
            ("ddb.virtualhwversion", "hardware version"),
        ];
        let note = |(name, label): (&str, &str)| Some((label.to_owned(), self.value(name)?.to_owned()));
        named.into_iter().filter_map(note).collect()
    }
}

/// The extent of a line, or the kind that is not read; none when the line names no extent.
fn extent(line: &str) -> Option<std::result::Result<Extent, String>> {
    let (access, rest) = line.split_once(char::is_whitespace)?;
    if !["RW", "RDONLY", "NOACCESS"].contains(&access.to_ascii_uppercase().as_str()) {
        return None;
    }
    // Left out, or read from another place, it would move or change what the disk shows.
    let damaged = || Some(Err(format!("a line that cannot be understood, \"{}\"", line.escape_debug())));
    let rest = rest.trim_start();
    let (sectors, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let Ok(sectors) = sectors.parse() else { return damaged() };
    let rest = rest.trim_start();
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (file, offset) = match rest.trim_start().strip_prefix('"').and_then(|rest| rest.rsplit_once('"')) {
        Some((name, offset)) => (Some(name.to_owned()), offset.split_whitespace().next().unwrap_or("0")),
        None => (None, "0"),
    };
    let Ok(offset) = offset.parse() else { return damaged() };
    let kind = match kind.to_ascii_uppercase().as_str() {
        _ if access.eq_ignore_ascii_case("NOACCESS") => Kind::NoAccess,
        "FLAT" | "VMFS" => Kind::Flat,
        "SPARSE" => Kind::Sparse,
        "ZERO" => Kind::Zero,
        other => {
            let what = match other {
                "VMFSSPARSE" => "a copy-on-write extent of ESXi (VMFSSPARSE)",
                "SESPARSE" => "a space-efficient extent of ESXi (SESPARSE)",
                "VMFSRDM" | "VMFSRAW" => "a mapping of a raw device (the disk itself is elsewhere)",
                _ => "an extent of an unknown kind",
            };
            return Some(Err(format!(
                "{what}, \"{other}\", of {sectors} sectors in \"{}\"",
                file.unwrap_or_default()
            )));
        }
    };
    let file = file.filter(|_| matches!(kind, Kind::Flat | Kind::Sparse | Kind::NoAccess));
    Some(Ok(Extent { sectors, kind, file, offset }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_values_and_parents_are_found_whatever_the_spacing() {
        let text = "# Disk DescriptorFile\nCID = 12\nparentCID=ffffffff\r\ncreateType=\"custom\"\n\nRW 63 FLAT \"a \"b\" c-flat.vmdk\" 7\nRDONLY  10 SPARSE \"x-s001.vmdk\"\nRW 5 ZERO\nddb.uuid = \"u\"\n";
        let found = Descriptor::parse(text);
        assert!(found.refuse().is_ok());
        let extents: Vec<_> =
            found.extents.iter().map(|e| (e.sectors, e.kind, e.file.as_deref(), e.offset)).collect();
        assert_eq!(
            extents,
            [
                (63, Kind::Flat, Some("a \"b\" c-flat.vmdk"), 7),
                (10, Kind::Sparse, Some("x-s001.vmdk"), 0),
                (5, Kind::Zero, None, 0)
            ]
        );
        assert_eq!(found.value("createtype"), Some("custom"));
        let child = Descriptor::parse("parentCID=0a0b0c0d\nparentFileNameHint=\"base.vmdk\"");
        assert!(child.refuse().unwrap_err().to_string().contains("base.vmdk"));
        let esx = Descriptor::parse("parentCID=ffffffff\nRW 5 VMFSSPARSE \"d-delta.vmdk\"");
        assert!(esx.refuse().unwrap_err().to_string().contains("d-delta.vmdk"));
    }

    #[test]
    fn an_extent_that_cannot_be_understood_is_not_left_out() {
        for line in ["RW many FLAT \"a\" 0", "RW", "RW 8", "RW 8 FLAT \"a\" here", "RW -1 SPARSE \"a\""] {
            let text = format!("parentCID=ffffffff\nRW 8 ZERO\n{line} \n");
            let refused = Descriptor::parse(&text).refuse();
            assert!(refused.is_err() || line == "RW", "{line}");
        }
        let device = Descriptor::parse("RW 8 FLAT \"a\" 63 partitionUUID x\n");
        assert_eq!(device.extents.first().map(|extent| extent.offset), Some(63));
    }
}
