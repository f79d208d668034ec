//! Which kinds the server serves, under which paths.
//!
//! Aggregated discovery (Kubernetes 1.27 and later) answers in two requests; an older server is asked
//! per group and version, and only for what is needed.

use std::collections::{BTreeMap, BTreeSet};

use afterbay_manifest::Gvk;
use serde::Deserialize;

use crate::client::{Client, Failure, Request, query_value, segment};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Group and kind: what stays the same when an object is read under another version.
pub(crate) type GroupKind = (String, String);

/// Whether objects of a kind live in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Namespaced,
    Cluster,
}

/// How one kind is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) gvk: Gvk,
    pub(crate) plural: String,
    pub(crate) scope: Scope,
}

impl Resource {
    /// The path of the collection.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        let Gvk { group, version, .. } = &self.gvk;
        let mut path = if group.is_empty() {
            format!("/api/{}", segment(version))
        } else {
            format!("/apis/{}/{}", segment(group), segment(version))
        };
        if let Some(namespace) = namespace {
            path.push_str("/namespaces/");
            path.push_str(&segment(namespace));
        }
        path.push('/');
        path.push_str(&segment(&self.plural));
        path
    }

    /// The path of one object.
    pub(crate) fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), segment(name))
    }
}

/// The kinds of one server, and what could not be asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kinds {
    /// Versions in the server's order of preference.
    served: BTreeMap<GroupKind, Vec<Resource>>,
    /// Groups whose own API server did not answer.
    stale: BTreeSet<String>,
}

impl Kinds {
    /// The kind at exactly this version.
    pub(crate) fn exact(&self, gvk: &Gvk) -> Option<&Resource> {
        self.versions(&gvk.group, &gvk.kind)
            .iter()
            .find(|resource| resource.gvk.version == gvk.version)
    }

    /// The kind at the server's preferred version.
    pub(crate) fn preferred(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.versions(group, kind).first()
    }

    /// The versions at which the kind is served.
    pub(crate) fn versions(&self, group: &str, kind: &str) -> &[Resource] {
        self.served
            .get(&(group.to_owned(), kind.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    /// Whether the group's own API server did not answer, so that its kinds are unknown, not absent.
    pub(crate) fn is_stale(&self, group: &str) -> bool {
        self.stale.contains(group)
    }

    fn add(&mut self, resource: Resource) {
        // Versions are shown to people; what is no name cannot be asked for either.
        if resource.gvk.version.contains(char::is_control) {
            return;
        }
        let key = (resource.gvk.group.clone(), resource.gvk.kind.clone());
        let versions = self.served.entry(key).or_default();
        if !versions.iter().any(|known| known.gvk == resource.gvk) {
            versions.push(resource);
        }
    }

    #[cfg(test)]
    pub(crate) fn of(resources: impl IntoIterator<Item = Resource>) -> Self {
        let mut kinds = Self::default();
        resources.into_iter().for_each(|resource| kinds.add(resource));
        kinds
    }
}

/// Asks the server. `needed` limits the questions to a server without aggregated discovery.
pub(crate) async fn discover(client: &Client, needed: &BTreeSet<String>) -> Result<Kinds, Failure> {
    let mut kinds = Kinds::default();
    for root in ["/api", "/apis"] {
        let response = client.send(&Request::get(root).accepting(AGGREGATED)).await?;
        match response.json::<Answer>()? {
            Answer::Aggregated { items } => items.into_iter().for_each(|group| read_group(group, &mut kinds)),
            Answer::Core { versions } => {
                for version in versions {
                    read_version(client, "", &version, &mut kinds).await?;
                }
            }
            Answer::Groups { groups } => {
                for group in groups.into_iter().filter(|group| needed.contains(&group.name)) {
                    for entry in group.versions {
                        read_version(client, &group.name, &entry.name, &mut kinds).await?;
                    }
                }
            }
        }
    }
    Ok(kinds)
}

/// The answers that a server may give to the same question.
#[derive(Deserialize)]
#[serde(tag = "kind")]
enum Answer {
    #[serde(rename = "APIGroupDiscoveryList")]
    Aggregated {
        #[serde(default)]
        items: Vec<Group>,
    },
    #[serde(rename = "APIVersions")]
    Core { versions: Vec<String> },
    #[serde(rename = "APIGroupList")]
    Groups { groups: Vec<LegacyGroup> },
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "version")]
    name: String,
    #[serde(default)]
    resources: Vec<Kind>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
struct Kind {
    resource: String,
    #[serde(rename = "responseKind")]
    answer: Option<ResponseKind>,
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct LegacyGroup {
    name: String,
    versions: Vec<LegacyVersion>,
}

#[derive(Deserialize)]
struct LegacyVersion {
    #[serde(rename = "version")]
    name: String,
}

#[derive(Deserialize)]
struct LegacyList {
    resources: Vec<LegacyKind>,
}

#[derive(Deserialize)]
struct LegacyKind {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

fn read_group(group: Group, kinds: &mut Kinds) {
    for version in group.versions {
        if version.freshness == "Stale" {
            kinds.stale.insert(group.metadata.name.clone());
        }
        for kind in version.resources {
            let Some(name) = kind
                .answer
                .map(|answer| answer.kind)
                .filter(|name| !name.is_empty())
            else {
                continue;
            };
            if !is_applicable(&kind.verbs) {
                continue;
            }
            kinds.add(Resource {
                gvk: Gvk {
                    group: group.metadata.name.clone(),
                    version: version.name.clone(),
                    kind: name,
                },
                plural: kind.resource,
                scope: if kind.scope == "Namespaced" {
                    Scope::Namespaced
                } else {
                    Scope::Cluster
                },
            });
        }
    }
}

async fn read_version(client: &Client, group: &str, version: &str, kinds: &mut Kinds) -> Result<(), Failure> {
    let path = if group.is_empty() {
        format!("/api/{}", segment(version))
    } else {
        format!("/apis/{}/{}", segment(group), segment(version))
    };
    let list: LegacyList = match client.send(&Request::get(path)).await {
        Ok(response) => response.json()?,
        // The API server behind an APIService is away, or the version went in this moment.
        Err(Failure::Status(status)) if matches!(status.code, 404 | 503) => {
            kinds.stale.insert(group.to_owned());
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    for kind in list.resources {
        // A subresource is named `deployments/scale`.
        if kind.name.contains('/') || !is_applicable(&kind.verbs) {
            continue;
        }
        kinds.add(Resource {
            gvk: Gvk {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: kind.kind,
            },
            plural: kind.name,
            scope: if kind.namespaced {
                Scope::Namespaced
            } else {
                Scope::Cluster
            },
        });
    }
    Ok(())
}

/// Two resources may have one kind; the one that can be patched is the one an object is kept in.
fn is_applicable(verbs: &[String]) -> bool {
    verbs.iter().any(|verb| verb == "patch")
}

/// The query of a write or of a server-side dry-run.
pub(crate) fn write_query(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={}", query_value(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_a_terminal_would_obey_is_none() {
        let kinds = Kinds::of(["v1", "v2\u{1b}[2J"].map(|version| Resource {
            gvk: Gvk::new(&format!("apps/{version}"), "Deployment"),
            plural: "deployments".to_owned(),
            scope: Scope::Namespaced,
        }));
        assert_eq!(kinds.versions("apps", "Deployment").len(), 1);
    }

    #[test]
    fn paths() {
        let resource = Resource {
            gvk: Gvk::new("apps/v1", "Deployment"),
            plural: "deployments".to_owned(),
            scope: Scope::Namespaced,
        };
        assert_eq!(
            resource.object(Some("web"), "a"),
            "/apis/apps/v1/namespaces/web/deployments/a"
        );
        let resource = Resource {
            gvk: Gvk::new("v1", "Namespace"),
            plural: "namespaces".to_owned(),
            scope: Scope::Cluster,
        };
        assert_eq!(resource.object(None, "a/b"), "/api/v1/namespaces/a%2Fb");
    }
}
