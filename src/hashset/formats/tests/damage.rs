//! Lists that are cut, altered or no lists at all.

use proptest::prelude::*;

use super::values::Value;
use super::*;

/// About a kilobyte in one format.
struct Sample {
    format: &'static str,
    long_digits: Option<LongDigits>,
    front: Vec<u8>,
    records: Vec<Vec<u8>>,
    back: Vec<u8>,
}

impl Sample {
    fn new(format: &'static str, front: impl AsRef<[u8]>, row: impl Fn(usize) -> String) -> Self {
        let records = (0..8).map(|n| row(n).into_bytes()).collect();
        Self { format, long_digits: None, front: front.as_ref().to_vec(), records, back: Vec::new() }
    }

    fn stated(mut self, long_digits: LongDigits) -> Self {
        self.long_digits = Some(long_digits);
        self
    }

    fn back(mut self, back: &str) -> Self {
        self.back = back.into();
        self
    }

    /// The list with these of its records.
    fn with(&self, records: &[Vec<u8>]) -> Vec<u8> {
        [self.front.clone(), records.concat(), self.back.clone()].concat()
    }

    fn whole(&self) -> Vec<u8> {
        self.with(&self.records)
    }

    /// The values of each record, read from it alone.
    fn values(&self) -> Vec<Vec<Value>> {
        let one = |record: &Vec<u8>| {
            let mut values = Values::default();
            let list = self.with(std::slice::from_ref(record));
            read_by(named(self.format).unwrap(), &list, self.long_digits, &mut values).unwrap();
            assert!(!values.0.is_empty() && values.1 == 0, "{}", self.format);
            values.0
        };
        self.records.iter().map(one).collect()
    }
}

fn kilobytes() -> Vec<Sample> {
    let hex = |n: usize, width: usize| format!("{:0width$x}", (n + 1) * 0x0012_3457);
    let encase = {
        let mut header = b"HASH\r\n\xff\0\x02\0\0\0\x01\0\0\0\x08\0\0\0".to_vec();
        header.resize(0x480, 0);
        let records = (1..=8_u8).map(|n| [[n; 16].as_slice(), b"\0\0"].concat()).collect();
        Sample { format: "encase", long_digits: None, front: header, records, back: Vec::new() }
    };
    vec![
        Sample::new("plain", "", |n| format!("{}\n", hex(n, 64))).stated(LongDigits::Sha256),
        Sample::new("plain", "", |n| format!("{}\r\n", hex(n, 64))).stated(LongDigits::Pdq),
        Sample::new("plain", "", |n| format!("{}\n", hex(n, 40))),
        Sample::new("md5sum", "", |n| format!("{}  name {n}\n", hex(n, 40))),
        Sample::new("bsd", "", |n| format!("SHA256 (name {n}) = {}\n", hex(n, 64))),
        Sample::new("hashdeep", "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n", |n| {
            format!("5,{},{},n\n", hex(n, 32), hex(n, 64))
        }),
        Sample::new("csv", "name,size,sha1\n", |n| format!("\"n\",5,{}\n", hex(n, 40))),
        Sample::new("csv", "pdq,md5\n", |n| format!("{},{}\n", hex(n, 64), hex(n, 32))),
        Sample::new("csv", "size,hash\n", |n| format!("5,{}\n", hex(n, 64))).stated(LongDigits::Sha256),
        Sample::new("icse", "MD5;SHA1;PhotoDNA;Image ID;x\n", |n| {
            format!("{};{};;1;1\n", hex(n, 32), hex(n, 40))
        }),
        Sample::new("vics", "{\"@odata.context\": \"c\", \"value\": [{\"Category\": 1}", |n| {
            format!(",{{\"MD5\": \"{}\"}}", hex(n, 32))
        })
        .back("]}"),
        Sample::new(
            "nsrl-v2",
            "\"SHA-1\",\"MD5\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"\r\n",
            |n| format!("\"{}\",\"{}\",\"a, b\",5,1,\"358\",\"\"\r\n", hex(n, 40), hex(n, 32)),
        ),
        Sample::new(
            "hashkeeper",
            "\"file_id\",\"hashset_id\",\"file_name\",\"directory\",\"hash\",\"file_size\"\r\n",
            |n| format!("1,7,\"n\",\"C:\",\"{}\",5\r\n", hex(n, 32)),
        ),
        encase,
        Sample::new("tsk-idx", format!("{:041}|md5sum\r\n{:041}|name\r\n", 0, 1), |n| {
            format!("{}|{n:016}\r\n", hex(n, 32))
        }),
        Sample::new("xways", "SHA-256\r\n", |n| format!("{}\r\n", hex(n, 64))),
        Sample::new("pdq", "", |n| format!("hash={},quality=100\n", hex(n, 64))),
        Sample::new("threatexchange", "", |n| format!("pdq {}\nmd5 {}\n", hex(n, 64), hex(n, 32))),
    ]
}

#[test]
fn a_list_cut_anywhere_gives_nothing_or_exactly_whole_records() {
    for sample in kilobytes() {
        let format = sample.format;
        let whole = sample.whole();
        let complete =
            import_stated(sample.long_digits, &whole).unwrap_or_else(|error| panic!("{format}: {error}")).0;
        assert_eq!((complete.format().split(' ').next(), complete.rejected), (Some(format), 0));
        let values = sample.values();
        let mut ends = vec![sample.front.len()];
        ends.extend(sample.records.iter().scan(sample.front.len(), |end, record| {
            *end += record.len();
            Some(*end)
        }));
        for end in 0..whole.len() {
            // A record that has ended must be there; of the one that is cut, what is whole may be; nothing else is.
            let ended = ends.iter().filter(|record| **record <= end).count().saturating_sub(1);
            // The one case that nothing can tell: all that is left has the length of a shorter kind.
            let lone =
                if format == "csv" && sample.long_digits.is_some() { "size,hash\n5,".len() } else { 0 };
            let bare = lone > 0 || ["plain", "md5sum", "tsk-idx"].contains(&format);
            if bare && (end == lone + 32 || end == lone + 40) {
                continue;
            }
            match import_stated(sample.long_digits, &whole[..end]) {
                Ok((summary, cut)) => {
                    assert_ne!(format, "vics", "cut at {end}: JSON must be complete");
                    let held = |value: &&Value| match value {
                        Value::Digest(digest) => !cut.find(digest).unwrap().is_empty(),
                        Value::Pdq(pdq) => !cut.find_pdq(pdq).unwrap().is_empty(),
                    };
                    let must = values[..ended].iter().flatten();
                    assert!(
                        must.clone().all(|value| held(&value)),
                        "{format} cut at {end}: whole records are there"
                    );
                    let may = values[..values.len().min(ended + 1)].iter().flatten();
                    let found = may.filter(held).count() as u64;
                    assert_eq!(
                        summary.entries + summary.near,
                        found,
                        "{format} cut at {end}: nothing that was not there"
                    );
                }
                Err(Error::Truncated { .. }) => {
                    assert!(["vics", "encase"].contains(&format) && ended == 0 || format == "vics")
                }
                // Too little to know the format by, or no record whole.
                Err(Error::Unrecognised { .. } | Error::Nothing { .. } | Error::Malformed { .. }) => {
                    assert!(format == "vics" || ended == 0, "{format} cut at {end}");
                }
                Err(error) => panic!("{format} cut at {end}: {error}"),
            }
        }
    }
}

#[test]
fn lists_in_any_case_with_any_line_end_and_with_a_byte_order_mark_are_the_same() {
    for sample in kilobytes() {
        let Ok(text) = String::from_utf8(sample.whole()) else { continue };
        let plain = import_stated(sample.long_digits, &text).unwrap().0;
        let unix = text.replace("\r\n", "\n");
        let mut same = vec![unix.clone(), unix.replace('\n', "\r\n"), format!("\u{feff}{text}")];
        if sample.format != "vics" {
            let records = sample.records.concat();
            let front = String::from_utf8(sample.front.clone()).unwrap();
            same.push(front + &String::from_utf8(records).unwrap().to_uppercase().replace("HASH=", "hash="));
        }
        for text in same {
            let (summary, _) = import_stated(sample.long_digits, &text).unwrap();
            assert_eq!(summary.format(), plain.format());
            assert_eq!(
                (summary.entries, summary.near, summary.rejected),
                (plain.entries, plain.near, 0),
                "{text}"
            );
        }
    }
}

#[test]
fn text_in_utf_16_or_with_zeros_among_it_is_refused_with_what_to_do() {
    for sample in kilobytes() {
        let Ok(text) = String::from_utf8(sample.whole()) else { continue };
        for (marked, bytes) in [
            (false, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (true, u16::to_le_bytes),
            (true, u16::to_be_bytes),
        ] {
            let mark = marked.then_some(0xfeff);
            let utf16: Vec<u8> = mark.into_iter().chain(text.encode_utf16()).flat_map(bytes).collect();
            let message = import_stated(sample.long_digits, utf16).unwrap_err().to_string();
            assert!(message.contains("text in UTF-16 (save it as UTF-8)"), "{}: {message}", sample.format);
        }
        if sample.format == "vics" {
            continue;
        }
        let message = import_stated(sample.long_digits, text.replace('\n', "\0")).unwrap_err().to_string();
        assert!(message.contains("ended by NUL"), "{}: {message}", sample.format);
    }
}

/// What a format gives: the values of its records, and how many lines it rejects.
#[derive(Default)]
struct Values(Vec<Value>, u64);

impl Sink for Values {
    fn name(&self) -> &'static str {
        "list"
    }

    fn record(&mut self, record: Record<'_>) {
        self.0.extend(record.digests.iter().map(Value::Digest).chain(record.pdq.map(Value::Pdq)));
    }

    fn reject(&mut self, _: Place, _: &str, text: &[u8]) {
        excerpt(text);
        self.1 += 1;
    }

    fn update(&mut self, _: &[u8], record: Record<'_>) {
        self.record(record);
    }

    fn withdraw(&mut self, _: &[u8]) {}

    fn variant(&mut self, _: &str) {}

    fn date(&mut self, _: &str) {}

    fn remark(&mut self, _: String) {}

    fn wants_text(&self) -> bool {
        true
    }
}

fn read_by(
    format: &dyn Format,
    bytes: &[u8],
    long_digits: Option<LongDigits>,
    sink: &mut dyn Sink,
) -> Result<()> {
    format.read(Input { bytes: &mut &*bytes, path: None, stated: &stated(long_digits) }, sink)
}

fn try_all(bytes: &[u8]) {
    for format in FORMATS {
        format.probe(bytes);
        for long_digits in [None, Some(LongDigits::Pdq)] {
            drop(read_by(*format, bytes, long_digits, &mut Values::default()));
        }
    }
    drop(import(bytes));
}

proptest! {
    #[test]
    fn any_bytes_to_any_format_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        try_all(&bytes);
    }

    #[test]
    fn damaged_lists_end_without_panic(kind: prop::sample::Index, flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut samples = kilobytes();
        let mut bytes = samples.swap_remove(kind.index(samples.len())).whole();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        try_all(&bytes);
    }
}
