//! Files of `crds`: OpenAPI definitions whose extensions say which fields name other objects.
//!
//! The extensions are `x-kubernetes-object-ref-api-version`, `…-kind` and `…-name-key`, `x-kubernetes-annotation`,
//! `x-kubernetes-label-selector` and `x-kubernetes-identity`.

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Node, Place};

use crate::config::{NameReference, Specs};
use crate::error::RenderError;
use crate::fieldspec::{self, FieldSpec, Selector};
use crate::loads::Files;
use crate::read;

/// How deep definitions may refer to each other: kustomize does not end where they go in circles.
const MAX_DEPTH: usize = 32;

/// Reads one file; what is wrong with it is reported.
pub(crate) fn read(files: Files<'_>, path: &str, place: &Place, errors: &mut Vec<RenderError>) -> Specs {
    let mut specs = Specs::default();
    let (file, found) = match files.load(path, "definition", place) {
        Ok(found) => found,
        Err(error) => {
            errors.push(error);
            return specs;
        }
    };
    let definitions = match read::configuration(&file, found, Table::Kubectl) {
        Ok(node) => node,
        Err(more) => {
            errors.extend(more);
            return specs;
        }
    };
    let names = definitions.as_mapping().into_iter().flatten();
    for (name, definition) in names {
        let has = |key: &str| definition.at(&["Schema", "properties", key]).is_some();
        if !(has("kind") && has("apiVersion") && has("metadata")) {
            continue;
        }
        let kind = name.rsplit('.').next().unwrap_or(name);
        let mut reader = Reader {
            definitions: &definitions,
            kind: Selector::of_kind(kind),
            path: Vec::new(),
        };
        if let Err(problem) = reader.definition(name, &mut specs) {
            errors.push(RenderError::Step {
                place: place.clone(),
                step: "crds",
                problem: format!("{file}: {name}: {problem}"),
            });
        }
    }
    specs.sort();
    specs
}

struct Reader<'d> {
    definitions: &'d Node,
    kind: Selector,
    path: Vec<String>,
}

impl Reader<'_> {
    fn definition(&mut self, name: &str, specs: &mut Specs) -> Result<(), String> {
        if self.path.len() > MAX_DEPTH {
            return Err("refers to itself".to_owned());
        }
        let properties = self
            .definitions
            .get(name)
            .and_then(|definition| definition.at(&["Schema", "properties"]))
            .and_then(Node::as_mapping);
        for (property, schema) in properties.into_iter().flatten() {
            self.path.push(property.clone());
            self.property(schema, specs)?;
            self.path.pop();
        }
        Ok(())
    }

    fn property(&mut self, schema: &Node, specs: &mut Specs) -> Result<(), String> {
        let text = |key: &str| schema.get(key).and_then(Node::as_plain_str);
        for (extension, into) in [
            ("x-kubernetes-annotation", &mut specs.common_annotations),
            ("x-kubernetes-label-selector", &mut specs.common_labels),
            ("x-kubernetes-identity", &mut specs.name_prefix),
        ] {
            if text(extension).is_some() {
                fieldspec::merge(into, &[self.spec(None)])?;
            }
        }
        if let (Some(version), Some(kind)) = (
            text("x-kubernetes-object-ref-api-version"),
            text("x-kubernetes-object-ref-kind"),
        ) {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            specs.add_reference(&NameReference {
                target: Selector {
                    group: String::new(),
                    version: version.to_owned(),
                    kind: kind.to_owned(),
                },
                referrers: vec![self.spec(Some(key))],
            })?;
        }
        match text("$ref") {
            Some(name) => self.definition(name, specs),
            None => Ok(()),
        }
    }

    fn spec(&self, last: Option<&str>) -> FieldSpec {
        let mut path = self.path.join("/");
        if let Some(last) = last {
            path.push('/');
            path.push_str(last);
        }
        FieldSpec::new(self.kind.clone(), &path, false)
    }
}
