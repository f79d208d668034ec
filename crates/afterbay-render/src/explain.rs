//! What made and what changed each object: kept as a build goes, where it is asked for.
//!
//! Every object carries its story, and the body that it had last. After each step bodies are compared, so a story names what
//! really changed and not what a transformer went over. Where it is not asked for, nothing is compared and nothing is kept. Fields
//! are named, values never.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use afterbay_manifest::{KeyPath, Node, ObjectRef, Origin, Place, Segment, TreePath, Value};

use crate::accumulate::Accumulator;
use crate::resource::Resource;

/// What a build made of its objects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// What came out, in the order of the objects.
    pub objects: Vec<Explained>,
    /// What was there and did not come out; the last change is what removed it.
    pub removed: Vec<Explained>,
}

impl Explanation {
    /// What gave a field of an object its value, with its place: the last step that changed the field, or the kind of the object,
    /// or the generator that made it. `None` for what an object had in its file.
    pub fn cause(&self, object: &ObjectRef, path: &KeyPath) -> Option<String> {
        let explained = self
            .objects
            .iter()
            .find(|explained| explained.object == *object)?;
        let last = |path: &KeyPath| {
            let mut changes = explained.changes.iter().rev();
            changes.find(|change| change.fields.iter().any(|field| is_at_or_above(field, path)))
        };
        let change = last(path).or_else(|| last(&KeyPath::of_keys(["kind"])));
        match (change, &explained.source) {
            (Some(change), _) => Some(change.to_string()),
            (None, Source::Generator { generator, place, .. }) => Some(format!("{generator} ({place})")),
            (None, Source::File(_)) => None,
        }
    }
}

fn is_at_or_above(field: &KeyPath, path: &KeyPath) -> bool {
    path.segments().starts_with(field.segments())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.step)?;
        match (&self.place, &self.file) {
            (Some(place), Some(file)) => write!(f, " ({place}, {file})"),
            (Some(place), None) => write!(f, " ({place})"),
            (None, _) => Ok(()),
        }
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What it is called in the end.
    pub object: ObjectRef,
    /// What made it.
    pub source: Source,
    /// The entries of kustomization files that lead to it, innermost first. A build without kustomization file has none.
    pub listed: Vec<Place>,
    /// What changed it, in order.
    pub changes: Vec<Change>,
}

/// What made an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It stands in a file.
    File(Origin),
    /// A generator made it.
    Generator {
        /// The field, or the kind of the generator.
        generator: &'static str,
        /// Its entry.
        place: Place,
        /// The files that it reads.
        files: Vec<TreePath>,
    },
}

/// A step that left an object other than it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field of a kustomization file, the kind of a transformer, or what is done once at the end.
    pub step: String,
    /// The entry that asks for it; what is done once at the end has none.
    pub place: Option<Place>,
    /// The file of a patch.
    pub file: Option<TreePath>,
    /// What is other than before, as paths in the object; empty when the object was removed.
    pub fields: Vec<KeyPath>,
}

impl Change {
    /// One that an entry asks for.
    pub(crate) fn by(step: impl Into<String>, place: Place) -> Self {
        Self {
            step: step.into(),
            place: Some(place),
            file: None,
            fields: Vec::new(),
        }
    }

    /// One that is done once at the end.
    pub(crate) fn at_the_end(step: &str) -> Self {
        Self {
            step: step.to_owned(),
            place: None,
            file: None,
            fields: Vec::new(),
        }
    }
}

/// What is kept with an object.
#[derive(Clone)]
pub(crate) struct Story {
    source: Source,
    listed: Vec<Place>,
    changes: Vec<Change>,
    /// The body after the last step.
    seen: Node,
}

impl Story {
    /// The beginning of an object that a file holds or a generator made.
    pub(crate) fn begin(source: Source, body: &Node) -> Arc<Self> {
        Arc::new(Self {
            source,
            listed: Vec::new(),
            changes: Vec::new(),
            seen: body.clone(),
        })
    }

    /// Whether a text stood in a plain field of it after the last step.
    pub(crate) fn said(&self, text: &str) -> bool {
        let mut found = false;
        self.seen.leaves(&mut |_, leaf| {
            found |= leaf.as_plain_str().is_some_and(|leaf| leaf.contains(text));
        });
        found
    }

    /// The file that lists or generates it, as far as it has come.
    fn last_file(&self) -> &TreePath {
        match (self.listed.last(), &self.source) {
            (Some(place), _) | (None, Source::Generator { place, .. }) => &place.file,
            (None, Source::File(origin)) => &origin.file,
        }
    }

    fn told(&self, object: ObjectRef) -> Explained {
        Explained {
            object,
            source: self.source.clone(),
            listed: self.listed.clone(),
            changes: self.changes.clone(),
        }
    }
}

/// Adds an entry that leads to objects: to all, or to those that `only` lists.
pub(crate) fn lists(resources: &mut [Resource], place: &Place, only: Option<&TreePath>) {
    let stories = resources
        .iter_mut()
        .filter_map(|resource| resource.story.as_mut());
    for story in stories.filter(|story| only.is_none_or(|file| story.last_file() == file)) {
        Arc::make_mut(story).listed.push(place.clone());
    }
}

/// Compares objects before and after steps.
pub(crate) struct Watch(Option<Vec<Arc<Story>>>);

impl Watch {
    /// Begins, where there is something to explain.
    pub(crate) fn new(explains: bool, gathered: &Accumulator) -> Self {
        Self(explains.then(|| stories(&gathered.resources)))
    }

    /// Says what a step did. Changes of several steps can be told one after another.
    pub(crate) fn see(&mut self, gathered: &mut Accumulator, change: impl FnOnce() -> Change) {
        let Some(before) = self.0.take() else { return };
        let change = change();
        if gathered.resources.len() < before.len() {
            let left: HashSet<*const Story> = gathered
                .resources
                .iter()
                .filter_map(|resource| resource.story.as_ref().map(Arc::as_ptr))
                .collect();
            let gone = before.iter().filter(|story| !left.contains(&Arc::as_ptr(story)));
            gathered.removed.extend(gone.map(|story| removed(story, &change)));
        }
        // What is held twice would be copied to be written.
        drop(before);
        for resource in &mut gathered.resources {
            note(resource, &change);
        }
        self.0 = Some(stories(&gathered.resources));
    }
}

fn stories(resources: &[Resource]) -> Vec<Arc<Story>> {
    resources
        .iter()
        .filter_map(|resource| resource.story.clone())
        .collect()
}

fn removed(story: &Story, change: &Change) -> Explained {
    let origin = match &story.source {
        Source::File(origin) => origin.clone(),
        Source::Generator { place, .. } => Origin {
            file: place.file.clone(),
            document: 0,
            position: place.position,
        },
    };
    let mut told = story.told(Resource::unchecked(story.seen.clone(), origin).reference());
    told.changes.push(change.clone());
    told
}

/// Adds a change to the story of an object, if it has one and is another now.
pub(crate) fn note(resource: &mut Resource, change: &Change) {
    let Some(story) = &mut resource.story else { return };
    let fields = differences(&story.seen, &resource.body);
    if !fields.is_empty() {
        let story = Arc::make_mut(story);
        story.changes.push(Change {
            fields,
            ..change.clone()
        });
        story.seen.clone_from(&resource.body);
    }
}

/// The story of an object that is finished.
pub(crate) fn tell(resource: &Resource) -> Option<Explained> {
    let story = resource.story.as_ref()?;
    // Substitution may have given it another name, which only its body knows.
    let last = Resource::unchecked(resource.body.clone(), resource.origin().clone());
    Some(story.told(last.reference()))
}

/// The outermost paths at which two bodies differ.
pub fn differences(before: &Node, after: &Node) -> Vec<KeyPath> {
    let mut found = Vec::new();
    compare(before, after, &KeyPath::root(), &mut found);
    found
}

fn compare(before: &Node, after: &Node, at: &KeyPath, found: &mut Vec<KeyPath>) {
    match (&before.value, &after.value) {
        (Value::Mapping(old), Value::Mapping(new)) => {
            for (key, value) in new {
                match old.get(key) {
                    Some(before) => compare(before, value, &at.key(key), found),
                    None => found.push(at.key(key)),
                }
            }
            let gone = old.keys().filter(|key| !new.contains_key(key.as_str()));
            found.extend(gone.map(|key| at.key(key)));
        }
        (Value::Sequence(old), Value::Sequence(new)) if old.len() == new.len() => {
            for (index, (before, after)) in old.iter().zip(new).enumerate() {
                let mut at = at.clone();
                at.push(Segment::Index(index));
                compare(before, after, &at, found);
            }
        }
        (old, new) if old == new && before.provenance == after.provenance => {}
        _ => found.push(at.clone()),
    }
}
