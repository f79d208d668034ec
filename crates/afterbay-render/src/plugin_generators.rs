//! Configurations of builtin generators.

use afterbay_manifest::{Mapping, Node, Origin};

use crate::arguments::Generator;
use crate::decode::{Decoder, Mode};
use crate::error::RenderError;
use crate::generators::Kind;
use crate::plugins::Configuration;
use crate::resource::Resource;

/// A configuration of `ConfigMapGenerator` or `SecretGenerator`. It is named by its metadata, unless it says otherwise.
pub(crate) fn generator(
    configuration: &Configuration<'_>,
    kind: Kind,
    errors: &mut Vec<RenderError>,
) -> Generator {
    let mut decoder = Decoder::new(&configuration.place.file, Mode::Lenient);
    let resource = configuration.resource;
    let mut body = resource.body.clone();
    if let Some(fields) = body.as_mapping_mut() {
        // The old spelling of `envs`, which kustomize translates in a kustomization file alone.
        fields.shift_remove("env");
    }
    let mut generator = Generator::read(&mut decoder, &body, "", kind == Kind::Secret);
    errors.append(&mut decoder.errors);
    if generator.name.is_empty() {
        resource.name().clone_into(&mut generator.name);
    }
    if generator.namespace.is_empty() {
        resource
            .namespace()
            .unwrap_or("")
            .clone_into(&mut generator.namespace);
    }
    generator
}

/// A configuration of `IAMPolicyGenerator`: the service account of a cluster that stands for one of Google Cloud.
pub(crate) fn service_account(
    configuration: &Configuration<'_>,
    errors: &mut Vec<RenderError>,
) -> Option<Resource> {
    let known = ["cloud", "kubernetesService", "serviceAccount"];
    let [cloud, name, namespace, account, project] = configuration.read(
        &known,
        errors,
        |all: &mut [String; 5], decoder, field, at, value| match field {
            "cloud" => all[0] = decoder.text(value, at),
            "kubernetesService" => {
                decoder.fields(value, at, &["name", "namespace"], |decoder, field, at, value| {
                    all[if field == "name" { 1 } else { 2 }] = decoder.text(value, at);
                });
            }
            _ => decoder.fields(value, at, &["name", "projectId"], |decoder, field, at, value| {
                all[if field == "name" { 3 } else { 4 }] = decoder.text(value, at);
            }),
        },
    );
    if cloud != "gke" {
        let problem = format!("has cloud {cloud:?}, and kustomize knows gke only");
        errors.push(configuration.wrong("IAMPolicyGenerator", problem));
        return None;
    }
    let texts = |entries: &[(&str, String)]| -> Node {
        let entries = entries
            .iter()
            .map(|(key, text)| ((*key).to_owned(), Node::plain(text.as_str())));
        Node::plain(entries.collect::<Mapping>())
    };
    let annotation = format!("{account}@{project}.iam.gserviceaccount.com");
    let mut metadata = Mapping::new();
    metadata.insert(
        "annotations".to_owned(),
        texts(&[("iam.gke.io/gcp-service-account", annotation)]),
    );
    metadata.insert("name".to_owned(), Node::plain(name));
    if !namespace.is_empty() {
        metadata.insert("namespace".to_owned(), Node::plain(namespace));
    }
    let mut body = Mapping::new();
    body.insert("apiVersion".to_owned(), Node::plain("v1"));
    body.insert("kind".to_owned(), Node::plain("ServiceAccount"));
    body.insert("metadata".to_owned(), Node::plain(metadata));
    let origin = Origin {
        file: configuration.place.file.clone(),
        document: 0,
        position: configuration.place.position,
    };
    Some(Resource::unchecked(Node::plain(body), origin))
}
