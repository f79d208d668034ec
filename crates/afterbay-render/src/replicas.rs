//! `replicas`: how many.

use afterbay_manifest::{Node, Place, Scalar, Value};

use crate::arguments::Replica;
use crate::error::RenderError;
use crate::fieldspec::{FieldSpec, Make, Misshapen};
use crate::read;
use crate::resource::Resource;

/// Writes the count into every object that has or had the name; one has to be there.
pub(crate) fn transform(
    resources: &mut [Resource],
    replica: &Replica,
    specs: &[FieldSpec],
    place: &Place,
    errors: &mut Vec<RenderError>,
) {
    let mut is_found = false;
    for resource in resources {
        for spec in specs {
            let is_meant = resource
                .ids()
                .any(|id| id.name == replica.name && spec.selector.selects(id.group, id.version, id.kind));
            if !is_meant {
                continue;
            }
            is_found = true;
            let gvk = resource.gvk().clone();
            let written = spec.visit(&mut resource.body, &gvk, Make::Scalar, &mut |node| {
                if !matches!(node.value, Value::Scalar(_)) {
                    return Err(Misshapen::expected(node, "a number"));
                }
                *node = Node {
                    position: node.position,
                    ..Node::plain(Scalar::Int(replica.count))
                };
                Ok(())
            });
            if let Err(misshapen) = written {
                errors.push(read::shape(
                    resource.origin(),
                    resource.reference().to_string(),
                    misshapen,
                ));
            }
        }
    }
    if !is_found {
        let kinds: Vec<&str> = specs.iter().map(|spec| spec.selector.kind.as_str()).collect();
        let problem = format!(
            "there is no {} named {:?}; correct the name, or remove the entry",
            kinds.join(", "),
            replica.name
        );
        errors.push(RenderError::Step {
            place: place.clone(),
            step: "replicas",
            problem,
        });
    }
}
