//! What may become of objects that are in the cluster already.

use afterbay_apply::{ApplyOptions, Owner};
use clap::Args;

/// Flags about live objects and who else writes them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live objects")]
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
}

impl LiveArguments {
    /// The options with what these flags say.
    pub(crate) fn decide(&self, mut options: ApplyOptions) -> ApplyOptions {
        if self.no_take_over {
            options.take_over.clear();
        }
        options.take_over.extend(self.override_managers.iter().cloned());
        options.owner.clone_from(&self.owner);
        options
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
    use super::owner;

    #[test]
    fn an_owner_has_a_namespace_and_a_name() {
        assert_eq!(owner("apps/shop").map(|owner| owner.name).as_deref(), Ok("shop"));
        for text in ["", "shop", "/shop", "apps/", "a/b/c"] {
            assert!(owner(text).is_err(), "{text}");
        }
    }
}
