//! A reader that bounds what a JSON parser behind it can be made to hold: the length of a string and the nesting.

use std::io::{self, BufRead, Read};

use crate::hashset::formats::lines::BOM;

/// Longest string, in bytes. Real ones are below 100 KB; a parser holds one of them at a time.
const MAX_STRING: usize = 16 << 20;
/// Deepest nesting of arrays and objects. VICS needs seven levels.
const MAX_DEPTH: u32 = 64;

/// Passes JSON on and fails where it goes beyond the bounds.
///
/// Control characters inside strings, which JSON forbids and some writers leave in comments, become blanks.
pub struct Guard<'r> {
    input: &'r mut dyn BufRead,
    state: State,
    depth: u32,
    violation: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum State {
    Outside,
    /// Inside a string that has this many bytes so far.
    Inside(usize),
    /// The same, behind a backslash.
    Escape(usize),
}

impl<'r> Guard<'r> {
    /// Skips a byte order mark.
    pub fn new(input: &'r mut dyn BufRead) -> io::Result<Self> {
        // The caller's buffer holds the first bytes at once; a mark that is split is no mark that any writer makes.
        if input.fill_buf()?.starts_with(BOM) {
            input.consume(BOM.len());
        }
        Ok(Self { input, state: State::Outside, depth: 0, violation: None })
    }

    /// Which bound was exceeded, if one was.
    pub const fn violation(&self) -> Option<&'static str> {
        self.violation
    }

    fn check(&mut self, bytes: &mut [u8]) -> Result<(), &'static str> {
        for byte in bytes {
            self.state = match (self.state, *byte) {
                (State::Outside, b'"') => State::Inside(0),
                (State::Outside, b'[' | b'{') => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err("nested deeper than 64 levels");
                    }
                    State::Outside
                }
                (State::Outside, b']' | b'}') => {
                    self.depth = self.depth.saturating_sub(1);
                    State::Outside
                }
                (State::Outside, _) => State::Outside,
                (State::Inside(_), b'"') => State::Outside,
                (State::Inside(MAX_STRING..), _) => return Err("a string longer than 16 MiB"),
                (State::Inside(length), b'\\') => State::Escape(length + 1),
                (State::Inside(length) | State::Escape(length), _) => {
                    if byte.is_ascii_control() {
                        *byte = b' ';
                    }
                    State::Inside(length + 1)
                }
            };
        }
        Ok(())
    }
}

impl Read for Guard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        if let Err(violation) = self.check(buffer.get_mut(..read).unwrap_or_default()) {
            self.violation = Some(violation);
            return Err(io::Error::other(violation));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(text: &str) -> Result<String, &'static str> {
        let mut input = text.as_bytes();
        let mut guard = Guard::new(&mut input).unwrap();
        let mut out = String::new();
        match guard.read_to_string(&mut out) {
            Ok(_) => Ok(out),
            Err(_) => Err(guard.violation().unwrap()),
        }
    }

    #[test]
    fn brackets_and_quotes_inside_strings_do_not_count() {
        let text = r#"{"a": "] } [ { \" \\", "b": [1, "\\"]}"#;
        assert_eq!(pass(text).as_deref(), Ok(text));
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(pass(&format!("[{}, {0}, \"{}\"]", nested(63), "[".repeat(1000))).is_ok());
        assert_eq!(pass(&nested(100_000)), Err("nested deeper than 64 levels"));
    }

    #[test]
    fn control_characters_in_strings_become_blanks_and_a_byte_order_mark_is_skipped() {
        assert_eq!(pass("\u{feff}[\n\"a\tb\nc\"\n]").as_deref(), Ok("[\n\"a b c\"\n]"));
    }

    #[test]
    fn a_string_without_end_is_not_held() {
        let mut endless = io::BufReader::new(io::repeat(b'"').take(1).chain(io::repeat(b'a')));
        let mut guard = Guard::new(&mut endless).unwrap();
        assert!(io::copy(&mut guard, &mut io::sink()).is_err());
        assert_eq!(guard.violation(), Some("a string longer than 16 MiB"));
    }
}
