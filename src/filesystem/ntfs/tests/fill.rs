//! What the volumes of the tests hold: whatever NTFS finds hard.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};

use super::*;
use crate::filesystem::trial::{bytes, md5};

/// Fills a volume; returns size and digest of each file and stream, by path.
/// `step` is more than twice a cluster.
pub(super) fn fill(root: &Path, step: u64) -> BTreeMap<String, (u64, String)> {
    let mut expected = BTreeMap::new();
    let mut put = |path: &str, content: &[u8]| {
        let place = root.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, content).unwrap();
        expected.insert(path.to_owned(), (content.len() as u64, md5(content)));
    };
    for (seed, size) in [0, 1, 511, 650, 700, 1023, 4096, 4097, 70_000, 600_000].iter().enumerate() {
        put(&format!("sizes/of {size} bytes.bin"), &bytes(seed as u64, *size));
    }
    for number in 0..150 {
        put(&format!("many/IMG_{number:05}_with_a_rather_long_name.jpg"), &bytes(number + 1000, 10));
    }
    put(&("d/".repeat(30) + "deep.txt"), b"deep");
    put("unicode \u{30cd}\u{30b3} \u{202e}gpj.exe", b"name");
    put("astral \u{1f600}", b"pairs");
    for (name, content) in
        [("small", bytes(70, 30)), ("large", bytes(71, 50_000)), ("\u{e9}t\u{e9}", bytes(72, 700))]
    {
        put(&format!("with streams.txt:{name}"), &content);
    }
    put("with streams.txt", b"main");
    put("a directory/inside.txt", b"inside");
    put("a directory:of its own", b"stream of a directory");
    // More streams than a record has room for, small ones and large ones.
    for number in 0..60 {
        put(&format!("crowded.bin:stream {number:02}"), &bytes(number + 2000, 20 + 30 * number as usize));
    }
    put("crowded.bin", &bytes(2999, 5000));
    put("linked/first name", &bytes(80, 9000));
    for number in 0..40 {
        let name = format!("linked/another name of the same file, number {number}");
        std::fs::hard_link(root.join("linked/first name"), root.join(&name)).unwrap();
    }
    let content = (9000, md5(&bytes(80, 9000)));
    expected.extend(
        (0..40).map(|n| (format!("linked/another name of the same file, number {n}"), content.clone())),
    );
    // Every other place is a hole: the mapping needs several records.
    sparse(&root.join("fragmented.bin"), (11 << 20) / step, step);
    std::os::unix::fs::symlink("sizes", root.join("a link")).unwrap();
    for path in compressed(root).into_iter().chain(["fragmented.bin".to_owned()]) {
        let content = std::fs::read(root.join(&path)).unwrap();
        expected.insert(path, (content.len() as u64, md5(&content)));
    }
    expected
}

/// Files in a folder whose content is compressed, where the volume allows it.
fn compressed(root: &Path) -> Vec<String> {
    let folder = root.join("compressed");
    std::fs::create_dir(&folder).unwrap();
    let attribute = ["-h", "-n", "system.ntfs_attrib_be", "-v", "0x00000800"];
    let done = Command::new("setfattr").args(attribute).arg(&folder).output();
    if !done.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no attribute that compresses");
    }
    let text: Vec<u8> =
        b"compresses well, and better still, ".iter().copied().cycle().take(300_000).collect();
    let mixed =
        [bytes(90, 70_000), text.clone(), vec![0; 200_000], bytes(91, 3), text[..777].to_vec()].concat();
    let numbers: Vec<u8> = (0..60_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    for (name, content) in
        [("text", &text), ("mixed", &mixed), ("noise", &bytes(92, 200_000)), ("numbers", &numbers)]
    {
        std::fs::write(folder.join(name), content).unwrap();
    }
    ["text", "mixed", "noise", "numbers"].map(|name| format!("compressed/{name}")).to_vec()
}

/// A file with `pieces` pieces, one every `step` bytes, and as many holes.
pub(super) fn sparse(path: &Path, pieces: u64, step: u64) {
    let mut file = std::fs::File::create(path).unwrap();
    for number in 0..pieces {
        file.seek(SeekFrom::Start(number * step)).unwrap();
        file.write_all(&bytes(number + 7, 100)).unwrap();
    }
}
