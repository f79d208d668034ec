//! The rows are recorded from Go 1.26: `regexp.Match(pattern, []byte(text))`, an error counting as no match.

use super::*;

#[test]
fn agrees_with_go() {
    for (pattern, text, expected) in [
        ("^(data|stringData)$", "stringData", true),
        ("^(data|stringData)$", "metadata", false),
        ("pass", "the_password", true),
        (r"^\d+$", "12", true),
        (r"^\d+$", "١٢", false),
        (r"^\w+$", "é", false),
        (r"^[\w-]+$", "a-b_1", true),
        (r"\bb\b", "ébé", true),
        (r"^[a&&b]$", "&", true),
        (r"^[[a]$", "[", true),
        (r"^[]a]$", "]", true),
        (r"^[^]a]$", "b", true),
        (r"^[[:alpha:]_]+$", "ab_", true),
        (r"^[[:^alpha:]]+$", "12", true),
        (r"^[a~~b]$", "~", true),
        (r"^\Qa.b\E$", "a.b", true),
        (r"^\Qa.b\E$", "axb", false),
        (r"^\101$", "A", true),
        (r"^\x41\x{42}$", "AB", true),
        (r"^a{2}$", "aa", true),
        (r"^a{x}$", "a{x}", true),
        (r"a{1001}", &"a".repeat(1001), false),
        (r"^(?!data)", "x", false),
        (r"(a)\1", "aa", false),
        ("(?i)^DATA$", "data", true),
        ("(?x) a b", "ab", false),
        (r"^\<a\>$", "<a>", true),
        (r"\u0041", "A", false),
        ("(", "(", false),
        ("[", "[", false),
        ("", "anything", true),
        ("(?P<n>a)(?<m>b)", "ab", true),
        ("é", "é", true),
    ] {
        assert_eq!(
            Pattern::new(pattern.to_owned()).is_match(text),
            expected,
            "{pattern} on {text}"
        );
    }
}
