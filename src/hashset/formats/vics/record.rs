//! The records of VICS JSON as they stream past: nothing of one is kept when the next begins.

use std::fmt;
use std::mem::take;

use super::keys::{Key, KeySeed};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::{Record, Sink, Text, text};
use super::scalar::{MAX_TEXT, MAX_WORDS, Scalar, given, says};
use crate::hashset::Place;
use crate::model::{Digests, Pdq};

/// What is known while a list is read; its buffers serve all records.
pub struct Reading<'s> {
    sink: &'s mut dyn Sink,
    /// Media records so far.
    number: u64,
    text: String,
    category: String,
    /// Name and value of an alternative hash.
    alternative: [String; 2],
    /// Series, tags and comments; unused unless the sink wants them.
    words: [String; 3],
    wants_text: bool,
    pub found_value: bool,
}

impl<'s> Reading<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> Self {
        let wants_text = sink.wants_text();
        Self {
            sink,
            number: 0,
            text: String::new(),
            category: String::new(),
            alternative: Default::default(),
            words: Default::default(),
            wants_text,
            found_value: false,
        }
    }
}

#[cfg(test)]
impl Reading<'_> {
    /// Bytes of all buffers.
    pub fn held(&self) -> usize {
        let texts = [&self.text, &self.category].into_iter().chain(&self.alternative).chain(&self.words);
        texts.map(String::capacity).sum()
    }
}

/// The whole file.
pub struct Root<'a, 's>(pub &'a mut Reading<'s>);

impl<'de> DeserializeSeed<'de> for Root<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the records under \"value\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(reading) = self;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Context => {
                    if map.next_value_seed(Scalar(&mut reading.text, MAX_TEXT))? {
                        reading.sink.variant(&reading.text);
                    }
                }
                Key::Value => {
                    reading.found_value = true;
                    map.next_value_seed(Records { reading: &mut *reading, cases: true })?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// `value[]`, whose elements may be cases, or the `Media[]` of a case.
struct Records<'a, 's> {
    reading: &'a mut Reading<'s>,
    cases: bool,
}

impl<'de> DeserializeSeed<'de> for Records<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of Media records or cases")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Element { reading: &mut *self.reading, case: self.cases })?.is_some() {}
        Ok(())
    }
}

/// A Media record, or a case where `case` allows one.
struct Element<'a, 's> {
    reading: &'a mut Reading<'s>,
    case: bool,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Media record or a case")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.number = self.reading.number.saturating_add(1);
        self.reading.sink.reject(Place::Record(self.reading.number), "null instead of a record", b"");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, case } = self;
        let mut media = Media::default();
        reading.words.iter_mut().for_each(String::clear);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match key {
                Key::Media if case => {
                    media.is_case = true;
                    // The records inside use the same room for what is said of them.
                    let own = (take(&mut reading.category), take(&mut reading.words));
                    map.next_value_seed(Records { reading: &mut *reading, cases: false })?;
                    (reading.category, reading.words) = own;
                }
                Key::Category => {
                    media.categorised = map.next_value_seed(Scalar(&mut reading.category, MAX_TEXT))?
                }
                Key::Alternatives => {
                    map.next_value_seed(Alternatives { reading: &mut *reading, media: &mut media })?
                }
                Key::Words(kind) if reading.wants_text => {
                    if let Some(words) = reading.words.get_mut(kind) {
                        map.next_value_seed(Scalar(words, MAX_WORDS))?;
                    }
                }
                Key::Digest(_) | Key::Size | Key::Victim | Key::Distributed | Key::Date => {
                    if map.next_value_seed(Scalar(&mut reading.text, MAX_TEXT))? {
                        media.field(key, reading);
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        media.finish(reading);
        Ok(())
    }
}

/// What is known of a Media record, or of a case.
#[derive(Default)]
struct Media {
    digests: Digests,
    pdq: Option<Pdq>,
    size: Option<u64>,
    victim_identified: Option<bool>,
    distributed: Option<bool>,
    categorised: bool,
    unreadable: bool,
    is_case: bool,
}

impl Media {
    /// Takes a value that is not absent.
    fn field(&mut self, key: Key, reading: &mut Reading<'_>) {
        let value = reading.text.as_str();
        match key {
            Key::Size => self.size = value.parse().ok(),
            Key::Victim => self.victim_identified = says(value),
            Key::Distributed => self.distributed = says(value),
            Key::Date => reading.sink.date(value),
            Key::Digest(kind) => {
                match text::digest(value.as_bytes()).filter(|digest| digest.algorithm() == kind) {
                    Some(digest) if self.digests.get(kind).is_some_and(|other| other != digest) => {
                        self.reject(
                            &format!("a second {kind}, which differs from the first"),
                            false,
                            reading,
                        );
                    }
                    Some(digest) => self.digests.set(digest),
                    None => self.reject(&format!("not the hexadecimal digits of {kind}"), false, reading),
                }
            }
            _ => {}
        }
    }

    fn alternative(&mut self, reading: &mut Reading<'_>) {
        let [name, value] = &reading.alternative;
        if !name.eq_ignore_ascii_case("PDQ") || value.is_empty() {
            return;
        }
        match Pdq::from_hex(value) {
            None => self.reject("not the 64 hexadecimal digits of a PDQ hash", true, reading),
            Some(pdq) if self.pdq.is_some_and(|other| other != pdq) => {
                self.reject("a second PDQ hash, which differs from the first", true, reading);
            }
            Some(pdq) => self.pdq = Some(pdq),
        }
    }

    fn reject(&mut self, reason: &str, alternative: bool, reading: &mut Reading<'_>) {
        self.unreadable = true;
        let text = if alternative { &reading.alternative[1] } else { &reading.text };
        reading.sink.reject(Place::Record(reading.number.saturating_add(1)), reason, text.as_bytes());
    }

    fn finish(self, reading: &mut Reading<'_>) {
        let identified = !self.digests.is_empty() || self.pdq.is_some();
        if self.is_case && !identified && !self.unreadable {
            return;
        }
        reading.number = reading.number.saturating_add(1);
        if !identified && self.unreadable {
            // It has been rejected already and is not counted twice.
            return;
        }
        let [series, tags, comments] = &reading.words;
        reading.sink.record(Record {
            digests: self.digests,
            pdq: self.pdq,
            category: self.categorised.then_some(reading.category.as_str()),
            size: self.size,
            victim_identified: self.victim_identified,
            distributed: self.distributed,
            not_harmless: false,
            text: Text { series: given(series), tags: given(tags), comments: given(comments) },
        });
    }
}

/// `AlternativeHashes[]`, whose elements have a name and a value. Anything else there is passed over.
struct Alternatives<'a, 's> {
    reading: &'a mut Reading<'s>,
    media: &'a mut Media,
}

impl<'de> DeserializeSeed<'de> for Alternatives<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Alternatives<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of hashes with their names")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq
            .next_element_seed(Alternatives { reading: &mut *self.reading, media: &mut *self.media })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, media } = self;
        reading.alternative.iter_mut().for_each(String::clear);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let [name, value] = &mut reading.alternative;
            match key {
                Key::HashName => drop(map.next_value_seed(Scalar(name, MAX_TEXT))?),
                Key::HashValue => drop(map.next_value_seed(Scalar(value, MAX_TEXT))?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        media.alternative(reading);
        Ok(())
    }
}
