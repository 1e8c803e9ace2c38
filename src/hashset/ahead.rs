//! Reads and digests a list in a thread of its own, while what was read is taken in.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sha2::{Digest as _, Sha256};

/// Bytes of a block.
const BLOCK: usize = 256 << 10;
/// Blocks that are read before the first of them is taken in.
const BLOCKS: usize = 4;

/// Gives the bytes of `input` to `work`, and its SHA-256, in hexadecimal, to the caller.
///
/// The digest is that of what was read: `work` reads on to the end where that is meant to be all.
pub fn ahead<T, E>(
    input: impl Read + Send,
    failed: impl FnOnce(io::Error) -> E,
    work: impl FnOnce(&mut dyn BufRead) -> Result<T, E>,
) -> Result<(T, String), E> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(BLOCKS);
        let reading = scope.spawn(move || read(input, &sender));
        let mut blocks = Blocks { receiver, block: Vec::new(), at: 0 };
        let done = work(&mut blocks);
        // Whoever still reads has nobody left to read for.
        drop(blocks);
        let died = |_| failed(io::Error::other("reading ended before it was done"));
        let digest = reading.join().map_err(died)?;
        Ok((done?, digest))
    })
}

/// Reads until the end, an error, or until nobody wants more.
fn read(mut input: impl Read, out: &SyncSender<io::Result<Vec<u8>>>) -> String {
    let mut digest = Sha256::new();
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = input.by_ref().take(crate::read::size(BLOCK)).read_to_end(&mut block);
        // What came before an error is given first.
        digest.update(&block);
        let ended = block.is_empty() || read.is_err();
        if !block.is_empty() && out.send(Ok(block)).is_err() {
            break;
        }
        if let Err(error) = read {
            let _ = out.send(Err(error));
        }
        if ended {
            break;
        }
    }
    hex::encode(digest.finalize())
}

/// Blocks as they come.
struct Blocks {
    receiver: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.block.len() {
            // The end of the thread is the end of the list.
            self.block = self.receiver.recv().unwrap_or_else(|_| Ok(Vec::new()))?;
            self.at = 0;
        }
        Ok(self.block.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_with_their_digest_and_an_error_after_what_came_before_it() {
        for length in [0, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 3] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut got = Vec::new();
            let (read, digest) = ahead(bytes.as_slice(), |e| e, |input| input.read_to_end(&mut got)).unwrap();
            assert_eq!((read, digest), (length, hex::encode(Sha256::digest(&bytes))));
            assert_eq!(got, bytes);
        }
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        let mut got = Vec::new();
        let failed = ahead(b"before".chain(Broken), |e| e, |input| input.read_to_end(&mut got));
        assert_eq!(failed.unwrap_err().to_string(), "unplugged");
        assert_eq!(got, b"before");
    }

    #[test]
    fn whoever_stops_early_is_not_waited_for() {
        let endless = io::repeat(b'x');
        let read = ahead(endless, |e| e, |input| input.fill_buf().map(|first| first.len()));
        assert!(read.unwrap().0 > 0);
    }
}
