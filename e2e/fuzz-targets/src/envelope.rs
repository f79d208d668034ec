//! The CMS envelope of a hiera-eyaml token, in DER, to real RSA keys: recipients, key transport, content.

use std::sync::LazyLock;

use afterbay_decrypt::{DecryptedSet, OpenedFiles, scan_objects};
use afterbay_keys::{KeyOptions, KeyRing};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::eyaml::{object, open};
use crate::ring::{source, unwrap};
use crate::seed::files;

/// The keys that the tokens of the fixtures are for, read once: that takes longer than to use them.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut options = KeyOptions::explicit();
    options.rsa_keys = [
        include_bytes!("../../../fixtures/eyaml/keys/first.pkcs8.pem").as_slice(),
        include_bytes!("../../../fixtures/eyaml/keys/second.pkcs1.pem"),
    ]
    .map(source)
    .into();
    KeyRing::new(options)
});

/// The envelope.
pub fn run(data: &[u8]) {
    let _ = opened(data);
}

fn opened(data: &[u8]) -> Option<DecryptedSet> {
    let token = format!("ENC[PKCS7,{}]", BASE64_STANDARD.encode(data));
    open(object(true, &token, "")?, |options, rendered| {
        let sealed = scan_objects(rendered, OpenedFiles::default(), options);
        let keys = unwrap(&RING, sealed.key_requests().to_vec());
        (sealed, keys)
    })
}

/// What is in the tokens of the fixtures.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in files("fixtures/eyaml/tokens") {
        let text = String::from_utf8_lossy(&file);
        for token in text.split("ENC[PKCS7,").skip(1) {
            let digits: String = token
                .chars()
                .take_while(|c| *c != ']')
                .filter(|c| !c.is_whitespace())
                .collect();
            seeds.extend(BASE64_STANDARD.decode(digits));
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The others are of forms that are not opened, such as OAEP.
    #[test]
    fn most_tokens_of_the_fixtures_open() {
        let seeds = seeds();
        let open = seeds.iter().filter(|seed| opened(seed).is_some()).count();
        assert!(
            open > 10 && open * 4 > seeds.len() * 3,
            "{open} of {}",
            seeds.len()
        );
    }
}
