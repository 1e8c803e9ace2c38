//! What the sample list of each format gives.

use super::*;

#[test]
fn every_sample_list_gives_the_digests_of_hello_or_is_refused() {
    let Some(folder) = samples() else { return };
    // File, role, format, digests and PDQ hashes, entries, duplicates, empty, rejected.
    type Sample<'a> = (&'a str, Role, &'a str, &'a [&'a str], [u64; 4]);
    let read: &[Sample<'_>] = &[
        ("NSRLFile.txt", Role::KnownGood, "nsrl-v2", &[MD5, SHA1], [2, 0, 0, 0]),
        ("autopsy.kdb", Role::Alert, "autopsy-kdb", &[MD5], [1, 0, 0, 0]),
        ("bsd.txt", Role::Alert, "bsd", &[MD5, SHA1, SHA256], [3, 0, 0, 0]),
        ("caid12_nist_nonrds.json", Role::KnownGood, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("encase.hash", Role::Alert, "encase", &[MD5], [1, 0, 0, 0]),
        ("generic.csv", Role::Alert, "csv", &[MD5, SHA1], [2, 0, 0, 0]),
        ("hashdeep.txt", Role::Alert, "hashdeep", &[MD5, SHA1, SHA256], [3, 0, 0, 0]),
        ("hashkeeper.hsh", Role::KnownGood, "hashkeeper", &[MD5], [1, 0, 0, 0]),
        ("interpol_icse.csv", Role::Alert, "icse", &[MD5, SHA1], [2, 0, 0, 0]),
        ("md5sum.txt", Role::KnownGood, "md5sum", &[MD5], [1, 1, 0, 0]),
        ("ncmec_v2.xml", Role::Alert, "ncmec", &[MD5, SHA1], [2, 0, 0, 0]),
        ("pdq_meta.csv", Role::Alert, "pdq", &[PDQ], [0, 1, 0, 0]),
        ("rdsv3_minimal.db", Role::KnownGood, "nsrl-v3", &[MD5, SHA1, SHA256], [3, 0, 0, 0]),
        ("sha256sum_escaped.txt", Role::Alert, "md5sum", &[SHA256], [1, 0, 0, 0]),
        ("threatexchange_typed.txt", Role::Alert, "threatexchange", &[MD5, PDQ], [1, 0, 0, 0]),
        ("tsk_md5.idx", Role::Alert, "tsk-idx", &[MD5], [1, 0, 0, 0]),
        ("vics13_media.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("vics20_media.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 2, 0]),
        ("vics20_uk_case_export.json", Role::Alert, "vics", &[MD5, SHA1], [2, 0, 0, 0]),
        ("xways.txt", Role::Alert, "xways", &[MD5], [1, 0, 0, 0]),
    ];
    for (file, role, format, digests, counts) in read {
        let mut builder = Builder::new("set", *role, Profile::none());
        builder.add_file(&folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (summary, set) = opened(builder);
        assert_eq!(summary.format().split(' ').next(), Some(*format), "{file}");
        let found = [summary.entries, summary.duplicates, summary.empty_file, summary.rejected];
        assert_eq!(found, *counts, "{file}");
        assert_eq!(summary.entries + summary.near, digests.len() as u64, "{file}");
        let found = |digits: &str| if digits == PDQ { holds_pdq(&set, digits) } else { holds(&set, digits) };
        assert!(digests.iter().all(|digits| found(digits)), "{file}");
        use sha2::Digest as _;
        let sha256 = hex::encode(sha2::Sha256::digest(std::fs::read(folder.join(file)).unwrap()));
        assert_eq!((summary.name.as_str(), &summary.files[0].sha256), (*file, &sha256));
    }
    let refused = [
        ("caid12_nist_nonrds.json", "refused as alert: all of its 1 records are of category 0"),
        ("pdq_plain.txt", "line 1: 64 hexadecimal digits may be a SHA-256 or a PDQ hash"),
        ("plain_mixed.txt", "line 4: 64 hexadecimal digits may be a SHA-256 or a PDQ hash"),
        ("truncated_vics20.json", "truncated"),
    ];
    for (file, expected) in refused {
        let mut builder = Builder::new("set", Role::Alert, Profile::none());
        let message = builder.add_file(&folder.join(file)).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains(file), "{file}: {message}");
        assert_eq!(KnownSet::open(Memory(builder.finish().unwrap())).unwrap().len(), 0, "{file}");
    }
}

#[test]
fn samples_of_bare_digits_are_what_the_operator_says() {
    let Some(folder) = samples() else { return };
    let read =
        |file: &str, long| import_stated(Some(long), std::fs::read(folder.join(file)).unwrap()).unwrap();
    let (summary, set) = read("plain_mixed.txt", LongDigits::Sha256);
    assert_eq!([summary.entries, summary.near, summary.empty_file, summary.rejected], [3, 0, 1, 1]);
    assert!([MD5, SHA1, SHA256].iter().all(|digits| holds(&set, digits)));
    let (summary, set) = read("plain_mixed.txt", LongDigits::Pdq);
    assert_eq!([summary.entries, summary.near, summary.empty_file, summary.rejected], [2, 1, 1, 1]);
    assert!(holds(&set, MD5) && holds_pdq(&set, SHA256) && !holds(&set, SHA256));
    let (summary, set) = read("pdq_plain.txt", LongDigits::Pdq);
    assert_eq!((summary.near, summary.remarks.len()), (1, 0));
    assert!(holds_pdq(&set, PDQ));
}
