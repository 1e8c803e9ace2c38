//! Frames between the two processes: a length, then one event as JSON. What arrives is treated as hostile.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest frame in bytes; a longer one is refused by both sides. Well below the longest line of a journal, whatever
/// a frame grows to when it is written there.
const MAX_FRAME: usize = 4 * 1024 * 1024;

/// Why a frame cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe broke.
    #[error("the pipe to the examiner broke: {0}")]
    Io(#[from] io::Error),
    /// The other side does not keep to the form.
    #[error("a frame of {length} bytes is not one of ours: {reason}")]
    Malformed {
        /// Its stated length.
        length: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Writes one frame. Does not flush.
///
/// # Errors
/// When the pipe is broken, or the content is longer than a frame may be.
pub fn write(output: &mut impl Write, content: &impl Serialize) -> Result<(), FrameError> {
    let bytes = serde_json::to_vec(content).map_err(io::Error::from)?;
    let malformed = |reason: &str| FrameError::Malformed { length: bytes.len(), reason: reason.into() };
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MAX_FRAME);
    output.write_all(&length.ok_or_else(|| malformed("too long"))?.to_le_bytes())?;
    output.write_all(&bytes)?;
    Ok(())
}

/// Reads one frame; `None` at the end of the stream.
///
/// # Errors
/// When the stream breaks off inside a frame or a frame is malformed.
pub fn read<T: DeserializeOwned>(input: &mut impl Read) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let malformed = |reason: String| FrameError::Malformed { length, reason };
    if length > MAX_FRAME {
        return Err(malformed(format!("longer than {MAX_FRAME} bytes")));
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Progress};
    use proptest::prelude::*;

    #[test]
    fn frames_arrive_as_they_were_sent_and_a_torn_one_is_an_error() {
        let event = Event::Progress(Progress { phase: "surveying".into(), ..Progress::default() });
        let mut pipe = Vec::new();
        write(&mut pipe, &event).unwrap();
        write(&mut pipe, &event).unwrap();
        let mut input = &pipe[..];
        assert_eq!(read::<Event>(&mut input).unwrap(), Some(event.clone()));
        assert_eq!(read::<Event>(&mut input).unwrap(), Some(event));
        assert_eq!(read::<Event>(&mut input).unwrap(), None);
        assert!(read::<Event>(&mut &pipe[..pipe.len() / 2 - 1]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Event>(&mut &bytes[..]);
        }
    }
}
