//! `labels`, `commonLabels` and `commonAnnotations`: texts put into maps.

use afterbay_manifest::{Node, Position, Spelling, Value};

use crate::arguments::Label;
use crate::config::Specs;
use crate::decode::TextMap;
use crate::error::RenderError;
use crate::fieldspec::{self, FieldSpec, Make, Misshapen};
use crate::resource::Resource;
use crate::{read, shared};

/// Puts every pair into every map that a spec names.
pub(crate) fn transform(
    resources: &mut [Resource],
    pairs: &TextMap,
    specs: &[FieldSpec],
    errors: &mut Vec<RenderError>,
) {
    for resource in resources {
        for (key, text) in pairs {
            if let Err(misshapen) = put(resource, key, text, specs) {
                errors.push(read::shape(
                    resource.origin(),
                    resource.reference().to_string(),
                    misshapen,
                ));
            }
        }
    }
}

/// Puts one pair into an object. The places where it is new are held together from then on ([`crate::shared`]).
fn put(resource: &mut Resource, key: &str, text: &str, specs: &[FieldSpec]) -> Result<(), Misshapen> {
    let gvk = resource.gvk().clone();
    let mut mark: Option<Position> = None;
    // kustomize gives the node it puts the quotes of what it replaces, and the same node is in every map where it is new.
    let mut spelling = Spelling::Plain;
    let (body, shared) = (&mut resource.body, &mut resource.shared);
    for spec in specs {
        spec.visit(body, &gvk, Make::Mapping, &mut |node| {
            if node.is_null() {
                return Ok(());
            }
            let Value::Mapping(entries) = &mut node.value else {
                return Err(Misshapen::expected(node, "a map"));
            };
            if let Some(old) = entries.get_mut(key) {
                spelling = match old.spelling {
                    Spelling::Quoted => Spelling::Quoted,
                    Spelling::Plain | Spelling::As(_) => Spelling::Plain,
                };
                *old = Node {
                    position: old.position,
                    spelling: spelling.clone(),
                    ..Node::plain(text)
                };
            } else {
                let new = Node {
                    position: *mark.get_or_insert_with(|| shared.mark()),
                    ..Node::plain(text)
                };
                entries.insert(key.to_owned(), new);
            }
            Ok(())
        })?;
    }
    if let Some(mark) = mark {
        shared::spell(body, mark, &spelling);
    }
    Ok(())
}

/// The fields that an entry of `labels` writes. The error names a spec that contradicts another.
pub(crate) fn specs(label: &Label, config: &Specs) -> Result<Vec<FieldSpec>, String> {
    let mut specs = label.fields.clone();
    fieldspec::merge(&mut specs, &config.labels)?;
    if label.include_selectors {
        fieldspec::merge(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if label.include_templates {
        fieldspec::merge(&mut specs, &config.template_labels)?;
    }
    if label.include_volume_claim_templates {
        fieldspec::merge(&mut specs, &config.volume_claim_template_labels)?;
    }
    fieldspec::merge(&mut specs, &[FieldSpec::of_all("metadata/labels", true)])?;
    Ok(specs)
}
