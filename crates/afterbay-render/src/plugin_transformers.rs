//! Configurations of builtin transformers.

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Node, Value};

use crate::accumulate::Accumulator;
use crate::affixes::{self, End};
use crate::arguments::{Image, Patch, Replacement, Replica, Target};
use crate::decode::{Decoder, Mode, TextMap};
use crate::error::RenderError;
use crate::fieldspec::{self, FieldSpec};
use crate::loads::Files;
use crate::merge::Schema;
use crate::namespace::{Namespace, Subjects};
use crate::patches::Patcher;
use crate::plugins::{self, Configuration, field_specs};
use crate::resource::Resource;
use crate::select::Selection;
use crate::{annotation, books, field_path, hash, images, labels, read, replacements, replicas};

/// Does what one configuration says.
pub(crate) fn transform(
    configuration: &Configuration<'_>,
    files: Files<'_>,
    schema: &Schema,
    gathered: &mut Accumulator,
    errors: &mut Vec<RenderError>,
) {
    let place = &configuration.place;
    let resources = &mut gathered.resources;
    match configuration.resource.gvk().kind.as_str() {
        "NamespaceTransformer" => namespace(configuration, resources, errors),
        "PrefixTransformer" => affix(configuration, &[End::Front], resources, errors),
        "SuffixTransformer" => affix(configuration, &[End::Back], resources, errors),
        "PrefixSuffixTransformer" => affix(configuration, &[End::Front, End::Back], resources, errors),
        "LabelTransformer" => texts(configuration, "labels", resources, errors),
        "AnnotationsTransformer" => texts(configuration, "annotations", resources, errors),
        "ImageTagTransformer" => {
            let (image, specs) = configuration.read(
                &["imageTag", "fieldSpecs"],
                errors,
                |all: &mut (Image, Vec<FieldSpec>), decoder, name, at, value| match name {
                    "imageTag" => all.0 = Image::read(decoder, value, at),
                    _ => all.1 = field_specs(decoder, value, at).unwrap_or_default(),
                },
            );
            images::transform(resources, &image, &specs, errors);
        }
        "ReplicaCountTransformer" => {
            let (replica, specs) = configuration.read(
                &["replica", "fieldSpecs"],
                errors,
                |all: &mut (Replica, Vec<FieldSpec>), decoder, name, at, value| match name {
                    "replica" => all.0 = Replica::read(decoder, value, at),
                    _ => all.1 = field_specs(decoder, value, at).unwrap_or_default(),
                },
            );
            replicas::transform(resources, &replica, &specs, place, errors);
        }
        "HashTransformer" => hash::transform(resources, errors),
        "ReplacementTransformer" => {
            let list = configuration.read(
                &["replacements"],
                errors,
                |all: &mut Vec<Replacement>, decoder, _, at, value| {
                    *all = decoder.list(value, at, Replacement::read);
                },
            );
            for (replacement, place) in replacements::expand(&list, files, place, errors) {
                if let Err(problem) = replacements::replace(&replacement, resources) {
                    let step = "ReplacementTransformer";
                    errors.push(RenderError::Step { place, step, problem });
                }
            }
        }
        "PatchTransformer" | "PatchJson6902Transformer" | "PatchStrategicMergeTransformer" => {
            if let Err(error) = patch(configuration, files, schema, gathered, errors) {
                errors.push(error);
            }
        }
        "ValueAddTransformer" => add_value(configuration, files, resources, errors),
        other => {
            errors.push(configuration.wrong("transformers", format!("{other} is no builtin transformer")));
        }
    }
}

fn namespace(configuration: &Configuration<'_>, resources: &mut [Resource], errors: &mut Vec<RenderError>) {
    let (specs, unset_only, mode) = configuration.read(
        &["fieldSpecs", "unsetOnly", "setRoleBindingSubjects"],
        errors,
        |all: &mut (Vec<FieldSpec>, bool, String), decoder, name, at, value| match name {
            "fieldSpecs" => all.0 = field_specs(decoder, value, at).unwrap_or_default(),
            "unsetOnly" => all.1 = decoder.boolean(value, at),
            _ => all.2 = decoder.text(value, at),
        },
    );
    let subjects = match mode.as_str() {
        "" | "defaultOnly" => Subjects::Default,
        "allServiceAccounts" => Subjects::ServiceAccounts,
        "none" => Subjects::None,
        other => {
            let problem = format!(
                "has setRoleBindingSubjects {other:?} where defaultOnly, allServiceAccounts or none is expected"
            );
            errors.push(configuration.wrong("NamespaceTransformer", problem));
            return;
        }
    };
    let Some(name) = configuration.resource.namespace() else {
        return;
    };
    let namespace = Namespace {
        name,
        specs: &specs,
        unset_only,
        subjects,
    };
    namespace.transform(resources, &configuration.place, errors);
}

fn affix(
    configuration: &Configuration<'_>,
    ends: &[End],
    resources: &mut [Resource],
    errors: &mut Vec<RenderError>,
) {
    let (prefix, suffix, specs) = configuration.read(
        &["prefix", "suffix", "fieldSpecs"],
        errors,
        |all: &mut (String, String, Option<Vec<FieldSpec>>), decoder, name, at, value| match name {
            "prefix" => all.0 = decoder.text(value, at),
            "suffix" => all.1 = decoder.text(value, at),
            _ => all.2 = field_specs(decoder, value, at),
        },
    );
    let Some(specs) = specs else {
        let problem = "has no fieldSpecs; list the fields to write".to_owned();
        errors.push(configuration.wrong("transformers", problem));
        return;
    };
    for end in ends {
        let text = match end {
            End::Front => &prefix,
            End::Back => &suffix,
        };
        affixes::transform(resources, text, *end, &specs, errors);
    }
}

fn texts(
    configuration: &Configuration<'_>,
    field: &'static str,
    resources: &mut [Resource],
    errors: &mut Vec<RenderError>,
) {
    let (pairs, specs) = configuration.read(
        &[field, "fieldSpecs"],
        errors,
        |all: &mut (TextMap, Vec<FieldSpec>), decoder, name, at, value| match name {
            "fieldSpecs" => all.1 = field_specs(decoder, value, at).unwrap_or_default(),
            _ => all.0 = decoder.text_map(value, at),
        },
    );
    // What kustomize keeps in annotations makes them be there.
    let is_booked = field == "annotations";
    if is_booked {
        resources.iter_mut().for_each(books::open);
    }
    labels::transform(resources, &pairs, &specs, errors);
    for resource in resources.iter_mut().filter(|_| is_booked) {
        books::close(resource);
        if let Err(misshapen) = annotation::to_text(&mut resource.body) {
            let reference = resource.reference().to_string();
            errors.push(read::shape(resource.origin(), reference, misshapen));
        }
    }
}

fn patch(
    configuration: &Configuration<'_>,
    files: Files<'_>,
    schema: &Schema,
    gathered: &mut Accumulator,
    errors: &mut Vec<RenderError>,
) -> Result<(), RenderError> {
    let mut patcher = Patcher {
        files,
        schema,
        step: "PatchTransformer",
        place: configuration.place.clone(),
    };
    match configuration.resource.gvk().kind.as_str() {
        "PatchTransformer" => patcher.patch(&plugins::patch(configuration, errors), gathered),
        "PatchJson6902Transformer" => {
            patcher.step = "PatchJson6902Transformer";
            let entry = configuration.read(
                &["target", "path", "jsonOp"],
                errors,
                |all: &mut Patch, decoder, name, at, value| match name {
                    "target" => all.target = Target::optional(decoder, value, at),
                    "path" => all.path = decoder.text(value, at),
                    _ => all.text = decoder.text(value, at),
                },
            );
            patcher.json(&entry, gathered)
        }
        _ => {
            patcher.step = "PatchStrategicMergeTransformer";
            let (paths, text) = configuration.read(
                &["paths", "patches"],
                errors,
                |all: &mut (Vec<String>, String), decoder, name, at, value| match name {
                    "paths" => all.0 = decoder.texts(value, at),
                    _ => all.1 = decoder.text(value, at),
                },
            );
            patcher.all_strategic(&paths, &text, gathered, &mut |_, _| {})
        }
    }
}

/// What `ValueAddTransformer` writes and where.
#[derive(Default)]
struct Addition {
    value: String,
    targets: Vec<AdditionTarget>,
    file: String,
}

#[derive(Default)]
struct AdditionTarget {
    selector: Option<Target>,
    path: String,
    position: i64,
}

fn addition_target(decoder: &mut Decoder<'_>, node: &Node, at: &str) -> AdditionTarget {
    let mut all = AdditionTarget::default();
    let known = ["selector", "fieldPath", "filePathPosition"];
    decoder.fields(node, at, &known, |decoder, name, at, value| match name {
        "selector" => all.selector = Target::optional(decoder, value, at),
        "fieldPath" => all.path = decoder.text(value, at),
        _ => all.position = decoder.integer(value, at),
    });
    all
}

fn add_value(
    configuration: &Configuration<'_>,
    files: Files<'_>,
    resources: &mut [Resource],
    errors: &mut Vec<RenderError>,
) {
    const STEP: &str = "ValueAddTransformer";
    let mut addition = configuration.read(
        &["value", "targets", "targetFilePath"],
        errors,
        |all: &mut Addition, decoder, name, at, value| match name {
            "value" => decoder.text(value, at).trim().clone_into(&mut all.value),
            "targets" => all.targets = decoder.list(value, at, addition_target),
            _ => all.file = decoder.text(value, at),
        },
    );
    if addition.value.is_empty() {
        files.directory.file_name().clone_into(&mut addition.value);
    }
    if !addition.file.is_empty() {
        match targets_of_file(&addition.file, configuration, files) {
            Ok(more) => addition.targets.extend(more),
            Err(more) => errors.extend(more),
        }
    }
    if addition.targets.is_empty() {
        errors.push(configuration.wrong(STEP, "has no targets".to_owned()));
    }
    for target in &addition.targets {
        if let Err(problem) = add_to_target(&addition.value, target, resources) {
            errors.push(configuration.wrong(STEP, problem));
        }
    }
}

fn targets_of_file(
    path: &str,
    configuration: &Configuration<'_>,
    files: Files<'_>,
) -> Result<Vec<AdditionTarget>, Vec<RenderError>> {
    let (file, found) = files
        .load(path, "file of targets", &configuration.place)
        .map_err(|error| vec![error])?;
    let node = read::configuration(&file, found, Table::Kubectl)?;
    let mut decoder = Decoder::new(&file, Mode::Lenient);
    let mut targets = Vec::new();
    decoder.fields(&node, "", &["targets"], |decoder, _, at, value| {
        targets = decoder.list(value, at, addition_target);
    });
    if decoder.errors.is_empty() {
        Ok(targets)
    } else {
        Err(decoder.errors)
    }
}

fn add_to_target(value: &str, target: &AdditionTarget, resources: &mut [Resource]) -> Result<(), String> {
    if target.path.is_empty() {
        return Err("has a target without fieldPath".to_owned());
    }
    let Ok(position) = usize::try_from(target.position) else {
        return Err("has a negative filePathPosition".to_owned());
    };
    let selection = target.selector.as_ref().map(Selection::new).transpose()?;
    let steps = fieldspec::split_path(&target.path, '/');
    for resource in resources {
        if selection
            .as_ref()
            .is_some_and(|selection| !selection.selects(resource))
        {
            continue;
        }
        let name = resource.reference();
        if target.path == "metadata/namespace" {
            let namespace = Namespace {
                name: value,
                specs: &[],
                unset_only: false,
                subjects: Subjects::Default,
            };
            namespace
                .set(resource)
                .map_err(|misshapen| format!("{name}: {} {}", misshapen.path, misshapen.problem))?;
        } else {
            let create = Some(field_path::Form::Scalar);
            field_path::visit(&mut resource.body, &steps, create, &mut |node, is_new| {
                if !matches!(node.value, Value::Scalar(_)) {
                    return Err("is a list or map where text is expected".to_owned());
                }
                let old = if is_new {
                    String::new()
                } else {
                    node.expose_spelling().unwrap_or_default().into_owned()
                };
                let provenance = node.provenance.clone();
                let text = match position.checked_sub(1) {
                    Some(position) => {
                        node.provenance = provenance;
                        insert_step(&old, position, value)
                    }
                    None => value.to_owned(),
                };
                node.value = text.into();
                Ok(())
            })
            .map_err(|problem| format!("{name}: {}: {problem}", target.path))?;
        }
        resource.refresh();
    }
    Ok(())
}

/// Puts a step into a path, at most at its end; an absolute path stays one.
fn insert_step(path: &str, position: usize, step: &str) -> String {
    let mut steps: Vec<&str> = path.split('/').collect();
    if path.is_empty() {
        steps.clear();
    }
    let is_absolute = path.starts_with('/');
    let position = (position + usize::from(is_absolute)).min(steps.len());
    steps.insert(position, step);
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::insert_step;

    #[test]
    fn a_step_is_put_into_a_path() {
        assert_eq!(insert_step("/a/b", 0, "x"), "/x/a/b");
        assert_eq!(insert_step("a/b", 1, "x"), "a/x/b");
        assert_eq!(insert_step("a/b", 9, "x"), "a/b/x");
        assert_eq!(insert_step("", 0, "x"), "x");
    }
}
