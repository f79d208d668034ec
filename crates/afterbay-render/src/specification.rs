//! What is asked of a build from outside of the tree: the fields of a Flux Kustomization that change what is built.
//!
//! Flux writes them into the kustomization file of the directory, or into the one that it makes up
//! (`GenerateManifest` in `kustomize/kustomize_generator.go` of fluxcd/pkg, kustomize 1.40.0), and substitutes in what comes out
//! (`SubstituteVariables` in `kustomize_varsub.go` there). Here they are put into the kustomization as it was read, in
//! memory, so that they act as if they stood in the file.

mod inject;
mod patch_list;
mod post_build;

use std::collections::BTreeMap;

use afterbay_manifest::SecretBytes;

use crate::substitute::Variables;

pub use patch_list::{PatchListError, patches};
pub use post_build::PostBuild;

/// What messages call the specification where they name a file.
pub(crate) const NAME: &str = "the build specification";

/// What is asked of a build beside what the tree says. The default asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Specification {
    /// Takes the place of `namespace` of the kustomization.
    pub target_namespace: Option<String>,
    /// Takes the place of `namePrefix`.
    pub name_prefix: Option<String>,
    /// Takes the place of `nameSuffix`.
    pub name_suffix: Option<String>,
    /// Come after `patches` of the kustomization.
    pub patches: Vec<Patch>,
    /// Directories of components, seen from the directory of the build; come after `components`.
    pub components: Vec<String>,
    /// Whether a component that is not in the tree is passed over.
    pub ignore_missing_components: bool,
    /// Are merged into `images`, field by field where an entry has the name.
    pub images: Vec<Image>,
    /// Takes the place of `buildMetadata`, if it is not empty.
    pub build_metadata: Vec<BuildMetadata>,
    /// Labels that every object has in the end, whatever it had; not those of Pods that it makes.
    pub common_labels: BTreeMap<String, String>,
    /// The same for annotations.
    pub common_annotations: BTreeMap<String, String>,
    /// What is substituted in the objects that come out; `None` substitutes nothing.
    pub post_build: Option<PostBuild>,
}

/// A patch and what it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// What messages call it; empty for none.
    pub name: String,
    /// Objects to merge, or operations of JSON6902; YAML or JSON.
    pub patch: String,
    /// What it is applied to; `None` takes the identity in the patch.
    pub target: Option<Selector>,
}

/// Which objects a patch is applied to. An empty field selects everything; group to namespace are regular expressions that
/// have to match as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Selector of annotations, as `kubectl --selector` takes it.
    pub annotation_selector: String,
    /// Selector of labels, in the same form.
    pub label_selector: String,
}

/// A change of images. An empty field leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Image {
    /// The name that images have.
    pub name: String,
    /// The name they get.
    pub new_name: String,
    /// The tag they get.
    pub new_tag: String,
    /// The digest they get.
    pub digest: String,
}

/// What is noted on objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildMetadata {
    /// Where an object comes from, as an annotation.
    OriginAnnotations,
    /// What changed it, as an annotation.
    TransformerAnnotations,
    /// The program, as a label.
    ManagedByLabel,
}

impl BuildMetadata {
    /// As it is written in `buildMetadata`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OriginAnnotations => "originAnnotations",
            Self::TransformerAnnotations => "transformerAnnotations",
            Self::ManagedByLabel => "managedByLabel",
        }
    }
}

impl Specification {
    /// The values that come from Secrets. What they go into carries their origin; messages from outside may hold them by
    /// themselves.
    pub fn sealed_values(&self) -> Vec<SecretBytes> {
        let variables = self.post_build.as_ref().map(|post_build| &post_build.variables);
        variables.map(Variables::sealed_values).unwrap_or_default()
    }

    /// Whether the kustomization of the root is another with it than without.
    fn changes_kustomization(&self) -> bool {
        let Self {
            target_namespace,
            name_prefix,
            name_suffix,
            patches,
            components,
            images,
            build_metadata,
            ..
        } = self;
        let affixes = [target_namespace, name_prefix, name_suffix];
        affixes.iter().any(|field| field.is_some())
            || !(patches.is_empty()
                && components.is_empty()
                && images.is_empty()
                && build_metadata.is_empty())
    }
}
