//! What to build, and where it goes: the flags that `apply`, `plan` and `diff` share.

use std::path::PathBuf;

use afterbay_apply::{ApplyOptions, Conflicts, Detail, FIELD_MANAGER, Mode, Prune};
use afterbay_decrypt::DecryptOptions;
use afterbay_keys::KeyRing;
use afterbay_manifest::TreePath;
use afterbay_pipeline::{Build, Built, Destination, StageEvent};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::{Deserialize, Serialize};

use super::{
    ClusterArguments, DecryptArguments, InventoryArguments, InventoryKind, KeyArguments, LiveArguments,
    SourceArguments, SpecificationArguments,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::stream;

/// Flags that say what is applied where, and how.
#[derive(Debug, Args)]
pub(crate) struct TargetArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,

    /// Directory of the revision to build
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new(), default_value = ".", conflicts_with = "file")]
    path: String,

    /// YAML or JSON objects instead of a revision; `-` is standard input. Every value of a Secret then counts as sealed, and
    /// the revision is unknown unless the stream carries it
    #[arg(
        long = "filename",
        short = 'f',
        value_name = "FILE",
        id = "file",
        conflicts_with_all = ["SourceArguments", "SpecificationArguments"]
    )]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    specification: SpecificationArguments,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// Delete what the inventory has and this revision has not
    #[arg(long, requires = "inventory")]
    prune: bool,

    /// Name of the inventory, which remembers in the cluster what is owned
    #[arg(long, value_name = "NAME")]
    inventory: Option<String>,

    #[command(flatten)]
    inventory_options: InventoryArguments,

    /// Take over fields that other managers own
    #[arg(long)]
    force_conflicts: bool,

    /// Name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    field_manager: String,

    #[command(flatten)]
    live: LiveArguments,

    #[command(flatten)]
    keys: KeyArguments,

    #[command(flatten)]
    decrypt: DecryptArguments,
}

/// What a saved plan keeps of the flags: everything that decides what would be done. No credentials, and nothing that is the
/// operator's to decide about keys and decryption.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Recorded {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(rename = "ref")]
    reference: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    prune: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inventory: Option<String>,
    inventory_kind: InventoryKind,
    force_conflicts: bool,
    field_manager: String,
    live: LiveArguments,
}

/// The flags that a saved plan has, by clap's names.
pub(crate) const RECORDED: [&str; 20] = [
    "reference",
    "path",
    "namespace",
    "prune",
    "inventory",
    "inventory_kind",
    "force_conflicts",
    "field_manager",
    "override_managers",
    "no_take_over",
    "owner",
    "force",
    "check",
    "failure_policy",
    "rollout_on_change",
    "mode",
    "ignore_differences",
    "max_prune",
    "protect",
    "stage_kinds",
];

impl TargetArguments {
    /// What a saved plan keeps of the flags.
    pub(crate) fn record(&self) -> Recorded {
        Recorded {
            // A remote's display form has no credentials.
            url: self.source.url.as_deref().map(without_credentials),
            reference: self.source.reference.clone(),
            path: self.path.clone(),
            namespace: self.cluster.namespace.clone(),
            prune: self.prune,
            inventory: self.inventory.clone(),
            inventory_kind: self.inventory_options.inventory_kind,
            force_conflicts: self.force_conflicts,
            field_manager: self.field_manager.clone(),
            live: self.live.clone(),
        }
    }

    /// Decides as a saved plan does. Where the revision comes from may be given anew; consent is given now or not at all.
    pub(crate) fn recall(&mut self, recorded: Recorded) {
        if self.file.is_none() {
            self.source.url = self.source.url.take().or(recorded.url);
        }
        let consent = self.live.consent.take();
        self.source.reference = recorded.reference;
        self.path = recorded.path;
        self.cluster.namespace = recorded.namespace;
        self.prune = recorded.prune;
        self.inventory = recorded.inventory;
        self.inventory_options.inventory_kind = recorded.inventory_kind;
        self.force_conflicts = recorded.force_conflicts;
        self.field_manager = recorded.field_manager;
        self.live = recorded.live;
        self.live.consent = consent;
    }

    /// Whether what is not as the revision says is only shown.
    pub(crate) fn only_reports(&self) -> bool {
        self.live.only_reports()
    }

    /// Whether values come from beside the revision, so that its commit does not say what they are.
    pub(crate) fn has_values_beside(&self) -> bool {
        self.specification.has_values()
    }

    /// The keys that the flags and the environment name.
    pub(crate) fn ring(&self) -> Result<KeyRing, Failure> {
        Ok(KeyRing::new(self.keys.options().map_err(|error| usage(&error))?))
    }

    /// Which cluster, and how.
    pub(crate) fn destination(&self, mode: Mode, detail: Detail) -> Destination {
        let namespace = self.cluster.namespace.as_deref();
        let inventory = self
            .inventory
            .as_deref()
            .map(|name| self.inventory_options.options(name, namespace));
        let apply = ApplyOptions {
            field_manager: self.field_manager.clone(),
            namespace: namespace.map(str::to_owned),
            conflicts: if self.force_conflicts {
                Conflicts::Override
            } else {
                Conflicts::Report
            },
            prune: if self.prune { Prune::Delete } else { Prune::Keep },
            mode,
            detail,
            ..ApplyOptions::default()
        };
        Destination {
            connect: self.cluster.options(),
            apply: self.live.decide(apply),
            inventory,
        }
    }

    /// The objects to apply, opened and normalized. What was lost of a stream on its way is noted in the destination.
    pub(crate) async fn open(
        &self,
        ring: &KeyRing,
        progress: &Progress,
        destination: &mut Destination,
    ) -> Result<Built, Failure> {
        let options: DecryptOptions = self.decrypt.options().map_err(|error| usage(&error))?;
        let emit = &mut |event: StageEvent| progress.show(&event);
        let Some(url) = &self.source.url else {
            // Objects that come without a revision, and whose provenance nobody knows.
            let (rendered, lost) = stream::read_whole(self.file.as_deref())?;
            destination.apply.guards.partly_read = lost;
            return Ok(afterbay_pipeline::piped(rendered, ring, &options, emit).await?);
        };
        let build = Build {
            source: self
                .source
                .options(url, progress.fetch_listener())
                .map_err(|error| usage(&error))?,
            path: TreePath::parse(&self.path).map_err(|error| usage(&error.into()))?,
            specification: self
                .specification
                .specification()
                .map_err(|error| usage(&error))?,
            decrypt: options,
        };
        Ok(afterbay_pipeline::build(&build, ring, emit).await?)
    }
}

fn usage(error: &anyhow::Error) -> Failure {
    Failure::other(Exit::Usage, error)
}

fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end]
                .rsplit_once('@')
                .map_or(&rest[..end], |(_, host)| host);
            format!("{scheme}://{host}{}", &rest[end..])
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn a_saved_plan_has_no_credentials() {
        for (url, saved) in [
            (
                "https://user:hunter2@git.example/fleet",
                "https://git.example/fleet",
            ),
            ("https://us@er:hunter2@git.example", "https://git.example"),
            ("https://git.example/a@b", "https://git.example/a@b"),
            ("/srv/git/fleet", "/srv/git/fleet"),
        ] {
            assert_eq!(without_credentials(url), saved);
        }
    }
}
