//! `vars`: values of fields, put in place of `$(NAME)`.

use std::collections::BTreeMap;

use afterbay_manifest::{Node, Place, Provenance, Scalar, Spelling, Value};

use crate::accumulate::Accumulator;
use crate::arguments::Variable;
use crate::build::Build;
use crate::error::RenderError;
use crate::explain::{self, Change};
use crate::field_path;
use crate::fieldspec::{Make, Misshapen};
use crate::read;
use crate::resource::{DEFAULT_NAMESPACE, Id, Resource};
use crate::transform::Layer;

fn wrong(place: &Place, problem: String) -> RenderError {
    RenderError::Step {
        place: place.clone(),
        step: "vars",
        problem,
    }
}

impl Layer<'_> {
    /// Remembers the variables of the layer, and which objects they are read from.
    pub(crate) fn declare_variables(&self, gathered: &mut Accumulator, errors: &mut Vec<RenderError>) {
        for variable in &self.kustomization.vars {
            let place = self.place(variable.position);
            let mut found = gathered
                .resources
                .iter_mut()
                .filter(|resource| resource.ids().any(|id| is_meant(variable, &id)));
            match (found.next(), found.next()) {
                (Some(_), Some(second)) => {
                    let problem = format!(
                        "{:?} may mean {} or another object; name its namespace",
                        variable.name,
                        second.reference()
                    );
                    errors.push(wrong(&place, problem));
                    continue;
                }
                (Some(resource), None) => resource.variables.push(variable.name.clone()),
                (None, _) => {}
            }
            gathered.add_variable(variable.clone(), place, errors);
        }
    }
}

fn is_meant(variable: &Variable, id: &Id<'_>) -> bool {
    let gvk = &variable.gvk;
    let same_kind = gvk.group == id.group && gvk.version == id.version && gvk.kind == id.kind;
    let namespace = Some(variable.namespace.as_str()).filter(|namespace| !namespace.is_empty());
    same_kind && variable.object == id.name && namespace.is_none_or(|namespace| namespace == id.namespace)
}

/// The values by name.
type Values = BTreeMap<String, Node>;

impl Build<'_> {
    /// Puts the values in place.
    pub(crate) fn resolve_variables(&mut self, gathered: &mut Accumulator) {
        let mut values = Values::new();
        let mut sorted: Vec<&(Variable, Place)> = gathered.variables.iter().collect();
        sorted.sort_by(|a, b| a.0.name.cmp(&b.0.name));
        for (variable, place) in sorted {
            match value(variable, &gathered.resources) {
                Ok(node) => {
                    values.insert(variable.name.clone(), node);
                }
                Err(problem) => self.errors.push(wrong(place, problem)),
            }
        }
        if values.is_empty() {
            return;
        }
        let specs = gathered.config.specs();
        for resource in &mut gathered.resources {
            let gvk = resource.gvk().clone();
            for spec in &specs.var_reference {
                let filled = spec.visit(&mut resource.body, &gvk, Make::Nothing, &mut |node| {
                    fill(node, &values)
                });
                if let Err(misshapen) = filled {
                    let reference = resource.reference().to_string();
                    self.errors
                        .push(read::shape(resource.origin(), reference, misshapen));
                }
            }
            let Resource { shared, body, .. } = resource;
            shared.settle(body);
            resource.refresh();
        }
    }
}

/// Says of each object that has a story which variables stood in it, and where they are declared if it is one.
pub(crate) fn explain(gathered: &mut Accumulator) {
    for resource in &mut gathered.resources {
        let Some(story) = &resource.story else { continue };
        let stood = |(variable, _): &&(Variable, Place)| story.said(&format!("$({})", variable.name));
        let stood: Vec<&(Variable, Place)> = gathered.variables.iter().filter(stood).collect();
        let names: Vec<&str> = stood.iter().map(|(variable, _)| variable.name.as_str()).collect();
        let step = format!("vars {}", names.join(", "));
        let change = match stood.as_slice() {
            [(_, place)] => Change::by(step, place.clone()),
            _ => Change::at_the_end(step.trim_end()),
        };
        explain::note(resource, &change);
    }
}

fn value(variable: &Variable, resources: &[Resource]) -> Result<Node, String> {
    let name = &variable.name;
    let Some(resource) = resources
        .iter()
        .find(|resource| resource.variables.contains(name))
    else {
        let namespace = if variable.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &variable.namespace
        };
        return Err(format!(
            "{name:?} is read from {}/{namespace}/{}, which is not there",
            variable.gvk.kind, variable.object
        ));
    };
    let path = &variable.field_path;
    let found = field_path::lookup(&resource.body, &field_path::split_indexed(path));
    match found {
        Ok(Some(node)) => Ok(node.clone()),
        Ok(None) => Err(format!("{name:?}: {} has no field {path}", resource.reference())),
        Err(problem) => Err(format!("{name:?}: {}: {path}: {problem}", resource.reference())),
    }
}

/// Fills a text, the texts of a map, or those of a list.
fn fill(node: &mut Node, values: &Values) -> Result<(), Misshapen> {
    match &mut node.value {
        Value::Scalar(Scalar::String(_)) => fill_text(node, values),
        Value::Scalar(_) => {}
        Value::Mapping(entries) => {
            for entry in entries.values_mut().filter(|entry| is_text(entry)) {
                fill_text(entry, values);
            }
        }
        Value::Sequence(items) => {
            for item in items {
                if !is_text(item) {
                    return Err(Misshapen::expected(item, "text"));
                }
                fill_text(item, values);
            }
        }
    }
    Ok(())
}

fn is_text(node: &Node) -> bool {
    matches!(node.value, Value::Scalar(Scalar::String(_)))
}

fn fill_text(node: &mut Node, values: &Values) {
    let Some(text) = node.expose_str() else { return };
    if !text.contains('$') {
        return;
    }
    let (filled, provenance) = expand(text, values);
    node.provenance = node.provenance.union(&provenance);
    node.value = filled.into();
    node.spelling = Spelling::Plain;
}

/// Replaces every `$(NAME)` whose value is known; `$$` is a dollar sign. A text that is nothing but one takes the value's type.
fn expand(text: &str, values: &Values) -> (Scalar, Provenance) {
    let mut provenance = Provenance::PLAIN;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let behind = &rest[at + 1..];
        let Some(next) = behind.chars().next() else { break };
        out.push_str(&rest[..at]);
        let name = behind.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        match (next, name) {
            ('$', _) => {
                out.push('$');
                rest = &behind[1..];
            }
            ('(', Some((name, more))) => {
                let known = values.get(name).and_then(|node| match &node.value {
                    Value::Scalar(scalar) if !matches!(scalar, Scalar::Bytes(_)) => Some((node, scalar)),
                    _ => None,
                });
                let Some((node, scalar)) = known else {
                    out.extend(["$(", name, ")"]);
                    rest = more;
                    continue;
                };
                provenance = provenance.union(&node.provenance);
                if text.len() == name.len() + 3 {
                    let whole = match scalar {
                        Scalar::Null => Scalar::String(node_text(node)),
                        scalar => scalar.clone(),
                    };
                    return (whole, provenance);
                }
                out.push_str(&node_text(node));
                rest = more;
            }
            (other, _) => {
                out.push('$');
                out.push(other);
                rest = &behind[other.len_utf8()..];
            }
        }
    }
    out.push_str(rest);
    (Scalar::String(out), provenance)
}

fn node_text(node: &Node) -> String {
    match &node.value {
        Value::Scalar(Scalar::Null) => node.expose_spelling().unwrap_or_default().into_owned(),
        Value::Scalar(scalar) => crate::go::scalar_text(scalar),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use afterbay_manifest::{Node, Scalar};

    use super::{Values, expand};

    #[test]
    fn variables_are_expanded() {
        let values: Values = [
            ("A".to_owned(), Node::plain("x")),
            ("N".to_owned(), Node::plain(Scalar::Int(5))),
        ]
        .into();
        let text = |text: &str| match expand(text, &values).0 {
            Scalar::String(text) => text,
            Scalar::Int(value) => format!("int {value}"),
            _ => String::new(),
        };
        for (from, to) in [
            ("$(A)", "x"),
            ("$(N)", "int 5"),
            ("a$(A)b$(N)", "axb5"),
            ("$$(A)", "$(A)"),
            ("$(B) $(A", "$(B) $(A"),
            ("$x $", "$x $"),
            ("$$$(A)", "$x"),
        ] {
            assert_eq!(text(from), to, "{from}");
        }
    }
}
