//! `afterbay render` of a directory on disk.

use crate::machine::Machine;

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
