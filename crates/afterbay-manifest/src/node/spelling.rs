//! How a scalar was spelled, which decides in kustomize what type a value gets that is put in its place.

use std::borrow::Cow;

use super::{Node, Scalar, Value};
use crate::yaml;

/// How a scalar was spelled.
///
/// kustomize keeps the quotes of a field when a patch sets it: `value: "8080"` patched with `value: 9090` is the
/// text `9090`, and `version: "1.2"` patched with `version: 1.0` is the text `1.0`.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Without quotes, in the one way in which a value is written by default.
    #[default]
    Plain,
    /// In quotes or as a block. Whatever takes its place becomes text.
    Quoted,
    /// Without quotes, in another way than by default: `0x10`, `1.0`, `~`, nothing at all, a date.
    As(Box<str>),
}

impl Spelling {
    /// The spelling of a scalar that stands in a file as this text, without quotes.
    pub fn of_plain(scalar: &Scalar, text: &str) -> Self {
        if scalar.expose_plainly() == text {
            Self::Plain
        } else {
            Self::As(text.into())
        }
    }
}

impl Scalar {
    /// The text by which a value is written by default, without quotes.
    pub(crate) fn expose_plainly(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "null".into(),
            Self::Bool(true) => "true".into(),
            Self::Bool(false) => "false".into(),
            Self::Int(value) => value.to_string().into(),
            Self::Uint(value) => value.to_string().into(),
            Self::Float(value) => yaml::go_float(*value).into(),
            Self::Timestamp(text) | Self::String(text) => text.into(),
            Self::Bytes(_) => "".into(),
        }
    }
}

impl Node {
    /// The text of a scalar as spelled, without its quotes, whatever its provenance; `None` for lists and maps.
    /// Callers are listed in `cargo xtask tidy`.
    pub fn expose_spelling(&self) -> Option<Cow<'_, str>> {
        match (&self.value, &self.spelling) {
            (Value::Scalar(_), Spelling::As(text)) => Some(Cow::Borrowed(text)),
            (Value::Scalar(scalar), _) => Some(scalar.expose_plainly()),
            _ => None,
        }
    }

    /// Whether a patch takes it for `null`: it is, or nothing stood there inside of `{ }`, which kustomize prints as the
    /// empty text.
    pub fn stands_for_null(&self) -> bool {
        match &self.value {
            Value::Scalar(Scalar::Null) => true,
            Value::Scalar(Scalar::String(text)) => {
                text.is_empty() && matches!(&self.spelling, Spelling::As(spelled) if spelled.is_empty())
            }
            _ => false,
        }
    }

    /// Takes over the spelling of the scalar whose place this one takes: in quotes everything but `null` becomes text,
    /// as it was spelled; without quotes a text stays one.
    pub fn spell_like(&mut self, replaced: &Spelling) {
        let Value::Scalar(scalar) = &self.value else {
            return;
        };
        match (replaced, scalar) {
            (_, Scalar::Null | Scalar::Bytes(_)) => {}
            (Spelling::Quoted, _) => {
                if let Some(text) = self.expose_spelling().map(Cow::into_owned) {
                    self.value = Scalar::String(text).into();
                }
                self.spelling = Spelling::Quoted;
            }
            (_, Scalar::String(_)) if self.spelling == Spelling::Quoted => self.spelling = Spelling::Plain,
            _ => {}
        }
    }

    /// Puts a text without quotes into quotes where YAML 1.1 would read something else than text, such as `yes`.
    pub fn quote_if_ambiguous(&mut self) {
        if let (Value::Scalar(Scalar::String(text)), Spelling::Plain) = (&self.value, &self.spelling)
            && !yaml::is_written_plain(text)
            && !reads_as_text(text)
        {
            self.spelling = Spelling::Quoted;
        }
    }

    /// Spells every scalar in the tree as JSON does: texts in quotes, the rest by default.
    pub fn spell_as_json(&mut self) {
        self.spell(&|scalar| {
            if matches!(scalar, Scalar::String(_)) {
                Spelling::Quoted
            } else {
                Spelling::Plain
            }
        });
    }

    /// Spells every scalar in the tree as Go's YAML emitter does: a text is in quotes, or a block, only where it has
    /// to be.
    pub fn spell_as_yaml(&mut self) {
        self.spell(&|scalar| match scalar {
            Scalar::String(text) if !yaml::is_written_plain(text) => Spelling::Quoted,
            _ => Spelling::Plain,
        });
    }

    /// Spells every integer in the tree as Go spells a float, with an exponent from a million on: what is left of it
    /// after a value has gone through Go's untyped JSON.
    #[expect(clippy::cast_precision_loss, reason = "the float that Go has for it")]
    pub fn spell_integers_as_floats(&mut self) {
        let spelled = match &mut self.value {
            Value::Scalar(Scalar::Int(value)) => yaml::go_float(*value as f64),
            Value::Scalar(Scalar::Uint(value)) => yaml::go_float(*value as f64),
            Value::Scalar(_) => return,
            Value::Sequence(items) => return items.iter_mut().for_each(Self::spell_integers_as_floats),
            Value::Mapping(entries) => {
                return entries.values_mut().for_each(Self::spell_integers_as_floats);
            }
        };
        if let Value::Scalar(scalar) = &self.value {
            self.spelling = Spelling::of_plain(scalar, &spelled);
        }
    }

    fn spell(&mut self, spelling: &impl Fn(&Scalar) -> Spelling) {
        match &mut self.value {
            Value::Scalar(scalar) => self.spelling = spelling(scalar),
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.spell(spelling)),
            Value::Mapping(entries) => entries.values_mut().for_each(|value| value.spell(spelling)),
        }
    }
}

/// Whether a text, taken for a document of YAML 1.1, is text or not YAML at all.
fn reads_as_text(text: &str) -> bool {
    if text.is_empty() || text.contains('\n') {
        return true;
    }
    let read = yaml::parse(text.as_bytes())
        .ok()
        .and_then(|documents| documents.first()?.resolve(yaml::Table::Kubectl).ok());
    read.is_none_or(
        |node| matches!(node, Some(node) if matches!(node.value, Value::Scalar(Scalar::String(_)))),
    )
}

#[cfg(test)]
mod tests {
    use super::Spelling;
    use crate::yaml::{Table, parse};
    use crate::{Mapping, Node};

    fn spelled(text: &str) -> Node {
        parse(format!("k: {text}\n").as_bytes()).unwrap()[0]
            .resolve(Table::Kustomize)
            .unwrap()
            .unwrap()
            .get("k")
            .unwrap()
            .clone()
    }

    #[test]
    fn a_scalar_knows_how_it_was_spelled() {
        for text in ["x", "8080", "-1", "1.5", "true", "null", "1e+06"] {
            assert!(spelled(text).spelling == Spelling::Plain, "{text}");
            assert_eq!(spelled(text).expose_spelling().as_deref(), Some(text));
        }
        for text in ["0x10", "1.0", "True", "~", "", "2020-01-01", "+1", "1e6", "1_000"] {
            assert!(spelled(text).spelling == Spelling::As(text.into()), "{text}");
            assert_eq!(spelled(text).expose_spelling().as_deref(), Some(text));
        }
        for (text, inside) in [("\"1\"", "1"), ("'1'", "1"), ("|-\n  1", "1"), (">-\n  1", "1")] {
            assert!(spelled(text).spelling == Spelling::Quoted, "{text}");
            assert_eq!(spelled(text).expose_spelling().as_deref(), Some(inside));
        }
        assert_eq!(spelled("{}").expose_spelling(), None);
    }

    #[test]
    fn what_takes_the_place_of_a_quoted_text_becomes_text() {
        let replaced = |old: &str, new: &str| {
            let mut node = spelled(new);
            node.spell_like(&spelled(old).spelling);
            let is_text = node.expose_str().is_some();
            let kind = if is_text { "text" } else { "value" };
            format!("{kind} {}", node.expose_spelling().unwrap())
        };
        for (old, new, expected) in [
            ("\"x\"", "1", "text 1"),
            ("\"x\"", "1.0", "text 1.0"),
            ("'x'", "True", "text True"),
            ("\"x\"", "0x10", "text 0x10"),
            ("\"x\"", "2020-01-01", "text 2020-01-01"),
            ("\"x\"", "~", "value ~"),
            ("x", "1.0", "value 1.0"),
            ("1", "\"2\"", "text 2"),
            ("x", "2020-01-01", "text 2020-01-01"),
        ] {
            assert_eq!(replaced(old, new), expected, "{old} {new}");
        }
        let mut node = spelled("\"2\"");
        node.spell_like(&Spelling::Plain);
        assert!(node.spelling == Spelling::Plain);
    }

    #[test]
    fn nothing_in_braces_is_text_that_stands_for_null() {
        for text in ["{a: }", "{a}", "{a: !}", "{a: &x }", "{a: {b: }, c: 1}", "[a: ]"] {
            let node = spelled(text);
            let mut found = Vec::new();
            node.leaves(&mut |_, leaf| found.push((leaf.expose_str() == Some(""), leaf.stands_for_null())));
            assert_eq!(found[0], (true, true), "{text}");
        }
        for (text, is_text, is_null) in [
            ("", false, true),
            ("~", false, true),
            ("''", true, false),
            ("!!null", false, true),
        ] {
            let node = spelled(text);
            assert_eq!(
                (node.expose_str().is_some(), node.stands_for_null()),
                (is_text, is_null),
                "{text}"
            );
        }
    }

    #[test]
    fn words_of_yaml_1_1_are_put_in_quotes() {
        for (text, spelling) in [
            ("yes", Spelling::Quoted),
            ("off", Spelling::Quoted),
            ("x", Spelling::Plain),
            ("http://x", Spelling::Plain),
            ("1", Spelling::Plain),
            ("2020-01-01", Spelling::As("2020-01-01".into())),
        ] {
            let mut node = spelled(text);
            node.quote_if_ambiguous();
            assert!(node.spelling == spelling, "{text}");
        }
        // As a patch leaves it that replaced a text without quotes.
        let mut node = Node::plain("a: b");
        node.quote_if_ambiguous();
        assert!(node.spelling == Spelling::Quoted);
    }

    #[test]
    fn a_tree_can_be_spelled_as_json_and_as_yaml() {
        let mut node = spelled("{a: [x, \"y\", 'yes', 0x10, \"8\", \"a: b\"]}");
        node.spell_as_json();
        let spellings = |node: &Node| -> String {
            let items = node.get("a").and_then(Node::as_sequence).unwrap();
            items
                .iter()
                .map(|item| {
                    if item.spelling == Spelling::Quoted {
                        'q'
                    } else {
                        'p'
                    }
                })
                .collect()
        };
        assert_eq!(spellings(&node), "qqqpqq");
        node.spell_as_yaml();
        assert_eq!(spellings(&node), "pqqpqq");
        assert_eq!(
            node.get("a").and_then(Node::as_sequence).unwrap()[3]
                .expose_spelling()
                .as_deref(),
            Some("16")
        );
        let mut numbers = spelled("[1, 999999, 1000000, 1234567, -5000000]");
        numbers.spell_integers_as_floats();
        let texts: Vec<String> = numbers
            .as_sequence()
            .unwrap()
            .iter()
            .map(|number| number.expose_spelling().unwrap().into_owned())
            .collect();
        assert_eq!(texts, ["1", "999999", "1e+06", "1.234567e+06", "-5e+06"]);
        let mut empty = Node::plain(Mapping::new());
        empty.spell_as_yaml();
        assert!(empty.spelling == Spelling::Plain);
    }
}
