//! Multiprecision integers and public key parameters of OpenPGP (RFC 9580 §3.2, §9.1, §9.2).

use pgp::crypto::public_key::PublicKeyAlgorithm;

/// RSA, for encryption and signatures.
pub(crate) const RSA: u8 = 1;
/// ElGamal, for encryption.
pub(crate) const ELGAMAL: u8 = 16;
/// Diffie-Hellman on elliptic curves.
pub(crate) const ECDH: u8 = 18;

/// Where the public parameters start in a key packet of version 4: behind version, time and algorithm.
const PARAMETERS: usize = 6;

/// A number without leading zeros.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// Appends a number with its length in bits.
pub(crate) fn write(number: &[u8], out: &mut Vec<u8>) {
    let number = trimmed(number);
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    // Longer numbers than the length has room for are refused by whoever reads them.
    let bits = u16::try_from(number.len() * 8 - unused).unwrap_or(u16::MAX);
    out.extend(bits.to_be_bytes());
    out.extend(number);
}

/// The number or point that stands for a public key: the modulus of RSA, the point of a curve, `y` of DSA and
/// ElGamal. `None` for what is not a key packet of version 4.
pub(crate) fn of_public_key(packet: &[u8]) -> Option<Vec<u8>> {
    (packet.first()? == &4).then_some(())?;
    let parameters = packet.get(PARAMETERS..)?;
    let (skipped, parameters) = match PublicKeyAlgorithm::from(*packet.get(PARAMETERS - 1)?) {
        PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSAEncrypt | PublicKeyAlgorithm::RSASign => {
            (0, parameters)
        }
        PublicKeyAlgorithm::ElgamalEncrypt | PublicKeyAlgorithm::Elgamal => (2, parameters),
        PublicKeyAlgorithm::DSA => (3, parameters),
        PublicKeyAlgorithm::ECDH | PublicKeyAlgorithm::ECDSA | PublicKeyAlgorithm::EdDSALegacy => {
            (0, parameters.get(1 + usize::from(*parameters.first()?)..)?)
        }
        _ => return None,
    };
    let mut rest = parameters;
    for _ in 0..skipped {
        (_, rest) = number(rest)?;
    }
    Some(trimmed(number(rest)?.0).to_vec())
}

fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

/// The object identifier of a curve by libgcrypt's name, and the hash and cipher with which GnuPG derives keys
/// on it (`g10/ecdh.c`): SHA-256 and AES-128, SHA-384 and AES-256, SHA-512 and AES-256.
pub(crate) fn curve(name: &[u8]) -> Option<(&'static [u8], [u8; 2])> {
    Some(match name {
        b"Curve25519" => (&[0x2b, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1], [8, 7]),
        b"NIST P-256" => (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], [8, 7]),
        b"NIST P-384" => (&[0x2b, 0x81, 4, 0, 0x22], [9, 9]),
        b"NIST P-521" => (&[0x2b, 0x81, 4, 0, 0x23], [10, 9]),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{of_public_key, write};

    #[test]
    fn a_number_has_its_length_in_bits() {
        for (number, expected) in [
            (&[][..], &[0, 0][..]),
            (&[0, 0], &[0, 0]),
            (&[1], &[0, 1, 1]),
            (&[0, 0x80, 0], &[0, 16, 0x80, 0]),
        ] {
            let mut written = Vec::new();
            write(number, &mut written);
            assert_eq!(written, expected);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_packets_are_no_trouble(rest in prop::collection::vec(any::<u8>(), 0..40), algorithm in 0_u8..30) {
            let _ = of_public_key(&[&[4, 0, 0, 0, 0, algorithm], rest.as_slice()].concat());
            let _ = of_public_key(&rest);
        }
    }
}
