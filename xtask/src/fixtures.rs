//! `cargo xtask fixtures`: what the real tools made is remade and compared where every run makes the same bytes, and
//! verified again where fresh keys make other bytes each time.

mod age;
mod data_keys;
mod demo;
mod failures;
mod health;
mod merge;
mod scope;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::counts::Counts;
use crate::e2e::{Environment, OPENSSL, Plan};
use crate::flags::{Cluster, E2e, Fixtures};
use crate::shell::{check, find_program, output, root, target};
use crate::tools;

/// The pinned tools that made the fixtures.
const TOOLS: [&str; 6] = [
    "sops",
    "age",
    "age-keygen",
    "age-plugin-batchpass",
    "kustomize",
    "kubectl",
];

/// The programs taken from the machine, with the package that brings them.
const MACHINE: [(&str, &str); 4] = [
    ("openssl", "openssl"),
    ("python3", "python3"),
    ("base64", "coreutils"),
    ("ssh-keygen", "openssh-client"),
];

/// What became of one set of fixtures.
enum Outcome {
    Passed,
    Skipped(String),
}

type Set = (&'static str, fn(&Run) -> anyhow::Result<Outcome>);

const SETS: &[Set] = &[
    ("keys: identities", keys),
    ("keys: data keys and paddings", data_keys::verify),
    ("source: certificates", tls::verify),
    ("age: keys of every kind", age::keys),
    ("age: vectors of C2SP/CCTV", age::vectors),
    ("sops: every vector", sops),
    ("gcm: vectors by Go", gcm),
    ("decrypt: sealed files", decrypt),
    ("failures: what sops says", failures::verify),
    ("eyaml: every token", eyaml),
    ("yaml: scalars and comments", yaml),
    ("render: by kustomize", |run| render(run, "kustomize")),
    ("render: by Flux", |run| render(run, "flux")),
    ("render: the scope of kinds", scope::verify),
    ("render: patches by kustomize", merge::patches),
    ("render: the schema of patches", merge::schema),
    ("render: substitution by Flux", merge::substitution),
    ("render: specifications by Flux", merge::specifications),
    ("normalize: by the API server", normalize),
    ("apply: the schema of fields", merge::fields),
    ("health: by kstatus and Flux", health::verify),
    ("demo: age", demo::age),
    ("demo: eyaml", demo::eyaml),
    ("demo: KMS", demo::kms),
];

/// One run over all sets.
struct Run {
    /// `PATH` with the pinned tools in front.
    path: std::ffi::OsString,
    environment: Option<Environment>,
    remake: Remake,
}

/// What happens to files that every run makes the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remake {
    /// They are made elsewhere and compared.
    Compare,
    /// They are made anew in their place.
    InPlace,
}

/// Goes through every set, whatever became of the others; the last line says how many ended how.
pub(crate) fn run(flags: &Fixtures) -> anyhow::Result<Counts> {
    refuse_if_missing()?;
    let environment = flags.with_cluster.then(start).transpose()?;
    tools::ensure(&TOOLS)?;
    let mut path = vec![tools::folder()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let run = Run {
        path: std::env::join_paths(path)?,
        environment,
        remake: if flags.check {
            Remake::Compare
        } else {
            Remake::InPlace
        },
    };
    let mut total = Counts::default();
    for (name, verify) in SETS {
        let (counts, line) = match verify(&run) {
            Ok(Outcome::Passed) => (Counts::PASSED, format!("ok       {name}")),
            Ok(Outcome::Skipped(reason)) => (Counts::SKIPPED, format!("skipped  {name}: {reason}")),
            Err(error) => (Counts::FAILED, format!("FAILED   {name}: {error:#}")),
        };
        println!("{line}");
        total += counts;
    }
    println!("\n{total}");
    Ok(total)
}

fn refuse_if_missing() -> anyhow::Result<()> {
    let mut missing: Vec<String> = tools::missing(&TOOLS).into_iter().collect();
    for (name, package) in MACHINE {
        if find_program(&[name]).is_none() {
            missing.push(format!("{name}: install Debian's {package}"));
        }
    }
    ensure!(
        missing.is_empty(),
        "cannot start, this is missing:\n  {}",
        missing.join("\n  ")
    );
    Ok(())
}

/// An API server that takes a token, and LocalStack.
fn start() -> anyhow::Result<Environment> {
    let flags = E2e {
        cluster: Cluster::ControlPlane,
        kms: "auto".to_owned(),
        keep: false,
        only: None,
        without_redaction: false,
        kubeconfig: None,
        context: None,
    };
    let environment = Environment::start(&Plan::new(&flags, &TOOLS, &[OPENSSL])?, &flags)?;
    crate::demo::create_kms_key(&environment.kms)?;
    Ok(environment)
}

impl Run {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("PATH", &self.path);
        command
    }

    /// The cluster, or why there is none.
    fn environment(&self) -> Result<&Environment, Outcome> {
        let reason = || Outcome::Skipped("needs servers; run with --with-cluster".to_owned());
        self.environment.as_ref().ok_or_else(reason)
    }

    /// The folder to make a set in: a copy, unless it is remade in place.
    fn workplace(&self, set: &str) -> anyhow::Result<PathBuf> {
        match self.remake {
            Remake::Compare => self.copy(set),
            Remake::InPlace => Ok(folder(set)),
        }
    }

    fn copy(&self, set: &str) -> anyhow::Result<PathBuf> {
        let copy = scratch()?.join(set);
        if copy.exists() {
            fs::remove_dir_all(&copy)?;
        }
        check(self.command("cp").arg("-a").arg(folder(set)).arg(&copy))?;
        Ok(copy)
    }
}

fn folder(set: &str) -> PathBuf {
    root().join("fixtures").join(set)
}

fn scratch() -> anyhow::Result<PathBuf> {
    let scratch = target().join("fixtures");
    fs::create_dir_all(&scratch)?;
    Ok(scratch)
}

/// Every identity file is one, and names the public key that it holds. They are never made anew: everything else is
/// sealed to them.
fn keys(run: &Run) -> anyhow::Result<Outcome> {
    for file in [
        "keys/age.txt",
        "keys/other.txt",
        "decrypt/age.txt",
        "demo/keys/age.txt",
    ] {
        let file = folder(file);
        let public = output(run.command("age-keygen").arg("-y").arg(&file))?;
        let text = fs::read_to_string(&file)?;
        ensure!(
            text.contains(&format!("# public key: {}", public.trim())),
            "{} names another public key",
            file.display()
        );
    }
    Ok(Outcome::Passed)
}

/// `make.sh check` opens every vector and compares output and exit code; in place it records them anew first.
fn sops(run: &Run) -> anyhow::Result<Outcome> {
    let make = folder("sops/make.sh");
    if run.remake == Remake::InPlace {
        output(run.command(&make).arg("record"))?;
    }
    output(run.command(&make).arg("check"))?;
    Ok(Outcome::Passed)
}

/// Go makes the same vectors each time.
fn gcm(run: &Run) -> anyhow::Result<Outcome> {
    if find_program(&["go"]).is_none() {
        return Ok(Outcome::Skipped("go is not there".to_owned()));
    }
    let place = run.workplace("gcm")?;
    let mut go = run.command("go");
    go.args(["run", "make.go"]).current_dir(&place);
    fs::write(place.join("vectors.txt"), output(&mut go)?)?;
    compare("gcm", &place, &["vectors.txt".into()])
}

/// In place, the files are sealed anew, for a new identity. The files sealed again open to what the committed ones
/// open to, and the data keys beside them are theirs.
fn decrypt(run: &Run) -> anyhow::Result<Outcome> {
    if run.remake == Remake::InPlace {
        output(&mut run.command(folder("decrypt/make.sh")))?;
    }
    let copy = run.copy("decrypt")?;
    output(&mut run.command(copy.join("make.sh")))?;
    let mut count = 0;
    for file in names(&folder("decrypt/plain"))? {
        let [committed, again] = [&folder("decrypt"), &copy].map(|folder| {
            let mut sops = run.command("sops");
            sops.arg("decrypt")
                .arg(folder.join("sealed").join(&file))
                .env("SOPS_AGE_KEY_FILE", folder.join("age.txt"));
            output(&mut sops)
        });
        ensure!(committed? == again?, "{file} opens to something else");
        let sealed = folder("decrypt/sealed").join(&file);
        let script = "sed 's/\\\\n/\\n/g' \"$1\" | sed -n '/BEGIN AGE/,/END AGE/p; /END AGE/q' | \
                      sed 's/^[[:space:]]*//; s/^\"enc\": \"//' | \
                      age -d -i \"$2\" | od -An -v -tx1 | tr -d ' \\n'";
        let opened = output(
            run.command("sh")
                .args(["-c", script, "sh"])
                .arg(&sealed)
                .arg(folder("decrypt/age.txt")),
        )?;
        let recorded = fs::read_to_string(folder("decrypt/sealed").join(format!("{file}.datakey")))?;
        ensure!(opened == recorded, "{file}: another data key");
        count += 1;
    }
    ensure!(count > 0, "there is nothing to verify");
    Ok(Outcome::Passed)
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<anyhow::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// In place, `make.sh` makes keys and tokens anew. `check.py` opens every token with openssl, and with hiera-eyaml where
/// it is installed.
fn eyaml(run: &Run) -> anyhow::Result<Outcome> {
    if run.remake == Remake::InPlace {
        if find_program(&["eyaml"]).is_none() {
            let reason = "nothing is remade without hiera-eyaml; install Debian's hiera-eyaml";
            return Ok(Outcome::Skipped(reason.to_owned()));
        }
        output(&mut run.command(folder("eyaml/make.sh")))?;
    }
    let result = run.command("python3").arg(folder("eyaml/check.py")).output()?;
    if result.status.success() {
        return Ok(Outcome::Passed);
    }
    let problem: String = [result.stdout, result.stderr]
        .iter()
        .map(|text| String::from_utf8_lossy(text))
        .filter(|text| !text.is_empty())
        .collect();
    bail!("{}", problem.trim())
}

fn yaml(run: &Run) -> anyhow::Result<Outcome> {
    let place = run.workplace("yaml")?;
    output(
        run.command("python3")
            .arg(place.join("record.py"))
            .arg(tools::folder()),
    )?;
    let files = ["scalars.json", "comments.json", "emit.json"].map(Into::into);
    compare("yaml", &place, &files)
}

/// `builder` is `kustomize`, or `flux` for the cases that kustomize refuses.
fn render(run: &Run, builder: &str) -> anyhow::Result<Outcome> {
    if builder == "flux" && find_program(&["go"]).is_none() {
        return Ok(Outcome::Skipped("go is not there".to_owned()));
    }
    if builder == "flux" {
        let mut download = run.command("go");
        download
            .args(["mod", "download"])
            .current_dir(folder("render").join("fluxbuild"));
        if let Err(error) = output(&mut download) {
            let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
            return Ok(Outcome::Skipped(format!("Go modules cannot be had: {first}")));
        }
    }
    let place = run.workplace("render")?;
    let mut make = run.command(place.join("make.sh"));
    output(make.arg(tools::folder().join("kustomize")).arg(builder))?;
    let expected: Vec<PathBuf> = names(&folder("render"))?
        .into_iter()
        .map(|case| Path::new(&case).join("expected.yaml"))
        .filter(|file| folder("render").join(file).exists())
        .collect();
    ensure!(!expected.is_empty(), "there is nothing to compare");
    compare("render", &place, &expected)
}

/// `record.py` asks the API server about every Secret again.
fn normalize(run: &Run) -> anyhow::Result<Outcome> {
    let environment = match run.environment() {
        Ok(environment) => environment,
        Err(skipped) => return Ok(skipped),
    };
    let view = output(
        run.command("kubectl")
            .arg("--kubeconfig")
            .arg(&environment.kubeconfig)
            .args(["config", "view", "--raw", "--minify", "--output", "json"]),
    )?;
    let view: serde_json::Value = serde_json::from_str(&view)?;
    let cluster = &view["clusters"][0]["cluster"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let recorded = output(run.command("python3").arg(folder("normalize/record.py")).args([
        text(&cluster["server"]),
        text(&view["users"][0]["user"]["token"]),
        text(&cluster["certificate-authority"]),
    ]))?;
    let place = match run.remake {
        Remake::Compare => scratch()?.join("normalize"),
        Remake::InPlace => folder("normalize"),
    };
    fs::create_dir_all(&place)?;
    fs::write(place.join("secrets.json"), recorded)?;
    compare("normalize", &place, &["secrets.json".into()])
}

/// Compares what was made with what is committed.
fn compare(set: &str, made: &Path, files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let differ: Vec<String> = files
        .iter()
        .filter(|file| fs::read(made.join(file)).ok() != fs::read(folder(set).join(file)).ok())
        .map(|file| file.display().to_string())
        .collect();
    ensure!(
        differ.is_empty(),
        "{} differ from what was made in {}",
        differ.join(", "),
        made.display()
    );
    Ok(Outcome::Passed)
}
