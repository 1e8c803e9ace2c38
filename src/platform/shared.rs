//! Bytes that the recorder and every examiner share: the compiled hash sets.

use std::fs::File;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::Token;

/// Read-only bytes, in memory that other processes may share.
pub enum SharedBytes {
    /// Sealed memory that can be handed on.
    #[cfg(target_os = "linux")]
    Sealed {
        /// The handle to hand on.
        file: File,
        /// Its bytes.
        map: memmap2::Mmap,
    },
    /// Memory of this process.
    Owned(Vec<u8>),
}

/// How an examiner gets hold of shared bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SharedToken {
    /// It maps the inherited memory.
    Memory(Token),
    /// That many bytes follow the order on its standard input.
    Piped(u64),
}

impl SharedBytes {
    /// Puts bytes into memory that can be shared, where the operating system can do that.
    ///
    /// # Errors
    /// When the memory cannot be had.
    #[cfg(target_os = "linux")]
    pub fn new(bytes: Vec<u8>) -> io::Result<Self> {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let mut file =
            File::from(memfd_create("onscene-set", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        io::Write::write_all(&mut file, &bytes)?;
        drop(bytes);
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let map = map_sealed(&file)?;
        Ok(Self::Sealed { file, map })
    }

    /// Keeps the bytes in this process.
    ///
    /// # Errors
    /// Never here.
    #[cfg(not(target_os = "linux"))]
    pub fn new(bytes: Vec<u8>) -> io::Result<Self> {
        Ok(Self::Owned(bytes))
    }

    /// The file that must be inherited for the token to work, if one must.
    pub const fn file(&self) -> Option<&File> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { file, .. } => Some(file),
            Self::Owned(_) => None,
        }
    }

    /// The token for an examiner.
    pub fn token(&self) -> SharedToken {
        match self.file() {
            Some(file) => SharedToken::Memory(Token::of(file, std::path::Path::new(""))),
            None => SharedToken::Piped(crate::read::size(self.as_ref().len())),
        }
    }

    /// Takes over what the recorder shared. `rest` is what follows the order on standard input.
    ///
    /// # Errors
    /// When the memory is not sealed or the bytes do not arrive.
    pub fn adopt(token: &SharedToken, rest: &mut dyn Read) -> io::Result<Self> {
        match token {
            #[cfg(target_os = "linux")]
            SharedToken::Memory(token) => {
                let file = super::adopt(token)?;
                let map = map_sealed(&file)?;
                Ok(Self::Sealed { file, map })
            }
            #[cfg(not(target_os = "linux"))]
            SharedToken::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
            SharedToken::Piped(length) => {
                let mut bytes = Vec::new();
                let got = rest.take(*length).read_to_end(&mut bytes)?;
                match crate::read::size(got) == *length {
                    true => Ok(Self::Owned(bytes)),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { map, .. } => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

#[cfg(target_os = "linux")]
fn map_sealed(file: &File) -> io::Result<memmap2::Mmap> {
    use rustix::fs::{SealFlags, fcntl_get_seals};
    let needed = SealFlags::WRITE | SealFlags::SHRINK;
    if !fcntl_get_seals(file)?.contains(needed) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the shared hash set is not sealed"));
    }
    // SAFETY: the memory is sealed against writing and shrinking by anyone, so the slice never changes and no
    // page of it can disappear; it is no file of a disk that could be unplugged.
    #[expect(unsafe_code)]
    unsafe {
        memmap2::Mmap::map(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_whole_or_not_at_all() {
        let shared = SharedBytes::new(b"known digests".to_vec()).unwrap();
        assert_eq!(shared.as_ref(), b"known digests");
        let piped = SharedToken::Piped(5);
        assert_eq!(SharedBytes::adopt(&piped, &mut &b"12345678"[..]).unwrap().as_ref(), b"12345");
        assert!(SharedBytes::adopt(&piped, &mut &b"1234"[..]).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shared_memory_cannot_be_written_by_anyone() {
        let shared = SharedBytes::new(b"known".to_vec()).unwrap();
        let mut file = shared.file().unwrap();
        assert!(io::Write::write_all(&mut file, b"other").is_err());
        assert!(file.set_len(0).is_err());
    }
}
