//! Strategic merge: a walk over object and patch at once, map by map and list by list.
//!
//! kustomize walks the whole object for every patch, so a patch changes what it does not name, too: a field without any
//! value goes away, and lists that merge lose items that are empty or have the same key as another.

use afterbay_manifest::{KeyPath, Mapping, Node, Position, Value};

use super::error::MergeError;
use super::schema::{Below, Schema};

/// Says within a patch what becomes of the map or list it stands in.
const DIRECTIVE: &str = "$patch";

/// What became of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, changed or not.
    Kept,
    /// The patch deleted it; what is left in its place means nothing.
    Deleted,
}

/// Merges a patch into an object, as kustomize does before it restores name, namespace and kind.
///
/// The schema of the object's `apiVersion` and `kind` says which lists merge. A `$patch` directive in a list that does not
/// merge is no directive, and stays.
pub fn strategic(target: &mut Node, patch: &Node, schema: &Schema) -> Result<Outcome, MergeError> {
    let mut patch = patch.clone();
    let merger = Merger { schema };
    let out = merger
        .walk(Some(target), Origin::Patch(&mut patch), None)
        .map_err(MergeError::turned)?;
    // A patch that says `$patch: replace` for the whole object is dropped by kustomize; the object stays as it is.
    let is_deleted = out == Out::Cleared || is_empty(target);
    Ok(if is_deleted {
        Outcome::Deleted
    } else {
        Outcome::Kept
    })
}

/// What a value of the object is merged with.
pub(super) enum Origin<'a> {
    /// With nothing.
    Nothing,
    /// With itself: it is the patch's, and came into the object whole.
    Itself,
    /// With a value of the patch.
    Patch(&'a mut Node),
}

/// Which of the two values is the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    /// Neither.
    Cleared,
    /// The object's, as it is now. If it is `null`, it goes away.
    Target,
    /// The object's, which is `null` and stays.
    Kept,
    /// The patch's, as it is now. If it is `null`, it goes away.
    Patch,
}

/// What `$patch` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// A walk.
pub(super) struct Merger<'s> {
    pub(super) schema: &'s Schema,
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Map,
    List,
    Scalar,
    Null,
}

impl Merger<'_> {
    /// Merges two values of which either may be missing.
    pub(super) fn walk(
        &self,
        target: Option<&mut Node>,
        origin: Origin<'_>,
        below: Option<Below>,
    ) -> Result<Out, MergeError> {
        let there = target.as_deref().map_or(Kind::Null, kind);
        let coming = match &origin {
            Origin::Patch(patch) => kind(patch),
            Origin::Nothing | Origin::Itself => Kind::Null,
        };
        if let (Some(target), Origin::Patch(patch)) = (target.as_deref(), &origin)
            && there != Kind::Null
            && coming != Kind::Null
            && there != coming
        {
            return Err(MergeError::Kinds {
                position: patch.position,
                path: KeyPath::root(),
                there: target.kind_name(),
                found: patch.kind_name(),
            });
        }
        let below = below.or_else(|| {
            let known = |node: &Node| self.kind_of(node);
            let of_patch = match &origin {
                Origin::Patch(patch) => known(patch),
                Origin::Nothing | Origin::Itself => None,
            };
            target.as_deref().and_then(known).or(of_patch)
        });
        let kind = if there == Kind::Null { coming } else { there };
        match kind {
            Kind::Map | Kind::Null => self.map(target, origin, below),
            Kind::List => self.list(target, origin, below),
            Kind::Scalar => Ok(match origin {
                Origin::Patch(_) => Out::Patch,
                Origin::Nothing | Origin::Itself => Out::Target,
            }),
        }
    }

    /// What is known of an object by its `apiVersion` and `kind`, at whatever depth it stands.
    fn kind_of(&self, node: &Node) -> Option<Below> {
        let text = |field: &str| {
            node.get(field)
                .filter(|node| !node.stands_for_null())?
                .expose_spelling()
        };
        self.schema.kind(&text("apiVersion")?, &text("kind")?)
    }

    fn map(
        &self,
        target: Option<&mut Node>,
        origin: Origin<'_>,
        below: Option<Below>,
    ) -> Result<Out, MergeError> {
        let target = match target {
            Some(target) if !target.stands_for_null() => target,
            missing => return self.add_map(missing, origin, below),
        };
        match origin {
            Origin::Nothing => self.fields(target, Origin::Nothing, below)?,
            Origin::Itself => {
                if map_directive(target)? == Directive::Delete {
                    return Ok(Out::Cleared);
                }
                self.fields(target, Origin::Itself, below)?;
            }
            Origin::Patch(patch) => {
                if patch.stands_for_null() {
                    return Ok(Out::Cleared);
                }
                match map_directive(patch)? {
                    Directive::Delete => return Ok(Out::Cleared),
                    Directive::Replace => {
                        self.fields(patch, Origin::Itself, below)?;
                        return Ok(Out::Patch);
                    }
                    Directive::Merge => self.fields(target, Origin::Patch(patch), below)?,
                }
            }
        }
        Ok(Out::Target)
    }

    /// Where the object has nothing, or `null`.
    fn add_map(
        &self,
        target: Option<&mut Node>,
        origin: Origin<'_>,
        below: Option<Below>,
    ) -> Result<Out, MergeError> {
        match origin {
            // A `null` stays as long as no patch names it; a field without any value does not.
            Origin::Nothing => Ok(match target {
                Some(null) if null.expose_spelling().is_some_and(|text| !text.is_empty()) => Out::Kept,
                _ => Out::Cleared,
            }),
            Origin::Itself => Ok(Out::Target),
            Origin::Patch(patch) => {
                // kustomize leaves a directive that it does not know where it is.
                if let Ok(Directive::Delete) = map_directive(patch) {
                    return Ok(Out::Cleared);
                }
                if patch.as_mapping().is_some() {
                    self.fields(patch, Origin::Itself, below)?;
                }
                Ok(Out::Patch)
            }
        }
    }

    /// Merges two maps field by field.
    fn fields(&self, target: &mut Node, origin: Origin<'_>, below: Option<Below>) -> Result<(), MergeError> {
        match origin {
            Origin::Nothing => self.own_fields(target, false, below),
            Origin::Itself => self.own_fields(target, true, below),
            Origin::Patch(patch) => self.both_fields(target, patch, below),
        }
    }

    /// The fields of a map that is merged with nothing, or with itself.
    fn own_fields(
        &self,
        target: &mut Node,
        with_itself: bool,
        below: Option<Below>,
    ) -> Result<(), MergeError> {
        let Some(entries) = target.as_mapping_mut() else {
            return Ok(());
        };
        let mut result = Ok(());
        entries.retain(|key, value| {
            let origin = if with_itself {
                Origin::Itself
            } else {
                Origin::Nothing
            };
            result.is_err() || self.keeps(key, value, origin, below, &mut result)
        });
        result
    }

    /// Whether a field without a patch of its own stays; an error keeps it and goes into the result.
    fn keeps(
        &self,
        key: &str,
        value: &mut Node,
        origin: Origin<'_>,
        below: Option<Below>,
        result: &mut Result<(), MergeError>,
    ) -> bool {
        match self.field(key, Some(&mut *value), origin, below) {
            Ok(out) => {
                value.quote_if_ambiguous();
                stays(out, value)
            }
            Err(error) => {
                *result = Err(error);
                true
            }
        }
    }

    fn both_fields(
        &self,
        target: &mut Node,
        patch: &mut Node,
        below: Option<Below>,
    ) -> Result<(), MergeError> {
        target.provenance = target.provenance.union(&patch.provenance);
        let (Some(entries), Some(changes)) = (target.as_mapping_mut(), patch.as_mapping_mut()) else {
            return Ok(());
        };
        let mut result = Ok(());
        entries.retain(|key, value| {
            let is_done = result.is_err() || changes.contains_key(key);
            is_done || self.keeps(key, value, Origin::Nothing, below, &mut result)
        });
        result?;
        for (key, change) in changes.iter_mut() {
            let out = self.field(key, entries.get_mut(key), Origin::Patch(&mut *change), below)?;
            match (out, entries.get_mut(key)) {
                (Out::Patch, there) if !change.stands_for_null() => {
                    change.quote_if_ambiguous();
                    match there {
                        Some(there) => {
                            let mut coming = change.clone();
                            coming.spell_like(&there.spelling);
                            *there = coming;
                        }
                        None => {
                            entries.insert(key.clone(), change.clone());
                        }
                    }
                }
                (out, Some(there)) if out != Out::Patch && stays(out, there) => there.quote_if_ambiguous(),
                _ => {
                    entries.shift_remove(key);
                }
            }
        }
        Ok(())
    }

    fn field(
        &self,
        key: &str,
        target: Option<&mut Node>,
        origin: Origin<'_>,
        below: Option<Below>,
    ) -> Result<Out, MergeError> {
        if key.is_empty() {
            return Err(MergeError::EmptyKey {
                path: KeyPath::root(),
            });
        }
        let below = below.and_then(|below| self.schema.field(below, key));
        self.walk(target, origin, below)
            .map_err(|error| error.inside(key))
    }

    fn list(
        &self,
        target: Option<&mut Node>,
        origin: Origin<'_>,
        below: Option<Below>,
    ) -> Result<Out, MergeError> {
        let keys = below
            .and_then(|below| self.schema.merge_keys(below))
            .map(<[_]>::to_vec);
        let item = below.and_then(|below| self.schema.item(below));
        match (keys, target, origin) {
            (None, _, Origin::Patch(_)) => Ok(Out::Patch),
            (None, ..) => Ok(Out::Target),
            (Some(keys), Some(target), Origin::Nothing) => {
                self.items(target, Origin::Nothing, &keys, item)?;
                Ok(Out::Target)
            }
            (Some(keys), Some(target), Origin::Itself) => {
                if list_directive(target)? == Directive::Delete {
                    return Ok(Out::Cleared);
                }
                self.items(target, Origin::Itself, &keys, item)?;
                Ok(Out::Target)
            }
            (Some(keys), Some(target), Origin::Patch(patch)) if !target.stands_for_null() => {
                if patch.stands_for_null() {
                    return Ok(Out::Cleared);
                }
                match list_directive(patch)? {
                    Directive::Delete => return Ok(Out::Cleared),
                    Directive::Replace => {
                        self.items(patch, Origin::Itself, &keys, item)?;
                        return Ok(Out::Patch);
                    }
                    Directive::Merge => {}
                }
                target.provenance = target.provenance.union(&patch.provenance);
                self.items(target, Origin::Patch(patch), &keys, item)?;
                Ok(Out::Target)
            }
            // What the patch brings is not asked for a directive of the list here.
            (Some(keys), _, Origin::Patch(patch)) => {
                self.items(patch, Origin::Itself, &keys, item)?;
                Ok(Out::Patch)
            }
            (Some(_), None, _) => Ok(Out::Cleared),
        }
    }
}

/// What `$patch` in a map says. One that is known is taken out of it.
fn map_directive(map: &mut Node) -> Result<Directive, MergeError> {
    let Some(said) = map.get(DIRECTIVE) else {
        return Ok(Directive::Merge);
    };
    let Some(directive) = directive(said) else {
        return Err(unknown_directive(said.position));
    };
    if let Some(entries) = map.as_mapping_mut() {
        entries.shift_remove(DIRECTIVE);
    }
    Ok(directive)
}

/// What `$patch` in an item says of its list. Only an item that holds nothing else speaks of the list, and of all items
/// with a `$patch` only the first is asked. If it is known, it is taken out of the list, and with it every item that
/// says the same.
fn list_directive(list: &mut Node) -> Result<Directive, MergeError> {
    let said = list
        .as_sequence()
        .unwrap_or_default()
        .iter()
        .find_map(|item| Some((item.as_mapping()?.len(), item.get(DIRECTIVE)?)));
    let Some((1, said)) = said else {
        return Ok(Directive::Merge);
    };
    let Some(found) = directive(said) else {
        return Err(unknown_directive(said.position));
    };
    if let Value::Sequence(items) = &mut list.value {
        items.retain(|item| {
            let is_same = item.get(DIRECTIVE).and_then(directive) == Some(found);
            !is_same && !is_empty(item)
        });
    }
    Ok(found)
}

fn unknown_directive(position: Position) -> MergeError {
    MergeError::Directive {
        position,
        path: KeyPath::root(),
    }
}

fn directive(said: &Node) -> Option<Directive> {
    // In a patch that is sealed whole, the directives are sealed too.
    match said.expose_str()? {
        "merge" => Some(Directive::Merge),
        "replace" => Some(Directive::Replace),
        "delete" => Some(Directive::Delete),
        _ => None,
    }
}

fn kind(node: &Node) -> Kind {
    match &node.value {
        Value::Mapping(_) => Kind::Map,
        Value::Sequence(_) => Kind::List,
        Value::Scalar(_) if node.stands_for_null() => Kind::Null,
        Value::Scalar(_) => Kind::Scalar,
    }
}

/// Whether the object's value is still there after a walk.
pub(super) fn stays(out: Out, target: &Node) -> bool {
    match out {
        Out::Kept => true,
        Out::Target => !target.stands_for_null(),
        Out::Cleared | Out::Patch => false,
    }
}

/// `null` and `{}`, which a list that merges does not keep.
pub(super) fn is_empty(node: &Node) -> bool {
    node.stands_for_null() || node.as_mapping().is_some_and(Mapping::is_empty)
}
