//! Scripts of SQL, as the delta releases of NSRL RDSv3 are: known in order to refuse them.

use super::lines::BOM;
use super::text;

/// What to do with one.
pub const ADVICE: &str = "an SQL script, as the delta releases of NSRL RDSv3 are; no script is ever run here. Apply it to \
                          the full database with sqlite3 first and give that database";

/// With which a statement of such a script begins.
const STATEMENTS: [&str; 10] = [
    "insert into ",
    "insert or ",
    "update ",
    "delete from ",
    "replace into ",
    "begin ",
    "begin;",
    "create table ",
    "pragma ",
    "drop ",
];

/// Whether a list with these first bytes is one.
pub fn is_script(head: &[u8]) -> bool {
    let body = head.strip_prefix(BOM).unwrap_or(head);
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(first) = lines.find(|line| !line.is_empty() && !line.starts_with(b"--")) else { return false };
    text::is_text(head)
        && STATEMENTS.iter().any(|statement| {
            first.get(..statement.len()).is_some_and(|start| start.eq_ignore_ascii_case(statement.as_bytes()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashset::{Builder, Profile};
    use crate::model::Role;

    #[test]
    fn a_delta_release_is_refused_with_what_to_do_and_never_taken_for_a_table() {
        for script in [
            "INSERT INTO FILE (sha256, sha1, md5) VALUES ('a', 'b', 'c');\n",
            "\u{feff}-- RDS delta\r\n\r\nBEGIN TRANSACTION;\r\nDELETE FROM FILE WHERE md5 = 'x';\r\n",
            "update FILE set md5 = '5d41402abc4b2a76b9719d911017c592'\n",
        ] {
            let mut builder = Builder::new("set", Role::KnownGood, Profile::none());
            let message = builder.add_reader("delta.sql", script.as_bytes()).unwrap_err().to_string();
            assert!(
                message.contains("hash list delta.sql cannot be used as it is: an SQL script"),
                "{message}"
            );
            assert!(message.contains("sqlite3 first"), "{message}");
        }
        assert!(!is_script(b"md5,update\n") && !is_script(b"") && !is_script(b"update \0"));
    }
}
