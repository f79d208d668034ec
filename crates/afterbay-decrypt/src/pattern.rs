//! How an operator names kinds and places: `SopsSecret`, `Ingress.networking.k8s.io`, `ConfigMap:data["tls.key"]`.

use std::fmt;
use std::str::FromStr;

use afterbay_manifest::{Gvk, KeyPath, Segment};
use thiserror::Error;

/// A kind, in any API group or in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindPattern {
    kind: String,
    group: Option<String>,
}

impl KindPattern {
    /// A kind in whatever API group.
    pub fn any_group(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            group: None,
        }
    }

    /// Whether it names this kind.
    pub fn matches(&self, gvk: &Gvk) -> bool {
        self.kind == gvk.kind && self.group.as_ref().is_none_or(|group| *group == gvk.group)
    }

    /// The kind without its group.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl fmt::Display for KindPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ".{group}"))
    }
}

impl FromStr for KindPattern {
    type Err = PatternError;

    /// `Kind` or `Kind.group`.
    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (kind, group) = text
            .split_once('.')
            .map_or((text, None), |(kind, group)| (kind, Some(group)));
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        };
        if !is_name(kind) || !group.is_none_or(is_name) {
            return Err(PatternError::Kind {
                text: text.to_owned(),
            });
        }
        Ok(Self {
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

/// A place in objects of a kind: a key path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlacePattern {
    kind: KindPattern,
    steps: Vec<Step>,
}

/// One step of a [`PlacePattern`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Key(String),
    /// `*`.
    AnyKey,
    Index(usize),
    /// `[*]`.
    AnyIndex,
}

impl PlacePattern {
    /// Whether it names this place, or one above it.
    pub fn matches(&self, gvk: &Gvk, path: &KeyPath) -> bool {
        let segments = path.segments();
        self.kind.matches(gvk)
            && self.steps.len() <= segments.len()
            && self
                .steps
                .iter()
                .zip(segments)
                .all(|(step, segment)| step.matches(segment))
    }
}

impl Step {
    fn matches(&self, segment: &Segment) -> bool {
        match (self, segment) {
            (Self::Key(wanted), Segment::Key(key)) => **wanted == **key,
            (Self::Index(wanted), Segment::Index(index)) => wanted == index,
            (Self::AnyKey, Segment::Key(_)) | (Self::AnyIndex, Segment::Index(_)) => true,
            _ => false,
        }
    }
}

impl FromStr for PlacePattern {
    type Err = PatternError;

    /// `KIND:PATH`, the path as messages print it, with `*` and `[*]` for any key and any index.
    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = || PatternError::Place {
            text: text.to_owned(),
        };
        let (kind, path) = text.split_once(':').ok_or_else(wrong)?;
        let steps = steps(path).filter(|steps| !steps.is_empty()).ok_or_else(wrong)?;
        Ok(Self {
            kind: kind.parse()?,
            steps,
        })
    }
}

fn steps(mut path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        let (step, rest) = if let Some(bracketed) = path.strip_prefix('[') {
            bracket(bracketed)?
        } else {
            let path = if steps.is_empty() {
                path
            } else {
                path.strip_prefix('.')?
            };
            let end = path.find(['.', '[']).unwrap_or(path.len());
            let key = &path[..end];
            let step = if key == "*" {
                Step::AnyKey
            } else {
                Step::Key(key.to_owned())
            };
            (!key.is_empty()).then_some((step, &path[end..]))?
        };
        steps.push(step);
        path = rest;
    }
    Some(steps)
}

/// What follows `[`: `"key"]`, `0]` or `*]`.
fn bracket(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, rest) = quoted.split_once("\"]")?;
        return Some((Step::Key(key.to_owned()), rest));
    }
    let (index, rest) = text.split_once(']')?;
    let step = if index == "*" {
        Step::AnyIndex
    } else {
        Step::Index(index.parse().ok()?)
    };
    Some((step, rest))
}

/// Why a pattern given by the operator cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Not a kind.
    #[error("{text:?} is no kind; write Kind or Kind.group, such as SopsSecret or Ingress.networking.k8s.io")]
    Kind {
        /// What was given.
        text: String,
    },
    /// Not a place.
    #[error(
        "{text:?} is no place; write KIND:KEY.PATH, such as ConfigMap:data or Widget.example.org:spec.users[*].token"
    )]
    Place {
        /// What was given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[&str]) -> KeyPath {
        let mut path = KeyPath::root();
        for segment in segments {
            path.push(match segment.parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Key((*segment).into()),
            });
        }
        path
    }

    #[test]
    fn kinds() {
        let plain: KindPattern = "SopsSecret".parse().unwrap();
        let grouped: KindPattern = "SopsSecret.isindir.github.com".parse().unwrap();
        let gvk = Gvk::new("isindir.github.com/v1alpha3", "SopsSecret");
        assert!(plain.matches(&gvk) && grouped.matches(&gvk));
        assert!(!grouped.matches(&Gvk::new("example.org/v1", "SopsSecret")));
        assert!(!plain.matches(&Gvk::new("v1", "Secret")));
        assert_eq!(grouped.to_string(), "SopsSecret.isindir.github.com");
        for wrong in ["", ".apps", "Config Map", "v1/Secret", "Secret."] {
            assert!(wrong.parse::<KindPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn places() {
        let config_map = Gvk::new("v1", "ConfigMap");
        for (pattern, segments, matches) in [
            ("ConfigMap:data", &["data", "x"][..], true),
            ("ConfigMap:data", &["data"], true),
            ("ConfigMap:data", &["binaryData", "x"], false),
            ("ConfigMap:data.x", &["data"], false),
            ("ConfigMap:data[\"tls.key\"]", &["data", "tls.key"], true),
            ("ConfigMap:data.tls.key", &["data", "tls.key"], false),
            ("ConfigMap:a[*].b", &["a", "3", "b"], true),
            ("ConfigMap:a[2].b", &["a", "3", "b"], false),
            ("ConfigMap:*.x", &["data", "x"], true),
            ("Secret:data", &["data", "x"], false),
        ] {
            let parsed: PlacePattern = pattern.parse().unwrap();
            assert_eq!(
                parsed.matches(&config_map, &path(segments)),
                matches,
                "{pattern} {segments:?}"
            );
        }
        for wrong in [
            "ConfigMap",
            "ConfigMap:",
            ":data",
            "ConfigMap:.data",
            "ConfigMap:a..b",
            "ConfigMap:a[",
            "ConfigMap:a[x]",
            "ConfigMap:a[0]b",
        ] {
            assert!(wrong.parse::<PlacePattern>().is_err(), "{wrong}");
        }
    }
}
