//! What is asked of a build beside the tree: the fields of a Flux Kustomization as flags.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use afterbay_manifest::yaml::Table;
use afterbay_manifest::{Provenance, TreePath};
use afterbay_render::read_objects;
use afterbay_render::specification::{self, BuildMetadata, Image, PostBuild, Specification};
use afterbay_render::substitute::Variables;
use anyhow::Context as _;
use clap::{Args, ValueEnum};

/// Flags of the build.
#[derive(Debug, Args)]
#[command(next_help_heading = "Build")]
pub(crate) struct SpecificationArguments {
    /// Namespace of every object that has one, in place of `namespace` of the kustomization
    #[arg(long, value_name = "NAME")]
    target_namespace: Option<String>,

    /// In place of `namePrefix` of the kustomization
    #[arg(long, value_name = "TEXT")]
    name_prefix: Option<String>,

    /// In place of `nameSuffix` of the kustomization
    #[arg(long, value_name = "TEXT")]
    name_suffix: Option<String>,

    /// Patch that comes after those of the kustomization: objects to merge, or a list of `patch` and `target` (can be repeated)
    #[arg(long, value_name = "FILE")]
    patch_file: Vec<PathBuf>,

    /// Directory of a component, seen from the directory of the build (can be repeated)
    #[arg(long, value_name = "DIR")]
    component: Vec<String>,

    /// Pass over components that are not there
    #[arg(long, requires = "component")]
    ignore_missing_components: bool,

    /// Another name, tag or digest of an image, as `NAME=NEWNAME:TAG`, `NAME=:TAG`, `NAME=NEWNAME` or with `@DIGEST` (can be
    /// repeated)
    #[arg(long, value_name = "NAME=IMAGE", value_parser = image)]
    image: Vec<Image>,

    /// What is noted on objects, in place of `buildMetadata` of the kustomization (can be repeated)
    #[arg(long, value_enum)]
    build_metadata: Vec<Noted>,

    /// Label of every object (can be repeated)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    common_label: Vec<(String, String)>,

    /// Annotation of every object (can be repeated)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    common_annotation: Vec<(String, String)>,

    /// Value for `${NAME}` in what was built; no secret (can be repeated)
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    substitute: Vec<(String, String)>,

    /// File with ConfigMaps and Secrets, as `kubectl get -o yaml` prints them, whose entries are values for `${NAME}`. Those of
    /// a Secret count as opened: they may end only where opened values may (can be repeated)
    #[arg(long, value_name = "FILE")]
    substitute_from: Vec<PathBuf>,

    /// File with lines of `NAME=VALUE`; no secrets. Later files win over earlier ones and over `--substitute-from`, and
    /// `--substitute` wins over all (can be repeated)
    #[arg(long, visible_alias = "env-file", value_name = "FILE")]
    substitute_file: Vec<PathBuf>,

    /// Let `${NAME}` be empty where NAME has no value and no default
    #[arg(long)]
    substitute_missing_as_empty: bool,

    /// Substitute defaults even without any value
    #[arg(long)]
    substitute_always: bool,
}

/// What is noted on objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "camelCase")]
enum Noted {
    /// Where an object comes from, as an annotation
    OriginAnnotations,
    /// What changed it, as an annotation
    TransformerAnnotations,
    /// The program, as a label
    ManagedByLabel,
}

impl From<Noted> for BuildMetadata {
    fn from(noted: Noted) -> Self {
        match noted {
            Noted::OriginAnnotations => Self::OriginAnnotations,
            Noted::TransformerAnnotations => Self::TransformerAnnotations,
            Noted::ManagedByLabel => Self::ManagedByLabel,
        }
    }
}

impl SpecificationArguments {
    /// What the render stage makes of the flags.
    pub(crate) fn specification(&self) -> anyhow::Result<Specification> {
        let mut patches = Vec::new();
        for path in &self.patch_file {
            let name = path.display().to_string();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            patches.extend(specification::patches(&text, &name).with_context(|| name.clone())?);
        }
        let map = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
        Ok(Specification {
            target_namespace: self.target_namespace.clone(),
            name_prefix: self.name_prefix.clone(),
            name_suffix: self.name_suffix.clone(),
            patches,
            components: self.component.clone(),
            ignore_missing_components: self.ignore_missing_components,
            images: self.image.clone(),
            build_metadata: self.build_metadata.iter().copied().map(Into::into).collect(),
            common_labels: map(&self.common_label),
            common_annotations: map(&self.common_annotation),
            post_build: Some(PostBuild {
                variables: self.variables()?,
                strict: !self.substitute_missing_as_empty,
                always: self.substitute_always,
            }),
        })
    }

    /// Whether it brings values along that a build may put anywhere.
    pub(crate) fn has_values(&self) -> bool {
        let files = [&self.patch_file, &self.substitute_from, &self.substitute_file];
        !self.substitute.is_empty() || files.iter().any(|files| !files.is_empty())
    }

    fn variables(&self) -> anyhow::Result<Variables> {
        let mut variables = Variables::new();
        for path in &self.substitute_from {
            let name = path.display().to_string();
            let text = fs::read(path).with_context(|| format!("cannot read {name}"))?;
            let set = read_objects(&text, &TreePath::name_only(&name), Table::Kubectl)?;
            for object in &set.objects {
                variables.insert_object(object).with_context(|| name.clone())?;
            }
        }
        for path in &self.substitute_file {
            let name = path.display();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
            for (index, line) in text.lines().enumerate() {
                let line = line.trim_start();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let number = index + 1;
                let (key, value) = line
                    .split_once('=')
                    .with_context(|| format!("{name}:{number}: write NAME=VALUE"))?;
                variables
                    .insert(key, value, Provenance::PLAIN)
                    .with_context(|| format!("{name}:{number}"))?;
            }
        }
        for (key, value) in &self.substitute {
            variables.insert(key, value, Provenance::PLAIN)?;
        }
        Ok(variables)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// Reads `NAME=NEWNAME:TAG@DIGEST`, of which each part after the `=` may be missing.
fn image(text: &str) -> Result<Image, String> {
    let (name, new) = pair(text).map_err(|_| "write NAME=IMAGE, such as nginx=:1.29".to_owned())?;
    let (new, digest) = new.split_once('@').unwrap_or((&new, ""));
    // A colon before the last slash belongs to the host.
    let start = new.rfind('/').map_or(0, |slash| slash + 1);
    let colon = new.get(start..).and_then(|last| last.find(':'));
    let (new_name, new_tag) = match colon {
        Some(colon) => (&new[..start + colon], &new[start + colon + 1..]),
        None => (new, ""),
    };
    if new_name.is_empty() && new_tag.is_empty() && digest.is_empty() {
        return Err("has neither name, tag nor digest behind the =".to_owned());
    }
    Ok(Image {
        name,
        new_name: new_name.to_owned(),
        new_tag: new_tag.to_owned(),
        digest: digest.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_three_parts() {
        for (text, parts) in [
            ("nginx=:2", ["nginx", "", "2", ""]),
            ("nginx=mirror/nginx", ["nginx", "mirror/nginx", "", ""]),
            ("nginx=host:5000/nginx:2", ["nginx", "host:5000/nginx", "2", ""]),
            ("host:5000/a=host:5000/b", ["host:5000/a", "host:5000/b", "", ""]),
            ("nginx=@sha256:ab", ["nginx", "", "", "sha256:ab"]),
            ("nginx=x:2@sha256:ab", ["nginx", "x", "2", "sha256:ab"]),
        ] {
            let image = image(text).unwrap();
            let found = [&image.name, &image.new_name, &image.new_tag, &image.digest];
            assert_eq!(found, parts, "{text}");
        }
        for text in ["nginx", "nginx=", "=x", "nginx=:"] {
            assert!(image(text).is_err(), "{text}");
        }
    }
}
