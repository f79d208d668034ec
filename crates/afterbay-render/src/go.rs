//! What Go's standard library makes of values: text of scalars, and JSON as `encoding/json` writes it.

use afterbay_manifest::yaml::{self, Style, Table, Text, parse, resolve_scalar};
use afterbay_manifest::{Node, Scalar, Value, push_go_json};

/// The text of a scalar as a plain YAML scalar has it. The spelling of the file is not kept: `0x10` is `16`.
pub(crate) fn scalar_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(value) => value.to_string(),
        Scalar::Float(value) => float_text(*value),
        Scalar::Timestamp(text) | Scalar::String(text) => text.clone(),
        Scalar::Null | Scalar::Bytes(_) => "null".to_owned(),
    }
}

/// The text of a leaf as spelled, whatever its provenance; `None` for a list or a map.
pub(crate) fn node_text(node: &Node) -> Option<String> {
    node.expose_spelling().map(std::borrow::Cow::into_owned)
}

/// Shortest digits, with an exponent below 1e-6 and from 1e21 on; the exponent has a sign.
pub(crate) fn float_text(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// Puts a text where a scalar stands and keeps the scalar's type, as setting the value of a YAML node does that carries a tag.
///
/// A text stays text; in place of a number or boolean the text has to be one. Fails with what does not fit.
pub(crate) fn set_text(scalar: &Scalar, text: String) -> Result<Scalar, String> {
    let tag = match scalar {
        Scalar::String(_) | Scalar::Timestamp(_) | Scalar::Bytes(_) => return Ok(Scalar::String(text)),
        Scalar::Null => "tag:yaml.org,2002:null",
        Scalar::Bool(_) => "tag:yaml.org,2002:bool",
        Scalar::Int(_) | Scalar::Uint(_) => "tag:yaml.org,2002:int",
        Scalar::Float(_) => "tag:yaml.org,2002:float",
    };
    let text = Text {
        text: text.into(),
        style: Style::Plain,
    };
    resolve_scalar(Table::Kustomize, &text, Some(tag))
}

/// The type of a plain scalar with this text.
pub(crate) fn plain(text: &str) -> Scalar {
    let spelled = Text {
        text: text.into(),
        style: Style::Plain,
    };
    resolve_scalar(Table::Kustomize, &spelled, None).unwrap_or_else(|_| Scalar::String(text.to_owned()))
}

/// The value of a text that holds YAML or JSON.
pub(crate) fn read_yaml(text: &str) -> Result<Node, String> {
    let documents = parse(text.as_bytes()).map_err(|_| "the text is not YAML".to_owned())?;
    let document = documents.first().ok_or("the text is empty")?;
    match document.resolve(Table::Kustomize) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => Err("the text is empty".to_owned()),
        Err(_) => Err("the text is not YAML".to_owned()),
    }
}

/// Writes a value as the text it was read from was written: as JSON, on one line or indented, or as YAML.
pub(crate) fn write_like(node: &Node, text: &str) -> String {
    if !text.trim_start().starts_with(['{', '[']) {
        return yaml::emit([node]).trim().to_owned();
    }
    let mut compact = String::new();
    write_json(node, &mut compact);
    if !(text.contains('\n') && text.contains("  ")) {
        return compact;
    }
    let mut indented = String::new();
    indent_json(&compact, &mut indented);
    indented
}

/// JSON with two blanks a level, as `json.MarshalIndent` writes it.
fn indent_json(compact: &str, out: &mut String) {
    let mut depth = 0_usize;
    let (mut in_text, mut is_escaped) = (false, false);
    let mut characters = compact.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        if in_text {
            out.push(character);
            in_text = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                    continue;
                }
                depth += 1;
                line(out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(out, depth);
            }
            ':' => out.push_str(": "),
            other => {
                in_text = other == '"';
                out.push(other);
            }
        }
    }
}

/// A tree as `json.Marshal` writes it: keys sorted, `<`, `>`, `&` and the line breaks U+2028 and U+2029 escaped.
pub(crate) fn write_json(node: &Node, out: &mut String) {
    match &node.value {
        Value::Scalar(scalar) => write_scalar(scalar, out),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
    }
}

fn write_scalar(scalar: &Scalar, out: &mut String) {
    match scalar {
        Scalar::String(text) | Scalar::Timestamp(text) => write_string(text, out),
        // Numbers go through float64 once more, on Go's way from YAML to JSON and back.
        #[expect(clippy::cast_precision_loss, reason = "as Go loses it")]
        Scalar::Int(value) => out.push_str(&float_text(*value as f64)),
        #[expect(clippy::cast_precision_loss, reason = "as Go loses it")]
        Scalar::Uint(value) => out.push_str(&float_text(*value as f64)),
        scalar => out.push_str(&scalar_text(scalar)),
    }
}

/// A text as `json.Marshal` writes it.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    text.chars().for_each(|character| push_go_json(out, character));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Node, Scalar};

    use super::{float_text, set_text, write_json};

    #[test]
    fn floats_are_spelled_as_go_spells_them() {
        let spelled = [1.5, 1e20, 1e21, 1.5e300, 1e-6, 1e-7, -2.5e-9, 0.0].map(float_text);
        assert_eq!(
            spelled,
            [
                "1.5",
                "100000000000000000000",
                "1e+21",
                "1.5e+300",
                "0.000001",
                "1e-7",
                "-2.5e-9",
                "0"
            ]
        );
    }

    #[test]
    fn a_scalar_keeps_its_type() {
        let set = |scalar: Scalar, text: &str| set_text(&scalar, text.to_owned()).ok();
        assert!(set(Scalar::Int(1), "8080") == Some(Scalar::Int(8080)));
        assert!(set(Scalar::String(String::new()), "8080") == Some(Scalar::String("8080".to_owned())));
        assert!(set(Scalar::Bool(true), "false") == Some(Scalar::Bool(false)));
        assert!(set(Scalar::Int(1), "many").is_none());
    }

    #[test]
    fn json_is_escaped_as_go_escapes_it() {
        let node =
            Node::from_json(&serde_json::json!({"b": "<a&b>\u{2028}\n\u{1}\"", "a": [1, 1.5, null, true]}));
        let mut out = String::new();
        write_json(&node, &mut out);
        assert_eq!(
            out,
            r#"{"a":[1,1.5,null,true],"b":"\u003ca\u0026b\u003e\u2028\n\u0001\""}"#
        );
    }
}
