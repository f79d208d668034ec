//! What a Flux Kustomization says beside the tree, as flags.

use crate::machine::Machine;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: ${replicas:=1}\n  template: {spec: {containers: [{name: a, image: 'nginx:1'}]}}\n";

/// A tar stream of a repository with an application and a component, in `tree.tar`.
fn fetched(machine: &Machine) {
    let repository = machine.repository(&[
        ("app/web.yaml", DEPLOYMENT),
        ("parts/c/kustomization.yaml", "kind: Component\nnameSuffix: -c\n"),
    ]);
    machine.save("tree.tar", ["fetch", "--quiet", "--url", &repository]);
}

#[test]
fn flags_change_what_is_built() {
    let machine = Machine::new();
    fetched(&machine);
    machine.write("vars.env", "# values\nreplicas=2\nenv=test\n");
    machine.write(
        "patch.yaml",
        "- patch: |\n    - {op: add, path: /metadata/labels, value: {env: '${env}'}}\n  target: {kind: Deployment}\n",
    );
    let flags = "render -f tree.tar --path app --target-namespace prod --name-prefix p- --patch-file patch.yaml \
                 --component ../parts/c --component ../parts/gone --ignore-missing-components --image nginx=:2 \
                 --build-metadata originAnnotations --common-label team=shop --common-annotation a=b \
                 --env-file vars.env --substitute env=live --reveal";
    let ended = machine.run(flags.split_whitespace());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for wanted in [
        "  name: p-web-c\n  namespace: prod\n",
        "    env: live\n    team: shop\n",
        "    a: b\n    config.kubernetes.io/origin: |\n      path: web.yaml\n",
        "  replicas: 2\n",
        "image: nginx:2\n",
    ] {
        assert!(
            ended.stdout.contains(wanted),
            "{wanted:?} is not in:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn what_is_wrong_with_a_flag_names_it() {
    let machine = Machine::new();
    fetched(&machine);
    machine.write("bad.env", "a=1\nb\n");
    machine.write("bad.yaml", "- {op: remove, path: /a}\n");
    for (flags, code, wanted) in [
        ("--substitute-file bad.env", 2, "bad.env:2: write NAME=VALUE"),
        ("--substitute-file gone.env", 2, "cannot read gone.env"),
        ("--substitute 1=x", 2, "variable \"1\""),
        ("--patch-file bad.yaml", 2, "operations, which need a target"),
        ("--image nginx", 2, "write NAME=IMAGE"),
        (
            "--component ../gone",
            11,
            "the build specification: component \"../gone\"",
        ),
        (
            "--substitute a=1 --patch-file strict.yaml",
            11,
            "variable unset is not set",
        ),
    ] {
        machine.write(
            "strict.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {a: '${unset}'}}\n",
        );
        let all = format!("render -f tree.tar --path app {flags}");
        let ended = machine.run(all.split_whitespace());
        assert_eq!(ended.code, Some(code), "{flags}: {}", ended.stderr);
        assert!(ended.stderr.contains(wanted), "{flags}: {}", ended.stderr);
    }
    let ended = machine.run("apply -f bad.yaml --target-namespace x".split_whitespace());
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

/// Values that are read from a Secret are as secret as opened ones.
#[test]
fn values_of_a_secret_stay_in_secrets() {
    let machine = Machine::new();
    machine.write(
        "app/objects.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {url: 'postgres://${user}:${password}@db'}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {user: '${user}', url: 'x-${PLACE}'}\n",
    );
    machine.write(
        "vars.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: vars}\ndata: {password: aHVudGVyMmh1bnRlcjI=}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars}\ndata: {user: app, PLACE: x}\n",
    );
    let flags = "render app --root app --substitute-from vars.yaml";
    let ended = machine.run(flags.split_whitespace());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("url: postgres://app:hunter2hunter2@db\n"),
        "{}",
        ended.stdout
    );

    machine.write(
        "vars.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: vars}\nstringData: {password: hunter2hunter2, PLACE: hunter2hunter2}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: vars}\ndata: {user: app}\n",
    );
    let refused = machine.run(flags.split_whitespace());
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("ConfigMap/cm: data.url"),
        "{}",
        refused.stderr
    );
    let from = "Secret vars of the cluster, put there by postBuild";
    assert!(refused.stderr.contains(from), "{}", refused.stderr);
    assert!(
        !refused.stderr.contains("hunter2") && refused.stdout.is_empty(),
        "{}",
        refused.stderr
    );
    let allowed = format!("{flags} --allow-opened-in ConfigMap:data.url");
    let ended = machine.run(allowed.split_whitespace());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// Of a disk the components are read too, and what is missing there is missing in the build.
#[test]
fn components_on_disk_are_read() {
    let machine = Machine::new();
    machine.write("repo/app/web.yaml", DEPLOYMENT);
    machine.write("repo/app/kustomization.yaml", "resources: [web.yaml]\n");
    machine.write(
        "repo/parts/c/kustomization.yaml",
        "kind: Component\nnameSuffix: -c\n",
    );
    let component = "render repo/app --root repo --component ../parts/c --component ../parts/gone";
    let run = |flags: &str| machine.run(format!("{component} {flags}").split_whitespace());
    let ended = run("--ignore-missing-components --substitute-always --target-namespace prod");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("  name: web-c\n  namespace: prod\n"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("  replicas: 1\n"), "{}", ended.stdout);
    let ended = run("--ignore-missing-components --explain --common-label team=shop");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for wanted in ["parts/c/kustomization.yaml", "commonMetadata"] {
        assert!(ended.stdout.contains(wanted), "{wanted}: {}", ended.stdout);
    }
    for (flags, code, wanted) in [
        ("", 11, "component \"../parts/gone\""),
        (
            "--ignore-missing-components --component ../../c",
            11,
            "--root DIR names a directory",
        ),
        (
            "--verify-with kustomize",
            2,
            "'--verify-with <PROGRAM>' cannot be used with",
        ),
    ] {
        let ended = run(flags);
        assert_eq!(ended.code, Some(code), "{flags}: {}", ended.stderr);
        assert!(ended.stderr.contains(wanted), "{flags}: {}", ended.stderr);
    }
}
