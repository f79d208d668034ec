//! A Secret that `afterbay normalize` has brought into the stored form is to the server the same as the original: 200
//! generated Secrets by server-side dry-run, on create and over live Secrets of the same and of another type.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Outcome, Output, Scenario};
use serde_json::{Map, Value, json};

const SECRETS: usize = 200;
const TYPES: [Option<&str>; 4] = [
    None,
    Some("Opaque"),
    Some("example.com/credentials"),
    Some("kubernetes.io/basic-auth"),
];
const KEYS: [&str; 7] = ["username", "password", "config.yaml", "_x", "-", "A-b_c.9", "0"];
const TEXTS: [&str; 9] = [
    "",
    "plain",
    "trailing line end\n",
    "two\nlines\n",
    "tab\tand\r\n",
    "grüße 🔑 \u{2028}",
    "bm90IG9wZW5lZA==",
    "{\"json\": \"<&>\"}",
    "0644",
];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let mut random = Random(0x5EED_2026_0001);
    let secrets: Vec<Value> = (0..SECRETS).map(|number| secret(number, &mut random)).collect();
    let created = equal(scenario, &secrets).context("on create")?;
    ensure!(created.len() == SECRETS, "{} Secrets", created.len());

    let live: Vec<Value> = secrets
        .iter()
        .map(|secret| live(secret, secret["type"].as_str(), &mut random))
        .collect();
    create(scenario, &live)?;
    equal(scenario, &secrets).context("over live Secrets of the same type")?;

    let arguments = [
        "delete",
        "secrets",
        "--all",
        "--wait=false",
        "--namespace",
        &scenario.namespace,
    ];
    scenario.cluster.kubectl(&arguments)?.success()?;
    let live: Vec<Value> = secrets
        .iter()
        .map(|secret| self::live(secret, Some("example.com/another"), &mut random))
        .collect();
    create(scenario, &live)?;
    // Who names no type keeps the live one; who names one is refused, in either form.
    let (typed, untyped): (Vec<Value>, Vec<Value>) =
        secrets.into_iter().partition(|secret| secret["type"].is_string());
    ensure!(
        untyped.len() > 20,
        "only {} Secrets without a type",
        untyped.len()
    );
    let kept = equal(scenario, &untyped).context("over live Secrets of another type")?;
    ensure!(
        kept.values()
            .all(|secret| secret["type"] == "example.com/another")
    );
    let (left, right) = (
        refused(scenario, &list(&typed))?,
        refused(scenario, &normalize(scenario, &typed)?)?,
    );
    ensure!(
        left == right && left.len() == typed.len(),
        "refused are {left:?} and {right:?}"
    );
    Ok(Outcome::Passed)
}

/// Fails unless the server makes the same of the Secrets and of their normalized form; returns what it makes, by name.
fn equal(scenario: &Scenario, secrets: &[Value]) -> anyhow::Result<BTreeMap<String, Value>> {
    let (original, normalized) = (list(secrets), normalize(scenario, secrets)?);
    // Both at once: kubectl waits most of the time.
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| dry_run(scenario, &original));
        let right = dry_run(scenario, &normalized);
        (left.join(), right)
    });
    let left = left
        .map_err(|_| anyhow!("kubectl's thread panicked"))??
        .success()?;
    let right = right?.success()?;
    let (left, right) = (by_name(&left)?, by_name(&right)?);
    ensure!(
        left.len() == secrets.len() && left.keys().eq(right.keys()),
        "{} and {} Secrets of {}",
        left.len(),
        right.len(),
        secrets.len()
    );
    for (name, secret) in &left {
        ensure!(*secret == right[name], "{name}:\n{secret}\n{}", right[name]);
    }
    Ok(left)
}

fn normalize(scenario: &Scenario, secrets: &[Value]) -> anyhow::Result<Vec<u8>> {
    let text = scenario.afterbay().bytes(["normalize"], &list(secrets))?;
    let is_left = String::from_utf8_lossy(&text)
        .lines()
        .any(|line| line.starts_with("stringData:"));
    ensure!(!is_left, "stringData is left");
    Ok(text)
}

/// Server-side apply by the real kubectl, as a dry-run.
fn dry_run(scenario: &Scenario, manifests: &[u8]) -> anyhow::Result<Output> {
    let arguments = [
        "apply",
        "--server-side",
        "--force-conflicts",
        // kubectl itself dislikes a null that the server accepts.
        "--validate=false",
        "--field-manager",
        "afterbay",
        "--dry-run=server",
        "--namespace",
        &scenario.namespace,
        "--output",
        "json",
        "--filename",
        "-",
    ];
    scenario.cluster.kubectl_with_input(&arguments, manifests)
}

/// Names of the Secrets whose type the server does not let us change.
fn refused(scenario: &Scenario, manifests: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let output = dry_run(scenario, manifests)?;
    ensure!(output.code != Some(0), "the type of a Secret was changed");
    let names = output
        .stderr
        .lines()
        .filter(|line| line.contains("type: Invalid value") && line.contains("immutable"));
    Ok(names
        .filter_map(|line| line.split('"').find(|word| word.starts_with("generated-")))
        .map(str::to_owned)
        .collect())
}

fn create(scenario: &Scenario, secrets: &[Value]) -> anyhow::Result<()> {
    let arguments = ["create", "--namespace", &scenario.namespace, "--filename", "-"];
    scenario
        .cluster
        .kubectl_with_input(&arguments, &list(secrets))?
        .success()
        .map(drop)
}

/// One List as JSON.
fn list(secrets: &[Value]) -> Vec<u8> {
    let text = json!({ "apiVersion": "v1", "kind": "List", "items": secrets }).to_string();
    // YAML readers differ about this line break where it is not escaped, so ours refuses it there.
    text.replace('\u{2028}', "\\u2028").into_bytes()
}

/// What the server made, by name, without what differs from request to request.
fn by_name(text: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut parsed: Value = serde_json::from_str(text).context("kubectl apply")?;
    let items = parsed["items"].as_array_mut().context("no items")?;
    let mut secrets = BTreeMap::new();
    for mut secret in std::mem::take(items) {
        let metadata = secret["metadata"].as_object_mut().context("no metadata")?;
        for field in ["uid", "creationTimestamp", "resourceVersion", "managedFields"] {
            metadata.remove(field);
        }
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        secrets.insert(name, secret);
    }
    Ok(secrets)
}

/// A Secret of any shape that the server accepts.
fn secret(number: usize, random: &mut Random) -> Value {
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": format!("generated-{number:03}"), "labels": { "number": number.to_string() } },
    });
    let r#type = TYPES[random.below(TYPES.len())];
    if let Some(r#type) = r#type {
        secret["type"] = json!(r#type);
    }
    for field in ["data", "stringData"] {
        match random.below(8) {
            0 => {}
            1 => secret[field] = Value::Null,
            2 => secret[field] = json!({}),
            _ => secret[field] = Value::Object(entries(field, random)),
        }
    }
    if r#type == Some("kubernetes.io/basic-auth") {
        // The server asks for one of two keys.
        if !secret["stringData"].is_object() {
            secret["stringData"] = json!({});
        }
        secret["stringData"]["username"] = json!("shop");
    }
    secret
}

fn entries(field: &str, random: &mut Random) -> Map<String, Value> {
    let mut entries = Map::new();
    for _ in 0..random.below(5) {
        let key = KEYS[random.below(KEYS.len())];
        let value = if random.below(10) == 0 {
            Value::Null
        } else if field == "stringData" {
            json!(TEXTS[random.below(TEXTS.len())])
        } else {
            json!(encoded(random))
        };
        entries.insert(key.to_owned(), value);
    }
    entries
}

/// Base64 of a few bytes, at times with line breaks, as `base64` of coreutils wraps it.
fn encoded(random: &mut Random) -> String {
    let bytes: Vec<u8> = (0..random.below(90)).map(|_| random.byte()).collect();
    let text = STANDARD.encode(bytes);
    if random.below(4) > 0 || text.len() < 20 {
        return text;
    }
    format!("{}\n{}\n", &text[..16], &text[16..])
}

/// A Secret of the same name that somebody else created with other content.
fn live(secret: &Value, r#type: Option<&str>, random: &mut Random) -> Value {
    let mut live = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": secret["metadata"]["name"] },
        "data": {},
    });
    for key in KEYS {
        if random.below(2) == 0 {
            live["data"][key] = json!(encoded(random));
        }
    }
    live["data"]["username"] = json!(STANDARD.encode("somebody"));
    if let Some(r#type) = r#type {
        live["type"] = json!(r#type);
    }
    live
}

/// xorshift64: the same Secrets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[1]
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.next().to_be_bytes()[2]) % limit
    }
}
