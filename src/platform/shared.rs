//! Bytes that the recorder and every examiner share: the compiled hash sets.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{EvidenceFile, Token};
use crate::read::{Memory, ReadAt, Unreadable, size};

/// Read-only bytes that other processes may share.
pub enum SharedBytes {
    /// Sealed memory that can be handed on.
    #[cfg(target_os = "linux")]
    Sealed {
        /// The handle to hand on.
        file: File,
        /// Its bytes.
        map: memmap2::Mmap,
    },
    /// A file of a disk that stays where it is.
    #[cfg(unix)]
    Mapped {
        /// The handle to hand on.
        file: File,
        /// Its bytes.
        map: FileMap,
    },
    /// A file that is read by position: its disk may be pulled out, which would kill whoever has it mapped.
    Positional {
        /// The handle to hand on.
        file: File,
        /// The same, for reading.
        reader: EvidenceFile,
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
    /// It maps the inherited file.
    Mapped(Token),
    /// It reads the inherited file by position.
    Positional(Token),
    /// That many bytes follow the order on its standard input.
    Piped(u64),
}

impl SharedBytes {
    /// Puts bytes into memory that can be shared, where the operating system can do that.
    ///
    /// # Errors
    /// When the memory cannot be had.
    pub fn new(bytes: Vec<u8>) -> io::Result<Self> {
        Self::written(|out| out.write_all(&bytes))
    }

    /// The same for bytes that come as they are made. They are in memory only, of which the operating system may put
    /// parts into its swap space.
    ///
    /// # Errors
    /// When the memory cannot be had, or whatever `fill` gives.
    #[cfg(target_os = "linux")]
    pub fn written<E: From<io::Error>>(
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Self, E> {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        let memory = memfd_create("onscene-set", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING);
        let mut out = io::BufWriter::with_capacity(1 << 20, File::from(memory.map_err(io::Error::from)?));
        fill(&mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)
            .map_err(io::Error::from)?;
        let map = map_sealed(&file)?;
        Ok(Self::Sealed { file, map })
    }

    /// Keeps the bytes in this process.
    ///
    /// # Errors
    /// Whatever `fill` gives.
    #[cfg(not(target_os = "linux"))]
    pub fn written<E: From<io::Error>>(
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Vec::new();
        fill(&mut bytes)?;
        Ok(Self::Owned(bytes))
    }

    /// Opens a file: mapped where its disk cannot go away, else read by position.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        #[cfg(unix)]
        if super::devices::is_fixed(&file) {
            return Self::mapped(file);
        }
        Self::positional(file)
    }

    #[cfg(unix)]
    fn mapped(file: File) -> io::Result<Self> {
        let map = FileMap::new(&file)?;
        Ok(Self::Mapped { file, map })
    }

    fn positional(file: File) -> io::Result<Self> {
        let reader = EvidenceFile::new(file.try_clone()?)?;
        Ok(Self::Positional { file, reader })
    }

    /// Whether the bytes may come out differently when they are read again, so that each reading must be checked.
    pub const fn is_doubtful(&self) -> bool {
        matches!(self, Self::Positional { .. })
    }

    /// The file that must be inherited for the token to work, if one must.
    pub const fn file(&self) -> Option<&File> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { file, .. } => Some(file),
            #[cfg(unix)]
            Self::Mapped { file, .. } => Some(file),
            #[cfg(unix)]
            Self::Positional { file, .. } => Some(file),
            #[cfg(not(unix))]
            Self::Positional { .. } => None,
            Self::Owned(_) => None,
        }
    }

    /// The token for an examiner.
    pub fn token(&self) -> SharedToken {
        #[cfg(unix)]
        let token = |file| Token::of(file, Path::new(""));
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { file, .. } => SharedToken::Memory(token(file)),
            #[cfg(unix)]
            Self::Mapped { file, .. } => SharedToken::Mapped(token(file)),
            #[cfg(unix)]
            Self::Positional { file, .. } => SharedToken::Positional(token(file)),
            _ => SharedToken::Piped(self.size()),
        }
    }

    /// Writes the bytes where an examiner waits for them that cannot inherit them.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub fn pipe(&self, out: &mut dyn Write) -> io::Result<()> {
        let (mut at, mut block) = (0, vec![0; 1 << 20]);
        while at < self.size() {
            let read = self.read_at(at, &mut block).map_err(|error| io::Error::other(error.to_string()))?;
            if read == 0 {
                // Made shorter meanwhile: what follows would be taken for the rest of the set.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            out.write_all(block.get(..read).unwrap_or_default())?;
            at = at.saturating_add(size(read));
        }
        Ok(())
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
            #[cfg(unix)]
            SharedToken::Mapped(token) => Self::mapped(super::adopt(token)?),
            #[cfg(unix)]
            SharedToken::Positional(token) => Self::positional(super::adopt(token)?),
            #[cfg(not(target_os = "linux"))]
            SharedToken::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(not(unix))]
            SharedToken::Mapped(_) | SharedToken::Positional(_) => Err(io::ErrorKind::Unsupported.into()),
            SharedToken::Piped(length) => {
                let mut bytes = Vec::new();
                let got = rest.take(*length).read_to_end(&mut bytes)?;
                match size(got) == *length {
                    true => Ok(Self::Owned(bytes)),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }
}

impl ReadAt for SharedBytes {
    fn size(&self) -> u64 {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { map, .. } => size(map.len()),
            #[cfg(unix)]
            Self::Mapped { map, .. } => size(map.length()),
            Self::Positional { reader, .. } => reader.size(),
            Self::Owned(bytes) => size(bytes.len()),
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Unreadable> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Sealed { map, .. } => Memory(&map[..]).read_at(offset, buffer),
            #[cfg(unix)]
            Self::Mapped { map, .. } => Ok(map.copy(offset, buffer)),
            Self::Positional { reader, .. } => reader.read_at(offset, buffer),
            Self::Owned(bytes) => Memory(bytes).read_at(offset, buffer),
        }
    }
}

/// A file of a disk in the memory of this process. Nothing refers to its bytes, which another program might change:
/// they are copied out.
#[cfg(unix)]
pub struct FileMap(memmap2::MmapRaw);

#[cfg(unix)]
impl FileMap {
    fn new(file: &File) -> io::Result<Self> {
        memmap2::MmapOptions::new().map_raw_read_only(file).map(Self)
    }

    fn length(&self) -> usize {
        self.0.len()
    }

    /// Copies bytes from an offset on into the front of the buffer and returns how many there are.
    fn copy(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let Ok(offset) = usize::try_from(offset) else { return 0 };
        let length = self.length().saturating_sub(offset).min(buffer.len());
        if length == 0 {
            return 0;
        }
        // SAFETY: `offset + length` is at most the length of the map and `length` at most that of the buffer, which
        // is ours alone and therefore no part of the map. No reference to the map exists, so that a program that
        // changes the file meanwhile changes what is copied and nothing else; whoever reads checks what he got. A
        // file that is made shorter while it is open ends this process: sets are mapped on disks that stay.
        #[expect(unsafe_code)]
        unsafe {
            std::ptr::copy_nonoverlapping(self.0.as_ptr().add(offset), buffer.as_mut_ptr(), length);
        }
        length
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

    fn all(bytes: &SharedBytes) -> Vec<u8> {
        bytes.read_vec(0, usize::try_from(bytes.size()).unwrap()).unwrap()
    }

    #[test]
    fn bytes_arrive_whole_or_not_at_all() {
        let shared = SharedBytes::new(b"known digests".to_vec()).unwrap();
        assert_eq!(all(&shared), b"known digests");
        let mut piped = Vec::new();
        shared.pipe(&mut piped).unwrap();
        assert_eq!(piped, b"known digests");
        let piped = SharedToken::Piped(5);
        assert_eq!(all(&SharedBytes::adopt(&piped, &mut &b"12345678"[..]).unwrap()), b"12345");
        assert!(SharedBytes::adopt(&piped, &mut &b"1234"[..]).is_err());
    }

    #[test]
    fn a_file_gives_the_same_bytes_mapped_and_by_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.set");
        let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &bytes).unwrap();
        let open = || File::open(&path).unwrap();
        let mut ways = vec![SharedBytes::open(&path).unwrap(), SharedBytes::positional(open()).unwrap()];
        #[cfg(unix)]
        ways.push(SharedBytes::mapped(open()).unwrap());
        for shared in ways {
            assert_eq!((shared.size(), all(&shared)), (400_000, bytes.clone()));
            let mut tail = [0; 16];
            assert_eq!(shared.read_at(399_990, &mut tail).unwrap(), 10);
            assert_eq!(
                (shared.read_at(400_000, &mut tail).unwrap(), tail[..10].to_vec()),
                (0, bytes[399_990..].to_vec())
            );
        }
        assert!(SharedBytes::open(folder.path()).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn shared_memory_cannot_be_written_by_anyone() {
        let shared = SharedBytes::new(b"known".to_vec()).unwrap();
        let mut file = shared.file().unwrap();
        assert!(file.write_all(b"other").is_err());
        assert!(file.set_len(0).is_err());
    }
}
