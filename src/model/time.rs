//! Time stamps: the stored value, what it means in UTC, and what had to be assumed, kept apart.

use jiff::Timestamp;
use jiff::civil::DateTime;
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
    /// exFAT: as `FatLocal`, below the byte of the zone: `zone << 40 | date << 24 | time << 8 | hundredths`. Where bit 7
    /// of that is set, the others are the signed distance of the local time from UTC in quarters of an hour.
    Exfat,
    /// HFS+: seconds since 1904-01-01 UTC in the low 32 bits; 0 stands for never.
    HfsPlus,
    /// ISO 9660: the seven bytes of a directory record as one big-endian number; or, with the highest bit set, a date
    /// of seventeen bytes as `digits << 8 | zone`, its sixteen digits as one decimal number. Zones count quarters of
    /// an hour.
    Iso9660,
    /// UDF, from the top: two bits of type, 12 of zone, 12 of year, 4 of month, 5 of day, 5 of hour, 6 of minute, 6 of
    /// second, 7 of hundredths, 5 of zero. The stored value is longer: what is below a hundredth is left out.
    Udf,
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
            Self::FatLocal => (fat(raw), Some(ZONELESS.into())),
            Self::Exfat => exfat(raw),
            Self::HfsPlus => (hfs_plus(raw), None),
            Self::Iso9660 => iso9660(raw),
            Self::Udf => udf(raw),
            Self::NtfsTicks => (ntfs(raw), None),
        };
        Stamp { raw: format!("{raw:016x}"), utc: utc.map(|t| t.to_string()), assumption }
    }
}

const ZONELESS: &str = "local time of the writing device, zone not recorded; shown as if UTC";

/// exFAT file system specification, section 7.4.10 "UtcOffset Fields".
fn exfat(raw: u64) -> (Option<Timestamp>, Option<String>) {
    let local = fat(raw & 0xff_ffff_ffff);
    let [_, _, _, _, _, zone, _, _] = raw.to_le_bytes();
    if zone & 0x80 == 0 {
        return (local, Some(ZONELESS.into()));
    }
    // Seven bits, of which the highest is the sign.
    let quarters = i64::from((zone << 1).cast_signed() >> 1);
    let shift = jiff::SignedDuration::from_secs(quarters * 15 * 60);
    (local.and_then(|local| local.checked_sub(shift).ok()), None)
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

/// Apple Technical Note TN1150, "HFS Plus Dates": 2,082,844,800 seconds lie between 1904 and 1970.
fn hfs_plus(raw: u64) -> Option<Timestamp> {
    let seconds = u32::try_from(raw).ok().filter(|seconds| *seconds > 0)?;
    Timestamp::new(i64::from(seconds) - 2_082_844_800, 0).ok()
}

/// ECMA-119, sections 8.4.26.1 and 9.1.5.
fn iso9660(raw: u64) -> (Option<Timestamp>, Option<String>) {
    let [_, year, month, day, hour, minute, second, zone] = raw.to_be_bytes();
    let quarters = i32::from(zone.cast_signed());
    let civil = if raw >> 63 == 0 {
        let fields = [month, day, hour, minute, second].map(u8::cast_signed);
        civil(1900 + i16::from(year), fields, 0)
    } else {
        let mut digits = raw << 1 >> 9;
        let mut next = |count: u32| {
            let unit = 10_u64.pow(count);
            let value = digits % unit;
            digits /= unit;
            value
        };
        let hundredths = next(2);
        let [second, minute, hour, day, month] = [2; 5].map(|count| i8::try_from(next(count)).unwrap_or(-1));
        let year = i16::try_from(next(4)).unwrap_or(-1);
        civil(year, [month, day, hour, minute, second], i32::try_from(hundredths).unwrap_or(0))
    };
    // West of Greenwich to east of it, as far as the specification lets a zone be.
    let known = (-48..=52).contains(&quarters);
    let shift = if known { quarters * 15 } else { 0 };
    (civil.and_then(|civil| at_zone(civil, shift)), (!known).then(|| ZONELESS.into()))
}

/// ECMA-167, part 1, section 7.3.
fn udf(raw: u64) -> (Option<Timestamp>, Option<String>) {
    let bits = |shift: u32, mask: u64| i16::try_from(raw >> shift & mask).unwrap_or(-1);
    let fields = [(34, 15), (29, 31), (24, 31), (18, 63), (12, 63)]
        .map(|(shift, mask)| i8::try_from(bits(shift, mask)).unwrap_or(-1));
    let civil = civil(bits(38, 0xfff), fields, bits(5, 0x7f).into());
    // Twelve bits with a sign; -2047 says that the zone is not known.
    let zone = i32::from(bits(50, 0xfff) << 4 >> 4);
    let is_utc = raw >> 62 == 0;
    let known = is_utc || (-1440..=1440).contains(&zone);
    let shift = if known && !is_utc { zone } else { 0 };
    (civil.and_then(|civil| at_zone(civil, shift)), (!known).then(|| ZONELESS.into()))
}

fn civil(year: i16, [month, day, hour, minute, second]: [i8; 5], hundredths: i32) -> Option<DateTime> {
    DateTime::new(year, month, day, hour, minute, second, hundredths.min(99) * 10_000_000).ok()
}

/// The instant at which clocks `minutes` east of Greenwich show that time.
fn at_zone(civil: DateTime, minutes: i32) -> Option<Timestamp> {
    let zone = jiff::tz::Offset::from_seconds(minutes * 60).ok()?;
    zone.to_timestamp(civil).ok()
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
    let civil = DateTime::new(
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
    fn exfat_stamps_are_in_utc_where_they_say_their_zone() {
        let date = ((2017 - 1980) << 9) | (9 << 5) | 24_u64;
        let time = (19 << 11) | (59 << 5) | (4 / 2);
        let stamp = |zone: u64| TimeEncoding::Exfat.stamp(zone << 40 | date << 24 | time << 8 | 150);
        assert_eq!(stamp(0x88).utc.as_deref(), Some("2017-09-24T17:59:05.5Z"));
        assert_eq!(stamp(0xe0).utc.as_deref(), Some("2017-09-25T03:59:05.5Z"));
        assert_eq!((stamp(0x80).assumption, stamp(0x80).utc), (None, stamp(0).utc));
        assert!(stamp(0x08).assumption.unwrap().contains("zone not recorded"));
        assert_eq!(TimeEncoding::Exfat.stamp(u64::MAX).utc, None);
    }

    #[test]
    fn hfs_plus_stamps_count_from_1904() {
        let utc = |raw| TimeEncoding::HfsPlus.stamp(raw).utc;
        assert_eq!(utc(2_082_844_800).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(utc(u64::from(u32::MAX)).as_deref(), Some("2040-02-06T06:28:15Z"));
        assert_eq!((utc(0), utc(1 << 32)), (None, None));
    }

    #[test]
    fn stamps_of_discs_are_shown_in_utc_whatever_their_zone() {
        let utc = |encoding: TimeEncoding, raw: u64| encoding.stamp(raw).utc.unwrap_or_default();
        let iso = |bytes: [u8; 7]| bytes.iter().fold(0, |raw, byte| raw << 8 | u64::from(*byte));
        assert_eq!(utc(TimeEncoding::Iso9660, iso([121, 2, 3, 4, 5, 6, 8])), "2021-02-03T02:05:06Z");
        assert_eq!(utc(TimeEncoding::Iso9660, iso([121, 2, 3, 4, 5, 6, 0xec])), "2021-02-03T09:05:06Z");
        let long = 1 << 63 | 1_999_123_123_595_907 << 8 | 4;
        assert_eq!(utc(TimeEncoding::Iso9660, long), "1999-12-31T22:59:59.07Z");
        let odd = TimeEncoding::Iso9660.stamp(iso([121, 2, 3, 4, 5, 6, 100]));
        assert!(odd.assumption.unwrap().contains("zone not recorded"));
        let udf = |kind: u64, zone: u64| {
            kind << 62 | zone << 50 | 2021 << 38 | 2 << 34 | 3 << 29 | 4 << 24 | 5 << 18 | 6 << 12 | 7 << 5
        };
        assert_eq!(utc(TimeEncoding::Udf, udf(1, 60)), "2021-02-03T03:05:06.07Z");
        assert_eq!(utc(TimeEncoding::Udf, udf(1, 4096 - 60)), "2021-02-03T05:05:06.07Z");
        let unknown = TimeEncoding::Udf.stamp(udf(1, 4096 - 2047));
        assert!(unknown.utc.unwrap().contains("T04") && unknown.assumption.is_some());
        for raw in [0, u64::MAX, 1 << 63, u64::MAX >> 1] {
            assert_eq!(utc(TimeEncoding::Iso9660, raw), "");
            assert_eq!(utc(TimeEncoding::Udf, raw), "");
        }
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
