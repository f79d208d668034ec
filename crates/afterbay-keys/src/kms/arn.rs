//! ARNs of keys and roles, checked against their grammar before a host name is made of them.

use std::fmt;

use thiserror::Error;

/// Partitions with the prefix of their regions; regions of `aws` have none of these.
const PARTITIONS: [(&str, &str); 7] = [
    ("aws-cn", "cn-"),
    ("aws-us-gov", "us-gov-"),
    ("aws-iso", "us-iso-"),
    ("aws-iso-b", "us-isob-"),
    ("aws-iso-e", "eu-isoe-"),
    ("aws-iso-f", "us-isof-"),
    ("aws-eusc", "eusc-"),
];

/// Longest ARN looked at, in bytes; KMS documents 2048 for a key id.
const MAX_ARN: usize = 2048;

/// Why an ARN is refused. Never repeats the ARN: the failure names the key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ArnError {
    /// Too long to be looked at.
    #[error("it has more than {MAX_ARN} bytes")]
    Length,
    /// Not six fields that start with `arn`.
    #[error("it is not of the form {form}")]
    Form {
        /// The form expected.
        form: &'static str,
    },
    /// No partition of AWS.
    #[error("its partition is not one of AWS (aws, aws-cn, aws-us-gov, aws-iso, …)")]
    Partition,
    /// A role of another partition than the key.
    #[error("its partition is not the one of the key")]
    OtherPartition,
    /// Not a region name, or one of another partition.
    #[error("its region is not one of its partition")]
    Region,
    /// Not twelve digits.
    #[error("its account is not a number of 12 digits")]
    Account,
    /// Not a key id, alias or role name.
    #[error("its {what} holds characters that AWS does not allow there")]
    Resource {
        /// What was expected.
        what: &'static str,
    },
}

/// The parts of a key's ARN that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyArn {
    pub(crate) partition: String,
    pub(crate) region: String,
}

/// The ARN of an IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RoleArn(String);

impl KeyArn {
    /// Reads `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `…:alias/NAME`.
    pub(crate) fn parse(text: &str) -> Result<Self, ArnError> {
        const FORM: ArnError = ArnError::Form {
            form: "arn:aws:kms:REGION:ACCOUNT:key/ID",
        };
        let [partition, service, region, account, resource] = fields(text).ok_or(FORM)??;
        if service != "kms" {
            return Err(FORM);
        }
        check_partition(partition)?;
        check_region(region, partition)?;
        check_account(account)?;
        match resource.split_once('/') {
            Some(("key", id)) => {
                check_characters(id, 256, "key id", |c| c.is_ascii_alphanumeric() || c == b'-')?;
            }
            Some(("alias", name)) => check_characters(name, 250, "alias", |c| {
                c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'-')
            })?,
            _ => return Err(FORM),
        }
        Ok(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
        })
    }
}

impl RoleArn {
    /// Reads `arn:PARTITION:iam::ACCOUNT:role/NAME` of the partition of the key.
    pub(crate) fn parse(text: &str, key_partition: &str) -> Result<Self, ArnError> {
        const FORM: ArnError = ArnError::Form {
            form: "arn:aws:iam::ACCOUNT:role/NAME",
        };
        let [partition, service, region, account, resource] = fields(text).ok_or(FORM)??;
        if service != "iam" || !region.is_empty() {
            return Err(FORM);
        }
        if partition != key_partition {
            return Err(ArnError::OtherPartition);
        }
        check_account(account)?;
        let name = resource.strip_prefix("role/").ok_or(FORM)?;
        check_characters(name, 576, "role name", |c| {
            c.is_ascii_alphanumeric() || matches!(c, b'/' | b'_' | b'-' | b'+' | b'=' | b',' | b'.' | b'@')
        })?;
        Ok(Self(text.to_owned()))
    }

    /// The ARN as written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The five fields after `arn:`; `None` for any other number of them.
fn fields(text: &str) -> Option<Result<[&str; 5], ArnError>> {
    if text.len() > MAX_ARN {
        return Some(Err(ArnError::Length));
    }
    let fields = text.strip_prefix("arn:")?.split(':').collect::<Vec<_>>();
    fields.try_into().ok().map(Ok)
}

fn check_partition(partition: &str) -> Result<(), ArnError> {
    let known = partition == "aws" || PARTITIONS.iter().any(|(name, _)| *name == partition);
    known.then_some(()).ok_or(ArnError::Partition)
}

/// Letters, more words of letters, a number: `eu-west-1`, `us-gov-east-1`, `eusc-de-east-1`.
fn check_region(region: &str, partition: &str) -> Result<(), ArnError> {
    let words = region.split('-').collect::<Vec<_>>();
    let word = |word: &&str| (1..=16).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_lowercase());
    let number = |word: &&str| (1..=2).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_digit());
    let shaped = matches!(words.as_slice(), [first, middle @ .., last]
        if first.len() >= 2 && word(first) && (1..=3).contains(&middle.len()) && middle.iter().all(word) && number(last));
    let owner = PARTITIONS
        .iter()
        .find(|(_, prefix)| region.starts_with(prefix))
        .map_or("aws", |(name, _)| name);
    (shaped && owner == partition)
        .then_some(())
        .ok_or(ArnError::Region)
}

fn check_account(account: &str) -> Result<(), ArnError> {
    let digits = account.len() == 12 && account.bytes().all(|c| c.is_ascii_digit());
    digits.then_some(()).ok_or(ArnError::Account)
}

fn check_characters(
    text: &str,
    longest: usize,
    what: &'static str,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), ArnError> {
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(allowed);
    fits.then_some(()).ok_or(ArnError::Resource { what })
}

#[cfg(test)]
mod tests;
