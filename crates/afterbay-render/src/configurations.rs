//! Files of `configurations`: field specs that are added to the builtin ones.

use afterbay_manifest::Node;
use afterbay_manifest::Place;
use afterbay_manifest::yaml::Table;

use crate::arguments::field_spec;
use crate::config::{NameReference, Specs};
use crate::decode::{Decoder, Mode};
use crate::error::RenderError;
use crate::fieldspec::{FieldSpec, Selector};
use crate::loads::Files;
use crate::read;

const FIELDS: [&str; 12] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "volumeClaimTemplateLabels",
    "commonAnnotations",
    "nameReference",
    "varReference",
    "images",
    "replicas",
];

/// Reads one file; what is wrong with it is reported.
pub(crate) fn read(files: Files<'_>, path: &str, place: &Place, errors: &mut Vec<RenderError>) -> Specs {
    let mut specs = Specs::default();
    let (file, found) = match files.load(path, "configuration", place) {
        Ok(found) => found,
        Err(error) => {
            errors.push(error);
            return specs;
        }
    };
    let node = match read::configuration(&file, found, Table::Kubectl) {
        Ok(node) => node,
        Err(more) => {
            errors.extend(more);
            return specs;
        }
    };
    let mut decoder = Decoder::new(&file, Mode::LenientKeys);
    decoder.fields(&node, "", &FIELDS, |decoder, name, at, value| {
        let into = match name {
            "namePrefix" => &mut specs.name_prefix,
            "nameSuffix" => &mut specs.name_suffix,
            "namespace" => &mut specs.namespace,
            "commonLabels" => &mut specs.common_labels,
            "labels" => &mut specs.labels,
            "templateLabels" => &mut specs.template_labels,
            "volumeClaimTemplateLabels" => &mut specs.volume_claim_template_labels,
            "commonAnnotations" => &mut specs.common_annotations,
            "varReference" => &mut specs.var_reference,
            "images" => &mut specs.images,
            "replicas" => &mut specs.replicas,
            _ => {
                specs.name_reference = decoder.list(value, at, name_reference);
                return;
            }
        };
        *into = decoder.list(value, at, field_spec);
    });
    errors.append(&mut decoder.errors);
    specs.sort();
    specs
}

fn name_reference(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> NameReference {
    let (mut target, mut referrers) = (Selector::default(), Vec::<FieldSpec>::new());
    let known = ["group", "version", "kind", "fieldSpecs"];
    decoder.fields(node, at, &known, |decoder, name, at, value| match name {
        "group" => target.group = decoder.text(value, at),
        "version" => target.version = decoder.text(value, at),
        "kind" => target.kind = decoder.text(value, at),
        _ => referrers = decoder.list(value, at, field_spec),
    });
    NameReference { target, referrers }
}
