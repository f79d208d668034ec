//! Vectors of AWS's own test suite, and what is wrong with signatures that are refused.

use super::*;

/// `get-vanilla` and `post-vanilla` of the suite that AWS publishes with its signing libraries.
#[test]
fn signatures_are_those_of_aws() {
    for (method, expected) in [
        (
            "GET",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        let request = request(method, "20150830T123600Z");
        let authorization = Authorization {
            access_key_id: "AKIDEXAMPLE",
            date: "20150830",
            region: "us-east-1",
            service: "service",
            signed_headers: "host;x-amz-date",
            signature: "",
        };
        let made = signature(&request, &authorization, "20150830T123600Z", SECRET);
        assert_eq!(made, expected);
    }
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn request(method: &str, date: &str) -> Request {
    Request {
        method: method.to_owned(),
        path: "/".to_owned(),
        headers: BTreeMap::from([
            ("host".to_owned(), "example.amazonaws.com".to_owned()),
            ("x-amz-date".to_owned(), date.to_owned()),
        ]),
        ..Request::default()
    }
}

/// A request that is signed now, with the token if the user has one.
fn signed(token: Option<&str>) -> Request {
    let date = OffsetDateTime::now_utc().format(DATE).unwrap();
    let mut request = request("POST", &date);
    let mut names = "host;x-amz-date".to_owned();
    if let Some(token) = token {
        request
            .headers
            .insert("x-amz-security-token".to_owned(), token.to_owned());
        names.push_str(";x-amz-security-token");
    }
    sign(&mut request, &date, &names);
    request
}

fn sign(request: &mut Request, date: &str, names: &str) {
    let authorization = Authorization {
        access_key_id: "AKID",
        date: &date[..8],
        region: "eu-west-1",
        service: "kms",
        signed_headers: names,
        signature: "",
    };
    let made = signature(request, &authorization, date, SECRET);
    request.headers.insert(
        "authorization".to_owned(),
        format!(
            "{ALGORITHM} Credential=AKID/{}/eu-west-1/kms/aws4_request, SignedHeaders={names}, Signature={made}",
            &date[..8]
        ),
    );
}

fn users(token: Option<&str>) -> BTreeMap<String, Identity> {
    let identity = Identity {
        arn: "arn:aws:iam::000000000000:user/AKID".to_owned(),
        secret: SECRET.to_owned(),
        token: token.map(str::to_owned),
    };
    BTreeMap::from([("AKID".to_owned(), identity)])
}

#[test]
fn a_right_signature_tells_who_and_where() {
    for token in [None, Some("token")] {
        let signed = verify(&signed(token), "kms", &users(token)).unwrap();
        assert_eq!(
            (signed.arn.as_str(), signed.region.as_str()),
            ("arn:aws:iam::000000000000:user/AKID", "eu-west-1")
        );
    }
}

#[test]
fn every_change_is_found() {
    let refusal = |change: fn(&mut Request)| {
        let mut request = signed(None);
        change(&mut request);
        verify(&request, "kms", &users(None)).unwrap_err()
    };
    assert_eq!(refusal(|r| r.body = b"x".to_vec()), Refusal::Mismatch);
    assert_eq!(refusal(|r| r.method = "GET".to_owned()), Refusal::Mismatch);
    assert_eq!(refusal(|r| r.query = "a=b".to_owned()), Refusal::Mismatch);
    assert_eq!(
        refusal(|r| {
            r.headers.insert("host".to_owned(), "evil".to_owned());
        }),
        Refusal::Mismatch
    );
    assert_eq!(
        refusal(|r| {
            r.headers.remove("authorization");
        }),
        Refusal::Missing
    );
    assert_eq!(
        refusal(|r| {
            r.headers.insert("x-amz-target".to_owned(), "evil".to_owned());
        }),
        Refusal::Incomplete("x-amz-target is not signed".to_owned())
    );
}

#[test]
fn others_than_the_users_are_unknown() {
    assert_eq!(
        verify(&signed(None), "kms", &BTreeMap::new()),
        Err(Refusal::Unknown)
    );
    assert_eq!(
        verify(&signed(None), "kms", &users(Some("token"))),
        Err(Refusal::Unknown)
    );
    assert_eq!(
        verify(&signed(Some("other")), "kms", &users(Some("token"))),
        Err(Refusal::Unknown)
    );
}

#[test]
fn old_signatures_and_those_for_others_are_refused() {
    let old = OffsetDateTime::now_utc() - Duration::minutes(16);
    let date = old.format(DATE).unwrap();
    let mut request = request("POST", &date);
    sign(&mut request, &date, "host;x-amz-date");
    assert_eq!(verify(&request, "kms", &users(None)), Err(Refusal::Expired));
    assert!(matches!(
        verify(&signed(None), "sts", &users(None)),
        Err(Refusal::Incomplete(_))
    ));
}
