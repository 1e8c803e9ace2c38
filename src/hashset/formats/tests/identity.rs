//! Lists that are printed and read back.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::values::Value;
use super::*;

/// One record in hexadecimal digits: MD5, SHA-1, SHA-256 and a PDQ hash.
type Printed = [String; 4];

/// A list as it is printed, which of the four kinds it holds, and what is stated of it.
struct Case {
    format: &'static str,
    bytes: Vec<u8>,
    kinds: &'static [usize],
    long_digits: Option<LongDigits>,
}

fn case(
    format: &'static str,
    kinds: &'static [usize],
    front: &str,
    records: &[Printed],
    row: impl Fn(&Printed) -> String,
) -> Case {
    let bytes = format!("{front}{}", records.iter().map(row).collect::<String>()).into_bytes();
    Case { format, bytes, kinds, long_digits: None }
}

fn text_cases(records: &[Printed]) -> Vec<Case> {
    let stated = |long, case: Case| Case { long_digits: Some(long), ..case };
    let lines = |kinds: &'static [usize]| {
        case("plain", kinds, "", records, move |r| {
            kinds.iter().map(|kind| format!("{}\n", r[*kind])).collect()
        })
    };
    vec![
        lines(&[0, 1]),
        stated(LongDigits::Sha256, lines(&[0, 1, 2])),
        stated(LongDigits::Pdq, lines(&[1, 3])),
        case("md5sum", &[0, 1, 2], "", records, |[md5, sha1, sha256, _]| {
            format!("{md5}  a\n{sha1} *b\n{sha256}\tc\n")
        }),
        case("bsd", &[0, 1, 2], "", records, |[md5, sha1, sha256, _]| {
            format!("MD5 (a) = {md5}\nSHA1 (b) = {sha1}\nSHA256 (c) = {sha256}\n")
        }),
        case("xways", &[0], "MD5\r\n", records, |r| format!("{}\r\n", r[0])),
        case("xways", &[1], "SHA-1\r\n", records, |r| format!("{}\r\n", r[1])),
        case("xways", &[2], "SHA-256\r\n", records, |r| format!("{}\r\n", r[2])),
        case("xways", &[3], "PDQ\r\n", records, |r| format!("{}\r\n", r[3])),
        case("tsk-idx", &[0], &format!("{:041}|md5sum\n{:041}|x\n", 0, 1), records, |r| {
            format!("{}|{:016}\n", r[0], 5)
        }),
        case("tsk-idx", &[1], &format!("{:041}|nsrl\n{:041}|x\n", 0, 1), records, |r| {
            format!("{}|{:016}\n", r[1], 5)
        }),
        case("pdq", &[3], "", records, |r| format!("hash={},norm=128,quality=3,filename=a b\n", r[3])),
        case("threatexchange", &[0, 1, 2, 3], "", records, |[md5, sha1, sha256, pdq]| {
            format!("pdq {pdq}\nvideo_md5 {md5}\nhash_sha1 {sha1}\nsha256 {sha256}\nurl x\n")
        }),
    ]
}

fn table_cases(records: &[Printed]) -> Vec<Case> {
    let nsrl = "\"SHA-1\",\"MD5\",\"CRC32\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"\r\n";
    let first = "\"SHA-1\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"MD4\",\"MD5\",\"CRC32\",\"SpecialCode\"\r\n";
    let keeper =
        "\"file_id\",\"hashset_id\",\"file_name\",\"directory\",\"hash\",\"file_size\",\"comments\"\r\n";
    let icse = "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified\r\n";
    vec![
        case(
            "hashdeep",
            &[0, 1, 2],
            "%%%% HASHDEEP-1.0\n%%%% size,sha256,md5,sha1,filename\n",
            records,
            |[md5, sha1, sha256, _]| format!("1,{sha256},{md5},{sha1},a,b\n"),
        ),
        case("csv", &[0, 1, 2, 3], "sha1\tmd5\tpdq\tsha256\n", records, |[md5, sha1, sha256, pdq]| {
            format!("{sha1}\t{md5}\t{pdq}\t{sha256}\n")
        }),
        case("csv", &[0, 1], "name;hash\n", records, |r| format!("a;{}\nb;{}\n", r[0], r[1])),
        case("icse", &[0, 1], icse, records, |r| format!("{};{};;7;1;0\r\n", r[0], r[1])),
        case("nsrl-v2", &[0, 1], nsrl, records, |r| {
            format!("\"{}\",\"{}\",\"3610A686\",\"a, \"\"b\"\"\",5,1,\"358\",\"\"\r\n", r[1], r[0])
        }),
        case("nsrl-v2", &[0, 1], first, records, |r| {
            format!("\"{}\",\"a, \"\"b\"\"\",5,1,\"358\",\"\",\"{}\",\"3610A686\",\"\"\r\n", r[1], r[0])
        }),
        case("hashkeeper", &[0], keeper, records, |r| format!("1,7,\"a\",\"b, c\",\"{}\",5,\"\"\r\n", r[0])),
    ]
}

fn other_cases(records: &[Printed]) -> [Case; 2] {
    let medium = |[md5, sha1, sha256, _]: &Printed| {
        format!("{{\"MD5\":\"{md5}\",\"SHA1\":\"{sha1}\",\"SHA256\":\"{sha256}\"}}")
    };
    let media: Vec<_> = records.iter().map(medium).collect();
    let vics = format!("{{\"odata.metadata\":\"\",\"value\":[{}]}}", media.join(","));
    let mut encase = b"HASH\r\n\xff\0\x02\0\0\0\x01\0\0\0".to_vec();
    encase.extend(u32::try_from(records.len()).unwrap().to_le_bytes());
    encase.resize(0x480, 0);
    for record in records {
        encase.extend(hex::decode(&record[0]).unwrap());
        encase.extend([0, 0]);
    }
    [
        Case { format: "vics", bytes: vics.into(), kinds: &[0, 1, 2], long_digits: None },
        Case { format: "encase", bytes: encase, kinds: &[0], long_digits: None },
    ]
}

proptest! {
    #[test]
    fn printed_lists_parse_to_the_identity(values in prop::collection::btree_set((any::<[u8; 16]>(), any::<[u8; 20]>(), any::<[u8; 32]>(), any::<[u8; 32]>()), 1..20), upper: bool) {
        let spelt = |digits: String| if upper { digits.to_uppercase() } else { digits };
        let print = |(md5, sha1, sha256, pdq): &([u8; 16], [u8; 20], [u8; 32], [u8; 32])| {
            [hex::encode(md5), hex::encode(sha1), hex::encode(sha256), hex::encode(pdq)].map(spelt)
        };
        let records: Vec<Printed> = values.iter().map(print).collect();
        let cases = text_cases(&records).into_iter().chain(table_cases(&records)).chain(other_cases(&records));
        for Case { format, bytes, kinds, long_digits } in cases {
            let (summary, set) = import_stated(long_digits, &bytes).unwrap();
            let of_kind = |kind: &usize| records.iter().map(|record| (*kind, record[*kind].clone())).collect::<Vec<_>>();
            let printed: BTreeSet<(usize, String)> = kinds.iter().flat_map(of_kind).collect();
            let format_found = summary.format();
            prop_assert_eq!(format_found.split(' ').next(), Some(format));
            prop_assert_eq!((summary.entries + summary.near, summary.rejected), (printed.len() as u64, 0), "{}", format);
            for (kind, digits) in printed {
                let value = if kind == 3 { Value::pdq(digits.as_bytes()) } else { Digest::from_hex(&digits).map(Value::Digest) };
                let held = match value.unwrap() {
                    Value::Digest(digest) => !set.find(&digest).unwrap().is_empty(),
                    Value::Pdq(pdq) => !set.find_pdq(&pdq).unwrap().is_empty(),
                };
                prop_assert!(held, "{}", format);
            }
        }
    }
}
