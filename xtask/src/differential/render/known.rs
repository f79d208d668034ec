//! Differences that are meant, each with its reason.

use super::{Builds, Difference};

/// What the product says when it refuses on purpose what kustomize builds, and why it does.
const REFUSED_HERE: &[(&str, &str)] = &[
    (
        "the text reads as !!str and cannot be a",
        "that put a text where a number or boolean stands, which something takes away later",
    ),
    (
        "a map of text to text is expected",
        "whose annotations are no map, which kustomize drops silently",
    ),
    (
        "is neither ConfigMap nor Secret any more",
        "of which a generated object gets another kind, whose hash is none of its content",
    ),
    (
        "every Kubernetes object needs",
        "of which an object is none, for want of a name, a kind or a namespace as text",
    ),
    (
        "kustomize reads keys without regard to case",
        "that have a field twice, of which kustomize takes one silently",
    ),
    (
        "where text is expected",
        "that have a list or a map as an annotation, which kustomize empties silently",
    ),
];

/// What kustomize says when it refuses what the product builds, and why that is right.
const BUILT_HERE: &[(&str, &str)] = &[
    (
        "json: unsupported type: map[interface {}]interface {}",
        "with a key of an annotation that reads as a number, which kustomize cannot write",
    ),
    (
        "testing value /metadata/annotations failed",
        "that test all annotations, among which kustomize has its books",
    ),
    ("panic: ", "that kustomize panics over"),
    (
        "number of previous names, number of previous namespaces",
        "in which a name makes kustomize lose its books",
    ),
    (
        "internal.config.kubernetes.io/previousNames",
        "whose validator changes nothing but kustomize's own books",
    ),
];

/// Why a difference is meant.
pub(super) fn reason(difference: &Difference, builds: &Builds) -> Option<&'static str> {
    let (said, known) = match difference {
        Difference::RefusedHere(said) => (said, REFUSED_HERE),
        Difference::BuiltHere(said) => (said, BUILT_HERE),
        Difference::Output => {
            return is_unquoted_name(&builds.theirs.stdout, &builds.ours.stdout)
                .then_some("in which a replacement makes a number of a name, which no API server takes");
        }
        Difference::Ended(_) => return None,
    };
    known
        .iter()
        .find_map(|(part, reason)| said.contains(part).then_some(*reason))
}

/// Whether nothing differs but names that read as a number, which one writes as the number and the other as the text.
fn is_unquoted_name(theirs: &[u8], ours: &[u8]) -> bool {
    let [theirs, ours] = [theirs, ours].map(String::from_utf8_lossy);
    theirs.lines().count() == ours.lines().count()
        && theirs
            .lines()
            .zip(ours.lines())
            .all(|(theirs, ours)| theirs == ours || is_same_number(theirs, ours))
}

fn is_same_number(theirs: &str, ours: &str) -> bool {
    let name = |line: &str| {
        let (before, name) = line.split_once("name: ")?;
        before
            .trim_matches([' ', '-'])
            .is_empty()
            .then(|| name.to_owned())
    };
    let (Some(theirs), Some(ours)) = (name(theirs), name(ours)) else {
        return false;
    };
    let ours = ours.trim_matches('"');
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16)
            .ok()
            .map(|number| number.to_string()),
        None => text.parse::<f64>().ok().map(|number| number.to_string()),
    };
    theirs == ours || (number(&theirs).is_some() && number(&theirs) == number(ours))
}

#[cfg(test)]
mod tests {
    use super::is_unquoted_name;

    #[test]
    fn only_the_quotes_of_a_name_are_meant() {
        let theirs = b"metadata:\n  name: 53\n";
        assert!(is_unquoted_name(theirs, b"metadata:\n  name: \"53\"\n"));
        assert!(is_unquoted_name(b"env:\n- name: 53\n", b"env:\n- name: \"53\"\n"));
        assert!(is_unquoted_name(b"  name: 31\n", b"  name: \"0x1F\"\n"));
        assert!(is_unquoted_name(b"  name: 1\n", b"  name: \"1.0\"\n"));
        assert!(!is_unquoted_name(theirs, b"metadata:\n  name: \"54\"\n"));
        assert!(!is_unquoted_name(b"data:\n  a: 53\n", b"data:\n  a: \"53\"\n"));
    }
}
