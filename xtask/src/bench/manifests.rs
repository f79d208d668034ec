//! The input of the builds: objects that applications are made of, and definitions as operators bring them. Made here, the same
//! bytes each time.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What a build does to its objects. Each does what those before it do, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing.
    Plain,
    /// Namespace, labels, annotations and images.
    Transformed,
    /// Twelve patches of both kinds.
    Patched,
    /// A prefix of every name, which references follow.
    Prefixed,
}

impl Variant {
    pub(super) const ALL: [Self; 4] = [Self::Plain, Self::Transformed, Self::Patched, Self::Prefixed];

    /// As the name of a benchmark has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Transformed => "transformed",
            Self::Patched => "patched",
            Self::Prefixed => "prefixed",
        }
    }
}

/// A directory with that many objects, three to a file: a Deployment, the ConfigMap and the Secret that it reads.
pub(super) fn objects(count: u32, variant: Variant) -> anyhow::Result<PathBuf> {
    let folder = super::folder().join(format!("render/{count}-{}", variant.name()));
    super::emptied(&folder)?;
    let mut kustomization = "resources:\n".to_owned();
    for application in 0..count.div_ceil(3) {
        let name = format!("application-{application:04}.yaml");
        writeln!(kustomization, "- {name}")?;
        let left = count - application * 3;
        let documents = [
            deployment(application),
            config_map(application),
            secret(application),
        ];
        let documents = documents.into_iter().take(left as usize);
        fs::write(folder.join(&name), documents.collect::<Vec<_>>().join("---\n"))?;
    }
    if variant != Variant::Plain {
        kustomization.push_str(
            "namespace: shop\nlabels:\n- pairs: {team: checkout, tier: backend}\n  includeTemplates: true\n\
             commonAnnotations: {owner: checkout@example.com}\n\
             images:\n- {name: registry.example.com/shop/server, newTag: 2.4.1}\n- {name: envoyproxy/envoy, newTag: v1.31.0}\n",
        );
    }
    if matches!(variant, Variant::Patched | Variant::Prefixed) {
        kustomization.push_str(&patches(count));
    }
    if variant == Variant::Prefixed {
        kustomization.push_str("namePrefix: blue-\n");
    }
    fs::write(folder.join("kustomization.yaml"), kustomization)?;
    Ok(folder)
}

/// Mebibytes of every file below a folder.
pub(super) fn size_mib(folder: &Path) -> anyhow::Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
    let bytes = super::render::bytes_below(folder)? as f64;
    Ok(bytes / f64::from(1 << 20))
}

fn deployment(number: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: application-{number:04}\n  labels:\n    app: application-{number:04}\n\
         spec:\n  replicas: {}\n  selector:\n    matchLabels:\n      app: application-{number:04}\n  template:\n    metadata:\n      \
         annotations:\n        checked: \"no\"\n      labels:\n        app: application-{number:04}\n    spec:\n      containers:\n      - name: server\n        \
         image: registry.example.com/shop/server:2.3.{}\n        envFrom:\n        - configMapRef:\n            \
         name: settings-{number:04}\n        ports:\n        - name: http\n          containerPort: 8080\n        resources:\n          \
         limits: {{cpu: 500m, memory: 256Mi}}\n          requests: {{cpu: 100m, memory: 128Mi}}\n      \
         - name: proxy\n        image: envoyproxy/envoy:v1.30.2\n      volumes:\n      - name: credentials\n        secret:\n          \
         secretName: credentials-{number:04}\n",
        number % 5 + 1,
        number % 10,
    )
}

fn config_map(number: u32) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{number:04}\ndata:\n  LOG_LEVEL: info\n  \
         DATABASE_URL: postgres://db-{number:04}.example.com:5432/app\n  application.properties: |\n    \
         server.port=8080\n    server.name=application-{number:04}\n    feature.checkout=true\n"
    )
}

fn secret(number: u32) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: credentials-{number:04}\ntype: Opaque\ndata:\n  \
         username: YXBwbGljYXRpb24=\n  password: Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==\n"
    )
}

/// Twelve, or as many as there are Deployments: by turns a merge into one object, operations on one, and operations on every
/// Deployment.
fn patches(count: u32) -> String {
    let patch = |number: u32| {
        let name = format!("application-{number:04}");
        match number % 3 {
            0 => format!(
                "- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: {name}\n    spec:\n      \
                 template:\n        spec:\n          containers:\n          - name: server\n            env:\n            \
                 - name: REGION\n              value: eu-west-{number}\n"
            ),
            1 => format!(
                "- target: {{kind: Deployment, name: {name}}}\n  patch: |\n    - op: replace\n      path: /spec/replicas\n      \
                 value: {number}\n"
            ),
            _ => format!(
                "- target: {{kind: Deployment}}\n  patch: |\n    - op: add\n      \
                 path: /spec/template/metadata/annotations/step-{number}\n      value: \"done\"\n"
            ),
        }
    };
    let patches: String = (0..count.div_ceil(3).min(12)).map(patch).collect();
    format!("patches:\n{patches}")
}

/// How many definitions, and how large each is: what the operators of a cluster bring, 3 MB in all.
const DEFINITIONS: u32 = 15;
const FIELDS_WIDE: u32 = 8;
const FIELDS_DEEP: u32 = 3;

/// A directory with a bundle of `CustomResourceDefinition`s in one file.
pub(super) fn definitions() -> anyhow::Result<PathBuf> {
    let folder = super::folder().join("render/crds");
    super::emptied(&folder)?;
    let documents: Vec<String> = (0..DEFINITIONS).map(definition).collect::<Result<_, _>>()?;
    fs::write(folder.join("crds.yaml"), documents.join("---\n"))?;
    fs::write(folder.join("kustomization.yaml"), "resources:\n- crds.yaml\n")?;
    Ok(folder)
}

fn definition(number: u32) -> Result<String, std::fmt::Error> {
    let (kind, plural) = (format!("Widget{number:02}"), format!("widget{number:02}s"));
    let mut text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  annotations:\n    \
         controller-gen.kubebuilder.io/version: v0.17.2\n  name: {plural}.example.com\nspec:\n  group: example.com\n  names:\n    \
         kind: {kind}\n    listKind: {kind}List\n    plural: {plural}\n    singular: widget{number:02}\n  scope: Namespaced\n  \
         versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        \
         description: {kind} is the Schema for the {plural} API\n        type: object\n        properties:\n          \
         apiVersion:\n            type: string\n          kind:\n            type: string\n          metadata:\n            \
         type: object\n          spec:\n            description: Desired state of {kind}.\n            type: object\n            properties:\n"
    );
    fields(&mut text, FIELDS_DEEP, 14)?;
    text.push_str("    subresources:\n      status: {}\n");
    Ok(text)
}

fn fields(text: &mut String, depth: u32, indent: usize) -> std::fmt::Result {
    let blank = " ".repeat(indent);
    for number in 0..FIELDS_WIDE {
        let name = format!("field{depth}{number:02}");
        writeln!(
            text,
            "{blank}{name}:\n{blank}  description: |-\n{blank}    {name} says what the controller does with this part of the object.\n\
             {blank}    More info: https://example.com/docs/concepts/{name}#details"
        )?;
        if depth > 1 {
            writeln!(text, "{blank}  type: object\n{blank}  properties:")?;
            fields(text, depth - 1, indent + 4)?;
            continue;
        }
        match number % 3 {
            0 => writeln!(
                text,
                "{blank}  type: string\n{blank}  enum:\n{blank}  - Always\n{blank}  - Never"
            )?,
            1 => writeln!(
                text,
                "{blank}  type: integer\n{blank}  format: int32\n{blank}  minimum: 0"
            )?,
            _ => writeln!(
                text,
                "{blank}  type: array\n{blank}  items:\n{blank}    type: string\n{blank}  x-kubernetes-list-type: atomic"
            )?,
        }
    }
    Ok(())
}
