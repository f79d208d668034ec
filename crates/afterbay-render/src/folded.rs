//! Folded texts (`>`), which kustomize writes once more in that style and reads again before it prints them.
//!
//! Go's emitter puts an empty line behind every line of a folded text that does not begin with a blank. Where the next line is
//! indented further, the empty line is part of the text when it is read again: it has one line break more than in the file
//! (recorded from 5.8.2). Annotations go another way and keep their text.

use afterbay_manifest::yaml::{self, Document, Element, ElementKind, Item, Pair, Style};

/// Whether a document has a folded text of several lines.
pub(crate) fn has_any(document: &Document) -> bool {
    fn has(element: &Element) -> bool {
        match &element.kind {
            ElementKind::Text(text) => {
                text.style == Style::Folded && text.text.trim_end_matches('\n').contains('\n')
            }
            ElementKind::Sequence(items) => items
                .iter()
                .any(|item| matches!(item, Item::Element(element) if has(element))),
            ElementKind::Mapping(pairs) => pairs
                .iter()
                .any(|pair| matches!(pair, Pair::Entry { value, .. } if has(value))),
            _ => false,
        }
    }
    document.root.as_ref().is_some_and(has)
}

/// Gives every folded text of a document the text that kustomize prints.
pub(crate) fn refold(document: &mut Document) {
    if let Some(root) = &mut document.root {
        visit(root, &mut Vec::new());
    }
}

fn visit(element: &mut Element, path: &mut Vec<Box<str>>) {
    match &mut element.kind {
        ElementKind::Text(text) if text.style == Style::Folded && !is_annotation(path) => {
            if let Some(again) = written_and_read(&text.text) {
                text.text = again.into();
            }
        }
        ElementKind::Sequence(items) => {
            for item in items {
                if let Item::Element(item) = item {
                    visit(item, path);
                }
            }
        }
        ElementKind::Mapping(pairs) => {
            for pair in pairs {
                let Pair::Entry { key, value } = pair else {
                    continue;
                };
                let name = match &key.kind {
                    ElementKind::Text(text) => text.text.clone(),
                    _ => "".into(),
                };
                path.push(name);
                visit(value, path);
                path.pop();
            }
        }
        _ => {}
    }
}

fn is_annotation(path: &[Box<str>]) -> bool {
    let path = match path {
        [items, rest @ ..] if **items == *"items" => rest,
        path => path,
    };
    matches!(path, [metadata, annotations, _] if **metadata == *"metadata" && **annotations == *"annotations")
}

/// A text written in folded style by Go's emitter, and read again.
fn written_and_read(text: &str) -> Option<String> {
    let written = format!("- >{}\n{}\n", hints(text), lines(text));
    let documents = yaml::parse(written.as_bytes()).ok()?;
    let ElementKind::Sequence(items) = &documents.first()?.root.as_ref()?.kind else {
        return None;
    };
    match items.first()? {
        Item::Element(Element {
            kind: ElementKind::Text(text),
            ..
        }) => Some(text.text.to_string()),
        _ => None,
    }
}

/// What stands behind the `>`: the indentation where the text begins with a blank, and what becomes of line breaks at the end.
fn hints(text: &str) -> String {
    let mut hints = String::new();
    if text.starts_with([' ', '\t', '\n']) {
        hints.push('2');
    }
    match text.strip_suffix('\n') {
        None => hints.push('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => hints.push('+'),
        Some(_) => {}
    }
    hints
}

fn lines(text: &str) -> String {
    // Go looks at the first character of the whole text here, where that behind the line break is meant.
    let first = text.trim_start_matches('\n').chars().next();
    let folds = first.is_some_and(|first| !matches!(first, ' ' | '\t'));
    let (mut out, mut at_start, mut is_indented) = (String::new(), true, true);
    for character in text.trim_end_matches('\n').chars() {
        if character == '\n' {
            if !at_start && !is_indented && folds {
                out.push('\n');
            }
            out.push('\n');
            at_start = true;
            continue;
        }
        if at_start {
            out.push_str("  ");
            is_indented = matches!(character, ' ' | '\t');
        }
        out.push(character);
        at_start = false;
    }
    // Line breaks at the end are as many as the hint keeps.
    let end = text.len() - text.trim_end_matches('\n').len();
    out.extend(std::iter::repeat_n('\n', end.saturating_sub(1)));
    out
}

#[cfg(test)]
mod tests {
    use super::written_and_read;

    #[test]
    fn a_line_that_is_indented_further_moves_down() {
        for (text, expected) in [
            ("one two", "one two"),
            ("one\ntwo", "one\ntwo"),
            ("one\n  two\nthree", "one\n\n  two\nthree"),
            ("one\n\n  two", "one\n\n\n  two"),
            ("one\n", "one\n"),
            ("one\n\n\n", "one\n\n\n"),
        ] {
            assert_eq!(written_and_read(text).as_deref(), Some(expected), "{text:?}");
        }
    }
}
