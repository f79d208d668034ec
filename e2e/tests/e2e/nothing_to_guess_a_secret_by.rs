//! Whoever has everything that afterbay prints and stores, and a list of 10,000 words of which one is the secret, cannot tell
//! which: nothing is a plain hash of the word, of what it stands in, or of an object that holds it. The attack that is tried finds what
//! there is to find: a hash that is planted, and the name suffix of kustomize, which is the one exception (SECURITY.md).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use e2e::{AgeKey, Outcome, Repository, Scenario};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha512};

const WORDS: usize = 10_000;
/// As many characters of a hash are taken for a find: with fewer, a wrong word would be found by chance.
const WINDOW: usize = 10;

/// The words that are secret, by their place in the list: before and after a rotation, and that of the exception.
const FIRST: usize = 1_234;
const SECOND: usize = 8_765;
const GENERATED: usize = 5_678;

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let words = words();
    let [first, second, generated] = [FIRST, SECOND, GENERATED].map(|index| words[index].as_str());
    // Few words: each attack looks at all of them.
    the_attack_works(&scenario.namespace, &words[FIRST - 50..FIRST + 50], first)?;

    let set = Set {
        scenario,
        repository: scenario.repository()?,
        key: scenario.age_key("alice")?,
    };
    let mut seen = String::new();
    set.write(first, generated)?;
    set.every_output(&mut seen)?;
    set.run(&mut seen, "apply", &["--output", "json"], 0)?;
    set.write(second, generated)?;
    set.every_output(&mut seen)?;
    let saved = set.run(&mut seen, "plan", &["--output", "json"], 1)?;
    let file = scenario.write("plan.json", saved)?.display().to_string();
    let key = set.key.path();
    let applied = [
        "apply",
        "--plan",
        &file,
        "--age-key-file",
        &key,
        "--output",
        "yaml",
    ];
    let applied = scenario
        .afterbay()
        .env("RUST_LOG", "trace")
        .run(applied)?
        .expect_success()?;
    seen.push_str(&applied.text());
    // Once more with something to correct, to prune and to skip.
    let namespace = scenario.namespace.as_str();
    let patch = "stringData: {password: drifted}";
    let drift = [
        "patch",
        "secret",
        "database",
        "--namespace",
        namespace,
        "--patch",
        patch,
    ];
    scenario.cluster.kubectl(&drift)?.success()?;
    set.every_output(&mut seen)?;
    set.run(&mut seen, "apply", &["--force-conflicts"], 0)?;
    set.stored(&mut seen)?;

    // The words are there, where they belong.
    ensure!(scenario.cluster.secret_value(namespace, "database", "password")? == second);
    ensure!(
        seen.contains("references-fingerprint") && seen.contains("fingerprint "),
        "{seen}"
    );
    scenario.write("seen.txt", &seen)?;

    let found = attack(&seen, namespace, &words);
    let told = format!("{found:#?}");
    ensure!(
        found
            .get(generated)
            .is_some_and(|how| how.iter().all(|how| how.contains("kustomize"))),
        "{told}"
    );
    for word in [first, second] {
        ensure!(!found.contains_key(word), "{word} can be guessed: {told}");
    }
    let short: Vec<BTreeSet<String>> = [first, second]
        .iter()
        .map(|word| short(&seen, namespace, word))
        .collect();
    let both: Vec<_> = short[0].intersection(&short[1]).collect();
    ensure!(
        both.is_empty(),
        "short fingerprints are the beginning of {both:?}"
    );
    let chance = found.len() - 1;
    let mut digests = 0;
    each_digest(namespace, first, &mut |_, _, _| digests += 1);
    Ok(Outcome::Counted(format!(
        "{WORDS} words, {digests} digests each, {} bytes looked through; {chance} wrong words found by chance",
        seen.len()
    )))
}

/// Plain hashes as other tools leave them are found, so that a clean result means something.
fn the_attack_works(namespace: &str, words: &[String], word: &str) -> anyhow::Result<()> {
    let hex = |bytes: &[u8]| hex(bytes);
    for planted in [
        // stakater/Reloader's environment variable, Helm's annotation, a digest of the value, its base64, a cut one.
        format!(
            "STAKATER_DATABASE_SECRET={}",
            hex(&Sha1::digest(format!("password={word}")))
        ),
        format!("checksum/config: {}", hex(&Sha256::digest(word))),
        format!("md5 \"{}\"", hex(&Md5::digest(word)).to_uppercase()),
        format!("v={}", STANDARD.encode(Sha512::digest(format!("{word}\n")))),
        format!("database-{}", &hex(&Sha256::digest(word))[..12]),
        format!("value: {}", STANDARD.encode(word)),
        format!("fnv {:016x}", fnv64(word.as_bytes())),
    ] {
        let found = attack(&planted, namespace, words);
        ensure!(
            found.contains_key(word) && found.len() == 1,
            "{planted}: {found:?}"
        );
    }
    ensure!(attack("nothing to see", namespace, words).is_empty());
    let one = format!(
        "changed (fingerprint {} → 0000)",
        &hex(&Sha256::digest(word))[..4]
    );
    ensure!(short(&one, namespace, word).len() == 1);
    Ok(())
}

/// Every word with a hash that begins like something in the text, and which hash.
fn attack(text: &str, namespace: &str, words: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let windows = windows(text);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for word in words {
        each_digest(namespace, word, &mut |name, form, text| {
            if windows.contains(&text[..WINDOW.min(text.len())]) {
                found
                    .entry(word.clone())
                    .or_default()
                    .insert(format!("{name} of {form}"));
            }
        });
    }
    found
}

/// The beginnings of everything in a text that may be a hash.
fn windows(text: &str) -> HashSet<&str> {
    let base64 = |character: char| !(character.is_ascii_alphanumeric() || "+/_-".contains(character));
    let words = |character: char| !character.is_ascii_alphanumeric();
    let parts = text.split(base64).chain(text.split(words));
    parts
        .filter_map(|part| part.get(..WINDOW.min(part.len())))
        .filter(|part| part.len() >= 4)
        .collect()
}

/// The hashes of a word that begin like one of the short fingerprints of a diff.
fn short(text: &str, namespace: &str, word: &str) -> BTreeSet<String> {
    let fingerprints: BTreeSet<String> = text
        .match_indices("fingerprint")
        .flat_map(|(at, _)| {
            let rest = &text[at + "fingerprint".len()..];
            let line: String = rest.chars().take(40).collect();
            line.split(|character: char| !character.is_ascii_hexdigit())
                .filter(|part| part.len() >= 4)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut found = BTreeSet::new();
    each_digest(namespace, word, &mut |name, form, text| {
        if fingerprints.iter().any(|shown| text.starts_with(&**shown)) {
            found.insert(format!("{name} of {form}"));
        }
    });
    found
}

/// Everything that somebody could have made of a word, as it would be written: what was made, of what, and the text.
fn each_digest(namespace: &str, word: &str, visit: &mut dyn FnMut(&str, &str, &str)) {
    for (form, text) in forms(namespace, word) {
        let bytes = text.as_bytes();
        let fnv = fnv64(bytes);
        for (name, digest) in [
            ("md5", Md5::digest(bytes).to_vec()),
            ("sha1", Sha1::digest(bytes).to_vec()),
            ("sha224", Sha224::digest(bytes).to_vec()),
            ("sha256", Sha256::digest(bytes).to_vec()),
            ("sha512", Sha512::digest(bytes).to_vec()),
            ("sha256 twice", Sha256::digest(Sha256::digest(bytes)).to_vec()),
            ("fnv64", fnv.to_be_bytes().to_vec()),
        ] {
            let lower = hex(&digest);
            visit(name, form, &lower.to_uppercase());
            if name == "sha256" {
                let kustomize: String = lower.chars().map(kustomize_character).collect();
                visit("sha256 as kustomize writes it", form, &kustomize);
            }
            visit(name, form, &lower);
            visit(name, form, &STANDARD.encode(&digest));
            visit(name, form, &URL_SAFE_NO_PAD.encode(&digest));
        }
        visit("fnv64 in decimal", form, &fnv.to_string());
        visit("fnv32", form, &format!("{:08x}", fnv32(bytes)));
        visit("fnv32 in decimal", form, &fnv32(bytes).to_string());
    }
    visit("hex", "the value", &hex(word.as_bytes()));
    visit("base64", "the value", &STANDARD_NO_PAD.encode(word));
    visit("nothing", "the value", word);
    visit("reversal", "the value", &word.chars().rev().collect::<String>());
}

/// What the word stands in.
fn forms(namespace: &str, word: &str) -> Vec<(&'static str, String)> {
    let encoded = STANDARD.encode(word);
    let data = format!("{{\"password\":\"{encoded}\"}}");
    let kustomize = |name: &str| {
        format!("{{\"data\":{data},\"kind\":\"Secret\",\"name\":\"{name}\",\"type\":\"Opaque\"}}")
    };
    let references = format!(
        "[{{\"binaryData\":null,\"data\":{data},\"kind\":\"Secret\",\"name\":\"database\",\"namespace\":\"{namespace}\"}}]"
    );
    vec![
        ("the value", word.to_owned()),
        ("the value and a line break", format!("{word}\n")),
        ("name=value", format!("password={word}")),
        ("name=value and a line break", format!("password={word}\n")),
        ("name: value", format!("password: {word}")),
        ("the value in base64", encoded.clone()),
        ("name=value in base64", format!("password={encoded}")),
        ("the data", data.clone()),
        ("the data, open", format!("{{\"password\":\"{word}\"}}")),
        ("the Secret as kustomize sees it", kustomize("database")),
        (
            // It hashes before it gives the name.
            "a generated Secret as kustomize sees it",
            kustomize(""),
        ),
        (
            "the Secret as it is sent",
            format!(
                "{{\"apiVersion\":\"v1\",\"data\":{data},\"kind\":\"Secret\",\"metadata\":{{\"name\":\"database\",\"namespace\":\"{namespace}\"}}}}"
            ),
        ),
        ("the Secret as it is written", secret(word)),
        ("what a fingerprint of references is made of", references.clone()),
        ("the same with its purpose", format!("references\0{references}")),
        ("the value with its purpose", format!("value\0{word}")),
    ]
}

/// 10,000 words that nobody writes by chance.
fn words() -> Vec<String> {
    let syllables = ["ba", "ko", "mi", "zu", "re", "ta", "ny", "du", "fe", "gi"];
    let words = (0..WORDS).map(|number| {
        let parts = [number / 1000, number / 100 % 10, number / 10 % 10, number % 10];
        parts.iter().map(|part| syllables[*part]).collect::<String>() + "ware"
    });
    words.collect()
}

struct Set<'a> {
    scenario: &'a Scenario,
    repository: Repository,
    key: AgeKey,
}

impl Set<'_> {
    fn write(&self, word: &str, generated: &str) -> anyhow::Result<()> {
        let sops = self.scenario.sops();
        let rule = [
            "--age",
            &self.key.recipient,
            "--encrypted-regex",
            "^(token|password)$",
        ];
        let map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata:\n  token: {word}\n  open: x\n"
        );
        let generator = "resources: [secret.yaml, settings.yaml, workloads.yaml]\n\
             secretGenerator: [{name: generated, files: [password=password.txt]}]\n";
        self.repository
            .write("secret.yaml", sops.encrypt(&secret(word), &self.key)?)?
            .write("settings.yaml", sops.encrypt_with(&map, &rule)?)?
            .write("password.txt", generated)?
            .write("kustomization.yaml", generator)?
            .write("workloads.yaml", WORKLOAD)?;
        self.repository.commit("set")?;
        Ok(())
    }

    /// Runs a command with all that can be logged, keeps what it printed, and returns its standard output.
    fn run(&self, seen: &mut String, command: &str, more: &[&str], code: i32) -> anyhow::Result<String> {
        let (url, file) = (self.repository.url(), self.key.path());
        let common = [
            command,
            "--url",
            &url,
            "--ref",
            "main",
            "--inventory",
            "set",
            "--prune",
        ];
        let set = [
            "--namespace",
            &self.scenario.namespace,
            "--age-key-file",
            &file,
            "--rollout-on-change",
        ];
        let arguments = [&common[..], &set, more].concat();
        let ended = self
            .scenario
            .afterbay()
            .env("RUST_LOG", "trace")
            .run(arguments)?
            .expect_code(code)?;
        seen.push_str(&ended.text());
        Ok(ended.output.stdout)
    }

    fn every_output(&self, seen: &mut String) -> anyhow::Result<()> {
        let force: &[&str] = &["--force-conflicts"];
        for form in ["text", "json", "markdown", "html"] {
            self.run(seen, "diff", &[&["--output", form], force].concat(), 1)?;
        }
        for form in ["table", "json", "yaml"] {
            self.run(seen, "plan", &[&["--output", form], force].concat(), 1)?;
            self.run(
                seen,
                "apply",
                &[&["--dry-run=server", "--output", form], force].concat(),
                0,
            )?;
        }
        let key = self
            .scenario
            .write_private("fingerprint.key", "32 bytes that only a friend has.")?
            .display()
            .to_string();
        let keyed = ["--fingerprint-key-file", &*key];
        self.run(seen, "diff", &[&keyed, force].concat(), 1)?;
        self.run(seen, "plan", &[&keyed, &["--output", "json"], force].concat(), 1)?;
        Ok(())
    }

    /// Everything in the namespace but the values themselves: those of Secrets, and the one that a ConfigMap holds.
    fn stored(&self, seen: &mut String) -> anyhow::Result<()> {
        let namespace = self.scenario.namespace.as_str();
        let kinds = "secrets,configmaps,deployments,replicasets,events";
        let get = [
            "get",
            kinds,
            "--namespace",
            namespace,
            "--show-managed-fields",
            "--output",
            "json",
        ];
        let mut list: serde_json::Value =
            serde_json::from_str(&self.scenario.cluster.kubectl(&get)?.success()?)?;
        for object in list["items"].as_array_mut().context("no items")? {
            let is_secret = object["kind"] == "Secret";
            for (key, value) in object["data"].as_object_mut().into_iter().flatten() {
                if is_secret || key == "token" {
                    *value = serde_json::Value::Null;
                }
            }
        }
        writeln!(seen, "{list:#}")?;
        for form in ["table", "json"] {
            for arguments in [&["inventory"][..], &["inventory", "set"]] {
                let more = ["--namespace", namespace, "--output", form];
                let ended = self
                    .scenario
                    .afterbay()
                    .run([arguments, &more].concat())?
                    .expect_success()?;
                seen.push_str(&ended.text());
            }
        }
        Ok(())
    }
}

const WORKLOAD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/app:1
        envFrom:
        - secretRef: {name: database}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other}
spec:
  replicas: 0
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec:
      containers:
      - name: app
        image: registry.example/app:1
        envFrom:
        - configMapRef: {name: settings}
";

fn secret(word: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: database}}\ntype: Opaque\nstringData:\n  password: {word}\n"
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// kustomize writes its hashes without what could become a word (api/hasher).
fn kustomize_character(character: char) -> char {
    match character {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    }
}

fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}
