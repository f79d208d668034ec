//! Label selectors, as `kubectl -l` takes them: `app=web,tier in (a, b),!old,size>3`.

use std::borrow::Cow;
use std::iter::Peekable;
use std::vec::IntoIter;

/// What labels, or annotations, have to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// What one label has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

/// A piece of a selector's text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A key, a value, `in` or `notin`.
    Word(String),
    /// `=`, `==`, `!=`, `!`, `<`, `>`, `(`, `)` or `,`.
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["==", "!=", "=", "!", "<", ">", "(", ")", ","];

impl LabelSelector {
    /// Reads a selector; an empty one fits everything. The error says what is expected where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = tokens(text).into_iter().peekable();
        let mut requirements = Vec::new();
        while tokens.peek().is_some() {
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                None => break,
                Some(Token::Sign(",")) if tokens.peek().is_some() => {}
                Some(Token::Sign(",")) => {
                    return Err("a comma must be followed by another requirement".to_owned());
                }
                Some(other) => {
                    return Err(format!(
                        "{} stands where a comma or the end is expected",
                        name(Some(&other))
                    ));
                }
            }
        }
        Ok(Self(requirements))
    }

    /// Whether labels fit; `get` looks up the value of one.
    pub fn matches<'l>(&self, get: impl Fn(&str) -> Option<Cow<'l, str>>) -> bool {
        self.0.iter().all(|requirement| {
            let value = get(&requirement.key);
            let number = || value.as_deref().and_then(number);
            match &requirement.test {
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
                Test::In(values) => value.is_some_and(|value| values.iter().any(|one| *one == value)),
                Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| *one != value)),
                Test::Above(limit) => number().is_some_and(|number| number > *limit),
                Test::Below(limit) => number().is_some_and(|number| number < *limit),
            }
        })
    }

    /// Whether it fits everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(blank);
    while !rest.is_empty() {
        let length = if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            let length = rest
                .find(|c: char| blank(c) || "=!(),><".contains(c))
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        };
        rest = rest[length..].trim_start_matches(blank);
    }
    tokens
}

type Tokens = Peekable<IntoIter<Token>>;

fn requirement(tokens: &mut Tokens) -> Result<Requirement, String> {
    let is_negated = tokens.next_if_eq(&Token::Sign("!")).is_some();
    let key = match tokens.next() {
        Some(Token::Word(key)) => key,
        other => return Err(format!("{} stands where a key is expected", name(other.as_ref()))),
    };
    check_key(&key)?;
    let is_alone = matches!(tokens.peek(), None | Some(Token::Sign(",")));
    if is_alone {
        let test = if is_negated { Test::Missing } else { Test::Exists };
        return Ok(Requirement { key, test });
    }
    if is_negated {
        return Err(format!("!{key} must be followed by a comma or the end"));
    }
    let test = match tokens.next() {
        Some(Token::Sign("=" | "==")) => Test::In(vec![value(tokens, &key)?]),
        Some(Token::Sign("!=")) => Test::NotIn(vec![value(tokens, &key)?]),
        Some(Token::Sign(">")) => Test::Above(bound(tokens, &key)?),
        Some(Token::Sign("<")) => Test::Below(bound(tokens, &key)?),
        Some(Token::Word(word)) if word == "in" => Test::In(values(tokens, &key)?),
        Some(Token::Word(word)) if word == "notin" => Test::NotIn(values(tokens, &key)?),
        other => {
            return Err(format!(
                "{} stands behind {key}, where =, ==, !=, <, >, in or notin is expected",
                name(other.as_ref())
            ));
        }
    };
    Ok(Requirement { key, test })
}

/// The value behind a sign; nothing is the empty value.
fn value(tokens: &mut Tokens, key: &str) -> Result<String, String> {
    if matches!(tokens.peek(), None | Some(Token::Sign(","))) {
        return Ok(String::new());
    }
    match tokens.next() {
        Some(Token::Word(value)) => {
            check_value(&value, key)?;
            Ok(value)
        }
        other => Err(format!(
            "{} stands where a value for {key} is expected",
            name(other.as_ref())
        )),
    }
}

fn bound(tokens: &mut Tokens, key: &str) -> Result<i64, String> {
    let value = value(tokens, key)?;
    number(&value).ok_or_else(|| format!("{key} is compared with {value:?}, which is no integer"))
}

/// An integer in decimal, as Go reads it.
fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Values in parentheses, separated by commas; where one is missing it is the empty one.
fn values(tokens: &mut Tokens, key: &str) -> Result<Vec<String>, String> {
    if tokens.next_if_eq(&Token::Sign("(")).is_none() {
        return Err(format!("{} stands where ( is expected", name(tokens.peek())));
    }
    let mut values = vec![String::new()];
    loop {
        match tokens.next() {
            Some(Token::Sign(")")) => return Ok(values),
            Some(Token::Sign(",")) => values.push(String::new()),
            Some(Token::Word(word)) => match values.last_mut() {
                Some(value) if value.is_empty() => {
                    check_value(&word, key)?;
                    *value = word;
                }
                _ => return Err(format!("{word:?} stands where , or ) is expected")),
            },
            other => {
                return Err(format!(
                    "{} stands where a value, a comma or ) is expected",
                    name(other.as_ref())
                ));
            }
        }
    }
}

fn name(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Word(word)) => format!("{word:?}"),
        Some(Token::Sign(sign)) => format!("{sign:?}"),
    }
}

/// Kubernetes' rule for the last part of a key and for a value: letters, digits, `-`, `_`, `.`, the ends letters or digits.
fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().copied().all(inside)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_domain(text: &str) -> bool {
    let inside = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.as_bytes().iter().all(inside)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn check_key(key: &str) -> Result<(), String> {
    let is_valid = match key.split_once('/') {
        Some((prefix, name)) => is_domain(prefix) && is_name(name),
        None => is_name(key),
    };
    if is_valid {
        Ok(())
    } else {
        Err(format!("{key:?} is no key that a label can have"))
    }
}

fn check_value(value: &str, key: &str) -> Result<(), String> {
    if value.is_empty() || is_name(value) {
        Ok(())
    } else {
        Err(format!(
            "{value:?} is no value that a label can have, and {key} is compared with it"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::LabelSelector;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> Result<bool, String> {
        let get = |key: &str| {
            let found = labels.iter().find(|(name, _)| *name == key);
            found.map(|(_, value)| Cow::Borrowed(*value))
        };
        LabelSelector::parse(selector).map(|selector| selector.matches(get))
    }

    #[test]
    fn requirements_are_all_met() {
        let labels = [
            ("app", "web"),
            ("tier", "a"),
            ("size", "5"),
            ("example.com/x", ""),
            ("in", "notin"),
        ];
        for (selector, expected) in [
            ("", true),
            (" ", true),
            ("app", true),
            ("app=web", true),
            ("app == web", true),
            ("app!=web", false),
            ("other!=web", true),
            ("other=web", false),
            ("app,tier,size", true),
            ("!app", false),
            ("! other", true),
            ("tier in (a,b)", true),
            ("tier in(b , c)", false),
            ("tier notin (b)", true),
            ("other notin (b)", true),
            ("tier in (,)", false),
            ("example.com/x in ()", true),
            ("example.com/x=", true),
            ("example.com/x=,app=web", true),
            ("size>4", true),
            ("size > 5", false),
            ("size<6", true),
            ("app>1", false),
            ("other<1", false),
            ("in=notin", true),
            ("in in (in, notin)", true),
            ("app=web,size>9", false),
        ] {
            assert_eq!(matches(selector, &labels), Ok(expected), "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for selector in [
            ",",
            "app,",
            "app=web tier=a",
            "=web",
            "app=(web)",
            "app in web",
            "app in (a",
            "app in a)",
            "app in (a b)",
            "!app=web",
            "app>x",
            "app>",
            "a b",
            "app=we/b",
            "-app",
            "app.",
            "A/b",
            "a/b/c",
            "a/",
            "app=-",
            "(",
            "app!web",
            "app<>1",
            "app===x",
        ] {
            assert!(matches(selector, &[]).is_err(), "{selector}");
        }
    }
}
