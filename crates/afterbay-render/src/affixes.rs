//! `namePrefix` and `nameSuffix`.

use crate::error::RenderError;
use crate::fieldspec::{self, FieldSpec, Make, Misshapen};
use crate::go;
use crate::read;
use crate::resource::{Id, Resource};

/// Which end of a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// Puts a text before or behind the names. Custom resource definitions, API services and namespaces keep theirs.
pub(crate) fn transform(
    resources: &mut [Resource],
    affix: &str,
    end: End,
    specs: &[FieldSpec],
    errors: &mut Vec<RenderError>,
) {
    for resource in resources {
        if is_left_alone(&resource.original_id()) {
            continue;
        }
        for spec in specs {
            let original = resource.original_id();
            if !spec
                .selector
                .selects(original.group, original.version, original.kind)
            {
                continue;
            }
            if spec.path == "metadata/name" && !affix.is_empty() {
                match end {
                    End::Front => resource.prefixes.push(affix.to_owned()),
                    End::Back => resource.suffixes.push(affix.to_owned()),
                }
                resource.remember();
            }
            if let Err(misshapen) = write(resource, affix, end, spec) {
                errors.push(read::shape(
                    resource.origin(),
                    resource.reference().to_string(),
                    misshapen,
                ));
            }
            resource.refresh();
        }
    }
}

fn write(resource: &mut Resource, affix: &str, end: End, spec: &FieldSpec) -> Result<(), Misshapen> {
    let gvk = resource.gvk().clone();
    spec.visit(&mut resource.body, &gvk, Make::Scalar, &mut |node| {
        let Some(old) = go::node_text(node) else {
            return Err(Misshapen::expected(node, "text"));
        };
        let provenance = node.provenance.clone();
        let text = match end {
            End::Front => format!("{affix}{old}"),
            End::Back => format!("{old}{affix}"),
        };
        fieldspec::set_scalar(node, &text)?;
        node.provenance = provenance;
        Ok(())
    })
}

fn is_left_alone(id: &Id<'_>) -> bool {
    matches!(id.kind, "CustomResourceDefinition" | "Namespace")
        || (id.kind == "APIService" && id.group == "apiregistration.k8s.io")
}
