//! Sealing and opening with age, streaming.
//!
//! Format: <https://age-encryption.org/v1>: a header of text lines that holds the file's key once for each way to open
//! it, closed by a MAC, then the content in authenticated chunks of 64 KiB of which the last one says that it is.

use std::io::{self, Cursor, Read, Write};

use age::{DecryptError, Decryptor, EncryptError, Encryptor, Identity, Recipient, scrypt};

use super::{Error, Lock, Passphrase, Unlock};

/// How many bytes of a file's beginning [`is_sealed`] wants to see.
pub const SEAL_HEAD: usize = 40;

const FAMILY: &[u8] = b"age-encryption.org/";
const FIRST_LINE: &[u8] = b"age-encryption.org/v1\n";
const ARMORED: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// Longest header in bytes that is read; one recipient takes 98.
const MAX_HEADER: usize = 32 << 10;
/// Most lines of a header; one recipient takes two. The reader of age begins anew with every line, so that its time grows
/// with the square of their number.
const MAX_LINES: usize = 512;
/// Last line of the header: `--- `, 43 characters, line end.
const LAST_LINE: usize = 48;
/// Binary logarithm of scrypt's cost when sealing, as the age tool chooses it: 256 MiB and about a second. It is not
/// measured, because a fast machine that seals would choose what a weak one in the field cannot open.
const WORK_FACTOR: u8 = 18;
/// What is accepted when opening: 1 GiB and a few seconds. Other tools measure and choose more than 18 on fast machines.
const MAX_WORK_FACTOR: u8 = 20;
/// Bytes copied at once.
const PIECE: usize = 64 << 10;

/// Whether the beginning of a file is that of a sealed one, of whatever version, also of an armored one, which [`open`]
/// refuses with advice.
pub fn is_sealed(head: &[u8]) -> bool {
    head.starts_with(FAMILY) || head.starts_with(ARMORED)
}

/// Seals everything that the input has, and returns how many bytes that was.
///
/// The output is complete only when this succeeds; it is neither flushed to disk nor named here. A lost passphrase
/// or key means a lost file: nobody can recover it.
///
/// # Errors
/// When the input or the output fails. What was written then must be dropped.
pub fn seal(input: impl Read, output: impl Write, lock: &Lock) -> Result<u64, Error> {
    match lock {
        Lock::Passphrase(passphrase) => seal_with_work(input, output, passphrase, WORK_FACTOR),
        Lock::Recipients(recipients) => {
            let recipients = recipients.0.iter().map(|recipient| -> &dyn Recipient { recipient });
            seal_for(input, output, Encryptor::with_recipients(recipients))
        }
    }
}

/// Seals with a passphrase and a stated work factor.
pub(super) fn seal_with_work(
    input: impl Read,
    output: impl Write,
    passphrase: &Passphrase,
    work_factor: u8,
) -> Result<u64, Error> {
    let mut recipient = scrypt::Recipient::new(passphrase.0.clone());
    recipient.set_work_factor(work_factor);
    let recipient: &dyn Recipient = &recipient;
    seal_for(input, output, Encryptor::with_recipients(std::iter::once(recipient)))
}

fn seal_for(
    input: impl Read,
    output: impl Write,
    encryptor: Result<Encryptor, EncryptError>,
) -> Result<u64, Error> {
    let encryptor = encryptor.map_err(|error| Error::Seal(error.to_string()))?;
    let mut sealed = encryptor.wrap_output(output).map_err(Error::Write)?;
    let length = copy(input, &mut sealed, Error::Read)?;
    let mut output = sealed.finish().map_err(Error::Write)?;
    output.flush().map_err(Error::Write)?;
    Ok(length)
}

/// Opens a sealed file: writes what was sealed to the output and returns how many bytes that was.
///
/// Every chunk is authenticated before it is written, but only the end proves that nothing was cut off. **On an error
/// nothing of what was written may be used: the caller drops it.** What is restricted is opened into memory only.
///
/// Memory is bounded whatever the file says: for scrypt 1 GiB at most, else less than 1 MiB.
///
/// # Errors
/// When the file is not sealed, is sealed in a way that is not read, cannot be opened with what was given, or is not
/// as it was when it was sealed; when it asks for excessive work; when the input or the output fails.
pub fn open(mut input: impl Read, mut output: impl Write, unlock: &Unlock) -> Result<u64, Error> {
    let header = read_header(&mut input)?;
    let decryptor =
        Decryptor::new_buffered(Cursor::new(header).chain(io::BufReader::with_capacity(PIECE, input)))
            .map_err(|error| header_error(error, Error::Altered))?;
    let plain = match (unlock, decryptor.is_scrypt()) {
        (Unlock::Passphrase(passphrase), true) => {
            let mut identity = scrypt::Identity::new(passphrase.0.clone());
            identity.set_max_work_factor(MAX_WORK_FACTOR);
            let identity: &dyn Identity = &identity;
            decryptor
                .decrypt(std::iter::once(identity))
                .map_err(|error| header_error(error, Error::WrongPassphrase))?
        }
        (Unlock::Identities(identities), false) => decryptor
            .decrypt(identities.0.iter().map(|identity| -> &dyn Identity { identity }))
            .map_err(|error| header_error(error, Error::WrongKey))?,
        (Unlock::Identities(_), true) => return Err(Error::NeedsPassphrase),
        (Unlock::Passphrase(_), false) => return Err(Error::NeedsKey),
    };
    let length = copy(plain, &mut output, content_error)?;
    output.flush().map_err(Error::Write)?;
    Ok(length)
}

/// Reads at least the header, at most as much as the longest one has, and checks that the header ends in it: the
/// reader of age would follow a line without end, and a header without end.
fn read_header(input: &mut impl Read) -> Result<Vec<u8>, Error> {
    let mut head = Vec::with_capacity(MAX_HEADER);
    let limit = u64::try_from(MAX_HEADER).unwrap_or(u64::MAX);
    input.take(limit).read_to_end(&mut head).map_err(Error::Read)?;
    if head.starts_with(ARMORED) {
        return Err(Error::Armored);
    }
    if !head.starts_with(FAMILY) {
        return Err(Error::NotSealed);
    }
    if !head.starts_with(FIRST_LINE) {
        // Cut off, or its line end was rewritten in transfer: still this version, and damaged.
        let this_version = FIRST_LINE.starts_with(&head) || head.starts_with(FIRST_LINE.trim_ascii_end());
        return Err(if this_version { Error::Altered } else { Error::SealVersion });
    }
    let mut lines = head.split_inclusive(|byte| *byte == b'\n').take(MAX_LINES);
    match lines.find(|line| line.starts_with(b"---")) {
        Some(last) if last.len() == LAST_LINE && last.ends_with(b"\n") => Ok(head),
        _ => Err(Error::Altered),
    }
}

/// What an error of age about the header means; `locked` where what was given does not open it.
fn header_error(error: DecryptError, locked: Error) -> Error {
    match error {
        DecryptError::ExcessiveWork { required, .. } => {
            Error::ExcessiveWork { required, most: MAX_WORK_FACTOR }
        }
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            locked
        }
        DecryptError::UnknownFormat => Error::SealVersion,
        DecryptError::Io(error) => content_error(error),
        _ => Error::Altered,
    }
}

/// What an error of the reader that opens chunks means: its own two kinds, or one of the file below it.
fn content_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Error::Altered,
        _ => Error::Read(error),
    }
}

/// Copies to the end, telling errors of reading from those of writing.
fn copy(
    mut input: impl Read,
    mut output: impl Write,
    unread: impl FnOnce(io::Error) -> Error,
) -> Result<u64, Error> {
    let mut piece = age::secrecy::zeroize::Zeroizing::new(vec![0; PIECE]);
    let mut length = 0_u64;
    loop {
        let read = match input.read(&mut piece) {
            Ok(0) => return Ok(length),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unread(error)),
        };
        output.write_all(piece.get(..read).unwrap_or_default()).map_err(Error::Write)?;
        length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
}
