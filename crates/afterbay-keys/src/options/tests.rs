//! What options admit.

use super::{Allow, Endpoint};

#[test]
fn allows_what_the_operator_says() {
    let only = Allow::Only(vec!["deployer".to_owned()]);
    assert!(Allow::Any.admits("x") && only.admits("deployer"));
    assert!(!only.admits("deployer2") && !only.admits("") && !Allow::None.admits("deployer"));
}

#[test]
fn takes_endpoints_and_nothing_else() {
    for good in [
        "http://127.0.0.1:4566",
        "https://kms.example.com",
        "http://[::1]:8080/path",
        "http://localstack",
    ] {
        assert_eq!(Endpoint::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "kms.example.com",
        "ftp://a",
        "http://",
        "http:///path",
        "http://:80",
        "http://user:canary@host",
        "http://a b",
        "http://a?x=y",
        "http://a#b",
        "http://a\\b",
        "HTTP://a",
    ] {
        let error = Endpoint::parse(bad).expect_err(bad);
        assert!(!error.to_string().contains("canary"));
    }
}
