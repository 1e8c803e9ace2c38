//! The decoders of the overlay filter against an independent compressor, and against damage.

use std::process::Command;

use super::*;
use crate::filesystem::trial::{Random, bytes};
use crate::read::Memory;

/// Compresses chunks with wimlib, by its C interface: each chunk of the input, or as it is when it does not get smaller.
const COMPRESS: &str = r"
import ctypes, ctypes.util, sys
lib = ctypes.CDLL(ctypes.util.find_library('wim') or 'libwim.so.15')
kind, chunk, level, source, target = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
lib.wimlib_compress.restype = ctypes.c_size_t
lib.wimlib_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
compressor = ctypes.c_void_p()
lib.wimlib_create_compressor.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_uint, ctypes.POINTER(ctypes.c_void_p)]
assert lib.wimlib_create_compressor(kind, chunk, level, ctypes.byref(compressor)) == 0
data = open(source, 'rb').read()
chunks = []
for at in range(0, len(data), chunk):
    piece = data[at:at + chunk]
    room = ctypes.create_string_buffer(len(piece))
    size = lib.wimlib_compress(piece, len(piece), room, len(piece) - 1, compressor)
    chunks.append(room.raw[:size] if size else piece)
places, place = b'', 0
for piece in chunks[:-1]:
    place += len(piece)
    places += place.to_bytes(4, 'little')
open(target, 'wb').write(places + b''.join(chunks))
";

/// Content as the overlay filter would keep it; `None`, said aloud, without the tools.
pub(in crate::filesystem::ntfs) fn pack(content: &[u8], packing: Packing, level: u32) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::write(&source, content).unwrap();
    let kind = if packing == Packing::Lzx { "2" } else { "1" };
    let python = Command::new("python3")
        .args(["-c", COMPRESS, kind, &packing.chunk().to_string(), &level.to_string()])
        .args([&source, &target])
        .output();
    match python {
        Ok(output) if output.status.success() => Some(std::fs::read(&target).unwrap()),
        other => {
            eprintln!("skipped: no wimlib to compress with: {other:?}");
            None
        }
    }
}

/// What compressors find easy and hard: text, numbers, machine code with calls, noise, long repetitions.
pub(in crate::filesystem::ntfs) fn sample(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed | 1);
    let mut sample = Vec::new();
    while sample.len() < length {
        match random.below(6) {
            0 => sample.extend(bytes(random.next(), 1 + random.below(900) as usize)),
            1 => sample.extend(b"the quick brown fox jumps over the lazy dog. ".iter().cycle().take(500)),
            2 => sample.extend((0..300_u32).flat_map(|n| (n * 3).to_le_bytes())),
            3 => {
                for _ in 0..80 {
                    let target = random.below(1 << 20) as i32 - (1 << 19);
                    sample.extend([0x55, 0x8b, 0xec, 0xe8]);
                    sample.extend(target.to_le_bytes());
                }
            }
            4 => sample.resize(sample.len() + random.below(70_000) as usize, random.next() as u8),
            _ => {
                let start = random.below(1 + sample.len() as u64) as usize;
                let piece: Vec<u8> =
                    sample[start..].iter().copied().take(random.below(3000) as usize).collect();
                sample.extend(piece);
            }
        }
    }
    sample.truncate(length);
    sample
}

const ALL: [Packing; 4] = [Packing::Xpress(12), Packing::Xpress(13), Packing::Xpress(14), Packing::Lzx];

fn unpack(packed: Vec<u8>, packing: Packing, length: usize) -> Result<Vec<u8>> {
    let overlay = Overlay::new(Box::new(Memory(packed)), packing, size(length))?;
    Ok(overlay.read_vec(0, length)?)
}

#[test]
fn what_wimlib_compresses_is_unpacked_again() {
    for packing in ALL {
        for (seed, length, level) in [(1, 1, 50), (2, 4096, 20), (3, 500_000, 20), (4, 300_001, 100)] {
            let content = sample(seed, length);
            let Some(packed) = pack(&content, packing, level) else { return };
            assert!(length < 5000 || packed.len() < length * 9 / 10, "{packing:?}: {} bytes", packed.len());
            assert!(unpack(packed, packing, length).unwrap() == content, "{packing:?} {seed} {level}");
        }
    }
}

#[test]
fn damage_is_an_error_or_wrong_bytes_and_nothing_worse() {
    let mut random = Random(99);
    for packing in ALL {
        let content = sample(5, 60_000);
        let Some(packed) = pack(&content, packing, 50) else { return };
        for _ in 0..300 {
            let mut damaged = packed.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(damaged.len() as u64) as usize;
                damaged[at] ^= 1 << random.below(8);
            }
            if random.below(4) == 0 {
                damaged.truncate(random.below(damaged.len() as u64) as usize);
            }
            let _ = unpack(damaged, packing, content.len());
        }
    }
    assert!(unpack(vec![0; 100], Packing::Lzx, 1 << 40).is_err());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(packed: Vec<u8>, length in 1_usize..40_000) {
        if let Ok(unpacked) = lzx::decode(&packed, length) {
            assert_eq!(unpacked.len(), length);
        }
        let mut padded = vec![0x11; 256];
        padded.extend(&packed);
        if let Ok(unpacked) = xpress::decode(&padded, length) {
            assert_eq!(unpacked.len(), length);
        }
    }
}
