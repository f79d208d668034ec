//! The last pass: opens the tokens, looks for what is left sealed, and holds every opened value to the
//! places where it may stand.

use afterbay_manifest::{
    DataKeys, Integrity, KeyPath, Node, Object, Place, Position, Provenance, RenderedSet, Scalar, Scrubber,
    Sealed, Segment, Value, Warning,
};

use crate::error::reasons;
use crate::eyaml::{self, OpenedScalar, TokenFailure};
use crate::nested::{self, EntryFailure, NestedFiles, OpenedEntry};
use crate::objects::{Exempt, SealedTokens, Subject};
use crate::overlay::ObjectSource;
use crate::set::{Counts, DecryptedSet};
use crate::{
    DecryptError, DecryptErrors, DecryptOptions, DecryptedParts, Exemption, FileReport, Leftover, MacOutcome,
    OpenedFiles, SecretPolicy, Unfinished, Unsealed, confinement, leftover, plaintext, scalar,
};

/// Opens the tokens of the objects and proves that the set is what its type says.
///
/// `sealed` comes from [`crate::scan_objects`] over the same objects, `keys` from what it asked for.
/// The errors of all objects are collected, and with them those of the files that did not open.
///
/// ```
/// use afterbay_decrypt::{DecryptOptions, finish, overlay, scan, scan_objects};
/// use afterbay_manifest::{DataKeys, FileTree, RenderedSet, Revision, TreePath};
///
/// let mut tree = FileTree::new();
/// let path = TreePath::parse("apps/namespace.yaml")?;
/// tree.insert_file(path.clone(), *b"apiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n", false);
///
/// let options = DecryptOptions::default();
/// let sealed = scan(&tree, [&path], &options);
/// assert!(sealed.key_requests().is_empty()); // else a key ring unwraps them
/// let (tree, opened) = overlay(tree, sealed, &DataKeys::default(), &options);
/// # let _ = tree;
/// let rendered = RenderedSet { revision: Revision::UNKNOWN, objects: vec![], warnings: vec![] }; // built from `tree`
/// let tokens = scan_objects(&rendered, opened, &options);
/// let decrypted = finish(rendered, tokens, &DataKeys::default(), &options)?;
/// assert_eq!(decrypted.counts().sealed, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn finish(
    rendered: RenderedSet,
    sealed: SealedTokens,
    keys: &DataKeys,
    options: &DecryptOptions,
) -> Result<DecryptedSet, Unfinished> {
    let SealedTokens {
        mut opened, nested, ..
    } = sealed;
    let mut run = Run {
        keys,
        options,
        errors: std::mem::take(&mut opened.errors),
        opened,
        nested,
        counts: Counts::default(),
        values: Vec::new(),
    };
    let objects = rendered
        .objects
        .into_iter()
        .enumerate()
        .filter_map(|(index, object)| run.object(index, object))
        .collect();
    let Run {
        opened,
        mut errors,
        counts,
        mut values,
        ..
    } = run;
    values.extend(opened.plaintexts());
    let mut scrubber = Scrubber::new(values);
    if opened.source == ObjectSource::Piped {
        scrubber = scrubber.partial();
    }
    for error in &mut errors {
        error.scrub(&scrubber);
    }
    let mut warnings = rendered.warnings;
    warnings.extend(opened.warnings);
    let parts = DecryptedParts {
        revision: rendered.revision,
        objects,
        warnings,
        exemptions: opened.exemptions.into_sorted(),
        files: opened.reports,
        counts,
        scrubber,
    };
    match DecryptErrors::check(errors, ()) {
        Ok(()) => Ok(DecryptedSet::new(parts)),
        Err(errors) => Err(Unfinished {
            errors,
            parts: Box::new(parts),
        }),
    }
}

impl OpenedFiles {
    /// Itself if every file opened. Who goes on without asking hears of it from [`finish`].
    pub fn check(mut self) -> Result<Self, DecryptErrors> {
        let mut errors = std::mem::take(&mut self.errors);
        let scrubber = Scrubber::new(self.plaintexts());
        for error in &mut errors {
            error.scrub(&scrubber);
        }
        DecryptErrors::check(errors, self)
    }

    fn plaintexts(&self) -> impl Iterator<Item = Vec<u8>> {
        self.values.iter().map(|value| value.expose_bytes().to_vec())
    }
}

/// What all objects share.
struct Run<'a> {
    keys: &'a DataKeys,
    options: &'a DecryptOptions,
    opened: OpenedFiles,
    nested: NestedFiles,
    errors: Vec<DecryptError>,
    counts: Counts,
    /// Everything that was opened, for scrubbing.
    values: Vec<Vec<u8>>,
}

impl Run<'_> {
    /// The object with its tokens opened; `None` if something is wrong with it.
    fn object(&mut self, index: usize, object: Object) -> Option<Object> {
        let before = self.errors.len();
        let subject = Subject::of(&object, &self.opened, self.options);
        let mut left_sealed = false;
        let object = object.map_body(|body| {
            let mut pass = Pass {
                run: self,
                subject: &subject,
                index,
                path: KeyPath::root(),
                metadata: leftover::has_metadata(body),
                left_sealed: false,
            };
            pass.body(body);
            left_sealed = pass.left_sealed;
        });
        if let (true, Some(Exempt::Object(reason))) = (left_sealed, subject.exempt) {
            let exemption = Exemption {
                file: subject.origin.file.clone(),
                document: subject.origin.document,
                object: subject.reference.to_string(),
                reason,
            };
            self.opened.exemptions.record(exemption, &subject.origin.file);
        }
        let object = object.map_err(|error| self.errors.push(error.into())).ok();
        if let Some(object) = object.as_ref().filter(|_| !left_sealed) {
            self.look_for_unsealed(object);
        }
        object.filter(|_| self.errors.len() == before)
    }

    /// Holds the values of a Secret against what the operator requires of them. What is exempt is sealed as it is.
    fn look_for_unsealed(&mut self, object: &Object) {
        let policy = self.options.secret_policy;
        if policy == SecretPolicy::Off {
            return;
        }
        let mut found = plaintext::unsealed(object, self.options);
        if policy == SecretPolicy::Warn {
            // That a pipe loses provenance is told once for all of it, and eyaml is counted in every report.
            found.retain(|(reason, _)| *reason == Unsealed::Plain);
        }
        if found.is_empty() {
            return;
        }
        let origin = object.origin();
        let place = Place::new(origin.file.clone(), origin.position);
        if policy == SecretPolicy::Warn {
            self.opened.warnings.push(Warning {
                place: Some(place),
                message: format!("{}: not sealed: {}", object.reference(), reasons(&found)),
            });
        } else {
            self.errors.push(DecryptError::Unsealed {
                place,
                object: object.reference().clone(),
                found,
            });
        }
    }
}

/// One walk over one object.
struct Pass<'a, 'run> {
    run: &'a mut Run<'run>,
    subject: &'a Subject,
    /// Which object of the set it is.
    index: usize,
    path: KeyPath,
    /// Whether the object is a whole SOPS document. Then that is said once, not once a value.
    metadata: bool,
    /// Whether something sealed was seen that an exemption covers.
    left_sealed: bool,
}

impl Pass<'_, '_> {
    fn body(&mut self, body: &mut Node) {
        if self.metadata {
            let position = body.get("sops").map_or(Position::UNKNOWN, |block| block.position);
            self.path.push(Segment::Key("sops".into()));
            self.left_over(Leftover::SopsMetadata, position);
            self.path.pop();
        }
        self.node(body);
    }

    fn node(&mut self, node: &mut Node) {
        let provenance = node.provenance.clone();
        match &mut node.value {
            Value::Sequence(items) => {
                self.confine(&provenance);
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(Segment::Index(index), item);
                }
            }
            Value::Mapping(entries) => {
                self.confine(&provenance);
                for (key, value) in entries {
                    if let Some(found) = leftover::in_key(key) {
                        self.path.push(Segment::Key(key.as_str().into()));
                        self.left_over(found, value.position);
                        self.path.pop();
                    }
                    self.below(Segment::Key(key.as_str().into()), value);
                }
            }
            Value::Scalar(_) => self.leaf(node),
        }
    }

    fn below(&mut self, segment: Segment, node: &mut Node) {
        self.path.push(segment);
        self.node(node);
        self.path.pop();
    }

    fn leaf(&mut self, leaf: &mut Node) {
        // Where the value came from before a token in it was opened: a token is opened where it stands.
        self.confine(&leaf.provenance);
        if self.open(leaf) {
            self.look_for_leftovers(leaf);
        }
        self.account(leaf);
    }

    /// Opens what is sealed in a leaf and opened here. False if something did not open, which has then been said.
    fn open(&mut self, leaf: &mut Node) -> bool {
        let policy = self.run.options.policy_for(&self.subject.origin.file);
        let nested = self
            .run
            .nested
            .open(self.index, &self.path, self.run.keys, policy);
        match nested {
            None => self.open_tokens(leaf),
            Some(Ok(entry)) => {
                self.entry(leaf, entry);
                true
            }
            Some(Err(failure)) => {
                let error = self.entry_error(failure, self.subject.place(leaf.position));
                self.run.errors.push(error);
                false
            }
        }
    }

    /// Puts what the SOPS file in an entry opened to into its place.
    fn entry(&mut self, leaf: &mut Node, entry: OpenedEntry) {
        let place = self.subject.place(leaf.position);
        for part in entry.parts {
            let integrity = match part.mac {
                MacOutcome::Verified => Integrity::Verified,
                _ => Integrity::MacNotVerified,
            };
            leaf.provenance = leaf.provenance.union(&self.ciphertext(integrity));
            self.run.opened.reports.push(FileReport {
                place: place.clone(),
                documents: part.documents,
                mac: part.mac,
                opened: part.encrypted,
            });
        }
        leaf.value = Value::Scalar(Scalar::String(entry.value));
        let values = entry.values.iter().map(|value| value.expose_bytes().to_vec());
        self.run.values.extend(values);
        let warnings = entry
            .warnings
            .iter()
            .map(|text| nested::warning(&place, &self.path, text));
        self.run.opened.warnings.extend(warnings);
    }

    fn entry_error(&self, failure: EntryFailure, place: Place) -> DecryptError {
        let (object, path) = (self.subject.reference.clone(), self.path.clone());
        match failure {
            EntryFailure::Sops(errors) => DecryptError::NestedSops {
                place,
                object,
                path,
                errors,
            },
            EntryFailure::NotText => DecryptError::NestedNotText { place, object, path },
        }
    }

    /// What a value opened at the present place comes from.
    fn ciphertext(&self, integrity: Integrity) -> Provenance {
        Provenance::sealed(Sealed::Ciphertext {
            file: self.subject.origin.file.clone(),
            document: self.subject.origin.document,
            path: self.path.clone(),
            integrity,
        })
    }

    /// Opens the tokens of a leaf. False if one did not open.
    fn open_tokens(&mut self, leaf: &mut Node) -> bool {
        let Some(text) = leaf.expose_str().filter(|_| self.subject.opens_at(&self.path)) else {
            return true;
        };
        match eyaml::open(text, self.run.keys) {
            None => true,
            Some(Ok(OpenedScalar {
                mut value,
                tokens,
                integrity,
            })) => {
                for integrity in integrity {
                    leaf.provenance = leaf.provenance.union(&self.ciphertext(integrity));
                }
                leaf.value = Value::Scalar(Scalar::String(std::mem::take(&mut *value)));
                self.run
                    .values
                    .extend(tokens.iter().map(|token| token.as_bytes().to_vec()));
                true
            }
            Some(Err(failure)) => {
                let error = self.token_error(failure, self.subject.place(leaf.position));
                self.run.errors.push(error);
                false
            }
        }
    }

    fn token_error(&self, failure: TokenFailure, place: Place) -> DecryptError {
        let (object, path) = (self.subject.reference.clone(), self.path.clone());
        match failure {
            TokenFailure::Message(reason) => DecryptError::EyamlGpg {
                place,
                object,
                path,
                reason,
            },
            TokenFailure::Envelope(failures) => DecryptError::Eyaml {
                place,
                object,
                path,
                failures,
            },
        }
    }

    fn look_for_leftovers(&mut self, leaf: &Node) {
        let Some(text) = leaf.expose_str() else { return };
        let gvk = self.subject.gvk();
        let found = leftover::in_text(gvk, &self.path, text).or_else(|| {
            let decoded = self.is_data_entry().then(|| leftover::decode_data(text))?;
            leftover::in_data(&decoded?)
        });
        // A whole SOPS document has been named already; its metadata and tokens are part of it.
        let named =
            self.metadata && (leftover::is_metadata(&self.path) || found == Some(Leftover::SopsToken));
        if let Some(found) = found.filter(|_| !named) {
            self.left_over(found, leaf.position);
        }
    }

    fn left_over(&mut self, leftover: Leftover, position: Position) {
        if self.subject.exempt.is_some() {
            self.left_sealed = true;
            return;
        }
        self.run.errors.push(DecryptError::Leftover {
            place: self.subject.place(position),
            object: self.subject.reference.clone(),
            path: self.path.clone(),
            leftover,
        });
    }

    /// Says so if a value may not stand here.
    fn confine(&mut self, provenance: &Provenance) {
        let Run {
            opened,
            options,
            errors,
            ..
        } = &mut *self.run;
        errors.extend(confinement::refusal(
            &self.subject.reference,
            self.subject.place(Position::UNKNOWN),
            &self.path,
            provenance,
            &opened.declared,
            &options.allowed_places,
        ));
    }

    /// Counts a leaf and remembers its value for scrubbing.
    fn account(&mut self, leaf: &Node) {
        if leaf.provenance.is_plain() {
            return;
        }
        self.run.counts.add(&leaf.provenance);
        let Some(bytes) = scalar::node_bytes(leaf) else {
            return;
        };
        if self.is_data_entry()
            && let Some(text) = leaf.expose_str()
        {
            self.run.values.extend(leftover::decode_data(text));
        }
        self.run.values.push(bytes);
    }

    fn is_data_entry(&self) -> bool {
        let data = |segment: &Segment| matches!(segment, Segment::Key(key) if **key == *"data");
        self.subject.gvk().is_secret() && self.path.segments().first().is_some_and(data)
    }
}
