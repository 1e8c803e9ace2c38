//! The text in which LVM2 keeps its metadata: sections of numbers, strings and lists.
//!
//! Source: LVM2, lib/config/config.c, and man page lvm.conf(5), "SYNTAX".

/// Sections in sections that are followed; LVM2 writes four.
const MAX_DEPTH: usize = 8;
/// Most values in one text.
const MAX_VALUES: usize = 2_000_000;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    List(Vec<Self>),
    Section(Section),
}

/// Names with their values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section(pub Vec<(String, Value)>);

impl Section {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(values)) => values,
            _ => &[],
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    /// The sections in it with their names.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }
}

/// Reads a text up to its first zero. The second is where it stopped making sense, if it did; what stands
/// before that place is in the section.
pub(super) fn parse(bytes: &[u8]) -> (Section, Option<usize>) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let mut parser = Parser { bytes: bytes.get(..end).unwrap_or_default(), at: 0, values: 0 };
    let mut section = Section::default();
    let whole = parser.section(&mut section, 0);
    (section, whole.is_none().then_some(parser.at))
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
}

impl Parser<'_> {
    /// Values up to the end of the section; `None` when it does not end as it should.
    fn section(&mut self, section: &mut Section, depth: usize) -> Option<()> {
        loop {
            self.space();
            match self.peek() {
                None if depth == 0 => return Some(()),
                Some(b'}') if depth > 0 => {
                    self.step();
                    return Some(());
                }
                _ => {}
            }
            let name = self.word()?;
            self.values = self.values.checked_add(1).filter(|values| *values <= MAX_VALUES)?;
            self.space();
            match self.peek()? {
                b'{' if depth < MAX_DEPTH => {
                    self.step();
                    let mut inner = Section::default();
                    let whole = self.section(&mut inner, depth.checked_add(1)?);
                    section.0.push((name, Value::Section(inner)));
                    whole?;
                }
                b'=' => {
                    self.step();
                    let value = self.value()?;
                    section.0.push((name, value));
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        if self.peek()? != b'[' {
            return self.single();
        }
        self.step();
        let mut values = Vec::new();
        loop {
            self.space();
            match self.peek()? {
                b']' => {
                    self.step();
                    return Some(Value::List(values));
                }
                b',' => self.step(),
                _ => {
                    self.values = self.values.checked_add(1).filter(|values| *values <= MAX_VALUES)?;
                    values.push(self.single()?);
                }
            }
        }
    }

    fn single(&mut self) -> Option<Value> {
        if self.peek()? == b'"' {
            self.step();
            let mut text = Vec::new();
            loop {
                let byte = self.peek()?;
                self.step();
                match byte {
                    b'"' => return Some(Value::Text(String::from_utf8_lossy(&text).into_owned())),
                    b'\\' => {
                        text.push(self.peek()?);
                        self.step();
                    }
                    byte => text.push(byte),
                }
            }
        }
        let word = self.word()?;
        // A few values are fractions, and none of those is asked for.
        Some(word.parse().map_or(Value::Text(word), Value::Number))
    }

    fn word(&mut self) -> Option<String> {
        let rest = self.bytes.get(self.at..)?;
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+.@/".contains(byte);
        let length = rest.iter().take_while(|byte| part(byte)).count();
        let word = rest.get(..length).filter(|word| !word.is_empty())?;
        self.at = self.at.checked_add(length)?;
        Some(String::from_utf8_lossy(word).into_owned())
    }

    /// White space and comments.
    fn space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.step();
                    }
                }
                byte if byte.is_ascii_whitespace() => self.step(),
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn sections_lists_strings_and_comments_are_read() {
        let text = b"vg { # a comment }\n id = \"a\\\"b\"\n n=3 list = [ \"x\", 0,\n\"y\", -1 ] in { f = 1.5 } e = [] }\n";
        let (section, damage) = parse(text);
        assert_eq!(damage, None);
        let vg = section.section("vg").unwrap();
        assert_eq!((vg.text("id"), vg.number("n")), (Some("a\"b"), Some(3)));
        assert_eq!(vg.list("list").len(), 4);
        assert_eq!(vg.list("list")[3], Value::Number(-1));
        assert_eq!(vg.sections().count(), 1);
    }

    #[test]
    fn what_stands_before_damage_is_kept_and_depth_is_bounded() {
        let (section, damage) = parse(b"vg { a = 1 b { c = 2 } d ! }");
        assert_eq!(damage, Some(25));
        assert_eq!(section.section("vg").unwrap().number("a"), Some(1));
        assert_eq!(section.section("vg").unwrap().section("b").unwrap().number("c"), Some(2));
        let deep = "a {".repeat(100_000);
        assert!(parse(deep.as_bytes()).1.is_some());
        for cut in 0..27 {
            parse(&b"vg { a = \"1\" b { c = [ 2"[..cut.min(24)]);
        }
    }
}
