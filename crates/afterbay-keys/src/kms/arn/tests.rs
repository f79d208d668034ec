//! Well-formed ARNs of every partition, and what strangers might write instead.

use proptest::prelude::*;

use super::{ArnError, KeyArn, RoleArn};

const ID: &str = "612d5f0a-1b2c-45e6-aca6-a5b005693a48";

fn region(text: &str) -> Result<String, ArnError> {
    KeyArn::parse(text).map(|arn| arn.region)
}

#[test]
fn takes_keys_of_every_partition() {
    let cases = [
        ("aws", "eu-west-1"),
        ("aws", "ap-southeast-12"),
        ("aws", "mx-central-1"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ];
    for (partition, name) in cases {
        for resource in [
            format!("key/{ID}"),
            "key/mrk-0123456789abcdef".to_owned(),
            "alias/team/prod_1-a".to_owned(),
        ] {
            let arn = format!("arn:{partition}:kms:{name}:000000000000:{resource}");
            assert_eq!(region(&arn).as_deref(), Ok(name), "{arn}");
        }
    }
}

/// ARNs of strangers, with what is wrong with them.
pub(crate) const HOSTILE: [(&str, &str); 34] = [
    ("", "form"),
    ("alias/prod", "form"),
    ("arn", "form"),
    ("arn:aws:kms:eu-west-1:000000000000", "form"),
    ("arn:aws:kms:eu-west-1:000000000000:key/a:b", "form"),
    ("arn:aws:kms:eu-west-1:1:000000000000:key/a", "form"),
    (" arn:aws:kms:eu-west-1:000000000000:key/a", "form"),
    ("ARN:aws:kms:eu-west-1:000000000000:key/a", "form"),
    ("arn:aws:s3:eu-west-1:000000000000:key/a", "form"),
    ("arn:aws:kms:eu-west-1:000000000000:grant/a", "form"),
    ("arn:aws:kms:eu-west-1:000000000000:key", "form"),
    ("arn:aws-evil:kms:eu-west-1:000000000000:key/a", "partition"),
    ("arn:AWS:kms:eu-west-1:000000000000:key/a", "partition"),
    ("arn::kms:eu-west-1:000000000000:key/a", "partition"),
    ("arn:aws:kms::000000000000:key/a", "region"),
    ("arn:aws:kms:evil.example.com/:000000000000:key/a", "region"),
    (
        "arn:aws:kms:eu-west-1.evil.example.com#:000000000000:key/a",
        "region",
    ),
    (
        "arn:aws:kms:x@evil.example.com/a-b-1:000000000000:key/a",
        "region",
    ),
    ("arn:aws:kms:eu-west-1/../..:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west-1\r\nHost evil:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west-1\0:000000000000:key/a", "region"),
    ("arn:aws:kms:EU-WEST-1:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west:000000000000:key/a", "region"),
    ("arn:aws:kms:eu--1:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west-1-:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west-100:000000000000:key/a", "region"),
    ("arn:aws:kms:еu-west-1:000000000000:key/a", "region"),
    ("arn:aws:kms:cn-north-1:000000000000:key/a", "region"),
    ("arn:aws-cn:kms:eu-west-1:000000000000:key/a", "region"),
    ("arn:aws:kms:eu-west-1::key/a", "account"),
    ("arn:aws:kms:eu-west-1:12345678901x:key/a", "account"),
    ("arn:aws:kms:eu-west-1:1234567890123:key/a", "account"),
    ("arn:aws:kms:eu-west-1:000000000000:key/", "key id"),
    ("arn:aws:kms:eu-west-1:000000000000:alias/../\"}", "alias"),
];

#[test]
fn refuses_what_strangers_write() {
    for (arn, field) in HOSTILE {
        let error = KeyArn::parse(arn).expect_err(arn).to_string();
        assert!(error.contains(field), "{arn}: {error}");
    }
    let long = format!("arn:aws:kms:eu-west-1:000000000000:key/{}", "a".repeat(4000));
    assert_eq!(region(&long), Err(ArnError::Length));
}

#[test]
fn takes_roles_of_the_partition_of_the_key() {
    for name in ["deployer", "team/path/deployer", "a_b+c=d,e.f@g-h"] {
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        assert_eq!(RoleArn::parse(&arn, "aws").unwrap().as_str(), arn);
        assert_eq!(RoleArn::parse(&arn, "aws-cn"), Err(ArnError::OtherPartition));
    }
    for arn in [
        "",
        "deployer",
        "arn:aws:iam::123456789012:user/ann",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam:eu-west-1:123456789012:role/a",
        "arn:aws:iam::12345:role/a",
        "arn:aws:iam::123456789012:role/a b",
        "arn:aws:iam::123456789012:role/a&RoleSessionName=b",
        "arn:aws:iam::123456789012:role/a\n",
        "arn:aws:kms::123456789012:role/a",
    ] {
        assert!(RoleArn::parse(arn, "aws").is_err(), "{arn}");
    }
}

proptest! {
    #[test]
    fn a_region_is_a_plain_label(text in "\\PC*", region in "[a-z0-9.:/@#-]{0,24}") {
        for arn in [text, format!("arn:aws:kms:{region}:000000000000:key/a")] {
            if let Ok(parsed) = KeyArn::parse(&arn) {
                prop_assert!(parsed.region.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'));
                prop_assert!(parsed.region.len() <= 63);
            }
        }
    }
}
