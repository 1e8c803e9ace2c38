//! What the categories of hash lists mean: their names and what a match in each asks for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Error, Result};
use crate::model::Action;

/// Gives each category of a list a name and an action.
///
/// The category numbers of national databases depend on the country; a profile is the operator's statement of what
/// they mean. The numbers of the shipped profiles: docs of each constructor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    #[serde(default)]
    name: String,
    #[serde(default = "review")]
    other: Action,
    #[serde(default)]
    category: BTreeMap<String, Meaning>,
}

/// What one category means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Its name in words, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What a match in it asks for.
    pub action: Action,
}

impl Profile {
    /// Names of the shipped profiles, `none` included.
    pub const SHIPPED: [&str; 3] = ["none", "uk", "us"];

    /// No meaning at all: categories are shown as the list writes them, every one asks for review.
    pub fn none() -> Self {
        Self::new("none", &[])
    }

    /// United Kingdom: 1, 2, 3 are the sentencing categories A, B, C; 0 is of no interest, anything else is review.
    pub fn uk() -> Self {
        let named = |name| (Some(name), Action::Alert);
        Self::new(
            "uk",
            &[("0", (None, Action::Ignore)), ("1", named("A")), ("2", named("B")), ("3", named("C"))],
        )
    }

    /// United States, the five categories of Project VIC; anything else is review.
    pub fn us() -> Self {
        Self::new(
            "us",
            &[
                ("0", (Some("Non-Pertinent"), Action::Ignore)),
                ("1", (Some("Child Abuse Material (CAM)"), Action::Alert)),
                ("2", (Some("Child Exploitive (Non-CAM) Age Difficult"), Action::Alert)),
                ("3", (Some("CGI/Animation - Child Exploitive"), Action::Review)),
                ("4", (Some("Comparison Images"), Action::Ignore)),
            ],
        )
    }

    /// A shipped profile by its name.
    pub fn shipped(name: &str) -> Option<Self> {
        [Self::none(), Self::uk(), Self::us()].into_iter().find(|profile| profile.name == name)
    }

    /// Reads a profile file; `name` stands in where it does not name itself.
    ///
    /// ```toml
    /// name = "my force"
    /// other = "review"        # every category that is not listed, and records without one
    /// [category.1]
    /// name = "A"
    /// action = "alert"        # alert, review or ignore
    /// ```
    ///
    /// Unknown keys are errors: a misspelt action must not silently become something else.
    pub fn from_toml(name: &str, text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Profile { profile: name.to_owned(), reason };
        let mut profile: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if profile.name.is_empty() {
            name.clone_into(&mut profile.name);
        }
        if Self::SHIPPED.contains(&profile.name.as_str()) {
            return Err(wrong(format!("{} is the name of a shipped profile: choose another", profile.name)));
        }
        if let Some(key) = profile.category.keys().find(|key| key.trim() != key.as_str() || key.is_empty()) {
            return Err(wrong(format!(
                "category {key:?} is empty or has blanks around it and can never occur"
            )));
        }
        Ok(profile)
    }

    /// Its name; `none` when no profile was chosen.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The listed categories, in the order of their text.
    pub fn categories(&self) -> impl Iterator<Item = (&str, &Meaning)> {
        self.category.iter().map(|(category, meaning)| (category.as_str(), meaning))
    }

    /// What a category that is not listed, or none in a list that has categories, asks for.
    pub fn other(&self) -> Action {
        self.other
    }

    /// The name of a category, where it has one.
    pub fn category_name(&self, category: &str) -> Option<&str> {
        self.category.get(category)?.name.as_deref()
    }

    /// What a match asks for. `categorised` says whether any record of the list has a category: a list without
    /// categories is all alert, a record without one in a list with them is as undecided as an unknown one.
    pub fn action(&self, categorised: bool, category: Option<&str>) -> Action {
        match category {
            Some(category) => self.category.get(category).map_or(self.other, |meaning| meaning.action),
            None if categorised => self.other,
            None => Action::Alert,
        }
    }

    fn new(name: &str, categories: &[(&str, (Option<&str>, Action))]) -> Self {
        let category = categories
            .iter()
            .map(|&(key, (name, action))| (key.to_owned(), Meaning { name: name.map(str::to_owned), action }))
            .collect();
        Self { name: name.to_owned(), other: Action::Review, category }
    }
}

const fn review() -> Action {
    Action::Review
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_say_what_each_category_asks_for() {
        use Action::{Alert, Ignore, Review};
        let table: [(&str, [Action; 6], Action); 3] = [
            ("none", [Review; 6], Review),
            ("uk", [Ignore, Alert, Alert, Alert, Review, Review], Review),
            ("us", [Ignore, Alert, Alert, Review, Ignore, Review], Review),
        ];
        for (name, actions, absent) in table {
            let profile = Profile::shipped(name).unwrap();
            for (number, action) in actions.into_iter().enumerate() {
                assert_eq!(profile.action(true, Some(&number.to_string())), action, "{name} {number}");
            }
            assert_eq!(profile.action(true, None), absent);
            assert_eq!(profile.action(false, None), Alert, "a list without categories is all alert");
        }
        assert_eq!(Profile::uk().category_name("2"), Some("B"));
        assert_eq!(Profile::uk().category_name("4"), None);
        assert_eq!(Profile::shipped("fr"), None);
    }

    #[test]
    fn a_profile_file_is_read_and_its_mistakes_are_named() {
        let text = "other = \"ignore\"\n[category.7]\nname = \"G\"\naction = \"alert\"\n[category.A]\naction = \"review\"";
        let profile = Profile::from_toml("force", text).unwrap();
        assert_eq!((profile.name(), profile.other()), ("force", Action::Ignore));
        assert_eq!(profile.action(true, Some("7")), Action::Alert);
        assert_eq!(profile.category_name("7"), Some("G"));
        assert_eq!(profile.action(true, Some("A")), Action::Review);
        for wrong in [
            "[category.1]\nname = \"A\"",
            "[category.1]\naction = \"alarm\"",
            "othr = \"review\"",
            "name = \"uk\"",
            "[category.\" 1\"]\naction = \"alert\"",
            "[[[",
        ] {
            let message = Profile::from_toml("force", wrong).unwrap_err().to_string();
            assert!(message.starts_with("profile force: "), "{message}");
        }
    }
}
