//! Reading a file line by line in bounded memory.

use std::io::{self, BufRead, Read};

/// Lines of a file with their places; a line is dropped when the next one is read.
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    buffer: Vec<u8>,
    /// Number of the current line, from 1.
    pub number: u64,
    /// First byte of the current line, from the start of the file.
    pub offset: u64,
    next: u64,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Its bytes without the newline.
    Whole(&'a [u8]),
    /// The file ends in these bytes, without a newline.
    Torn(&'a [u8]),
    /// It is longer than the limit; the rest of the file is not read.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `limit` bytes, their newline included.
    pub(super) const fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, buffer: Vec::new(), number: 0, offset: 0, next: 0 }
    }

    /// The next line; `None` at the end of the file.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        self.offset = self.next;
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        let read = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        self.next = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(Some(match self.buffer.split_last() {
            Some((b'\n', line)) => Line::Whole(line),
            _ if read >= self.limit => Line::TooLong,
            _ => Line::Torn(&self.buffer),
        }))
    }

    /// Whether nothing follows the current line.
    pub(super) fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_with_their_places_and_a_long_one_is_not_held() {
        let mut lines = Lines::new(&b"ab\n\n1234\nx"[..], 5);
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole(b"ab")));
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole(b"")));
        assert_eq!(lines.next_line().unwrap(), Some(Line::Whole(b"1234")));
        assert!(!lines.at_end().unwrap());
        assert_eq!(lines.next_line().unwrap(), Some(Line::Torn(b"x")));
        assert_eq!((lines.number, lines.offset), (4, 9));
        assert_eq!(lines.next_line().unwrap(), None);
        let mut lines = Lines::new(io::BufReader::new(io::repeat(7)), 1000);
        assert_eq!(lines.next_line().unwrap(), Some(Line::TooLong));
        assert_eq!(lines.buffer.len(), 1000);
    }
}
