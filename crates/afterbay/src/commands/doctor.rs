//! `afterbay doctor`.

use std::io::{self, Write};

use afterbay_apply::{ApplyOptions, Client, Examination, FIELD_MANAGER, OrphanedKey, Wrote};
use afterbay_manifest::Finding;
use afterbay_pipeline::RunError;
use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::arguments::ClusterArguments;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Find what is wrong in the cluster, and repair it
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Secrets(Secrets),
}

/// Find keys in Secrets that nobody would ever remove, and remove them
///
/// Examined are the Secrets that the field manager has applied. Found are keys that nobody owns, such as what `stringData` left
/// behind, and keys that only managers own whose place afterbay takes. Names are shown, never values. What the
/// revision has is what was applied last.
#[derive(Debug, Args)]
#[command(after_help = CODES)]
struct Secrets {
    /// Look at the Secrets of every namespace
    #[arg(long, short = 'A')]
    all_namespaces: bool,

    /// Remove what is found, with consent that names it
    #[arg(long)]
    repair: bool,

    /// Consent to the removal of exactly what was found, by the name that the report gave it
    #[arg(long, value_name = "REPORT", requires = "repair")]
    consent: Option<String>,

    /// A manager whose keys are left behind too, beside `kubectl*` and `before-first-apply`; a name ending in `*` stands for all that
    /// begin so (repeatable)
    #[arg(long = "override-manager", value_name = "NAME")]
    override_managers: Vec<String>,

    /// Name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = FIELD_MANAGER)]
    field_manager: String,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// Form of the result on standard output
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

const CODES: &str = "\
Exit codes:
    0  nothing is left behind, or all of it was removed
    1  something is left behind
    2  an error; what was removed is printed
  130  interrupted";

impl Doctor {
    pub(crate) async fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Secrets(secrets) => secrets.run().await.map_err(Failure::of_comparison),
        }
    }
}

impl Secrets {
    async fn run(self) -> Result<Exit, Failure> {
        let client = afterbay_apply::connect(&self.cluster.options())
            .await
            .map_err(RunError::from)?;
        let mut options = ApplyOptions {
            field_manager: self.field_manager.clone(),
            ..ApplyOptions::default()
        };
        options.take_over.extend(self.override_managers.iter().cloned());
        let own = self
            .cluster
            .namespace
            .as_deref()
            .unwrap_or(client.default_namespace());
        let namespace = (!self.all_namespaces).then_some(own);
        let found = afterbay_apply::examine(&client, namespace, &options)
            .await
            .map_err(RunError::from)?;
        self.print(&found)?;
        if found.secrets.is_empty() {
            return Ok(Exit::Success);
        }
        match &self.consent {
            None if self.repair => {
                eprintln!(
                    "note: nothing was removed; run again with --repair --consent {}",
                    found.id
                );
                Ok(Exit::Failure)
            }
            None => Ok(Exit::Failure),
            Some(consent) => repair(&client, &found, consent, &options).await,
        }
    }

    fn print(&self, found: &Examination) -> anyhow::Result<()> {
        let out = &mut io::stdout().lock();
        match self.output {
            Format::Table => out.write_all(table(found).as_bytes()).context("standard output"),
            format => output::value(&serde_json::to_value(found).context("the report")?, format, out),
        }
    }
}

async fn repair(
    client: &Client,
    found: &Examination,
    consent: &str,
    options: &ApplyOptions,
) -> Result<Exit, Failure> {
    if consent != found.id {
        let mut failure = Failure::usage(&format!(
            "--consent {consent} is to something else: what was found now is {}; nothing was removed",
            found.id
        ));
        failure.hint("look at what is left behind now, and name that");
        return Err(failure);
    }
    match afterbay_apply::repair(client, found, options).await {
        Ok(()) => {
            eprintln!(
                "removed {} from {}",
                counted(found.keys(), "key"),
                counted(found.secrets.len(), "Secret")
            );
            Ok(Exit::Success)
        }
        Err(failure) => {
            let outcome = match failure.wrote {
                Wrote::Nothing => "nothing was removed".to_owned(),
                Wrote::Perhaps => "whether anything was removed is unknown; run it again to see".to_owned(),
                Wrote::Something => format!("repaired before: {}", failure.repaired.join(", ")),
            };
            let findings: Vec<Finding> = failure.errors.findings();
            Err(Failure {
                exit: Exit::Usage,
                findings,
                outcome: Some(outcome),
                report: None,
                decrypt: None,
            })
        }
    }
}

fn table(found: &Examination) -> String {
    let rows: Vec<[String; 3]> = found
        .secrets
        .iter()
        .flat_map(|secret| {
            let title = format!("Secret/{}/{}", secret.namespace, secret.name);
            secret
                .keys
                .iter()
                .map(move |key| [title.clone(), key.key.clone(), why(key)])
        })
        .collect();
    let left = match found.keys() {
        0 => "nothing is left behind".to_owned(),
        keys => format!(
            "{} in {} left behind: {}",
            counted(keys, "key"),
            counted(found.secrets.len(), "Secret"),
            found.id
        ),
    };
    format!(
        "{}{left} ({} examined, {} of others)\n",
        output::columns(&rows),
        counted(found.examined, "Secret"),
        found.others
    )
}

fn why(key: &OrphanedKey) -> String {
    if key.left_by.is_empty() {
        "owned by nobody".to_owned()
    } else {
        format!("left by {}", key.left_by.join(", "))
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
