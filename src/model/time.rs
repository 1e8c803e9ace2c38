//! Time stamps: the stored value, what it means in UTC, and what had to be assumed, kept apart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a file system stores its time stamps. A raw stamp always fits 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeEncoding {
    /// Signed nanoseconds since 1970-01-01 UTC, as the operating system gives them for a mounted folder.
    #[default]
    UnixNanos,
    /// FAT: date in bits 8 to 23 from the top of the low 40 bits, time below it, hundredths of a second lowest:
    /// `date << 24 | time << 8 | hundredths`. Local time of the device that wrote it, zone not recorded.
    FatLocal,
    /// ext2/3/4: `extra << 32 | seconds`, both as stored; `extra` holds two epoch bits and nanoseconds.
    Ext,
    /// NTFS: unsigned steps of 100 nanoseconds since 1601-01-01 UTC.
    NtfsTicks,
}

/// The four raw stamps of an entry; `None` where the file system keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Creation.
    pub created: Option<u64>,
    /// Last change of content.
    pub modified: Option<u64>,
    /// Last access.
    pub accessed: Option<u64>,
    /// Last change of metadata.
    pub changed: Option<u64>,
}

/// One stamp as reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The stored value in hexadecimal, as its encoding defines it.
    pub raw: String,
    /// The same in UTC, RFC 3339; absent when the stored value is no date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utc: Option<String>,
    /// What had to be assumed to get from one to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
}

/// The stamps of an entry as reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamps {
    /// Creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// Last change of content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Stamp>,
    /// Last access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessed: Option<Stamp>,
    /// Last change of metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Stamp>,
}

impl TimeEncoding {
    /// Decodes the four stamps of an entry.
    pub fn decode(self, times: Times) -> Timestamps {
        let stamp = |raw: Option<u64>| raw.map(|raw| self.stamp(raw));
        Timestamps {
            created: stamp(times.created),
            modified: stamp(times.modified),
            accessed: stamp(times.accessed),
            changed: stamp(times.changed),
        }
    }

    fn stamp(self, raw: u64) -> Stamp {
        let (utc, assumption) = match self {
            Self::UnixNanos => (Timestamp::from_nanosecond(i128::from(raw.cast_signed())).ok(), None),
            Self::Ext => (ext(raw), None),
            Self::NtfsTicks => (ntfs(raw), None),
            Self::FatLocal => (
                fat(raw),
                Some("local time of the writing device, zone not recorded; shown as if UTC".into()),
            ),
        };
        Stamp { raw: format!("{raw:016x}"), utc: utc.map(|t| t.to_string()), assumption }
    }
}

/// ext4 Data Structures, "Inode Timestamps": two epoch bits extend the signed 32-bit seconds to the year 2446.
fn ext(raw: u64) -> Option<Timestamp> {
    let [s0, s1, s2, s3, e0, e1, e2, e3] = raw.to_le_bytes();
    let seconds = i32::from_le_bytes([s0, s1, s2, s3]);
    let extra = u32::from_le_bytes([e0, e1, e2, e3]);
    let seconds = i64::from(seconds) + (i64::from(extra & 3) << 32);
    let nanos = i32::try_from(extra >> 2).ok()?;
    // Damaged inodes hold nanoseconds beyond a second: the date is still worth showing.
    Timestamp::new(seconds, nanos.min(999_999_999)).ok()
}

/// Microsoft, FILETIME structure: steps of 100 nanoseconds since 1601-01-01 UTC.
fn ntfs(raw: u64) -> Option<Timestamp> {
    const TICKS_BEFORE_1970: i128 = 116_444_736_000_000_000;
    Timestamp::from_nanosecond((i128::from(raw) - TICKS_BEFORE_1970) * 100).ok()
}

/// Microsoft FAT specification, section "Date and Time Formats".
fn fat(raw: u64) -> Option<Timestamp> {
    let bits = |shift: u32, mask: u64| i8::try_from((raw >> shift) & mask).ok();
    let year = i16::try_from(1980 + ((raw >> 33) & 0x7f)).ok()?;
    let hundredths = i32::try_from(raw & 0xff).ok()?;
    let second = bits(8, 0x1f)? * 2 + i8::try_from(hundredths / 100).ok()?;
    let civil = jiff::civil::DateTime::new(
        year,
        bits(29, 0xf)?,
        bits(24, 0x1f)?,
        bits(19, 0x1f)?,
        bits(13, 0x3f)?,
        second,
        hundredths % 100 * 10_000_000,
    );
    civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fat_stamps_are_shown_with_their_assumption() {
        let date = ((2017 - 1980) << 9) | (9 << 5) | 24;
        let time = (19 << 11) | (59 << 5) | (4 / 2);
        let stamp = TimeEncoding::FatLocal.stamp(date << 24 | time << 8 | 150);
        assert_eq!(stamp.utc.as_deref(), Some("2017-09-24T19:59:05.5Z"));
        assert!(stamp.assumption.unwrap().contains("zone not recorded"));
        assert_eq!(TimeEncoding::FatLocal.stamp(u64::MAX).utc, None);
        assert_eq!(TimeEncoding::FatLocal.stamp(0).utc, None);
    }

    #[test]
    fn ntfs_stamps_reach_from_1601_to_the_year_9999_and_beyond_is_no_date() {
        let utc = |raw| TimeEncoding::NtfsTicks.stamp(raw).utc;
        assert_eq!(utc(0).as_deref(), Some("1601-01-01T00:00:00Z"));
        assert_eq!(utc(132_539_638_200_000_001).as_deref(), Some("2021-01-01T08:37:00.0000001Z"));
        assert_eq!(utc(u64::MAX), None);
    }

    #[test]
    fn ext_stamps_reach_beyond_2038_and_hostile_ones_do_not_panic() {
        assert_eq!(TimeEncoding::Ext.stamp(0).utc.as_deref(), Some("1970-01-01T00:00:00Z"));
        let beyond = (1u64 << 32) | u64::from(i32::MIN.cast_unsigned());
        assert_eq!(TimeEncoding::Ext.stamp(beyond).utc.as_deref(), Some("2038-01-19T03:14:08Z"));
        for raw in [u64::MAX, 1 << 63, 0xffff_fffc_0000_0000] {
            TimeEncoding::Ext.stamp(raw);
            TimeEncoding::UnixNanos.stamp(raw);
        }
    }
}
