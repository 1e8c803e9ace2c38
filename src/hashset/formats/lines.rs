//! The lines of a text of any length, none of them held whole when it is too long.

use std::io::{self, BufRead};
use std::mem::take;

/// Longest line that is read, in bytes; a longer one is skipped and reported.
pub const MAX_LINE: usize = 1 << 20;

/// The UTF-8 byte order mark.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// One line without its end.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes without line end; empty when it was too long.
    pub bytes: &'a [u8],
    /// Whether a line feed ends it: the last line of a cut file has none.
    pub terminated: bool,
    /// Whether it was longer than [`MAX_LINE`].
    pub too_long: bool,
}

/// Reads lines without allocating for each.
pub struct Lines<'r> {
    input: &'r mut dyn BufRead,
    /// Bytes of the input's buffer that the line given last still occupies.
    pending: usize,
    /// A line that lies in more than one buffer.
    spill: Vec<u8>,
    number: u64,
}

impl<'r> Lines<'r> {
    pub fn new(input: &'r mut dyn BufRead) -> Self {
        Self { input, pending: 0, spill: Vec::new(), number: 0 }
    }

    /// The next line; `None` at the end.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.input.consume(take(&mut self.pending));
        self.spill.clear();
        let (mut started, mut too_long) = (false, false);
        let terminated = loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break false;
            }
            let end = memchr::memchr(b'\n', buffer);
            if let (false, Some(length)) = (started, end)
                && length <= MAX_LINE
            {
                return self.whole(length);
            }
            started = true;
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            if self.spill.len().saturating_add(part.len()) > MAX_LINE {
                too_long = true;
                self.spill.clear();
            } else if !too_long {
                self.spill.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break true;
            }
        };
        if !started {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let bytes = if too_long { &[] } else { content(&self.spill, self.number) };
        Ok(Some(Line { number: self.number, bytes, terminated, too_long }))
    }

    /// A line that lies whole in the input's buffer is given from there.
    fn whole(&mut self, length: usize) -> io::Result<Option<Line<'_>>> {
        self.pending = length.saturating_add(1);
        self.number = self.number.saturating_add(1);
        let bytes = self.input.fill_buf()?.get(..length).unwrap_or_default();
        let bytes = content(bytes, self.number);
        Ok(Some(Line { number: self.number, bytes, terminated: true, too_long: false }))
    }
}

fn content(line: &[u8], number: u64) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if number == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    fn lines(text: &[u8], buffer: usize) -> Vec<(Vec<u8>, bool)> {
        let mut input = BufReader::with_capacity(buffer, text);
        let mut lines = Lines::new(&mut input);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            assert_eq!(line.number, all.len() as u64 + 1);
            all.push((line.bytes.to_vec(), line.terminated));
        }
        all
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_whole() {
        let mut text = vec![b'a'; MAX_LINE * 3];
        text.extend_from_slice(b"\nnext\n");
        for buffer in [7, 4096, 1 << 24] {
            let mut input = BufReader::with_capacity(buffer, &text[..]);
            let mut lines = Lines::new(&mut input);
            let line = lines.next().unwrap().unwrap();
            assert!(line.too_long && line.terminated && line.bytes.is_empty());
            assert_eq!(lines.next().unwrap().unwrap().bytes, b"next");
            assert!(lines.next().unwrap().is_none());
            assert!(lines.spill.capacity() <= 2 * MAX_LINE);
        }
    }

    #[test]
    fn byte_order_mark_and_carriage_returns_are_no_part_of_a_line() {
        let expected = vec![(b"a".to_vec(), true), (b"\xef\xbb\xbfb".to_vec(), true), (b"c".to_vec(), false)];
        assert_eq!(lines(b"\xef\xbb\xbfa\r\n\xef\xbb\xbfb\nc", 4), expected);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_size_of_the_buffer(text in "[ab\n]{0,60}", buffer in 1_usize..20) {
            let mut naive: Vec<_> = text.split_inclusive('\n').map(|line| {
                (line.trim_end_matches('\n').as_bytes().to_vec(), line.ends_with('\n'))
            }).collect();
            naive.retain(|(line, terminated)| *terminated || !line.is_empty());
            prop_assert_eq!(lines(text.as_bytes(), buffer), naive);
        }
    }
}
