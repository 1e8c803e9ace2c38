//! Volumes built by the documentation of the format, looked at by two other tools as well.

#![allow(clippy::arithmetic_side_effects)]

use std::process::Command;

use super::super::tests::Random;
use super::*;
use crate::read::Memory;

const SIZE: usize = 4 << 20;
const BLOCKS: [u64; 3] = [0x10_0000, 0x20_0000, 0x30_0000];
const RECOVERY: [u8; 16] = *b"\x78\x56\x34\x12\xbc\x9a\xf0\xde\x01\x02\x03\x04\x05\x06\x07\x08";

fn entry(kind: u16, value: u16, data: &[u8]) -> Vec<u8> {
    let length = (8 + data.len()) as u16;
    [&length.to_le_bytes()[..], &kind.to_le_bytes(), &value.to_le_bytes(), &1_u16.to_le_bytes(), data]
        .concat()
}

/// A protector with the properties that its kind has.
fn protector(id: [u8; 16], kind: u16) -> Vec<u8> {
    let encrypted = entry(0, 5, &[0x11; 8 + 4 + 16 + 44 - 16]);
    let stretch = entry(0, 3, &[&0x1000_u32.to_le_bytes()[..], &[7; 16], &encrypted].concat());
    let key = entry(0, 1, &[&0x2003_u32.to_le_bytes()[..], &[9; 32]].concat());
    let head = [&id[..], &132_000_000_000_000_000_u64.to_le_bytes(), &[0, 0], &kind.to_le_bytes()].concat();
    let properties = match kind {
        0 => [key, encrypted].concat(),
        0x0800 | 0x2000 => [stretch, encrypted].concat(),
        _ => encrypted,
    };
    entry(2, 8, &[head, properties].concat())
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A volume with metadata blocks in three places; `to_go` with the first sector of a discovery volume.
fn volume(to_go: bool, method: u32, states: [u16; 2], protectors: &[u16]) -> Vec<u8> {
    let mut volume = vec![0; SIZE];
    volume[..3].copy_from_slice(b"\xeb\x58\x90");
    volume[3..11].copy_from_slice(if to_go { b"MSWIN4.1" } else { b"-FVE-FS-" });
    volume[11..14].copy_from_slice(&[0, 2, 8]);
    volume[510..512].copy_from_slice(&[0x55, 0xaa]);
    let at = if to_go { 424 } else { 160 };
    volume[at..at + 16].copy_from_slice(IDENTIFIER);
    for (index, place) in BLOCKS.iter().enumerate() {
        volume[at + 16 + 8 * index..][..8].copy_from_slice(&place.to_le_bytes());
    }
    let mut entries = entry(7, 2, &wide("LAPTOP C: 21.11.2026"));
    for (index, kind) in protectors.iter().enumerate() {
        let id = if *kind == 0x0800 { RECOVERY } else { [index as u8 + 1; 16] };
        entries.extend(protector(id, *kind));
    }
    entries.extend(entry(3, 5, &[0x22; 12 + 16 + 12 + 64]));
    entries.extend(entry(0x0f, 0x0f, &[0x4_0000_u64.to_le_bytes(), 8192_u64.to_le_bytes()].concat()));
    let length = (48 + entries.len()) as u32;
    let mut block = Vec::new();
    block.extend(SIGNATURE);
    block.extend([((64 + length as u16) / 16).to_le_bytes(), 2_u16.to_le_bytes()].concat());
    block.extend(states.map(u16::to_le_bytes).concat());
    block.extend((SIZE as u64).to_le_bytes());
    block.extend([0_u32.to_le_bytes(), 16_u32.to_le_bytes()].concat());
    block.extend(BLOCKS.map(u64::to_le_bytes).concat());
    block.extend(0x4_0000_u64.to_le_bytes());
    block.extend([length, 1, 48, length].map(u32::to_le_bytes).concat());
    block.extend([3; 16]);
    block.extend([8_u32, method].map(u32::to_le_bytes).concat());
    block.extend(132_000_000_000_000_000_u64.to_le_bytes());
    block.extend(entries);
    for place in BLOCKS {
        volume[place as usize..][..block.len()].copy_from_slice(&block);
    }
    volume
}

fn examined(volume: &[u8]) -> Encryption {
    BitLocker.examine(&Memory(volume)).unwrap()
}

#[test]
fn method_state_protectors_and_recovery_identifiers_are_said() {
    let found = examined(&volume(false, 0x8004, [4, 4], &[0x0100, 0x0800]));
    assert_eq!((found.name.as_str(), found.state), ("BitLocker", State::On));
    let sentence = found.sentence();
    for part in [
        "AES-XTS 128",
        "2 protectors of its key: TPM, recovery key with the ID 12345678 (in full 12345678-9ABC-DEF0-0102-030405060708)",
        "described as \"LAPTOP C: 21.11.2026\"",
        "made 2019-04-17T",
    ] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    assert_eq!(found.metadata.len(), 4);
    let to_go = examined(&volume(true, 0x8003, [4, 4], &[0x2000]));
    assert!(
        to_go.name == "BitLocker To Go" && to_go.sentence().contains("AES-CBC 256; 4"),
        "{}",
        to_go.sentence()
    );
}

#[test]
fn a_clear_key_and_work_in_progress_are_said() {
    let suspended = examined(&volume(false, 0x8002, [4, 4], &[0x0100, 0]));
    assert!(suspended.state == State::Suspended && suspended.advice.contains("without a password"));
    for (states, expected) in
        [([2, 4], State::Encrypting), ([5, 1], State::Decrypting), ([1, 1], State::NotYet)]
    {
        assert_eq!(examined(&volume(false, 0x8000, states, &[0x2000])).state, expected);
    }
}

#[test]
fn damaged_blocks_are_replaced_by_their_copies_and_old_words_are_not_believed() {
    let mut damaged = volume(false, 0x8004, [4, 4], &[0x0800]);
    damaged[BLOCKS[0] as usize] = 0;
    let found = examined(&damaged);
    assert!(
        found.sentence().contains("2 of its 3 metadata blocks can be used")
            && found.sentence().contains("12345678")
    );
    for place in BLOCKS {
        damaged[place as usize] = 0;
    }
    assert!(examined(&damaged).sentence().contains("its metadata cannot be read"));
    let mut formatted = volume(true, 0x8004, [4, 4], &[0x0800]);
    formatted[0x1_0000..].fill(0);
    assert_eq!(BitLocker.examine(&Memory(formatted)), None);
}

#[test]
fn volumes_of_vista_are_found_by_their_clusters() {
    let mut vista = volume(false, 0x8000, [4, 4], &[0x0200]);
    vista[160..200].fill(0);
    vista[56..64].copy_from_slice(&(BLOCKS[0] / 4096).to_le_bytes());
    for place in BLOCKS {
        vista[place as usize + 10] = 1;
    }
    let found = examined(&vista);
    assert_eq!((found.name.as_str(), found.metadata.len()), ("BitLocker (Windows Vista)", 4));
    assert!(
        found
            .sentence()
            .contains("AES-CBC 128 with diffuser; 1 protectors of its key: startup key (file 01010101-")
    );
}

#[test]
fn other_tools_read_the_built_volumes_in_the_same_way() {
    let kinds = [
        (0x8004, "AES-XTS 128", "aes-xts"),
        (0x8003, "AES-CBC 256", "aes-cbc"),
        (0x8000, "AES-CBC 128", "aes-cbc"),
    ];
    for (method, words, cipher) in kinds {
        let bytes = volume(false, method, [4, 4], &[0x0800, 0x2000]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let sentence = examined(&bytes).sentence();
        assert!(sentence.contains(words));
        match Command::new("bdeinfo").arg(file.path()).stdin(std::process::Stdio::null()).output() {
            Err(_) => eprintln!("skipped: bdeinfo is not installed"),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let lower = text.to_lowercase();
                assert!(lower.contains("12345678-9abc-def0-0102-030405060708"), "{text}");
                assert!(
                    text.contains("LAPTOP C: 21.11.2026") && lower.contains("recovery password"),
                    "{text}"
                );
                assert!(text.contains(words), "{text}");
            }
        }
        match Command::new("/usr/sbin/cryptsetup").arg("bitlkDump").arg(file.path()).output() {
            Err(_) => eprintln!("skipped: cryptsetup is not installed"),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    text.contains(cipher) && text.contains("12345678-9abc-def0-0102-030405060708"),
                    "{text}{why}"
                );
            }
        }
    }
}

#[test]
fn mutated_volumes_never_panic() {
    let whole = volume(false, 0x8004, [4, 4], &[0x0100, 0x0800, 0]);
    let mut random = Random(11);
    for round in 0..600_u64 {
        let mut damaged = whole.clone();
        for _ in 0..=random.next() % 12 {
            let start = [0, BLOCKS[0], BLOCKS[1], BLOCKS[2]][random.next() as usize % 4];
            damaged[(start + random.next() % 700) as usize] ^= 1 << (random.next() % 8);
        }
        if round.is_multiple_of(6) {
            damaged.truncate(random.next() as usize % SIZE);
        }
        if let Some(found) = BitLocker.examine(&Memory(damaged)) {
            assert!(found.sentence().len() < 1 << 17);
        }
    }
}
