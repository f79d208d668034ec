//! `afterbay render` of a directory on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::machine::{Machine, ended, fixture};

const DEPLOYMENT: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n";
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n";

fn machine() -> Machine {
    let machine = Machine::new();
    for (name, text) in [
        ("base/kustomization.yaml", "resources: [web.yaml, db.yaml]\n"),
        ("base/web.yaml", DEPLOYMENT),
        ("base/db.yaml", SECRET),
        (
            "overlays/prod/kustomization.yaml",
            "resources: [../../base]\nnamespace: shop\npatches:\n- path: replicas.yaml\n",
        ),
        (
            "overlays/prod/replicas.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}\n",
        ),
    ] {
        machine.write(name, text);
    }
    machine
}

const PRINTED: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 3
---
apiVersion: v1
kind: Secret
metadata:
  name: db
  namespace: shop
stringData:
  password: hunter2
";

#[test]
fn a_directory_is_built_from_where_it_lies() {
    let machine = machine();
    for arguments in [
        &["render", "overlays/prod"][..],
        &["render", "--root", ".", "./overlays/../overlays/prod/"],
    ] {
        let ended = machine.run(arguments);
        assert_eq!(
            (ended.stderr.as_str(), ended.code),
            ("", Some(0)),
            "{arguments:?}"
        );
        assert_eq!(ended.stdout, PRINTED, "{arguments:?}");
    }
    // From inside, nothing says how far up it may read.
    let mut inside = machine.afterbay(["render", "."]);
    let output = inside
        .current_dir(machine.path("overlays/prod"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(11), "{text}");
    assert!(
        text.contains("leaves the tree") && text.contains(" hint: --root DIR"),
        "{text}"
    );
    // A work tree does.
    machine.write(".git/HEAD", "");
    let mut inside = machine.afterbay(["render", "."]);
    let output = inside
        .current_dir(machine.path("overlays/prod"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), PRINTED);
}

#[test]
fn json_is_one_list_that_later_stages_read() {
    let machine = machine();
    let ended = machine.run(["render", "overlays/prod", "-o", "json"]);
    let list: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&list["apiVersion"], &list["kind"]),
        (&"v1".into(), &"List".into())
    );
    assert_eq!(list["items"][0]["spec"]["replicas"], 3);
    assert_eq!(list["items"][1]["stringData"]["password"], "hunter2");
    machine.write("list.json", &ended.stdout);
    let normalized = machine.run(["normalize", "-f", "list.json"]);
    assert!(
        normalized.stdout.contains("password: aHVudGVyMg=="),
        "{}",
        normalized.stderr
    );
}

#[test]
fn what_cannot_be_built_is_named() {
    let machine = machine();
    for (arguments, code, says) in [
        (&["gone"][..], 1, "cannot read gone: No such file or directory"),
        (
            &["base/web.yaml"],
            1,
            "base/web.yaml is no directory; name the one that holds the kustomization file",
        ),
        (&["base", "--root", "overlays"], 1, "base does not lie in "),
        (&["base", "--path", "x"], 2, "cannot be used with"),
        (&["--root", "x"], 2, "required"),
    ] {
        let ended = machine.run(["render"].iter().chain(arguments));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{arguments:?}: {}", ended.stderr);
    }
}

/// Which file, patch and transformer; the value of a Secret is in neither form.
#[test]
fn a_build_is_explained_without_values() {
    let machine = machine();
    let text = machine.run(["render", "overlays/prod", "--explain"]);
    assert_eq!((text.stderr.as_str(), text.code), ("", Some(0)));
    insta::assert_snapshot!("explained", text.stdout);
    let json = machine.run(["render", "overlays/prod", "--explain", "-o", "json"]);
    insta::assert_snapshot!("explained-json", json.stdout);
    assert!(!(text.stdout + &json.stdout).contains("hunter2"));
}

/// A program in place of kustomize: it has a version, and prints what it is told.
fn stand_in(machine: &Machine, version: &str, build: &str) {
    let script =
        format!("#!/bin/sh\ncase \"$1\" in version) echo {version};; *) cat <<'END'\n{build}END\n;; esac\n");
    let path = machine.write("kustomize", script);
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

fn verify(machine: &Machine, flags: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [
        &["render", "overlays/prod", "--verify-with", "./kustomize"],
        flags,
    ]
    .concat();
    let ended = ended(
        machine
            .afterbay(arguments)
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap(),
    );
    (ended.code, ended.stdout, ended.stderr)
}

#[test]
fn what_kustomize_builds_is_compared() {
    let machine = machine();
    stand_in(&machine, "v5.8.2", PRINTED);
    let same = "2 objects, byte for byte what kustomize v5.8.2 prints\n".to_owned();
    assert_eq!(verify(&machine, &[]), (Some(0), same, String::new()));
    let (web, db) = PRINTED.split_once("---\n").unwrap();
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: robot\n";
    for (printed, says) in [
        (
            PRINTED.replace("replicas: 3", "replicas: 1\n  paused: true"),
            "Deployment.apps/shop/web: spec.replicas: 3, by kustomize 1\n\
             Deployment.apps/shop/web: spec.paused: nothing, by kustomize true\n2 differences from kustomize v5.8.2\n",
        ),
        (
            PRINTED.replace("hunter2", "hunter3"),
            "Secret/shop/db: stringData.password differs\n1 difference from kustomize v5.8.2\n",
        ),
        (
            format!("{web}---\n{account}"),
            "Secret/shop/db: not built by kustomize\nServiceAccount/robot: built by kustomize alone\n\
             2 differences from kustomize v5.8.2\n",
        ),
        (
            format!("{db}---\n{web}"),
            "the same objects in another order\n1 difference from kustomize v5.8.2\n",
        ),
        (
            PRINTED.replace("name: db", "name: \"db\""),
            "the same values in another text, from line 12 on\n1 difference from kustomize v5.8.2\n",
        ),
    ] {
        stand_in(&machine, "v5.8.2", &printed);
        let (code, stdout, stderr) = verify(&machine, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), says), "{stderr}");
        assert_eq!(stderr, "error: the build differs from that of kustomize\n");
        let (_, json, _) = verify(&machine, &["-o", "json"]);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["kustomize"], "v5.8.2");
        assert_eq!(
            json["differences"].as_array().unwrap().len() + 1,
            says.lines().count()
        );
    }
    stand_in(&machine, "v5.5.0", PRINTED);
    let (code, _, stderr) = verify(&machine, &[]);
    assert_eq!(code, Some(0));
    assert!(
        stderr.starts_with("warning: kustomize is v5.5.0, and v5.8.2"),
        "{stderr}"
    );
}

#[test]
fn what_cannot_be_compared_is_said() {
    let machine = machine();
    let (code, _, stderr) = verify(&machine, &[]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("error: cannot start ./kustomize: "),
        "{stderr}"
    );
    // What it prints on standard error may quote an object.
    let script = machine.write(
        "kustomize",
        "#!/bin/sh\n[ $1 = version ] && exec echo v5.8.2\necho hunter2 >&2\nexit 1\n",
    );
    fs::set_permissions(script, fs::Permissions::from_mode(0o700)).unwrap();
    let (code, _, stderr) = verify(&machine, &[]);
    assert_eq!(
        (code, stderr.as_str()),
        (
            Some(1),
            "error: ./kustomize refuses what is built here; `./kustomize build overlays/prod` says why\n"
        )
    );
    for (name, text) in [
        ("base/db.yaml", fixture("decrypt/sealed/secret.yaml")),
        (
            "base/db.yaml",
            SECRET.replace(
                "hunter2",
                "\"ENC[PKCS7,MIIBmQYJKoZIhvcNAQcDoIIBijCCAYYCAQAxggEhMIIBHQIBADAFMAACAQEwDQYJ]\"",
            ),
        ),
    ] {
        machine.write(name, text);
        let (code, stdout, stderr) = verify(&machine, &[]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.contains("sealed"), "{stderr}");
    }
}
