//! What may become of objects that are in the cluster already.

use afterbay_apply::{
    ApplyOptions, Check, Existing, FailurePolicy, Force, GroupKind, Guards, IgnoreRule, MaxPrune, Owner,
    PROTECTED, RolloutOnChange,
};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Flags about live objects and who else writes them.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Live objects")]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveArguments {
    /// Take over the fields of this manager too, beside those of `kubectl*` and `before-first-apply`; a name ending in `*`
    /// stands for all that begin so (repeatable)
    #[arg(long = "override-manager", value_name = "NAME")]
    override_managers: Vec<String>,

    /// Leave the fields of all other managers to them, those of `kubectl` included
    #[arg(long, conflicts_with = "override_managers")]
    no_take_over: bool,

    /// Put the ownership labels of Flux on every object, and prune only what carries them
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = owner)]
    owner: Option<Owner>,

    /// Delete and create anew what cannot be changed in place, provided that the server would create it
    #[arg(long)]
    force: bool,

    /// How objects that need no change are recognized
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Recognized::ManagedFields)]
    #[serde(default)]
    check: Recognized,

    /// What an object that the server refuses means for the others
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = Failures::Atomic)]
    failure_policy: Failures,

    /// Field whose differences are neither reported nor corrected, as `KIND[.GROUP][/[NAMESPACE/]NAME]:/JSON/POINTER`, with `*` for any
    /// kind; the annotation `afterbay.dev/ignore-difference` does the same for one object (can be repeated)
    #[arg(long = "ignore-difference", value_name = "KIND:POINTER", value_parser = str::parse::<IgnoreRule>)]
    #[serde(default)]
    ignore_differences: Vec<IgnoreRule>,

    /// What is done about objects that are not as the revision says
    #[arg(long, value_enum, default_value_t = Drift::Enforce)]
    #[serde(default)]
    mode: Drift,

    /// Restart workloads when a Secret or ConfigMap of the revision that they refer to changes. Without a value: every Deployment,
    /// `StatefulSet` and `DaemonSet` whose annotation `afterbay.dev/rollout-on-change` is not `false`
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = Rollout::Annotated,
        default_missing_value = "all"
    )]
    #[serde(default)]
    rollout_on_change: Rollout,

    /// The most that one run may prune, as a number of objects or a share of the inventory such as `20%`
    #[arg(long, value_name = "N|N%", value_parser = max_prune)]
    max_prune: Option<MaxPrune>,

    /// Kinds that are never pruned, as `Kind` or `Kind.group`; `none` protects nothing
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_values_t = PROTECTED.map(str::to_owned))]
    protect: Vec<String>,

    /// Kinds to write in a stage of their own, after CRDs, Namespaces, cluster roles and classes and before all others, as
    /// `GROUP/KIND` such as `rbac.authorization.k8s.io/Role`
    #[arg(
        long = "custom-apply-stage-kinds",
        value_name = "KINDS",
        value_delimiter = ','
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stage_kinds: Vec<GroupKind>,

    /// Consent to what guards hold back in this plan, by the name that the refusal gave it
    #[arg(long, value_name = "PLAN")]
    #[serde(skip)]
    pub(crate) consent: Option<String>,
}

/// How objects that need no change are recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Recognized {
    /// By the live object: the fields that we own and their values; what leaves a doubt is dry-run
    #[default]
    ManagedFields,
    /// Every object is dry-run, so that what admission would change by now is seen too
    Server,
}

/// What one refused object means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Failures {
    /// Nothing is written unless the server would take all of them
    Atomic,
    /// The others are written, and nothing is pruned
    PerResource,
}

/// What is done about objects that are not as the revision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Drift {
    /// They are made so
    #[default]
    Enforce,
    /// They are shown as `afterbay diff` shows them, and nothing is written; `apply` then ends with 17
    Report,
    /// What is missing is created, what exists is left alone
    Once,
}

/// Which workloads are restarted when what they refer to changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Rollout {
    /// None
    Never,
    /// Those whose annotation `afterbay.dev/rollout-on-change` is `true`
    #[default]
    Annotated,
    /// Those, and every Deployment, `StatefulSet` and `DaemonSet` whose annotation is not `false`
    All,
}

/// Where a Pod finds the namespace it runs in.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

impl LiveArguments {
    /// Whether what is not as the revision says is only shown.
    pub(crate) fn only_reports(&self) -> bool {
        self.mode == Drift::Report
    }

    /// The options with what these flags say.
    pub(crate) fn decide(&self, mut options: ApplyOptions) -> ApplyOptions {
        if self.no_take_over {
            options.take_over.clear();
        }
        options.take_over.extend(self.override_managers.iter().cloned());
        options.owner.clone_from(&self.owner);
        if self.force {
            options.force = Force::Recreate;
        }
        options.check = match self.check {
            Recognized::ManagedFields => Check::ManagedFields,
            Recognized::Server => Check::Server,
        };
        options.failures = match self.failure_policy {
            Failures::Atomic => FailurePolicy::Atomic,
            Failures::PerResource => FailurePolicy::PerResource,
        };
        options.ignore.clone_from(&self.ignore_differences);
        if self.mode == Drift::Once {
            options.existing = Existing::Leave;
        }
        options.rollout = match self.rollout_on_change {
            Rollout::Never => RolloutOnChange::Never,
            Rollout::Annotated => RolloutOnChange::Annotated,
            Rollout::All => RolloutOnChange::All,
        };
        options.stage_kinds.clone_from(&self.stage_kinds);
        options.guards = Guards {
            max_prune: self.max_prune,
            protected: self
                .protect
                .iter()
                .filter(|kind| *kind != "none")
                .cloned()
                .collect(),
            own_namespace: own_namespace(),
            partly_read: None,
            consent: self.consent.clone(),
        };
        options
    }
}

/// The namespace of the Pod that this is, if it is one.
pub(crate) fn own_namespace() -> Option<String> {
    let text = std::fs::read_to_string(OWN_NAMESPACE).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn max_prune(text: &str) -> Result<MaxPrune, String> {
    let refused = || format!("{text:?} is neither a number nor a percentage from 0% to 100%");
    match text.strip_suffix('%') {
        Some(percent) => percent
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .map(MaxPrune::Percent)
            .ok_or_else(refused),
        None => text.parse().map(MaxPrune::Count).map_err(|_| refused()),
    }
}

fn owner(text: &str) -> Result<Owner, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Owner {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        }
        _ => Err(format!("{text:?} is not NAMESPACE/NAME")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_share() {
        assert_eq!(max_prune("5"), Ok(MaxPrune::Count(5)));
        assert_eq!(max_prune("20%"), Ok(MaxPrune::Percent(20)));
        for text in ["", "%", "-1", "101%", "1.5%", "many"] {
            assert!(max_prune(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_owner_has_a_namespace_and_a_name() {
        assert_eq!(owner("apps/shop").map(|owner| owner.name).as_deref(), Ok("shop"));
        for text in ["", "shop", "/shop", "apps/", "a/b/c"] {
            assert!(owner(text).is_err(), "{text}");
        }
    }
}
