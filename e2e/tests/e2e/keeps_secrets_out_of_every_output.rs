//! No opened value in any output: not in results, errors, logs, events, the inventory or the cache, and not when the
//! API server itself repeats it. What the server says is asked for with `kubectl`, so that a check that could not
//! fail would be seen.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use afterbay_fakes::aws::Scripted;
use anyhow::{Context as _, ensure};
use e2e::{
    Afterbay, AgeKey, AwsCloud, Canary, Cluster, EyamlKey, GitServer, Guarded, Outcome, Refusal, Repository,
    Scenario,
};
use serde_json::Value;

/// Log filters that ask dependencies for all they have: requests, responses, headers.
const LOGS: [&str; 2] = ["trace", "hyper=trace,kube=trace,aws=trace,rustls=trace,gix=trace"];

pub fn run(scenario: &Scenario) -> anyhow::Result<Outcome> {
    let result = look(scenario);
    if !scenario.environment.without_redaction {
        return result.map(|()| Outcome::Passed);
    }
    // The test of the test: built without redaction, the same run has to fail, and for this reason.
    match result {
        Err(error) if format!("{error:#}").contains("a secret is in the output") => Ok(Outcome::Passed),
        Err(error) => Err(error.context("the scenario failed, but not because it found the canary")),
        Ok(()) => anyhow::bail!("a product without redaction showed no canary"),
    }
}

fn look(scenario: &Scenario) -> anyhow::Result<()> {
    let key = scenario.age_key("alice")?;
    let guarded = Guarded::new(scenario)?;
    server_repeats(scenario, &guarded, &key)?;
    admission_repeats(scenario, &guarded, &key)?;
    key_service_repeats(scenario, &guarded, &key)?;
    git_server_repeats(scenario, &guarded)?;
    admission_warns(scenario, &guarded, &key)?;
    results(scenario, &guarded, &key)
}

/// Runs that succeed, in every form of output.
fn results(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    let (cluster, namespace) = (&scenario.cluster, scenario.namespace.as_str());
    let eyaml = EyamlKey::generate(&scenario.folder.join("eyaml"))?;
    let repository = guarded.repository("results")?;
    // Over HTTP, so that objects are kept on the disk between runs.
    let server = GitServer::start(&scenario.folder, None)?;
    let remote = server.url("results/.git");
    let encrypt = |name: &str| scenario.sops().encrypt(&guarded.secret(name), key);
    repository.write("database.yaml", encrypt("database")?)?.write(
        "token.yaml",
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\nstringData:\n  password: {}\n",
            eyaml.token(&guarded.canary.value)?
        ),
    )?;
    let mut afterbay = scenario.afterbay();
    if let Ok(kms) = scenario.kms() {
        let sealed = scenario
            .sops()
            .encrypt_for_kms(&guarded.secret("cloud"), &kms.create_key()?.arn)?;
        repository.write("cloud.yaml", sealed)?;
        afterbay = afterbay
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "4ws-s3cr3t-k3y")
            .env("AWS_ENDPOINT_URL", kms.endpoint());
    }
    let keys = [
        "--age-key-file",
        &key.path(),
        "--eyaml-private-key-file",
        &eyaml.private_key.display().to_string(),
    ]
    .map(str::to_owned);
    let identity = fs::read_to_string(&key.file)?;
    let identity = identity.lines().last().unwrap_or_default();
    let rsa = fs::read_to_string(&eyaml.private_key)?;
    let rsa = rsa.lines().nth(3).unwrap_or_default();

    for (round, log) in [None, Some(LOGS[0]), Some(LOGS[1])].into_iter().enumerate() {
        let afterbay = match log {
            Some(filter) => afterbay.clone().env("RUST_LOG", filter),
            None => afterbay.clone(),
        };
        for output in ["table", "json", "yaml"] {
            for mode in [&["--dry-run=server"][..], &[]] {
                // A change of one value, so that the objects are configured and not only unchanged.
                repository.write("database.yaml", encrypt("database")?)?;
                repository.write(
                    &format!("new-{round}-{output}.yaml"),
                    encrypt(&format!("new-{round}-{output}"))?,
                )?;
                let mut more: Vec<&str> = keys.iter().map(String::as_str).collect();
                more.extend(["--output", output]);
                more.extend(mode);
                repository.commit("next")?;
                let arguments = [&["--inventory", "guarded", "--prune"][..], &more].concat();
                let ended = afterbay.apply(&remote, &arguments)?.expect_success()?;
                let text = ended.text();
                expect_hidden(&guarded.canary, &text)?;
                for secret in [identity, rsa, "4ws-s3cr3t-k3y"] {
                    ensure!(!text.contains(secret), "a key is in the output:\n{text}");
                }
            }
        }
    }
    let stored = cluster.secret_value(namespace, "database", "password")?;
    ensure!(stored == guarded.canary.value);

    // What a run leaves in the cluster beside the Secrets, and on the disk.
    let kinds = "events,configmaps,leases";
    let left = cluster
        .kubectl(&[
            "get",
            kinds,
            "--namespace",
            namespace,
            "--output",
            "json",
            "--show-managed-fields",
        ])?
        .success()?;
    ensure!(left.contains("guarded"), "{left}");
    expect_hidden(&guarded.canary, &left)?;
    let files = search(&scenario.folder.join("home"), &guarded.canary)?;
    ensure!(files > 0, "nothing is kept below the home directory");
    Ok(())
}

/// What a manifest says, the part that the server refuses, and the key that is sealed.
struct Refused {
    name: &'static str,
    manifest: String,
    sealed: &'static str,
}

/// The server quotes what it finds invalid.
fn server_repeats(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    for (round, value) in [guarded.canary.value.as_str(), "true"].into_iter().enumerate() {
        let quoted = Value::from(value).to_string();
        let deployment = |strategy: &str, policy: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: {}\nspec:\n  strategy: {strategy}\n  \
                 selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
                 containers:\n      - name: web\n        image: web\n        imagePullPolicy: {policy}\n",
                scenario.namespace
            )
        };
        let cases = [
            Refused {
                name: "wrong-type",
                manifest: deployment(&quoted, "Always"),
                sealed: "^strategy$",
            },
            Refused {
                name: "invalid-value",
                manifest: deployment("{type: Recreate}", &quoted),
                sealed: "^imagePullPolicy$",
            },
        ];
        for case in cases {
            let said = server_says(&scenario.cluster, &case.manifest)?;
            ensure!(
                said.contains(value) || !guarded.canary.found_in(&said).is_empty(),
                "{}: the server does not repeat the value, so nothing is tested:\n{said}",
                case.name
            );
            let sealed = scenario.sops().encrypt_with(
                &case.manifest,
                &["--encrypted-regex", case.sealed, "--age", &key.recipient],
            )?;
            let repository = guarded.repository(&format!("{}-{round}", case.name))?;
            repository.write("web.yaml", sealed)?;
            for text in refused_everywhere(scenario, guarded, key, &repository, 14, &["web.yaml:", "web"])? {
                expect_no_short_value(case.name, &text)?;
            }
        }
    }
    Ok(())
}

/// An admission policy prints what it was shown.
fn admission_repeats(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    let namespace = &scenario.namespace;
    let policy = Policy::install(&scenario.cluster, namespace, "policy", "Deny")?;
    let secret = guarded
        .secret("watched")
        .replace("metadata:\n", &format!("metadata:\n    namespace: {namespace}\n"));
    let cases = [
        // The server shows a policy the entries of a Secret in base64.
        ("secret", secret.clone(), "^stringData$"),
        (
            "short-secret",
            secret.replace(
                &Value::from(guarded.canary.value.as_str()).to_string(),
                "\"true\"",
            ),
            "^stringData$",
        ),
        (
            "deployment",
            deployment(namespace, &Value::from(guarded.canary.value.as_str()).to_string()),
            "^value$",
        ),
        ("short-deployment", deployment(namespace, "\"true\""), "^value$"),
    ];
    for (name, manifest, sealed) in cases {
        let said = policy.wait(&manifest)?;
        let repeats = ["\"true\"", "\"dHJ1ZQ==\""]
            .iter()
            .any(|form| said.contains(form));
        ensure!(
            repeats || !guarded.canary.found_in(&said).is_empty(),
            "{name}: the policy does not print the value, so nothing is tested:\n{said}"
        );
        let arguments = ["--encrypted-regex", sealed, "--age", &key.recipient];
        let repository = guarded.repository(&format!("admission-{name}"))?;
        repository.write(
            "watched.yaml",
            scenario.sops().encrypt_with(&manifest, &arguments)?,
        )?;
        let says = ["watched.yaml:", "watched", "e2e-policy"];
        for text in refused_everywhere(scenario, guarded, key, &repository, 14, &says)? {
            expect_no_short_value(name, &text)?;
        }
    }
    policy.end(&secret)
}

/// A policy that only warns: what it says comes with a success, and is in the report.
fn admission_warns(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    let namespace = &scenario.namespace;
    let policy = Policy::install(&scenario.cluster, namespace, "warn", "Warn")?;
    let canary = Value::from(guarded.canary.value.as_str()).to_string();
    for (name, value) in [
        ("long", canary.as_str()),
        ("short", "\"true\""),
        ("quote", r#""a\"b""#),
    ] {
        let manifest = deployment(namespace, value);
        let said = policy.wait_for_warning(&manifest)?;
        let plain: String = serde_json::from_str(value)?;
        ensure!(
            said.contains(&plain) || said.contains(&value[1..value.len() - 1]),
            "{name}: the policy does not print the value, so nothing is tested:\n{said}"
        );
        let arguments = ["--encrypted-regex", "^value$", "--age", &key.recipient];
        let repository = Repository::create(&scenario.folder.join(format!("warns-{name}")))?;
        repository.write(
            "watched.yaml",
            scenario.sops().encrypt_with(&manifest, &arguments)?,
        )?;
        repository.commit("first")?;
        for (log, mode) in [
            (None, "--dry-run=server"),
            (Some(LOGS[0]), "--quiet"),
            (None, "--prune"),
        ] {
            let mut afterbay = scenario.afterbay();
            if let Some(filter) = log {
                afterbay = afterbay.env("RUST_LOG", filter);
            }
            let path = key.path();
            let arguments = [
                "--age-key-file",
                &path,
                "--inventory",
                "warned",
                "--output",
                "json",
                mode,
            ];
            let ended = afterbay.apply(&repository.url(), &arguments)?.expect_success()?;
            let text = ended.text();
            let warnings = ended.json()?["warnings"].to_string();
            ensure!(
                warnings.contains(&policy.name) || mode == "--prune",
                "{name}: no warning:\n{text}"
            );
            expect_hidden(&guarded.canary, &text)?;
            if name != "long" {
                expect_no_short_value(name, &text)?;
                ensure!(
                    !text.contains(r#"a\"b"#) && !text.contains("a\"b"),
                    "{name}: {text}"
                );
            }
        }
    }
    let arguments = ["delete", "--inventory", "warned", "--namespace", namespace];
    scenario.afterbay().run(arguments)?.expect_success()?;
    policy.delete();
    Ok(())
}

fn deployment(namespace: &str, value: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: watched\n  namespace: {namespace}\nspec:\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
         containers:\n      - name: web\n        image: web\n        env:\n        - name: PASSWORD\n          value: {value}\n"
    )
}

/// `true` is too short to be told from other words; where the server quotes it, it is dropped.
fn expect_no_short_value(name: &str, text: &str) -> anyhow::Result<()> {
    for form in ["\"true\"", "\\\"true\\\"", "'true'", "{true}", "dHJ1ZQ"] {
        ensure!(!text.contains(form), "{name}: {form} is in the output:\n{text}");
    }
    Ok(())
}

/// A key service that denies one file prints values of another, which was opened in the same run.
fn key_service_repeats(scenario: &Scenario, guarded: &Guarded<'_>, key: &AgeKey) -> anyhow::Result<()> {
    let arn = AwsCloud::KEY;
    let fake = AwsCloud::start()?.fake;
    let repository = guarded.repository("key-service")?;
    let sops = scenario.sops().with_kms(fake.url());
    let sealed = sops.encrypt_for_kms(&guarded.secret("cloud"), arn)?;
    repository.write("cloud.yaml", sealed)?.write(
        "database.yaml",
        scenario.sops().encrypt(&guarded.secret("database"), key)?,
    )?;
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &guarded.canary.value);
    let message = format!("no {} and no {encoded} for you", guarded.canary.value);
    fake.always("Decrypt", Scripted::error(400, "AccessDeniedException", &message));
    fake.add_user("test", "4ws-s3cr3t-k3y", "000000000000");
    for log in [None, Some(LOGS[0])] {
        let mut afterbay = scenario
            .afterbay()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "4ws-s3cr3t-k3y");
        if let Some(filter) = log {
            afterbay = afterbay.env("RUST_LOG", filter);
        }
        let arguments = ["--age-key-file", &key.path(), "--kms-endpoint", fake.url()];
        let refusal = Refusal::new(12, &["cloud.yaml:", "access denied", "for you"]);
        let ended = guarded.refuses(&afterbay, &repository, &arguments, refusal)?;
        ensure!(
            !ended.text().contains("4ws-s3cr3t-k3y"),
            "a key is in the output:\n{}",
            ended.text()
        );
    }
    ensure!(fake.count("Decrypt") > 0, "KMS was not asked");
    Ok(())
}

/// A Git server prints the request that it refuses, with the password in it.
fn git_server_repeats(scenario: &Scenario, guarded: &Guarded<'_>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let remote = format!("http://{}/fleet", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let body = &request[..length];
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    let password = scenario.write("password", &guarded.canary.value)?;
    let password = password.display().to_string();
    for log in ["off", LOGS[0]] {
        let afterbay = scenario.afterbay().env("RUST_LOG", log);
        let arguments = [
            "--inventory",
            "guarded",
            "--git-username",
            "me",
            "--git-password-file",
            &password,
        ];
        let ended = guarded.refuses_run(
            &afterbay,
            &afterbay.apply_arguments(&remote, &arguments),
            Refusal::new(10, &["denies access", "GET /fleet/info/refs"]),
        )?;
        let pair = format!("me:{}", guarded.canary.value);
        expect_hidden(&Canary::new(&pair), &ended.text())?;
    }
    Ok(())
}

/// The texts of refused runs, each free of the canary, in every form of output and with logs.
fn refused_everywhere(
    scenario: &Scenario,
    guarded: &Guarded<'_>,
    key: &AgeKey,
    repository: &Repository,
    code: i32,
    says: &[&str],
) -> anyhow::Result<Vec<String>> {
    let plain = scenario.afterbay();
    let logged = |filter: &str| -> Afterbay { scenario.afterbay().env("RUST_LOG", filter) };
    let path = key.path();
    let runs: [(Afterbay, &[&str]); 5] = [
        (plain.clone(), &[]),
        (plain.clone(), &["--output", "json"]),
        (plain, &["--output", "yaml", "--dry-run=server"]),
        (logged(LOGS[0]), &[]),
        (logged(LOGS[1]), &["--output", "json"]),
    ];
    let mut texts = Vec::new();
    for (afterbay, more) in runs {
        let arguments = [&["--age-key-file", &path][..], more].concat();
        let ended = guarded.refuses(&afterbay, repository, &arguments, Refusal::new(code, says))?;
        texts.push(ended.text());
    }
    Ok(texts)
}

/// What the server answers to a server-side apply, in its own words.
fn server_says(cluster: &Cluster, manifest: &str) -> anyhow::Result<String> {
    let arguments = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=false",
        "--filename",
        "-",
    ];
    let output = cluster.kubectl_with_input(&arguments, manifest.as_bytes())?;
    ensure!(output.code != Some(0), "the server accepts:\n{}", output.stdout);
    Ok(output.stderr)
}

/// A policy that refuses every Secret and Deployment of one namespace and says what was in it.
struct Policy<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Policy<'a> {
    fn install(cluster: &'a Cluster, namespace: &str, name: &str, action: &str) -> anyhow::Result<Self> {
        let this = Self {
            cluster,
            name: format!("e2e-{name}-{namespace}"),
        };
        let name = &this.name;
        cluster.apply(&format!(
            "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector:
      matchLabels: {{kubernetes.io/metadata.name: {namespace}}}
    resourceRules:
    - apiGroups: [\"\", apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [secrets, deployments]
  validations:
  - expression: \"false\"
    messageExpression: >-
      'no \"' + (object.kind == 'Secret' ? string(object.data['password'])
      : object.spec.template.spec.containers[0].env[0].value) + '\" please'
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec:
  policyName: {name}
  validationActions: [{action}]
"
        ))?;
        Ok(this)
    }

    /// The server's refusal of an object, once the policy is in force.
    fn wait(&self, manifest: &str) -> anyhow::Result<String> {
        for _ in 0..100 {
            if let Some(said) = self.says(manifest)? {
                return Ok(said);
            }
            thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!("the policy did not come into force")
    }

    /// What the server says to an object that it accepts, once the policy is in force.
    fn wait_for_warning(&self, manifest: &str) -> anyhow::Result<String> {
        let arguments = [
            "apply",
            "--server-side",
            "--force-conflicts",
            "--dry-run=server",
            "--filename",
            "-",
        ];
        for _ in 0..100 {
            let said = self
                .cluster
                .kubectl_with_input(&arguments, manifest.as_bytes())?
                .stderr;
            if said.contains(&self.name) {
                return Ok(said);
            }
            thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!("the policy did not come into force")
    }

    /// Deletes it and waits until the server has forgotten it.
    fn end(self, manifest: &str) -> anyhow::Result<()> {
        self.delete();
        for _ in 0..100 {
            if self.says(manifest)?.is_none() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!("the policy stays in force")
    }

    fn says(&self, manifest: &str) -> anyhow::Result<Option<String>> {
        let arguments = ["apply", "--server-side", "--dry-run=server", "--filename", "-"];
        let output = self.cluster.kubectl_with_input(&arguments, manifest.as_bytes())?;
        Ok((output.code != Some(0)).then_some(output.stderr))
    }

    fn delete(&self) {
        for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
            let _ = self
                .cluster
                .kubectl(&["delete", kind, &self.name, "--ignore-not-found"]);
        }
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        self.delete();
    }
}

fn expect_hidden(canary: &Canary, text: &str) -> anyhow::Result<()> {
    let found = canary.found_in(text);
    ensure!(found.is_empty(), "a secret is in the output ({found:?}):\n{text}");
    Ok(())
}

/// Number of files below a directory, none of which holds the canary.
fn search(directory: &Path, canary: &Canary) -> anyhow::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files += search(&path, canary)?;
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            ensure!(
                canary.found_in(&text).is_empty(),
                "a secret is in {}",
                path.display()
            );
            files += 1;
        }
    }
    Ok(files)
}
