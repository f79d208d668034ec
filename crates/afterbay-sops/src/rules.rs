//! Which values of a file are encrypted (sops `sops.go`, `shouldBeEncrypted`).

use crate::Pattern;

/// What a file says about which of its values are encrypted. One rule at most stands in a file.
#[derive(Debug, Clone)]
pub enum SelectionRule {
    /// All but what is below a key with this suffix; `_unencrypted` where the file says nothing.
    UnencryptedSuffix(String),
    /// Only what is below a key with this suffix.
    EncryptedSuffix(String),
    /// All but what is below a key that matches.
    UnencryptedRegex(Pattern),
    /// Only what is below a key that matches.
    EncryptedRegex(Pattern),
    /// All but what follows a comment that matches.
    UnencryptedCommentRegex(Pattern),
    /// Only what follows a comment that matches.
    EncryptedCommentRegex(Pattern),
}

impl SelectionRule {
    /// SOPS's default.
    pub(crate) fn default_suffix() -> Self {
        Self::UnencryptedSuffix("_unencrypted".to_owned())
    }

    /// Whether comments decide.
    pub(crate) fn is_by_comment(&self) -> bool {
        matches!(
            self,
            Self::UnencryptedCommentRegex(_) | Self::EncryptedCommentRegex(_)
        )
    }

    fn selects_key(&self, key: &str) -> bool {
        match self {
            Self::UnencryptedSuffix(suffix) | Self::EncryptedSuffix(suffix) => key.ends_with(suffix),
            Self::UnencryptedRegex(pattern) | Self::EncryptedRegex(pattern) => pattern.is_match(key),
            Self::UnencryptedCommentRegex(_) | Self::EncryptedCommentRegex(_) => false,
        }
    }

    fn selects_comment(&self, comment: &str) -> bool {
        match self {
            Self::UnencryptedCommentRegex(pattern) | Self::EncryptedCommentRegex(pattern) => {
                pattern.is_match(comment)
            }
            _ => false,
        }
    }
}

/// What is known at one place of the walk: whether a key above, or a comment above or before, is selected.
///
/// SOPS keeps a stack of comment lists and tests every component of the path at every leaf; the answer of
/// the containers above does not change below them, so it is carried down.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    rule: &'a SelectionRule,
    /// A key on the path is selected.
    key: bool,
    /// A comment that is active in a container above is selected.
    above: bool,
    /// A comment before the last one of this container is selected.
    before: bool,
    /// The last comment of this container is selected.
    last: bool,
}

impl<'a> Scope<'a> {
    pub(crate) fn root(rule: &'a SelectionRule) -> Self {
        Self {
            rule,
            key: false,
            above: false,
            before: false,
            last: false,
        }
    }

    /// The scope inside a container that stands here.
    pub(crate) fn enter(self) -> Self {
        Self {
            above: self.above || self.before || self.last,
            before: false,
            last: false,
            ..self
        }
    }

    /// The scope of the value of a key of this container.
    pub(crate) fn at_key(self, key: &str) -> Self {
        Self {
            key: self.key || self.rule.selects_key(key),
            ..self
        }
    }

    /// A comment of this container passes.
    pub(crate) fn comment(&mut self, text: &str) {
        self.before |= self.last;
        self.last = self.rule.selects_comment(text);
    }

    /// A value of this container has passed: its comments are spent.
    pub(crate) fn value_passed(&mut self) {
        self.before = false;
        self.last = false;
    }

    /// Whether a value here is encrypted.
    pub(crate) fn encrypts_value(self) -> bool {
        match self.rule {
            SelectionRule::UnencryptedSuffix(_) | SelectionRule::UnencryptedRegex(_) => !self.key,
            SelectionRule::EncryptedSuffix(_) | SelectionRule::EncryptedRegex(_) => self.key,
            SelectionRule::UnencryptedCommentRegex(_) => !(self.above || self.before || self.last),
            SelectionRule::EncryptedCommentRegex(_) => self.above || self.before || self.last,
        }
    }

    /// Whether the comment that passed last is encrypted. With `encrypted_comment_regex` the comment that
    /// matches stays readable itself.
    pub(crate) fn encrypts_comment(self) -> bool {
        match self.rule {
            SelectionRule::EncryptedCommentRegex(_) => self.above || self.before,
            _ => self.encrypts_value(),
        }
    }
}

#[cfg(test)]
mod tests;
