//! Documents to shapes, comments attached the way SOPS's store hands them to go-yaml.

use super::nodes::{leaf, text};
use super::writer::Writer;
use super::{Body, Comments, Flavor, Leaf, Shape, Want};
use crate::yaml::anchors::{self, Aliases};
use crate::yaml::budget::Budget;
use crate::yaml::{
    Comment, Document, Element, ElementKind, Item, Pair, Table, YamlError, YamlErrors, resolve_scalar,
};
use crate::{Position, Scalar, SecretBytes};

/// Documents as `sops decrypt` prints them: indent 4, comments kept, aliases written out, tags dropped.
///
/// Texts are typed by [`Table::Sops`], opened scalars by what they are. Each document must be a map or
/// empty, as SOPS demands; every error of every document is reported.
pub fn emit_documents(documents: &[Document]) -> Result<SecretBytes, YamlErrors> {
    let mut writer = Writer::new(Flavor::Sops);
    let mut errors = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        match shape(document) {
            Ok(shape) => {
                if index > 0 {
                    writer.separator();
                }
                writer.document(&shape);
            }
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() {
        Ok(SecretBytes::new(writer.out.into_bytes()))
    } else {
        Err(YamlErrors(errors))
    }
}

/// One value as `sops decrypt --extract` prints it, in the style of [`emit_documents`]: a list or a scalar on its own.
pub fn emit_value(value: &Element) -> Result<SecretBytes, YamlErrors> {
    let (aliases, errors) = anchors::bind(value);
    let mut reader = Reader {
        aliases,
        errors,
        budget: Budget::default(),
    };
    let shape = reader.value(value, 0);
    if !reader.errors.is_empty() {
        return Err(YamlErrors(reader.errors));
    }
    let mut writer = Writer::new(Flavor::Sops);
    writer.document(&shape);
    Ok(SecretBytes::new(writer.out.into_bytes()))
}

fn shape(document: &Document) -> Result<Shape<'_>, Vec<YamlError>> {
    let mut shape = match &document.root {
        None => Shape::new(Body::Mapping(Vec::new())),
        Some(root) => {
            let (aliases, errors) = anchors::bind(root);
            let mut reader = Reader {
                aliases,
                errors,
                budget: Budget::default(),
            };
            let shape = reader.root(root);
            if !reader.errors.is_empty() {
                return Err(reader.errors);
            }
            shape
        }
    };
    let errors: Vec<YamlError> = document.comments.iter().filter_map(unwritable).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let comments: Vec<&Comment> = document.comments.iter().collect();
    add(&mut shape, |at| &mut at.above, &comments);
    Ok(shape)
}

struct Reader<'d> {
    aliases: Aliases<'d>,
    errors: Vec<YamlError>,
    budget: Budget,
}

impl<'d> Reader<'d> {
    fn root(&mut self, root: &'d Element) -> Shape<'d> {
        let target = if matches!(root.kind, ElementKind::Alias(_)) {
            self.aliases.target(root)
        } else {
            Some(root)
        };
        match target.map(|target| &target.kind) {
            Some(ElementKind::Mapping(pairs)) => self.mapping(pairs, 0),
            Some(ElementKind::Text(text)) if text.text.is_empty() || &*text.text == "null" => {
                Shape::new(Body::Mapping(Vec::new()))
            }
            _ => {
                let message = format!("the document is a {root:?}; SOPS takes maps only");
                self.refuse(root.position, message);
                null()
            }
        }
    }

    fn refuse(&mut self, position: Position, message: String) {
        self.errors.push(YamlError { position, message });
    }

    fn check(&mut self, comment: &Comment) {
        self.errors.extend(unwritable(comment));
    }

    fn value(&mut self, element: &'d Element, depth: usize) -> Shape<'d> {
        if self.budget.is_exhausted() {
            return null();
        }
        if let Err(message) = self.budget.take(depth) {
            self.refuse(element.position, message);
            return null();
        }
        match &element.kind {
            ElementKind::Text(text) => self.scalar(element, text),
            ElementKind::Opened(scalar, _) => Shape::new(Body::Leaf(leaf(scalar, Flavor::Sops))),
            ElementKind::Sequence(items) => self.sequence(items, depth),
            ElementKind::Mapping(pairs) => self.mapping(pairs, depth),
            ElementKind::Alias(_) => {
                let Some(target) = self.aliases.target(element) else {
                    return null();
                };
                self.budget.enter_alias();
                let shape = self.value(target, depth + 1);
                self.budget.leave_alias();
                shape
            }
        }
    }

    fn scalar(&mut self, element: &Element, written: &'d crate::yaml::Text) -> Shape<'d> {
        match resolve_scalar(Table::Sops, written, element.tag.as_deref()) {
            Ok(Scalar::String(found)) if *found == *written.text => {
                Shape::new(Body::Leaf(text(&written.text, Flavor::Sops)))
            }
            Ok(scalar) => {
                let Leaf { text, want, tag } = leaf(&scalar, Flavor::Sops);
                Shape::new(Body::Leaf(Leaf {
                    text: text.into_owned().into(),
                    want,
                    tag,
                }))
            }
            Err(message) => {
                self.refuse(element.position, message);
                null()
            }
        }
    }

    fn sequence(&mut self, items: &'d [Item], depth: usize) -> Shape<'d> {
        let mut whole = Shape::new(Body::Sequence(Vec::new()));
        let mut shapes: Vec<Shape<'d>> = Vec::with_capacity(items.len());
        let mut waiting = Waiting::default();
        for item in items {
            match item {
                Item::Comment(comment) => {
                    self.check(comment);
                    waiting.take(comment);
                }
                Item::Element(element) => {
                    let mut shape = self.value(element, depth + 1);
                    let above = if shapes.is_empty() { &mut whole } else { &mut shape };
                    add(above, |at| &mut at.above, &std::mem::take(&mut waiting.above));
                    add(
                        &mut shape,
                        |at| &mut at.behind,
                        &std::mem::take(&mut waiting.inline),
                    );
                    shapes.push(shape);
                }
            }
        }
        let left = waiting.left();
        match shapes.last_mut() {
            Some(last) => add(last, |at| &mut at.below, &left),
            None => add(&mut whole, |at| &mut at.above, &left),
        }
        whole.body = Body::Sequence(shapes);
        whole
    }

    fn mapping(&mut self, pairs: &'d [Pair], depth: usize) -> Shape<'d> {
        let mut whole = Shape::new(Body::Mapping(Vec::new()));
        let mut shapes: Vec<(Shape<'d>, Shape<'d>)> = Vec::with_capacity(pairs.len());
        let mut waiting = Waiting::default();
        for pair in pairs {
            match pair {
                Pair::Comment(comment) => {
                    self.check(comment);
                    waiting.take(comment);
                }
                Pair::Entry { key, value } => {
                    let mut key = self.key(key);
                    let mut value = self.value(value, depth + 1);
                    let above = if shapes.is_empty() { &mut whole } else { &mut key };
                    add(above, |at| &mut at.above, &std::mem::take(&mut waiting.above));
                    add(
                        &mut value,
                        |at| &mut at.behind,
                        &std::mem::take(&mut waiting.inline),
                    );
                    shapes.push((key, value));
                }
            }
        }
        let left = waiting.left();
        match shapes.last_mut() {
            Some((key, _)) => add(key, |at| &mut at.below, &left),
            None => add(&mut whole, |at| &mut at.above, &left),
        }
        whole.body = Body::Mapping(shapes);
        whole
    }

    fn key(&mut self, key: &'d Element) -> Shape<'d> {
        self.budget.count();
        let target = if matches!(key.kind, ElementKind::Alias(_)) {
            self.aliases.target(key)
        } else {
            Some(key)
        };
        let Some(target) = target else { return null() };
        let ElementKind::Text(_) = &target.kind else {
            self.refuse(
                key.position,
                format!("the key is a {target:?}; SOPS takes text only"),
            );
            return null();
        };
        self.value(target, 0)
    }
}

/// Comments that wait for the entry they come before.
#[derive(Default)]
struct Waiting<'d> {
    above: Vec<&'d Comment>,
    inline: Vec<&'d Comment>,
}

impl<'d> Waiting<'d> {
    fn take(&mut self, comment: &'d Comment) {
        let waiting = if comment.inline {
            &mut self.inline
        } else {
            &mut self.above
        };
        waiting.push(comment);
    }

    fn left(mut self) -> Vec<&'d Comment> {
        self.above.append(&mut self.inline);
        self.above
    }
}

/// Puts comments before those that are there. One of several lines, which only other formats have, becomes several.
fn add(shape: &mut Shape<'_>, at: fn(&mut Comments) -> &mut String, comments: &[&Comment]) {
    if comments.is_empty() {
        return;
    }
    let there = at(shape.comments.get_or_insert_default());
    let mut lines: Vec<String> = Vec::with_capacity(comments.len());
    for comment in comments {
        for (index, line) in lines_of(&comment.text).enumerate() {
            let sign = match line {
                _ if index == 0 => "#",
                line if line.starts_with('#') => "",
                _ => "# ",
            };
            lines.push(format!("{sign}{line}"));
        }
    }
    if !there.is_empty() {
        lines.push(std::mem::take(there));
    }
    *there = lines.join("\n");
}

/// What keeps a comment from being written. SOPS writes it all the same, and then nothing reads the file, SOPS included.
fn unwritable(comment: &Comment) -> Option<YamlError> {
    let c = comment.text.chars().find(|c| !may_stand_in_comment(*c))?;
    Some(YamlError {
        position: comment.position,
        message: format!(
            "the comment holds the character U+{:04X}, which YAML cannot; write the file in another format",
            u32::from(c)
        ),
    })
}

/// The lines of a comment by every character at which go-yaml breaks them: what stands behind one has to be a comment too.
fn lines_of(comment: &str) -> impl Iterator<Item = &str> {
    comment
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .flat_map(|line| line.split(['\r', '\u{85}', '\u{2028}', '\u{2029}']))
}

/// What YAML can write without quotes (1.2.2, `c-printable`, without byte order marks).
fn may_stand_in_comment(c: char) -> bool {
    !(c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}'))
}

fn null<'d>() -> Shape<'d> {
    Shape::new(Body::Leaf(Leaf {
        text: "null".into(),
        want: Want::Plain,
        tag: None,
    }))
}
