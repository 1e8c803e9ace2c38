//! What VICS records say beyond their digests, and that a stream of any length is read in little memory.

use std::io::Read;

use crate::hashset::formats::{Input, Record, Sink, Stated, named};
use crate::hashset::{Builder, KnownSet, Place, Profile};
use crate::model::Role;
use crate::read::Memory;

/// Keeps what matters of each record as a line.
#[derive(Default)]
struct Lines {
    wants_text: bool,
    lines: Vec<String>,
    records: u64,
    longest: usize,
}

impl Sink for Lines {
    fn name(&self) -> &'static str {
        "list"
    }

    fn record(&mut self, record: Record<'_>) {
        self.records += 1;
        let text = [record.text.series, record.text.tags, record.text.comments];
        self.longest = text.iter().flatten().map(|text| text.len()).max().unwrap_or(0).max(self.longest);
        if self.lines.len() < 100 {
            let pdq = record.pdq.map(|pdq| pdq.to_string());
            self.lines
                .push(format!("{:?} {:?} {pdq:?} {text:?}", record.victim_identified, record.distributed));
        }
    }

    fn update(&mut self, _: &[u8], _: Record<'_>) {}

    fn withdraw(&mut self, _: &[u8]) {}

    fn reject(&mut self, place: Place, reason: &str, _: &[u8]) {
        self.lines.push(format!("{place}: {reason}"));
    }

    fn variant(&mut self, _: &str) {}

    fn date(&mut self, date: &str) {
        self.lines.push(format!("date {date}"));
    }

    fn remark(&mut self, _: String) {}

    fn wants_text(&self) -> bool {
        self.wants_text
    }
}

fn read(text: &str, wants_text: bool) -> Vec<String> {
    let mut sink = Lines { wants_text, ..Lines::default() };
    let stated = Stated::default();
    let input = Input { bytes: &mut text.as_bytes(), path: None, stated: &stated };
    named("vics").unwrap().read(input, &mut sink).unwrap();
    sink.lines
}

const MD5: &str = "5d41402abc4b2a76b9719d911017c592";

#[test]
fn victim_and_distribution_are_read_however_they_are_written() {
    let values = [
        "\"true\"",
        "\"False\"",
        "true",
        "false",
        "null",
        "\"yes\"",
        "\"NO\"",
        "1",
        "0",
        "\"\"",
        "\"?\"",
        "[1]",
    ];
    let records: Vec<String> = values
        .iter()
        .map(|value| format!("{{\"MD5\": \"{MD5}\", \"VictimIdentified\": {value}, \"isdistributed\": {value}, \"IsPrecategorized\": \"true\"}}"))
        .collect();
    let expected = [
        Some(true),
        Some(false),
        Some(true),
        Some(false),
        None,
        Some(true),
        Some(false),
        Some(true),
        Some(false),
        None,
        None,
        None,
    ];
    let lines = read(&format!("{{\"value\": [{}]}}", records.join(",")), false);
    let expected: Vec<String> =
        expected.iter().map(|says| format!("{says:?} {says:?} None [None, None, None]")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn hashes_of_pictures_stand_among_the_alternatives_and_photodna_is_never_one() {
    let pdq = "0123456789ABCDEF".repeat(4);
    let text = format!(
        "{{\"value\": [{{\"AlternativeHashes\": [{{\"HashValue\": \"{pdq}\", \"HashName\": \"pdq\"}}, null, \"x\", 1, -1, 2.5, true, [], \
         {{\"HashName\": \"PhotoDNA\", \"HashValue\": \"{pdq}\"}}, {{\"HashName\": \"PDQ\"}}], \"PhotoDNA\": \"{pdq}\"}},\
         {{\"AlternativeHashes\": [{{\"HashName\": \"PhotoDNA\", \"HashValue\": \"{pdq}\"}}], \"MD5\": \"{MD5}\"}},\
         {{\"AlternativeHashes\": [{{\"HashName\": \"PDQ\", \"HashValue\": \"12\"}}]}},\
         {{\"AlternativeHashes\": {{}}, \"MD5\": \"{MD5}\"}}]}}"
    );
    let lines = read(&text, false);
    assert_eq!(lines[0], format!("None None Some({:?}) [None, None, None]", pdq.to_lowercase()));
    assert_eq!(lines[1], "None None None [None, None, None]");
    assert_eq!(lines[2], "record 3: not the 64 hexadecimal digits of a PDQ hash");
    assert_eq!(lines.len(), 4);
}

#[test]
fn errors_do_not_quote_what_may_be_free_text() {
    for text in ["{\"value\": [\"a name\"]}", "{\"value\": \"a name\"}", "\"a name\""] {
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        let message = builder.add_reader_as("list", text.as_bytes(), named("vics")).unwrap_err().to_string();
        assert!(message.contains("expected a") && !message.contains("name"), "{message}");
    }
}

#[test]
fn free_text_is_kept_only_where_it_is_wanted() {
    let text = format!(
        "{{\"value\": [{{\"MD5\": \"{MD5}\", \"Series\": \"] }} \\\"\", \"Tags\": \"t\", \"Comments\": \"c\", \
         \"DateUpdated\": \"2023-06-07T02:31:49.8300Z\"}}, {{\"MD5\": \"{MD5}\"}}]}}"
    );
    assert_eq!(
        read(&text, false)[..2],
        ["date 2023-06-07T02:31:49.8300Z", "None None None [None, None, None]"]
    );
    assert_eq!(read(&text, true)[1], "None None None [Some(\"] } \\\"\"), Some(\"t\"), Some(\"c\")]");
    assert_eq!(
        read(&text, true)[2],
        "None None None [None, None, None]",
        "nothing is left over for the next record"
    );
}

#[test]
fn the_latest_date_of_the_records_is_that_of_the_list() {
    let record = |date: &str| format!("{{\"MD5\": \"{MD5}\", \"DateUpdated\": \"{date}\"}}");
    let records =
        ["2023-06-07T02:31:49.8300Z", "2024-01-31T10:00:00-05:00Z", "yesterday", "2022-01-01"].map(record);
    let mut builder = Builder::new("set", Role::Alert, Profile::none());
    builder.add_reader("list", format!("{{\"value\": [{}]}}", records.join(",")).as_bytes()).unwrap();
    let set = KnownSet::open(Memory(builder.finish().unwrap())).unwrap();
    assert_eq!(set.lists()[0].date.as_deref(), Some("2024-01-31T10:00:00-05:00Z"));
}

/// A list that is made while it is read, a record at a time.
struct Generated {
    left: u64,
    record: Vec<u8>,
    at: usize,
    number: u64,
    ended: bool,
}

impl Generated {
    fn new(records: u64) -> Self {
        let record = b"\xef\xbb\xbf{\"@odata.context\": \"x\", \"value\": [{}".to_vec();
        Self { left: records, record, at: 0, number: 0, ended: false }
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::io::Write as _;
        if self.at == self.record.len() {
            self.record.clear();
            self.at = 0;
            if self.left > 0 {
                self.left -= 1;
                self.number += 1;
                write!(
                    self.record,
                    ",\r\n{{\"MediaID\": {0}, \"Category\": {1}, \"MD5\": \"{0:032X}\", \"SHA1\": \"{0:040X}\", \
                     \"MediaSize\": \"{0}\", \"PhotoDNA\": \"{2}\", \"IsDistributed\": \"false\", \"Series\": \"{2}\", \
                     \"DateUpdated\": \"2023-06-07T02:31:49.8300Z\", \"Exifs\": [{{\"PropertyName\": \"a\"}}], \
                     \"AlternativeHashes\": [{{\"HashName\": \"PDQ\", \"HashValue\": \"{0:064x}\"}}]}}",
                    self.number,
                    self.number % 4,
                    "A".repeat(192),
                )?;
            } else if !self.ended {
                self.ended = true;
                self.record.extend_from_slice(b"]}");
            }
        }
        let read = (self.record.len() - self.at).min(buffer.len());
        buffer[..read].copy_from_slice(&self.record[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

/// Counts what passes, to know how much was read.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1 += read as u64;
        Ok(read)
    }
}

#[test]
fn what_is_held_of_a_list_does_not_grow_with_it() {
    use super::{Guard, Reading, Root};
    use serde::de::DeserializeSeed as _;

    // The longest words come first: what they leave behind is all that is ever held.
    for (records, mebibytes) in [(1_000, 0), (90_000, 64)] {
        let mut sink = Lines { wants_text: true, ..Lines::default() };
        let mut stream = std::io::BufReader::new(Counted(Generated::new(records), 0));
        let mut guard = Guard::new(&mut stream).unwrap();
        let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(&mut guard));
        let mut reading = Reading::new(&mut sink);
        Root(&mut reading).deserialize(&mut json).unwrap();
        assert!(reading.held() < 4096, "{} bytes after {records} records", reading.held());
        drop(json);
        assert_eq!(sink.records, records + 1);
        assert!(stream.get_ref().1 >> 20 >= mebibytes, "{} bytes were read", stream.get_ref().1);
    }
    let long =
        format!("{{\"value\": [{{\"MD5\": \"{MD5}\", \"Comments\": \"{}\"}}]}}", "\u{e9}".repeat(1 << 20));
    let mut sink = Lines { wants_text: true, ..Lines::default() };
    let input = Input { bytes: &mut long.as_bytes(), path: None, stated: &Stated::default() };
    named("vics").unwrap().read(input, &mut sink).unwrap();
    assert_eq!(sink.longest, super::scalar::MAX_WORDS);
}
