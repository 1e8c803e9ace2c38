//! Damaged images give problems with places, and cost nothing that can still be read.

use super::kit::{Kit, demo_image, demo_list, has, paths};

/// The demonstration medium as raw bytes.
fn raw(kit: &Kit) -> Option<Vec<u8>> {
    if !has("ewfexport") {
        return None;
    }
    let done = std::process::Command::new("ewfexport")
        .args(["-q", "-u", "-f", "raw", "-t"])
        .arg(kit.path("demo"))
        .arg(demo_image())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(std::fs::read(kit.path("demo.raw")).unwrap())
}

fn scan(kit: &Kit, name: &str) -> super::kit::Done {
    let pictures = demo_list("demo-pictures.json");
    kit.run([
        "scan".as_ref(),
        name.as_ref(),
        "--profile".as_ref(),
        "uk".as_ref(),
        "--alert".as_ref(),
        pictures.as_os_str(),
    ])
}

#[test]
fn an_image_cut_off_inside_a_partition_keeps_what_lies_before_the_cut() {
    let kit = Kit::new();
    let Some(mut medium) = raw(&kit) else { return };
    medium.truncate(medium.len() - 3_000_000);
    kit.write("cut.dd", &medium);
    let done = scan(&kit, "cut.dd");
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("problem"), "{}", done.stdout);
    assert!(paths(&kit.findings()).iter().any(|path| path.contains("IMG_0003")));
}

#[test]
fn an_image_without_its_partition_table_is_said_loudly_and_is_not_an_empty_one() {
    let kit = Kit::new();
    let Some(mut medium) = raw(&kit) else { return };
    medium[..512].fill(0);
    kit.write("wiped.dd", &medium);
    let done = scan(&kit, "wiped.dd");
    assert_eq!(done.code, 2, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("no file system is recognised"), "{}", done.stdout);
    assert!(done.stdout.contains("examination incomplete"), "{}", done.stdout);
}

#[test]
fn a_flipped_byte_in_an_e01_chunk_is_unreadable_and_never_a_digest() {
    let kit = Kit::new();
    let image = std::fs::read(demo_image()).unwrap();
    let mut unreadable = 0;
    // Somewhere in the middle of the compressed chunks.
    for part in [3, 4, 5, 6] {
        let mut damaged = image.clone();
        let place = damaged.len() * part / 8;
        damaged[place] ^= 0x10;
        let name = format!("damaged{part}.E01");
        kit.write(&name, &damaged);
        let done = scan(&kit, &name);
        assert!(done.code == 1 || done.code == 2, "{}{}", done.stdout, done.stderr);
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        assert!(done.stdout.contains("problem"), "a flipped byte went unnoticed: {}", done.stdout);
        unreadable += usize::from(done.stdout.contains("unreadable") || done.stdout.contains("corrupt"));
    }
    assert_eq!(unreadable, 4);
}

#[test]
fn a_source_of_noise_or_of_zeros_is_not_recognised_and_never_a_crash() {
    let kit = Kit::new();
    for (name, content) in
        [("zeros.dd", vec![0; 1 << 20]), ("noise.dd", super::kit::noise(77, 1 << 20)), ("tiny.dd", vec![1])]
    {
        kit.write(name, content);
        let done = scan(&kit, name);
        assert_eq!(done.code, 2, "{name}: {}{}", done.stdout, done.stderr);
        // Noise may be wiped space, or an encrypted container without a header: nobody can tell, so a person must look.
        let told =
            if name == "noise.dd" { "possible encrypted volume" } else { "no file system is recognised" };
        assert!(done.stdout.contains(told), "{name}: {}", done.stdout);
        assert_eq!(name == "noise.dd", done.stdout.contains("REVIEW"), "{name}: {}", done.stdout);
    }
}
