//! `images`: names, tags and digests of container images.

use afterbay_manifest::{Node, Segment, Spelling, Value};
use regex::Regex;

use crate::arguments::Image;
use crate::error::RenderError;
use crate::fieldspec::{FieldSpec, Make, Misshapen};
use crate::resource::Resource;
use crate::{go, read};

/// Changes the images that an entry means, everywhere below `containers` and `initContainers`, then in the fields of the specs. A
/// name that is no regular expression means nothing.
pub(crate) fn transform(
    resources: &mut [Resource],
    image: &Image,
    specs: &[FieldSpec],
    errors: &mut Vec<RenderError>,
) {
    // The expression is anchored at its two ends only, as in kustomize: `a|b` means what begins with `a`, or `b` with a tag.
    let pattern = format!(
        "^{}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$",
        image.name
    );
    let Ok(pattern) = Regex::new(&pattern) else {
        return;
    };
    for resource in resources {
        if resource.gvk().kind == "CustomResourceDefinition" {
            continue;
        }
        if let Err(misshapen) = update(resource, image, &pattern, specs) {
            errors.push(read::shape(
                resource.origin(),
                resource.reference().to_string(),
                misshapen,
            ));
        }
    }
}

fn update(
    resource: &mut Resource,
    image: &Image,
    pattern: &Regex,
    specs: &[FieldSpec],
) -> Result<(), Misshapen> {
    let mut set = |node: &mut Node| set_image(node, image, pattern);
    walk(&mut resource.body, &mut set).map_err(Misshapen::whole)?;
    let gvk = resource.gvk().clone();
    for spec in specs {
        spec.visit(&mut resource.body, &gvk, Make::Nothing, &mut set)?;
    }
    Ok(())
}

fn walk(node: &mut Node, set: &mut dyn FnMut(&mut Node) -> Result<(), Misshapen>) -> Result<(), Misshapen> {
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries.iter_mut() {
                let below = |error: Misshapen| error.below(Segment::Key(key.as_str().into()));
                walk(value, set).map_err(below)?;
                if key == "containers" || key == "initContainers" {
                    containers(value, set).map_err(below)?;
                }
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, set).map_err(|error| error.below(Segment::Index(index)))?;
            }
        }
        Value::Scalar(_) => {}
    }
    Ok(())
}

fn containers(
    list: &mut Node,
    set: &mut dyn FnMut(&mut Node) -> Result<(), Misshapen>,
) -> Result<(), Misshapen> {
    let Value::Sequence(items) = &mut list.value else {
        return Ok(());
    };
    for (index, item) in items.iter_mut().enumerate() {
        if item.is_null() {
            continue;
        }
        if item.as_mapping().is_none() {
            return Err(Misshapen::expected(item, "a map").below(Segment::Index(index)));
        }
        if let Some(image) = item.as_mapping_mut().and_then(|entries| entries.get_mut("image")) {
            set(image).map_err(|error| {
                error
                    .below(Segment::Key("image".into()))
                    .below(Segment::Index(index))
            })?;
        }
    }
    Ok(())
}

fn set_image(node: &mut Node, image: &Image, pattern: &Regex) -> Result<(), Misshapen> {
    if !matches!(node.value, Value::Scalar(_)) {
        return Err(Misshapen::expected(node, "text"));
    }
    if node.is_null() {
        return Ok(());
    }
    // A number is an image as well, by how it is spelled. A sealed image is one like any other, and what it becomes stays
    // sealed.
    if let Some(text) = go::node_text(node).filter(|text| pattern.is_match(text)) {
        node.value = renamed(&text, image).into();
        if matches!(node.spelling, Spelling::As(_)) {
            node.spelling = Spelling::Plain;
        }
    }
    Ok(())
}

/// The image with what the entry says.
fn renamed(text: &str, image: &Image) -> String {
    let (name, mut tag, mut digest) = split(text);
    let name = if image.new_name.is_empty() {
        name
    } else {
        &image.new_name
    };
    let suffixed = format!("{tag}{}", image.tag_suffix);
    match (image.new_tag.as_str(), image.digest.as_str()) {
        ("", "") if image.tag_suffix.is_empty() => {}
        ("", "") => (tag, digest) = (&suffixed, ""),
        (new_tag, new_digest) => (tag, digest) = (new_tag, new_digest),
    }
    let mut new = name.to_owned();
    for (sign, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            new.push(sign);
            new.push_str(part);
        }
    }
    new
}

/// Name, tag and digest. A colon before the first slash belongs to the host.
fn split(text: &str) -> (&str, &str, &str) {
    let start = text.find('/').unwrap_or(0);
    let rest = &text[start..];
    let (colon, at) = (rest.find(':'), rest.find('@'));
    match (colon, at) {
        (None, None) => (text, "", ""),
        (colon, Some(at)) if colon.is_none_or(|colon| at < colon) => {
            let (name, digest) = text.split_at(start + at);
            (name, "", &digest[1..])
        }
        (Some(colon), Some(at)) => (
            &text[..start + colon],
            &text[start + colon + 1..start + at],
            &text[start + at + 1..],
        ),
        (Some(colon), None) => (&text[..start + colon], &text[start + colon + 1..], ""),
        (None, Some(at)) => (&text[..start + at], "", &text[start + at + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::{renamed, split};
    use crate::arguments::Image;

    #[test]
    fn images_are_split() {
        assert_eq!(split("nginx"), ("nginx", "", ""));
        assert_eq!(split("nginx:1.2"), ("nginx", "1.2", ""));
        assert_eq!(split("host:5000/nginx"), ("host:5000/nginx", "", ""));
        assert_eq!(
            split("host:5000/nginx:1@sha256:ab"),
            ("host:5000/nginx", "1", "sha256:ab")
        );
        assert_eq!(split("nginx@sha256:ab"), ("nginx", "", "sha256:ab"));
    }

    #[test]
    fn what_replaces_what() {
        let image = |new_name: &str, new_tag: &str, digest: &str, tag_suffix: &str| Image {
            new_name: new_name.to_owned(),
            new_tag: new_tag.to_owned(),
            digest: digest.to_owned(),
            tag_suffix: tag_suffix.to_owned(),
            ..Image::default()
        };
        let old = "nginx:1@sha256:ab";
        assert_eq!(renamed(old, &image("", "", "", "")), old);
        assert_eq!(renamed(old, &image("x", "2", "", "")), "x:2");
        assert_eq!(renamed(old, &image("", "", "sha256:cd", "")), "nginx@sha256:cd");
        assert_eq!(
            renamed(old, &image("", "2", "sha256:cd", "")),
            "nginx:2@sha256:cd"
        );
        assert_eq!(renamed(old, &image("", "", "", "-dev")), "nginx:1-dev");
    }
}
