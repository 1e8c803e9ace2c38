//! The same source, sets and options give the same bytes, on any number of threads.

use super::kit::{Kit, demo_image, demo_list, md5, noise};

#[test]
fn findings_json_is_byte_for_byte_the_same_with_1_2_and_8_threads() {
    let kit = Kit::new();
    let mut list = String::new();
    for number in 0..400_u64 {
        let content = noise(number, (number * 37 % 9000) as usize);
        if number % 3 == 0 {
            list.push_str(&format!("{}\n", md5(&content)));
        }
        kit.write(&format!("stick/{}/{number}.bin", number % 7), &content);
    }
    kit.write("list.txt", list);
    let pictures = demo_list("demo-pictures.json");
    let mut reports = Vec::new();
    for threads in ["1", "2", "8", "8"] {
        let mut arguments: Vec<std::ffi::OsString> =
            ["scan", "stick", "--alert", "list.txt", "--profile", "uk"].map(Into::into).to_vec();
        arguments.extend([
            "--threads".into(),
            threads.into(),
            "--alert".into(),
            pictures.clone().into(),
            demo_image().into(),
        ]);
        let done = kit.run(&arguments);
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    }
    for run in kit.runs() {
        reports.push(std::fs::read(run.join("findings.json")).unwrap());
    }
    assert_eq!(reports.len(), 4);
    assert!(reports[0].len() > 10_000);
    assert!(reports.windows(2).all(|pair| pair[0] == pair[1]), "findings.json differs between runs");
}
