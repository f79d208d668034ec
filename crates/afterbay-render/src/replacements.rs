//! `replacements`: the value of one field put into others.

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Node, Place, Scalar, Spelling, Value};

use crate::arguments::{FieldOptions, Replacement, ReplacementSource, ReplacementTarget};
use crate::decode::{Decoder, Mode};
use crate::error::RenderError;
use crate::field_path::{self, Form};
use crate::go;
use crate::loads::Files;
use crate::read;
use crate::resource::{DEFAULT_NAMESPACE, Resource};
use crate::select::Selection;

/// The name, which is meant where no field is named.
const DEFAULT_PATH: &str = "metadata.name";

/// The replacements with those of the files they name.
pub(crate) fn expand(
    replacements: &[Replacement],
    files: Files<'_>,
    place: &Place,
    errors: &mut Vec<RenderError>,
) -> Vec<(Replacement, Place)> {
    let mut all = Vec::new();
    for replacement in replacements {
        let place = Place::new(place.file.clone(), replacement.position);
        if replacement.path.is_empty() {
            let mut replacement = replacement.clone();
            // An empty list does not survive the way to kustomize's transformer; in a file it does.
            replacement.targets = replacement.targets.filter(|targets| !targets.is_empty());
            all.push((replacement, place));
            continue;
        }
        if replacement.source.is_some()
            || replacement
                .targets
                .as_ref()
                .is_some_and(|targets| !targets.is_empty())
        {
            errors.push(wrong(
                &place,
                "has a path beside source and targets; keep one of them".to_owned(),
            ));
            continue;
        }
        all.extend(from_file(&replacement.path, files, &place, errors));
    }
    all
}

fn from_file(
    path: &str,
    files: Files<'_>,
    place: &Place,
    errors: &mut Vec<RenderError>,
) -> Vec<(Replacement, Place)> {
    let (file, found) = match files.load(path, "replacement", place) {
        Ok(found) => found,
        Err(error) => {
            errors.push(error);
            return Vec::new();
        }
    };
    let node = match read::configuration(&file, found, Table::Kubectl) {
        Ok(node) => node,
        Err(more) => {
            errors.extend(more);
            return Vec::new();
        }
    };
    let mut decoder = Decoder::new(&file, Mode::Lenient);
    let read = match &node.value {
        Value::Sequence(_) => decoder.list(&node, "", Replacement::read),
        Value::Mapping(_) => vec![Replacement::read(&mut decoder, &node, "")],
        Value::Scalar(_) => {
            errors.push(wrong(
                place,
                format!("{file} must hold a replacement or a list of them"),
            ));
            Vec::new()
        }
    };
    errors.append(&mut decoder.errors);
    read.into_iter()
        .map(|replacement| {
            let place = Place::new(file.clone(), replacement.position);
            (replacement, place)
        })
        .collect()
}

fn wrong(place: &Place, problem: String) -> RenderError {
    RenderError::Step {
        place: place.clone(),
        step: "replacements",
        problem,
    }
}

/// Carries one out.
pub(crate) fn replace(replacement: &Replacement, resources: &mut [Resource]) -> Result<(), String> {
    let targets = match &replacement.targets {
        Some(targets) if replacement.source.is_some() || replacement.source_value.is_some() => targets,
        _ => return Err("needs a source and targets".to_owned()),
    };
    let mut value = match (&replacement.source_value, &replacement.source) {
        (Some(_), Some(_)) => return Err("has source and sourceValue; keep one".to_owned()),
        (Some(text), None) => Supply {
            value: Node::plain(text.as_str()),
            origin: None,
        },
        (None, Some(source)) => source_value(source, resources)?,
        (None, None) => return Ok(()),
    };
    targets
        .iter()
        .try_for_each(|target| fill_target(&mut value, target, resources))
}

/// The value that is put into fields.
struct Supply {
    value: Node,
    /// The object and the field that it is, unless a part of it was taken: if a target is that field, what is put into the
    /// next one is what stands there then, as in kustomize.
    origin: Option<(usize, Vec<String>)>,
}

impl Supply {
    /// Takes the value again, after an object was changed.
    fn renew(&mut self, changed: usize, body: &Node) {
        if let Some((index, steps)) = &self.origin
            && *index == changed
            && let Ok(Some(value)) = field_path::lookup(body, steps)
        {
            self.value = value.clone();
        }
    }
}

fn source_value(source: &ReplacementSource, resources: &[Resource]) -> Result<Supply, String> {
    let is_meant = |(_, resource): &(usize, &Resource)| {
        let own = (
            resource.id().kind,
            resource.name(),
            resource.namespace().unwrap_or(DEFAULT_NAMESPACE),
        );
        let gvk = resource.gvk();
        let fits = |kind: &str, name: &str, namespace: &str| {
            let wanted = if source.namespace.is_empty() {
                namespace
            } else {
                &source.namespace
            };
            (source.name.is_empty() || source.name == name)
                && wanted == namespace
                && source.gvk.selects(&gvk.group, &gvk.version, kind)
        };
        fits(own.0, own.1, own.2)
            || resource
                .previous_ids()
                .any(|id| fits(id.kind, id.name, id.namespace))
    };
    let mut found = resources.iter().enumerate().filter(is_meant);
    let name = || {
        let parts = [&source.gvk.kind, &source.namespace, &source.name];
        let parts: Vec<&str> = parts
            .iter()
            .map(|part| part.as_str())
            .filter(|part| !part.is_empty())
            .collect();
        parts.join("/")
    };
    let (index, resource) = match (found.next(), found.next()) {
        (Some(found), None) => found,
        (None, _) => return Err(format!("source: no object is {}", name())),
        (Some((_, first)), Some((_, second))) => {
            return Err(format!(
                "source: {} may mean {} or {}; say which",
                name(),
                first.reference(),
                second.reference()
            ));
        }
    };
    let path = if source.field_path.is_empty() {
        DEFAULT_PATH
    } else {
        &source.field_path
    };
    let missing = || format!("source: {} has no field {path}", resource.reference());
    let steps = field_path::split(path);
    let value = field_path::lookup(&resource.body, &steps)
        .map_err(|problem| format!("source: {}: {path}: {problem}", resource.reference()))?
        .ok_or_else(missing)?;
    let is_empty = match &value.value {
        Value::Mapping(entries) => entries.is_empty(),
        Value::Sequence(items) => items.is_empty(),
        Value::Scalar(_) => value.is_null(),
    };
    if is_empty {
        return Err(missing());
    }
    let is_whole = source
        .options
        .as_ref()
        .is_none_or(|options| options.delimiter.is_empty());
    Ok(Supply {
        value: part_of(value, source.options.as_ref())?,
        origin: is_whole.then_some((index, steps)),
    })
}

/// The part between two delimiters.
fn part_of(value: &Node, options: Option<&FieldOptions>) -> Result<Node, String> {
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        return Ok(value.clone());
    };
    let Some(text) = value.expose_spelling() else {
        return Err("source: a delimiter takes text apart, and the field is a list or map".to_owned());
    };
    let part = usize::try_from(options.index)
        .ok()
        .and_then(|index| text.split(&options.delimiter).nth(index));
    let Some(part) = part else {
        return Err(format!(
            "source: the field has no part {} between delimiters",
            options.index
        ));
    };
    let Value::Scalar(scalar) = &value.value else {
        return Ok(value.clone());
    };
    let scalar = go::set_text(scalar, part.to_owned()).map_err(|problem| format!("source: {problem}"))?;
    Ok(Node {
        value: scalar.into(),
        spelling: Spelling::Plain,
        ..value.clone()
    })
}

fn fill_target(
    supply: &mut Supply,
    target: &ReplacementTarget,
    resources: &mut [Resource],
) -> Result<(), String> {
    let Some(select) = &target.select else {
        return Err("a target has no select; say which objects it means".to_owned());
    };
    let selection = Selection::new(select)?;
    let rejected = target
        .reject
        .iter()
        .map(Selection::new)
        .collect::<Result<Vec<_>, _>>()?;
    let default = [DEFAULT_PATH.to_owned()];
    let paths: &[String] = if target.field_paths.is_empty() {
        &default
    } else {
        &target.field_paths
    };
    for (index, resource) in resources.iter_mut().enumerate() {
        let is_rejected = rejected.iter().any(|rejected| {
            (rejected.asks_metadata() && rejected.selects_metadata(resource))
                || (!rejected.is_empty() && rejected.selects_any(resource))
        });
        if is_rejected || !selection.selects_metadata(resource) || !selection.selects_any(resource) {
            continue;
        }
        let name = resource.reference();
        for path in paths {
            fill_field(&supply.value, path, target.options.as_ref(), &mut resource.body)
                .map_err(|problem| format!("{name}: {path}: {problem}"))?;
            supply.renew(index, &resource.body);
        }
        let Resource { shared, body, .. } = resource;
        shared.settle(body);
        resource.refresh();
    }
    Ok(())
}

fn fill_field(
    value: &Node,
    path: &str,
    options: Option<&FieldOptions>,
    body: &mut Node,
) -> Result<(), String> {
    let steps = field_path::split(path);
    let create = options
        .is_some_and(|options| options.create)
        .then(|| Form::of(value));
    if fill_inside_text(value, &steps, options, create, body).is_ok() {
        return Ok(());
    }
    let count = field_path::visit(body, &steps, create, &mut |node, is_new| {
        set(value, options, node, is_new)
    })?;
    if count == 0 {
        return Err("is not there; correct the path, or set create".to_owned());
    }
    Ok(())
}

/// Puts a value into a field.
fn set(value: &Node, options: Option<&FieldOptions>, node: &mut Node, is_new: bool) -> Result<(), String> {
    let delimiter = options.filter(|options| !options.delimiter.is_empty());
    let mut provenance = value.provenance.clone();
    // What a list or map has for a text is nothing.
    let mut text = value.expose_spelling().unwrap_or_default().into_owned();
    if let Some(options) = delimiter {
        let Some(old) = node.expose_spelling() else {
            return Err("a delimiter takes text apart, and the field is a list or map".to_owned());
        };
        let old = if is_new { "".into() } else { old };
        if value.is_null() {
            text.clear();
        }
        let mut parts: Vec<&str> = old.split(&options.delimiter).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &text),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = &text,
                None => parts.push(&text),
            },
        }
        text = parts.join(&options.delimiter);
        provenance = provenance.union(&node.provenance);
    }
    let is_scalar = matches!(node.value, Value::Scalar(_));
    if !is_scalar {
        let mut copy = value.clone();
        copy.position = node.position;
        *node = copy;
        return Ok(());
    }
    let Value::Scalar(scalar) = &node.value else {
        return Ok(());
    };
    let scalar = if is_new {
        go::plain(&text)
    } else {
        go::set_text(scalar, text.clone())?
    };
    if !matches!(node.spelling, Spelling::Quoted) {
        // A number stays as it is spelled (`0x1F`), and becomes that text where a text has to stand.
        node.spelling = match scalar {
            Scalar::Null => Spelling::Plain,
            _ => Spelling::of_plain(&scalar, &text),
        };
    }
    node.value = scalar.into();
    node.provenance = provenance;
    Ok(())
}

/// Puts a value into the YAML or JSON that a text of the object holds. Fails where the path does not lead into a text.
fn fill_inside_text(
    value: &Node,
    steps: &[String],
    options: Option<&FieldOptions>,
    create: Option<Form>,
    body: &mut Node,
) -> Result<(), String> {
    let is_text = |count: usize| {
        let found = field_path::lookup(body, &steps[..count]).ok().flatten()?;
        let text = found.expose_spelling().filter(|_| count < steps.len())?;
        go::read_yaml(&text)
            .ok()
            .map(|inner| (count, inner, text.into_owned()))
    };
    let (count, mut inner, text) = (1..=steps.len()).find_map(is_text).ok_or("leads into no text")?;
    let mut touched = value.provenance.clone();
    let visited = field_path::visit(&mut inner, &steps[count..], create, &mut |node, is_new| {
        set(value, options, node, is_new)?;
        touched = touched.union(&node.provenance);
        Ok(())
    })?;
    if visited == 0 {
        return Err("is not in the text".to_owned());
    }
    let written = go::write_like(&inner, &text);
    let Some(node) = field_path::lookup_mut(body, &steps[..count]) else {
        return Err("leads into no text".to_owned());
    };
    let Value::Scalar(scalar) = &node.value else {
        return Err("leads into no text".to_owned());
    };
    node.value = go::set_text(scalar, written)?.into();
    node.provenance = node.provenance.union(&touched);
    Ok(())
}
