//! Identities of age plugins: another program, `age-plugin-NAME`, opens the stanzas (C2SP age-plugin).
//!
//! A plugin is a child process that is handed the identity and the stanzas, so none runs unless the operator
//! names it. It gets no answers: a plugin that asks for a PIN is told that there is nobody to ask.

#[cfg(target_os = "linux")]
mod children;

use std::env;
use std::slice;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use age::plugin::{Identity, IdentityPluginV1};
use age::{DecryptError, Identity as _, NoCallbacks};
use age_core::format::Stanza;

use super::key::{Means, Trouble, Unwrapped};
use crate::outside_text::tame;
#[cfg(target_os = "linux")]
use children::Thread;

/// The variable with which the age library prints every message to and from a plugin, keys among them.
const DEBUG: &str = "AGEDEBUG";

/// Shortest text that is looked for in what a plugin says. The checksum alone has six characters.
const SHORTEST: usize = 6;

/// An identity that a plugin understands.
pub(super) struct PluginIdentity(Identity);

impl PluginIdentity {
    /// Reads the text form, `AGE-PLUGIN-NAME-1…`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Name of the plugin, in lower case.
    pub(super) fn plugin(&self) -> &str {
        self.0.plugin()
    }

    /// Lets the plugin open one of the stanzas, if it may run.
    pub(super) fn unwrap(&self, stanzas: &[Stanza], means: &Means<'_>) -> Result<Unwrapped, Trouble> {
        let name = self.plugin();
        if !means.plugins.iter().any(|allowed| allowed == name) {
            return Err(Trouble {
                reason: format!("has an identity of the plugin {name}, which may not run"),
                hint: Some(format!(
                    "allow it with --allow-age-plugin {name}, if you trust age-plugin-{name}"
                )),
            });
        }
        if env::var_os(DEBUG).is_some_and(|value| value == "plugin") {
            let reason = "was not tried: AGEDEBUG=plugin prints identities and keys";
            return Err(Trouble::new(reason, Some("unset AGEDEBUG")));
        }
        let plugin =
            IdentityPluginV1::new(name, slice::from_ref(&self.0), NoCallbacks).map_err(|_| Trouble {
                reason: format!("needs age-plugin-{name}, which is not in PATH"),
                hint: Some(format!("install age-plugin-{name}, or add its folder to PATH")),
            })?;
        match ask(plugin, stanzas, means.patience) {
            Some(Some(Ok(key))) => Ok(Some(Ok(key))),
            Some(Some(Err(error))) => Err(Trouble::new(self.explain(&error), None)),
            Some(None) => Err(Trouble::new(
                format!("age-plugin-{name} opens none of the stanzas"),
                None,
            )),
            None => Err(Trouble::new(
                format!(
                    "age-plugin-{name} did not answer within {} s",
                    means.patience.as_secs_f32()
                ),
                None,
            )),
        }
    }

    fn explain(&self, error: &DecryptError) -> String {
        let name = self.plugin();
        match error {
            DecryptError::Plugin(errors) => {
                let said: Vec<String> = errors.iter().map(|error| self.said(error.to_string())).collect();
                format!("age-plugin-{name} failed: {}", tame(&said.join("; ")))
            }
            DecryptError::DecryptionFailed => {
                format!("age-plugin-{name} answered with something that is no file key")
            }
            _ => format!("age-plugin-{name} ended, or broke the protocol, before it answered"),
        }
    }

    /// What a plugin said, unless it repeats what it was told in confidence.
    fn said(&self, text: String) -> String {
        let identity = self.0.to_string().to_lowercase();
        let data = identity.rsplit('1').next().unwrap_or_default();
        if data.len() < SHORTEST || text.to_lowercase().contains(data) {
            "its message repeats the identity and is withheld".to_owned()
        } else {
            text
        }
    }
}

/// Waits for a plugin so long, and then ends it, where the system tells which process it is: the age library does not.
/// `None` if it did not answer.
fn ask(plugin: IdentityPluginV1<NoCallbacks>, stanzas: &[Stanza], patience: Duration) -> Option<Unwrapped> {
    let copy = |stanza: &Stanza| Stanza {
        tag: stanza.tag.clone(),
        args: stanza.args.clone(),
        body: stanza.body.clone(),
    };
    let stanzas: Vec<Stanza> = stanzas.iter().map(copy).collect();
    let (sender, receiver) = mpsc::sync_channel(1);
    let (told, started) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let _ = told.send(Thread::current());
        // Nobody waits any more after the deadline.
        let _ = sender.send(plugin.unwrap_stanzas(&stanzas));
    });
    let thread = started.recv().ok().flatten();
    let answer = receiver.recv_timeout(patience).ok();
    if answer.is_none()
        && let Some(thread) = thread
    {
        thread.end_children();
    }
    answer
}

/// Where nothing tells what a thread has started.
#[cfg(not(target_os = "linux"))]
struct Thread;

#[cfg(not(target_os = "linux"))]
impl Thread {
    fn current() -> Option<Self> {
        None
    }

    fn end_children(&self) {}
}
