//! The walk over the documents of one part: opens what the rule selects, feeds the MAC.

use afterbay_manifest::yaml::{Comment, Document, Element, ElementKind, Item, Pair};
use afterbay_manifest::{Integrity, KeyPath, Place, Position, Provenance, Scalar, Sealed, Segment, TreePath};

use crate::cipher::{Cipher, Opened, Plain};
use crate::error::ErrorList;
use crate::integrity::Found;
use crate::mac::Mac;
use crate::metadata::Metadata;
use crate::rules::Scope;
use crate::token::contains_token;
use crate::{Format, MacScope, SopsError, SopsErrors, StrictFinding, TokenProblem};

/// How many values must fail, and none open, before it is the key that is wrong and not the values.
const TELLING: usize = 3;

/// How many plain values are named when the MAC does not hold.
const NAMED: usize = 5;

/// What a comment among the items of a list, where SOPS seals it as an item, is to the items behind it, under the
/// rules that go by comments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListComments {
    /// An item like any other, which ends what the comments before it say: so reads SOPS, to its own undoing.
    Items,
    /// A comment like any other: so writes SOPS.
    Comments,
}

/// What one part is opened with.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) file: &'a TreePath,
    pub(crate) metadata: &'a Metadata,
    pub(crate) cipher: &'a Cipher,
    /// What the provenance of opened values says.
    pub(crate) integrity: Integrity,
    pub(crate) format: Format,
    pub(crate) list_comments: ListComments,
}

/// What the walk found out.
pub(crate) struct Walked {
    /// The MAC of the values, in SOPS's form.
    pub(crate) mac: String,
    /// The first of the plain values in it, and how many more there are.
    pub(crate) plain: (Vec<KeyPath>, usize),
    /// Encrypted values opened, comments not counted.
    pub(crate) encrypted: usize,
    /// Comments where encrypted ones are due and that are plain: how many, and where the first stands.
    pub(crate) plain_comments: Option<(usize, Position)>,
    /// Encrypted comments that did not open.
    pub(crate) sealed_comments: Option<(usize, Position)>,
    /// Whether an item of a list opened to a comment.
    pub(crate) list_comments: bool,
    /// What is not as SOPS writes it.
    pub(crate) found: Vec<Found>,
}

impl Opening<'_> {
    /// Opens the documents in place. All of them share one MAC.
    pub(crate) fn walk<'d>(
        self,
        documents: impl Iterator<Item = &'d mut Document>,
    ) -> Result<Walked, SopsErrors> {
        let mut walk = Walk {
            opening: self,
            mac: Mac::new(self.metadata.mac_scope),
            errors: ErrorList::new(self.file),
            document: 0,
            path: KeyPath::root(),
            associated: Associated::default(),
            plain: (Vec::new(), 0),
            encrypted: 0,
            refused: 0,
            plain_comments: None,
            sealed_comments: None,
            list_comments: false,
            found: Vec::new(),
        };
        for document in documents {
            walk.document = document.index;
            let Some(Element {
                kind: ElementKind::Mapping(pairs),
                ..
            }) = &mut document.root
            else {
                continue;
            };
            walk.mapping(pairs, Scope::root(&self.metadata.rule));
        }
        walk.finish()
    }
}

/// The associated data of a value: the map keys above it, each followed by a colon.
#[derive(Default)]
struct Associated {
    text: String,
    ends: Vec<usize>,
}

impl Associated {
    fn push(&mut self, key: &str) {
        self.ends.push(self.text.len());
        self.text.push_str(key);
        self.text.push(':');
    }

    fn pop(&mut self) {
        if let Some(end) = self.ends.pop() {
            self.text.truncate(end);
        }
    }

    fn get(&self) -> &str {
        // `strings.Join` of nothing, then the colon: what a comment at the top has.
        if self.text.is_empty() { ":" } else { &self.text }
    }

    /// Those of the containers above, innermost first.
    fn outer(&self) -> impl Iterator<Item = &str> {
        self.ends
            .iter()
            .rev()
            .map(|end| if *end == 0 { ":" } else { &self.text[..*end] })
    }
}

struct Walk<'a> {
    opening: Opening<'a>,
    mac: Mac,
    errors: ErrorList,
    document: usize,
    path: KeyPath,
    associated: Associated,
    plain: (Vec<KeyPath>, usize),
    encrypted: usize,
    /// Values that AES-GCM refused.
    refused: usize,
    plain_comments: Option<(usize, Position)>,
    sealed_comments: Option<(usize, Position)>,
    list_comments: bool,
    found: Vec<Found>,
}

impl Walk<'_> {
    fn finish(mut self) -> Result<Walked, SopsErrors> {
        if self.encrypted > 0 {
            self.errors.key_is_right();
        }
        if self.encrypted == 0 && self.refused >= TELLING {
            let place = Place::of_file(self.opening.file.clone());
            let mut errors = ErrorList::new(self.opening.file);
            errors.push(SopsError::WrongKey {
                place,
                values: self.refused,
            });
            return Err(errors.into_errors());
        }
        self.errors.finish(Walked {
            mac: self.mac.finish(),
            plain: self.plain,
            encrypted: self.encrypted,
            plain_comments: self.plain_comments,
            sealed_comments: self.sealed_comments,
            list_comments: self.list_comments,
            found: self.found,
        })
    }

    fn refuse(&mut self, position: Position, problem: TokenProblem) {
        if problem == TokenProblem::Authentication {
            self.refused += 1;
        }
        let place = Place::new(self.opening.file.clone(), position);
        // Sops prints its own structure in place of such a value.
        let only_here = problem == TokenProblem::CommentAsValue;
        let error = SopsError::Value {
            place,
            path: self.path.clone(),
            problem,
        };
        if only_here {
            self.errors.push_only_here(error);
        } else {
            self.errors.push(error);
        }
    }

    /// Remembers where a plain value stands; a few are enough to look at.
    fn name_plain(&mut self) {
        let (named, more) = &mut self.plain;
        if named.len() < NAMED {
            named.push(self.path.clone());
        } else {
            *more += 1;
        }
    }

    fn note(&mut self, position: Position, finding: Option<StrictFinding>) {
        self.found.extend(finding.map(|finding| Found {
            position,
            path: self.path.clone(),
            finding,
        }));
    }

    fn mapping(&mut self, pairs: &mut [Pair], mut scope: Scope<'_>) {
        for pair in pairs {
            match pair {
                Pair::Comment(comment) => {
                    scope.comment(&comment.text);
                    if scope.encrypts_comment() {
                        self.comment_of_map(comment);
                    }
                }
                Pair::Entry { key, value } => {
                    let ElementKind::Text(name) = &key.kind else {
                        continue;
                    };
                    self.path.push(Segment::Key(name.text.clone()));
                    self.associated.push(&name.text);
                    if let Some(comment) = self.value(value, scope.at_key(&name.text)) {
                        drop(comment);
                        self.refuse(value.position, TokenProblem::CommentAsValue);
                    }
                    self.associated.pop();
                    self.path.pop();
                    scope.value_passed();
                }
            }
        }
    }

    fn sequence(&mut self, items: &mut [Item], mut scope: Scope<'_>) {
        let mut index = 0;
        for item in items {
            match item {
                Item::Comment(comment) => {
                    scope.comment(&comment.text);
                    if scope.encrypts_comment()
                        && let Some(value) = self.comment_of_list(comment)
                    {
                        *item = Item::Element(value);
                    }
                }
                Item::Element(element) => {
                    self.path.push(Segment::Index(index));
                    let opened = self.value(element, scope);
                    self.path.pop();
                    index += 1;
                    let Some(text) = opened else {
                        scope.value_passed();
                        continue;
                    };
                    match self.opening.list_comments {
                        ListComments::Items => scope.value_passed(),
                        ListComments::Comments => scope.comment(&text),
                    }
                    self.list_comments = true;
                    *item = Item::Comment(Comment {
                        text: text.into(),
                        position: element.position,
                        inline: false,
                    });
                }
            }
        }
    }

    /// Opens a value in place; `Some` if it turns out to be a comment, as SOPS stores those of lists.
    fn value(&mut self, element: &mut Element, scope: Scope<'_>) -> Option<String> {
        let position = element.position;
        match &mut element.kind {
            ElementKind::Mapping(pairs) => {
                self.mapping(pairs, scope.enter());
                // What remains of `{} # comment`: the text of an empty map has no place for it.
                if self.opening.format != Format::Ini
                    && pairs.iter().all(|pair| matches!(pair, Pair::Comment(_)))
                {
                    pairs.clear();
                }
            }
            ElementKind::Sequence(items) => self.sequence(items, scope.enter()),
            // SOPS never encrypts null; loading leaves neither texts nor aliases.
            ElementKind::Opened(Scalar::Null, _) | ElementKind::Text(_) | ElementKind::Alias(_) => {}
            ElementKind::Opened(scalar, _) if !scope.encrypts_value() => {
                if self.opening.metadata.mac_scope == MacScope::AllValues {
                    self.mac.update(scalar);
                    self.name_plain();
                }
            }
            ElementKind::Opened(Scalar::String(token), _) => {
                match self.opening.cipher.open(token, self.associated.get()) {
                    Ok(Opened { plain, oddity }) => {
                        self.note(position, oddity);
                        match plain {
                            Plain::Comment(text) => return Some(text),
                            Plain::Scalar(scalar) => {
                                let provenance = self.provenance(token);
                                element.kind = self.opened(scalar, provenance);
                            }
                        }
                    }
                    Err(problem) => self.refuse(position, problem),
                }
            }
            ElementKind::Opened(Scalar::Bytes(_), _) => self.refuse(position, TokenProblem::PlainText),
            ElementKind::Opened(scalar, _) => {
                let found = scalar.kind_name();
                self.refuse(position, TokenProblem::PlainValue { found });
            }
        }
        None
    }

    /// Where an opened value comes from; empty text was never encrypted.
    fn provenance(&mut self, token: &str) -> Provenance {
        if token.is_empty() {
            return Provenance::PLAIN;
        }
        self.encrypted += 1;
        Provenance::sealed(Sealed::Ciphertext {
            file: self.opening.file.clone(),
            document: self.document,
            path: self.path.clone(),
            integrity: self.opening.integrity,
        })
    }

    /// An opened value, counted into the MAC.
    fn opened(&mut self, scalar: Scalar, provenance: Provenance) -> ElementKind {
        self.mac.update(&scalar);
        ElementKind::Opened(scalar, provenance)
    }

    fn comment_of_map(&mut self, comment: &mut Comment) {
        match self.open_comment(comment) {
            None => {}
            // A comment that is labeled as text counts into the MAC, as in SOPS.
            Some(Plain::Scalar(scalar @ Scalar::String(_))) => {
                self.mac.update(&scalar);
                if let Scalar::String(text) = scalar {
                    comment.text = text.into();
                }
            }
            Some(Plain::Comment(text)) => {
                comment.text = text.into();
                comment.inline = false;
            }
            Some(Plain::Scalar(_)) => {
                self.refuse(comment.position, TokenProblem::NotOfType { label: "comment" });
            }
        }
    }

    /// A `#` comment of a list: opened in place, or the item that it turns into, as in SOPS.
    fn comment_of_list(&mut self, comment: &mut Comment) -> Option<Element> {
        match self.open_comment(comment)? {
            Plain::Comment(text) => {
                comment.text = text.into();
                comment.inline = false;
                None
            }
            Plain::Scalar(scalar) => {
                let provenance = self.provenance(&comment.text);
                let kind = self.opened(scalar, provenance);
                Some(Element {
                    kind,
                    anchor: None,
                    tag: None,
                    position: comment.position,
                })
            }
        }
    }

    /// Opens a comment. One that does not open stays as it is and is counted.
    ///
    /// Its associated data is that of its container, and which container a comment belongs to is a matter of
    /// indentation that editors change; GCM lets no wrong guess through, so the outer ones are tried as well.
    fn open_comment(&mut self, comment: &Comment) -> Option<Plain> {
        let cipher = self.opening.cipher;
        let is_comment = |opened: &Opened| matches!(opened.plain, Plain::Comment(_));
        let opened = match cipher.open(&comment.text, self.associated.get()) {
            Err(TokenProblem::Authentication) => {
                let mut outer = self
                    .associated
                    .outer()
                    .map(|associated| cipher.open(&comment.text, associated));
                outer
                    .find_map(|opened| opened.ok().filter(is_comment))
                    .map(|opened| Opened {
                        oddity: Some(StrictFinding::MovedComment),
                        ..opened
                    })
            }
            opened => opened.ok(),
        };
        if let Some(opened) = opened {
            let is_labeled = comment.text.is_empty() || is_comment(&opened);
            let oddity = opened
                .oddity
                .or_else(|| (!is_labeled).then_some(StrictFinding::Label));
            self.note(comment.position, oddity);
            return Some(opened.plain);
        }
        let (counter, finding) = if contains_token(&comment.text) {
            (&mut self.sealed_comments, StrictFinding::SealedComment)
        } else {
            (&mut self.plain_comments, StrictFinding::PlainComment)
        };
        let (count, _) = counter.get_or_insert((0, comment.position));
        *count += 1;
        self.note(comment.position, Some(finding));
        None
    }
}
