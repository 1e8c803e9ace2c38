//! Keeps names that a suspect wrote off the screen unless the operator asks for them.

use crate::model::{Event, Finding, Problem, RawText, VolumeSummary, visible};
use crate::source::mounted_place;

/// What stands on the screen instead of a name.
const HIDDEN: &str = "[name hidden]";

/// Whether names are shown, and how.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// Whether the operator asked for names.
    pub show_names: bool,
}

impl Mask {
    /// A path for the terminal: hidden, or with everything that could deceive or command a terminal made visible.
    pub fn path(self, path: &RawText) -> String {
        if self.show_names { visible(&path.lossy()).into_owned() } else { HIDDEN.into() }
    }

    /// Another text from evidence, such as the name of a volume; nothing when it must be hidden.
    pub fn text(self, text: &str) -> String {
        if self.show_names { visible(text).into_owned() } else { String::new() }
    }

    /// A sentence of ours about evidence, in which names that the evidence gives stand in double quotes.
    pub fn quoted(self, sentence: &str) -> String {
        if self.show_names {
            return visible(sentence).into_owned();
        }
        let mut shown = String::new();
        let mut letters = sentence.chars();
        while let Some(letter) = letters.next() {
            if letter != '"' {
                shown.push(letter);
                continue;
            }
            // A quote that is part of a name stands behind a backslash.
            while let Some(hidden) = letters.next().filter(|hidden| *hidden != '"') {
                if hidden == '\\' {
                    letters.next();
                }
            }
            shown.push_str(HIDDEN);
        }
        visible(&shown).into_owned()
    }

    /// What is remarked of a source. The place of a mount often bears the name of its volume.
    pub fn remark(self, remark: &str) -> String {
        match mounted_place(remark) {
            Some(place) if !self.show_names => remark.replace(place, HIDDEN),
            _ => remark.to_owned(),
        }
    }

    /// An event as it may be printed.
    pub fn event(self, event: &Event) -> Event {
        if self.show_names {
            return event.clone();
        }
        match event.clone() {
            Event::Finding(finding) => Event::Finding(Finding {
                item: crate::model::ItemRecord { path: HIDDEN.into(), ..finding.item },
                ..finding
            }),
            Event::Problem(problem) => {
                let (path, detail) = (problem.path.map(|_| HIDDEN.into()), self.quoted(&problem.detail));
                Event::Problem(Problem { path, detail, ..problem })
            }
            Event::Volume(volume) => {
                let holds = volume.holds.map(|what| self.quoted(&what));
                Event::Volume(VolumeSummary {
                    label: String::new(),
                    table_label: String::new(),
                    holds,
                    ..volume
                })
            }
            Event::SourceOpened(source) => {
                let mut protection = source.protection;
                protection.remarks.iter_mut().for_each(|remark| *remark = self.remark(remark));
                Event::SourceOpened(crate::model::SourceSummary { notes: Vec::new(), protection, ..source })
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProblemKind;

    #[test]
    fn a_name_is_hidden_unless_it_is_asked_for_and_never_commands_a_terminal() {
        let path = RawText::from("evil\u{1b}[2J\u{202e}gpj.exe");
        assert_eq!(Mask { show_names: false }.path(&path), HIDDEN);
        let shown = Mask { show_names: true }.path(&path);
        assert!(
            shown.contains("evil") && !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
            "{shown}"
        );
        let problem = Event::Problem(Problem::new(ProblemKind::Unreadable, "x").of_entry(path, 7));
        let json = serde_json::to_string(&Mask { show_names: false }.event(&problem)).unwrap();
        let mounted = crate::source::mounted(std::path::Path::new("/media/evil at home"), true);
        let hidden = Mask { show_names: false }.remark(&mounted);
        assert!(
            !hidden.contains("evil") && !hidden.contains("home") && hidden.contains("for writing"),
            "{hidden}"
        );
        let told = r#"part of the group "evil \" twice" and "other" (id)"#;
        assert_eq!(Mask { show_names: true }.quoted(told), told);
        let expected = "part of the group [name hidden] and [name hidden] (id)";
        assert_eq!(Mask { show_names: false }.quoted(told), expected);
        assert_eq!(Mask { show_names: true }.remark(&mounted), mounted);
        assert!(!json.contains("evil") && json.contains("\"record\":7"), "{json}");
    }
}
