//! The pinned tools: built once by the Go client from the modules under `e2e/tools`, then cached.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::flags;
use crate::shell::{check, e2e_target, find_program, output, root};

/// A program built by the Go client.
pub(crate) struct GoTool {
    /// Name of the program.
    pub(crate) name: &'static str,
    /// Folder under `e2e/tools` with `go.mod`.
    module: &'static str,
    package: &'static str,
    /// What goes in as version.
    ldflags: &'static str,
}

const KUBERNETES: &str = "-X k8s.io/component-base/version.gitVersion=v1.34.2 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34";

/// Every pinned tool. The versions are in the modules' `go.mod`.
pub(crate) const TOOLS: [GoTool; 9] = [
    GoTool {
        name: "etcd",
        module: "etcd",
        package: "go.etcd.io/etcd/server/v3",
        ldflags: "",
    },
    GoTool {
        name: "kube-apiserver",
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
        ldflags: KUBERNETES,
    },
    GoTool {
        name: "kube-controller-manager",
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
        ldflags: KUBERNETES,
    },
    GoTool {
        name: "kubectl",
        module: "kubernetes",
        package: "k8s.io/kubernetes/cmd/kubectl",
        ldflags: KUBERNETES,
    },
    GoTool {
        name: "sops",
        module: "sops",
        package: "github.com/getsops/sops/v3/cmd/sops",
        ldflags: "",
    },
    GoTool {
        name: "kustomize",
        module: "kustomize",
        package: "sigs.k8s.io/kustomize/kustomize/v5",
        ldflags: "-X sigs.k8s.io/kustomize/api/provenance.version=v5.8.2",
    },
    GoTool {
        name: "age",
        module: "age",
        package: "filippo.io/age/cmd/age",
        ldflags: "",
    },
    GoTool {
        name: "age-keygen",
        module: "age",
        package: "filippo.io/age/cmd/age-keygen",
        ldflags: "",
    },
    GoTool {
        name: "age-plugin-batchpass",
        module: "age",
        package: "filippo.io/age/cmd/age-plugin-batchpass",
        ldflags: "",
    },
];

/// What scenarios drive or ask, beside a cluster.
pub(crate) const CLIENTS: [&str; 5] = ["kubectl", "sops", "kustomize", "age", "age-keygen"];

/// What the lane `control-plane` is made of.
pub(crate) const CONTROL_PLANE: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// `cargo xtask tools`.
pub(crate) fn run(flags: &flags::Tools) -> anyhow::Result<()> {
    let names: Vec<&str> = if flags.names.is_empty() {
        TOOLS.iter().map(|tool| tool.name).collect()
    } else {
        flags.names.iter().map(String::as_str).collect()
    };
    ensure(&names)?;
    println!("{}", folder().display());
    Ok(())
}

/// Where the built tools are.
pub(crate) fn folder() -> PathBuf {
    e2e_target().join("tools").join("bin")
}

/// What keeps these tools from being built, with the way out; `None` when they are there or can be.
pub(crate) fn missing(names: &[&str]) -> Option<String> {
    let is_stale = |name: &&&str| find(name).is_ok_and(|tool| !tool.is_current());
    let stale: Vec<&str> = names.iter().filter(is_stale).copied().collect();
    if stale.is_empty() || find_program(&["go"]).is_some() {
        return None;
    }
    Some(format!(
        "go: needed once to build {}; install Go 1.21 or newer (https://go.dev/doc/install, or Debian's golang-go), \
         which fetches the version that the tools ask for",
        stale.join(", ")
    ))
}

/// Builds what is missing or out of date.
pub(crate) fn ensure(names: &[&str]) -> anyhow::Result<()> {
    fs::create_dir_all(folder())?;
    let lock = fs::File::create(folder().join(".lock"))?;
    // Two tasks at once: the second waits and finds everything built. The lock ends with the file.
    lock.lock().context("cannot lock the folder of the tools")?;
    for name in names {
        let tool = find(name)?;
        if !tool.is_current() {
            tool.build()?;
        }
    }
    Ok(())
}

fn find(name: &str) -> anyhow::Result<&'static GoTool> {
    match TOOLS.iter().find(|tool| tool.name == name) {
        Some(tool) => Ok(tool),
        None => bail!("there is no pinned tool {name}"),
    }
}

impl GoTool {
    fn folder(&self) -> PathBuf {
        root().join("e2e/tools").join(self.module)
    }

    fn stamp(&self) -> PathBuf {
        folder().join(format!(".{}.key", self.name))
    }

    fn is_current(&self) -> bool {
        let built = fs::read_to_string(self.stamp()).ok();
        folder().join(self.name).is_file() && built.is_some() && built == self.key().ok()
    }

    /// Changes with whatever goes into the program.
    fn key(&self) -> anyhow::Result<String> {
        let mut hasher = DefaultHasher::new();
        for file in ["go.mod", "go.sum"] {
            read(&self.folder().join(file))?.hash(&mut hasher);
        }
        (self.package, self.ldflags).hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }

    fn build(&self) -> anyhow::Result<()> {
        let started = std::time::Instant::now();
        eprintln!(
            "building {} ({})",
            self.name,
            output(Command::new("go").arg("version"))?.trim()
        );
        let flags = format!("-s -w {}", self.ldflags);
        check(
            Command::new("go")
                .args(["build", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"])
                .arg(folder().join(self.name))
                .arg(self.package)
                .env("CGO_ENABLED", "0")
                .current_dir(self.folder()),
        )?;
        fs::write(self.stamp(), self.key()?)?;
        eprintln!("built {} in {:.0} s", self.name, started.elapsed().as_secs_f64());
        Ok(())
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
