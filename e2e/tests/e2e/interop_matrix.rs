//! Every format of SOPS with every kind of key and every kind of rule: the real sops seals, and what the product makes
//! of the sealed file has the bytes that the real sops makes of it, in the same environment.
//!
//! The text of each format holds `canary`, which every rule seals, and but for binary `battery staple`, which every rule
//! leaves open; so a sealed file shows that its rule was followed.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context as _, ensure};
use e2e::{AwsCloud, AzureCloud, GcpCloud, Outcome, Scenario, Transit, Variables, fixture};

/// How many combinations are worked on at once; each is one program at a time.
const THREADS: usize = 3;

const FORMATS: [Format; 5] = [
    Format {
        name: "yaml",
        extension: "yaml",
        text: YAML.as_bytes(),
    },
    Format {
        name: "json",
        extension: "json",
        text: br#"{"password_encrypted": "canary <&>", "open_unencrypted": "battery staple", "plain": {"motto": "battery staple"},
"list": ["robin", {"pin": 12, "half": 0.50, "big": 1e21}, [], null, true], "empty": {}, "none": ""}"#,
    },
    Format {
        name: "dotenv",
        extension: "env",
        text: b"# sealed: whose\npassword_encrypted=canary = \\n\"two\"\n# open: for all\nopen_unencrypted=battery staple\n\
                NONE=\n",
    },
    Format {
        name: "ini",
        extension: "ini",
        // sops takes the comment of a section to be of its first key, and that of a key to be of the next one.
        text: b"; sealed: whose\n[database]\npassword_encrypted = canary = 2\n\n; open: for all\n[plain]\n\
                open_unencrypted = battery staple\n; robin: a note\nmotto = battery staple\nnone =\n",
    },
    Format {
        name: "binary",
        extension: "bin",
        text: b"\x00\xff\xfe canary\r\n\xe2\x82 \x80 no text",
    },
];

const YAML: &str = r#"# sealed: whose
password_encrypted: canary # for one
# open: for all
open_unencrypted: battery staple
# sealed: all below
database:
    # robin: a note
    pin: 0o17
    half: 0.50
    "on": true
    born: 2020-01-01
    nothing: null
    none: ""
    list:
        # robin: the first
        - robin
        - name: robin # the second
        - []
    text: |
        robin
          lines
# open: a map
plain:
    motto: battery staple
---
# sealed: again
password_encrypted: canary
# open: again
open_unencrypted: battery staple
"#;

const RULES: [Rule; 8] = [
    Rule {
        name: "default",
        lines: &[],
        written: "unencrypted_suffix",
    },
    Rule {
        name: "unencrypted_suffix",
        lines: &["unencrypted_suffix: n_unencrypted"],
        written: "unencrypted_suffix",
    },
    Rule {
        name: "encrypted_suffix",
        lines: &["encrypted_suffix: _encrypted"],
        written: "encrypted_suffix",
    },
    Rule {
        name: "unencrypted_regex",
        lines: &["unencrypted_regex: ^(open_|plain$)"],
        written: "unencrypted_regex",
    },
    Rule {
        name: "encrypted_regex",
        lines: &["encrypted_regex: ^(pass|database$|list$)"],
        written: "encrypted_regex",
    },
    Rule {
        name: "unencrypted_comment_regex",
        lines: &["unencrypted_comment_regex: '^ ?open'"],
        written: "unencrypted_comment_regex",
    },
    Rule {
        name: "encrypted_comment_regex",
        lines: &["encrypted_comment_regex: '^ ?sealed'"],
        written: "encrypted_comment_regex",
    },
    Rule {
        name: "mac_only_encrypted",
        lines: &["mac_only_encrypted: true"],
        written: "mac_only_encrypted",
    },
];

/// sops seals it and then refuses its own file (exit 51): the rule made the comment in the list ciphertext, and without
/// the comment it takes what follows for open.
const REFUSED: (Format, Rule) = (
    Format {
        name: "yaml",
        extension: "yaml",
        text: b"list:\n    # sealed: both\n    # canary: a note\n    - canary\n    - battery staple\n",
    },
    Rule {
        name: "encrypted_comment_regex in a list",
        lines: &["encrypted_comment_regex: '^ ?sealed'"],
        written: "encrypted_comment_regex",
    },
);

/// A store of SOPS, and a text in it.
#[derive(Clone, Copy)]
struct Format {
    name: &'static str,
    /// By this ending both programs know the store.
    extension: &'static str,
    text: &'static [u8],
}

/// What decides which values are sealed.
#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    /// Lines of a creation rule; not every rule has a flag.
    lines: &'static [&'static str],
    /// The field that sops writes into the sealed file.
    written: &'static str,
}

/// A kind of key.
struct Key {
    name: &'static str,
    /// Lines of a creation rule.
    lines: Vec<String>,
    /// What a file sealed for it shows.
    marks: Vec<String>,
    /// The environment in which sops seals.
    seals: Variables,
    /// Environments in which either program opens; a combination takes one of them, each its turn.
    opens: Vec<Variables>,
}

/// What has to live as long as the keys are used.
struct Services {
    aws: AwsCloud,
    gcp: GcpCloud,
    azure: AzureCloud,
    /// The URL of a key of the transit engine.
    transit: String,
    vault: Variables,
}

/// One combination.
struct Cell<'a> {
    number: usize,
    format: Format,
    rule: Rule,
    key: &'a Key,
    /// Whether sops opens what it sealed.
    opened_by_sops: bool,
}

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let Some(services) = Services::start(scenario)? else {
        return Ok(Outcome::Skipped("no OpenBao was started".to_owned()));
    };
    let keys = keys(scenario, &services)?;
    let cells = cells(&keys);
    let differences: Vec<String> = e2e::each(&cells, THREADS, |cell| cell.compare(scenario))
        .into_iter()
        .zip(&cells)
        .filter_map(|(result, cell)| Some(format!("{}: {:#}", cell.name(), result.err()?)))
        .collect();
    ensure!(
        differences.is_empty(),
        "{} of {} combinations differ:\n{}",
        differences.len(),
        cells.len(),
        differences.join("\n")
    );
    let refused = cells.iter().filter(|cell| !cell.opened_by_sops).count();
    Ok(Outcome::Counted(format!(
        "{} combinations of {} formats, {} keys and {} rules, 0 differences; {refused} more that sops seals and then refuses \
         itself ({}, {}) open to what they were; sops drops the rules of the {} binary files that have one",
        cells.len() - refused,
        FORMATS.len(),
        keys.len(),
        RULES.len(),
        REFUSED.0.name,
        REFUSED.1.name,
        keys.len() * (RULES.len() - 1),
    )))
}

fn cells(keys: &[Key]) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for key in keys {
        let all = FORMATS
            .iter()
            .flat_map(|format| RULES.iter().map(|rule| (*format, *rule, true)));
        let (format, rule) = REFUSED;
        for (format, rule, opened_by_sops) in all.chain([(format, rule, false)]) {
            cells.push(Cell {
                number: cells.len(),
                format,
                rule,
                key,
                opened_by_sops,
            });
        }
    }
    cells
}

impl Cell<'_> {
    fn name(&self) -> String {
        format!("{}, {}, {}", self.format.name, self.key.name, self.rule.name)
    }

    /// Seals, opens with both, and compares.
    fn compare(&self, scenario: &Scenario) -> anyhow::Result<()> {
        let sealed = self.seal(scenario)?;
        let variables = &self.key.opens[self.number % self.key.opens.len()];
        let theirs = scenario
            .sops()
            .envs(variables.clone())
            .command()
            .arg("decrypt")
            .arg(&sealed)
            .output()?;
        let ours = scenario
            .afterbay()
            .envs(variables.clone())
            .command(["decrypt".as_ref(), sealed.as_os_str()])
            .output()?;
        let expected = if self.opened_by_sops {
            ensure!(theirs.status.success(), "sops ended with {}", ending(&theirs));
            theirs.stdout
        } else {
            ensure!(
                theirs.status.code() == Some(51),
                "sops did not refuse its own file as it used to, but ended with {}",
                ending(&theirs)
            );
            self.format.text.to_vec()
        };
        ensure!(
            ours.status.success(),
            "afterbay ended with {}, see {}",
            ending(&ours),
            sealed.display()
        );
        ensure!(
            ours.stdout == expected,
            "{} opened to\n{}\nand not to\n{}",
            sealed.display(),
            ours.stdout.escape_ascii(),
            expected.escape_ascii()
        );
        Ok(())
    }

    /// The path of the sealed file, which is what its name says.
    fn seal(&self, scenario: &Scenario) -> anyhow::Result<PathBuf> {
        let (folder, extension) = (self.number, self.format.extension);
        let plain = scenario.write(&format!("{folder}/plain.{extension}"), self.format.text)?;
        let key = self.key.lines.iter().map(String::as_str);
        let lines: Vec<&str> = key.chain(self.rule.lines.iter().copied()).collect();
        let configuration = format!("creation_rules:\n  - {}\n", lines.join("\n    "));
        let configuration = scenario.write(&format!("{folder}/sops.yaml"), configuration)?;
        let output = scenario
            .sops()
            .envs(self.key.seals.clone())
            .command()
            .arg("--config")
            .arg(configuration)
            .arg("encrypt")
            .arg(&plain)
            .output()?;
        ensure!(
            output.status.success(),
            "sops encrypt ended with {}",
            ending(&output)
        );
        let path = scenario.write(&format!("{folder}/sealed.{extension}"), &output.stdout)?;
        self.check(&output.stdout)
            .with_context(|| format!("sops sealed something else, see {}", path.display()))?;
        Ok(path)
    }

    /// Whether a sealed file is of this rule and key.
    fn check(&self, sealed: &[u8]) -> anyhow::Result<()> {
        let text = str::from_utf8(sealed).context("no text")?;
        for mark in &self.key.marks {
            ensure!(text.contains(mark), "it does not name {mark}");
        }
        let (has_rules, rule) = (self.format.name != "binary", self.rule.written);
        ensure!(text.contains(rule) == has_rules, "{rule} is in it, or is not");
        // JSON has no comments: all of it is sealed there, or nothing.
        let by_comment = |rule: &str| self.format.name == "json" && self.rule.written == rule;
        let leaves_open = has_rules && !by_comment("unencrypted_comment_regex");
        ensure!(
            text.contains("battery staple") == leaves_open,
            "other values are open"
        );
        let seals = !by_comment("encrypted_comment_regex");
        ensure!(text.contains("canary") != seals, "other values are sealed");
        Ok(())
    }
}

/// How a program ended and what it said.
fn ending(output: &Output) -> String {
    format!(
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )
}

impl Services {
    /// Starts the fakes and makes an engine in OpenBao; nothing where there is none.
    fn start(scenario: &Scenario) -> anyhow::Result<Option<Self>> {
        let Some((address, token)) = &scenario.environment.vault else {
            return Ok(None);
        };
        let transit = Transit::create(address, token, &format!("transit-{}", scenario.namespace))?;
        Ok(Some(Self {
            aws: AwsCloud::start()?,
            gcp: GcpCloud::start()?,
            azure: AzureCloud::start(scenario)?,
            transit: transit.create_key("sops-key")?,
            vault: one("VAULT_ADDR", address)
                .into_iter()
                .chain(one("VAULT_TOKEN", token))
                .collect(),
        }))
    }
}

/// Every kind of key.
fn keys(scenario: &Scenario, services: &Services) -> anyhow::Result<Vec<Key>> {
    let mut keys = age_keys(scenario)?;
    keys.extend([
        pgp("pgp RSA", "FBAC038A85312CA125FBBD1E37139E26032F689C"),
        pgp("pgp Curve25519", "A7F3034F86B8A5ECFF11143CA91059EB3F0C88ED"),
        Key {
            name: "AWS KMS",
            lines: [
                "key_groups:".to_owned(),
                "  - kms:".to_owned(),
                format!("      - arn: {}", AwsCloud::KEY),
                "        context: {env: prod, app: database}".to_owned(),
            ]
            .to_vec(),
            marks: [AwsCloud::KEY, "prod"].map(str::to_owned).to_vec(),
            seals: services.aws.variables(),
            opens: vec![services.aws.variables()],
        },
        Key::new("GCP KMS", "gcp_kms", GcpCloud::KEY, services.gcp.variables()),
        Key {
            marks: vec!["https://shop.vault.azure.net".to_owned()],
            ..Key::new(
                "Azure Key Vault",
                "azure_keyvault",
                &services.azure.key(),
                services.azure.variables(),
            )
        },
        Key {
            marks: vec![services.vault[0].1.clone()],
            ..Key::new(
                "Vault transit",
                "hc_vault_transit_uri",
                &services.transit,
                services.vault.clone(),
            )
        },
    ]);
    keys.push(two_of_three(scenario, services)?);
    Ok(keys)
}

/// age's own kinds are made anew; the SSH keys are those of the fixtures, in files that only their owner can read.
fn age_keys(scenario: &Scenario) -> anyhow::Result<Vec<Key>> {
    let mut keys = Vec::new();
    for (name, key) in [
        ("age", scenario.age_key("x25519")?),
        ("age post-quantum", scenario.post_quantum_age_key("hybrid")?),
    ] {
        keys.push(Key::new(
            name,
            "age",
            &key.recipient,
            one("SOPS_AGE_KEY_FILE", &key.path()),
        ));
    }
    for (name, file) in [("age ssh-ed25519", "ssh-ed25519"), ("age ssh-rsa", "ssh-rsa")] {
        let public = fs::read_to_string(fixture(&format!("age/keys/{file}.pub")))?;
        let recipient: Vec<&str> = public.split(' ').take(2).collect();
        let private = scenario.write_private(file, fs::read(fixture(&format!("age/keys/{file}")))?)?;
        keys.push(Key::new(
            name,
            "age",
            &recipient.join(" "),
            one("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &private.to_string_lossy()),
        ));
    }
    Ok(keys)
}

/// A key of the rings of GnuPG 1, which sops reads without gpg.
fn pgp(name: &'static str, fingerprint: &str) -> Key {
    Key::new(name, "pgp", fingerprint, rings())
}

fn rings() -> Variables {
    one(
        "GNUPGHOME",
        &fixture("pgp/gnupg-2.2/home-secring").to_string_lossy(),
    )
}

/// Three groups, of which either program has the keys of two.
fn two_of_three(scenario: &Scenario, services: &Services) -> anyhow::Result<Key> {
    let age = scenario.age_key("group")?;
    let fingerprint = "FBAC038A85312CA125FBBD1E37139E26032F689C";
    let groups = [
        one("SOPS_AGE_KEY_FILE", &age.path()),
        rings(),
        services.vault.clone(),
    ];
    let all_but = |missing: usize| -> Variables {
        let held = groups.iter().enumerate().filter(|(index, _)| *index != missing);
        held.flat_map(|(_, variables)| variables.clone()).collect()
    };
    Ok(Key {
        name: "2 of 3 groups",
        lines: vec![
            "shamir_threshold: 2".to_owned(),
            "key_groups:".to_owned(),
            format!("  - age: [{}]", age.recipient),
            format!("  - pgp: [{fingerprint}]"),
            format!("  - hc_vault: [{}]", services.transit),
        ],
        marks: ["shamir_threshold", fingerprint, &age.recipient]
            .map(str::to_owned)
            .to_vec(),
        seals: all_but(groups.len()),
        opens: (0..groups.len()).map(all_but).collect(),
    })
}

impl Key {
    /// One key that a field of a creation rule names, with one environment for everything.
    fn new(name: &'static str, field: &str, value: &str, variables: Variables) -> Self {
        Self {
            name,
            lines: vec![format!("{field}: {value}")],
            marks: vec![value.to_owned()],
            seals: variables.clone(),
            opens: vec![variables],
        }
    }
}

fn one(name: &str, value: &str) -> Variables {
    vec![(name.to_owned(), value.to_owned())]
}
