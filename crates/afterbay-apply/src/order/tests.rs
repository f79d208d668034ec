//! The order is total, keeps the stages apart, and is Flux's.

use proptest::prelude::*;

use super::*;

fn object(api_version: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef {
        gvk: Gvk::new(api_version, kind),
        namespace: None,
        name: name.to_owned(),
    }
}

#[test]
fn writes_what_others_need_first() {
    let mut objects = [
        object("apps/v1", "Deployment", "web"),
        object(
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            "guard",
        ),
        object("example.com/v1", "Widget", "w"),
        object("v1", "Secret", "b"),
        object("v1", "Secret", "a"),
        object("storage.k8s.io/v1", "StorageClass", "fast"),
        object("v1", "Namespace", "apps"),
        object("rbac.authorization.k8s.io/v1", "ClusterRole", "reader"),
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            "widgets.example.com",
        ),
        object("batch/v1", "Job", "j"),
        object("rbac.authorization.k8s.io/v1", "RoleBinding", "rb"),
    ];
    objects.sort_by(|left, right| compare(left, right, &[]));
    let order: Vec<_> = objects.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(order.join("\n"), @r"
    CustomResourceDefinition.apiextensions.k8s.io/widgets.example.com
    Namespace/apps
    ClusterRole.rbac.authorization.k8s.io/reader
    StorageClass.storage.k8s.io/fast
    RoleBinding.rbac.authorization.k8s.io/rb
    Secret/a
    Secret/b
    Deployment.apps/web
    Job.batch/j
    Widget.example.com/w
    ValidatingWebhookConfiguration.admissionregistration.k8s.io/guard
    ");
}

#[test]
fn kinds_of_a_stage_of_their_own_come_between_classes_and_the_rest() {
    let custom: Vec<GroupKind> = ["example.com/Widget", "example.com/FooClass"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let mut objects = [
        object("v1", "ServiceAccount", "a"),
        object("example.com/v1", "Widget", "w"),
        object("example.org/v1", "Widget", "of-another-group"),
        object("example.com/v2", "FooClass", "c"),
        object("v1", "Namespace", "apps"),
    ];
    objects.sort_by(|left, right| compare(left, right, &custom));
    let order: Vec<_> = objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(order, ["apps", "c", "w", "a", "of-another-group"]);
    // Flux asks for definitions and classes first.
    assert_eq!(Stage::of(&objects[1].gvk, &custom), Stage::Classes);
}

#[test]
fn a_kind_of_somebody_else_with_a_known_name_is_no_definition() {
    let stage = |kind: &str, custom: &[GroupKind]| Stage::of(&Gvk::new("example.com/v1", kind), custom);
    assert_eq!(stage("Namespace", &[]), Stage::Rest);
    assert_eq!(stage("FooClass", &[]), Stage::Classes);
}

fn any_object() -> impl Strategy<Value = ObjectRef> {
    let kind = prop::sample::select(vec![
        ("v1", "Namespace"),
        ("v1", "Secret"),
        ("apps/v1", "Deployment"),
        ("example.com/v1", "Secret"),
        ("example.com/v1", "Widget"),
        ("storage.k8s.io/v1", "StorageClass"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
    ]);
    (kind, prop::option::of("[ab]"), "[ab]{1,2}").prop_map(|((api_version, kind), namespace, name)| {
        ObjectRef {
            gvk: Gvk::new(api_version, kind),
            namespace,
            name,
        }
    })
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_the_input(
        objects in prop::collection::vec(any_object(), 0..12),
        seed in any::<u64>(),
    ) {
        let mut one = objects.clone();
        one.sort_by(|left, right| compare(left, right, &[]));
        let mut other = objects;
        let length = other.len().max(1);
        other.rotate_left(usize::try_from(seed).unwrap_or(7) % length);
        other.reverse();
        other.sort_by(|left, right| compare(left, right, &[]));
        prop_assert_eq!(&one, &other);
        for pair in one.windows(2) {
            prop_assert!(Stage::of(&pair[0].gvk, &[]) <= Stage::of(&pair[1].gvk, &[]));
            prop_assert!(Rank::of(&pair[0].gvk, &[]) <= Rank::of(&pair[1].gvk, &[]));
            prop_assert_eq!(compare(&pair[0], &pair[1], &[]), compare(&pair[1], &pair[0], &[]).reverse());
        }
    }
}
