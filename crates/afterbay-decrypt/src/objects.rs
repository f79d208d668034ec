//! Which values of the rendered objects are sealed, and by which keys.

use afterbay_manifest::{
    Gvk, KeyPath, KeyRequest, Node, Object, ObjectRef, Origin, Place, Position, RenderedSet, Segment,
};

use crate::exemption::{self, ExemptionReason};
use crate::nested::NestedFiles;
use crate::overlay::ObjectSource;
use crate::{DecryptOptions, OpenedFiles, eyaml};

/// The sealed values of a build's objects. Holds no plaintext of them.
#[derive(Debug, Default)]
pub struct SealedTokens {
    pub(crate) opened: OpenedFiles,
    pub(crate) nested: NestedFiles,
    requests: Vec<KeyRequest>,
}

impl SealedTokens {
    /// What must be unwrapped before [`crate::finish`].
    ///
    /// An RSA key yields a candidate whether it is the right one or not, so every request of a token has to be
    /// tried, with every private key.
    pub fn key_requests(&self) -> &[KeyRequest] {
        &self.requests
    }
}

/// Finds the hiera-eyaml tokens in the objects of a build, and the SOPS files that are entries of a Secret.
///
/// `opened` is what [`crate::overlay`] opened, or its default where nobody did. What is wrong with a
/// token is said by [`crate::finish`], with everything else.
pub fn scan_objects(rendered: &RenderedSet, opened: OpenedFiles, options: &DecryptOptions) -> SealedTokens {
    let (mut requests, mut nested) = (Vec::new(), NestedFiles::default());
    for (index, object) in rendered.objects.iter().enumerate() {
        let subject = Subject::of(object, &opened, options);
        object.body().leaves(&mut |path, leaf| {
            let Some(text) = leaf.expose_str() else { return };
            let name = || format!("{}: {path}", subject.place(leaf.position));
            if subject.opens_entries() && nested.find(index, path, text) {
                requests.extend(nested.key_requests(index, path, &name()));
            } else if subject.opens_at(path) && text.contains("ENC[") {
                requests.extend(eyaml::key_requests(text, &name()));
            }
        });
    }
    SealedTokens {
        opened,
        nested,
        requests,
    }
}

/// What the rules say about one object.
pub(crate) struct Subject {
    pub(crate) reference: ObjectRef,
    pub(crate) origin: Origin,
    /// Why it stays sealed, if it does.
    pub(crate) exempt: Option<Exempt>,
    opens_eyaml: bool,
}

/// How an object came to be exempt.
pub(crate) enum Exempt {
    /// Its document is, and that is on record.
    Document,
    /// Its kind or path is, and nobody saw its file.
    Object(ExemptionReason),
}

impl Subject {
    pub(crate) fn of(object: &Object, opened: &OpenedFiles, options: &DecryptOptions) -> Self {
        let exempt = exempt(object, opened, options);
        let gvk = &object.reference().gvk;
        let listed = || options.eyaml_kinds.iter().any(|kind| kind.matches(gvk));
        Self {
            reference: object.reference().clone(),
            origin: object.origin().clone(),
            opens_eyaml: exempt.is_none() && (gvk.is_secret() || listed()),
            exempt,
        }
    }

    pub(crate) fn gvk(&self) -> &Gvk {
        &self.reference.gvk
    }

    /// Whether tokens are opened at a place. Names are not values: what is known by a name has to be
    /// known before anything is opened.
    pub(crate) fn opens_at(&self, path: &KeyPath) -> bool {
        self.opens_eyaml && !is_name(self.gvk(), path)
    }

    /// Whether SOPS files in its entries are opened.
    pub(crate) fn opens_entries(&self) -> bool {
        self.exempt.is_none() && self.gvk().is_secret()
    }

    /// A position in the object's file, or the object's own where it is not known.
    pub(crate) fn place(&self, position: Position) -> Place {
        let known = position != Position::UNKNOWN;
        Place::new(
            self.origin.file.clone(),
            if known { position } else { self.origin.position },
        )
    }
}

fn exempt(object: &Object, opened: &OpenedFiles, options: &DecryptOptions) -> Option<Exempt> {
    let (gvk, origin) = (&object.reference().gvk, object.origin());
    // A kind that was changed on the way must not carry an exemption into a Secret.
    let annotated = opened.source != ObjectSource::Scanned && is_annotated(object.body());
    let reason = ExemptionReason::of(&origin.file, Some(gvk), annotated, options);
    let allowed = |reason: &ExemptionReason| !gvk.is_secret() || reason.covers_secrets(options);
    if opened.exemptions.contains(&origin.file, origin.document) {
        let allowed = allowed(reason.as_ref().unwrap_or(&ExemptionReason::Annotation));
        return allowed.then_some(Exempt::Document);
    }
    reason.filter(allowed).map(Exempt::Object)
}

fn is_annotated(body: &Node) -> bool {
    let annotation = body.at(&["metadata", "annotations", exemption::ANNOTATION]);
    annotation
        .and_then(Node::as_plain_str)
        .is_some_and(exemption::is_disabled)
}

/// Whether a value is one by which the object, or its type, is known.
pub(crate) fn is_name(gvk: &Gvk, path: &KeyPath) -> bool {
    let mut keys = Vec::with_capacity(2);
    for segment in path.segments() {
        match segment {
            Segment::Key(key) => keys.push(&**key),
            Segment::Index(_) => return false,
        }
    }
    match keys.as_slice() {
        ["apiVersion" | "kind"] | ["metadata", "name" | "namespace"] => true,
        ["type"] => gvk.is_secret(),
        _ => false,
    }
}
