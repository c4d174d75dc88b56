//! Encrypts push messages (RFC 8291), with the content coding `aes128gcm` (RFC 8188).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use crate::Error;

/// Maximum size of a push message's content in bytes: 3,993. Push services must accept 4,096 bytes (RFC 8030, section
/// 7.2); encryption adds 86 bytes for the header, 16 for the tag and 1 for the delimiter.
pub const MAX_MESSAGE: usize = 4_096 - HEADER - 16 - 1;

/// Size of the header: a salt, the record size, and the length and bytes of the sender's public key.
const HEADER: usize = 16 + 4 + 1 + PUBLIC_KEY;

/// Size of an uncompressed point of P-256.
const PUBLIC_KEY: usize = 65;

/// The keys of a push subscription, which the browser has created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionKeys {
    /// The browser's public key: an uncompressed point of P-256.
    public_key: [u8; PUBLIC_KEY],
    /// The authentication secret.
    secret: [u8; 16],
}

impl SubscriptionKeys {
    /// Checks the keys of a subscription. Returns `None` if one of them has the wrong length, or if the public key is not a
    /// point of the curve.
    #[must_use]
    pub fn new(public_key: &[u8], secret: &[u8]) -> Option<Self> {
        let keys = Self { public_key: public_key.try_into().ok()?, secret: secret.try_into().ok()? };
        // The agreement fails if the public key is not on the curve.
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).ok()?;
        agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, keys.public_key), |_| ()).ok()?;
        Some(keys)
    }

    /// Parses the keys of a subscription in base64url, with or without padding. Returns `None` if a text is not valid
    /// base64url, or if [`new`](Self::new) returns `None`.
    #[must_use]
    pub fn parse(public_key: &str, secret: &str) -> Option<Self> {
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        Self::new(&decode(public_key)?, &decode(secret)?)
    }

    /// Encrypts a push message's content of at most [`MAX_MESSAGE`] bytes. Returns the body of the request to the push
    /// service.
    pub fn encrypt(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        if message.len() > MAX_MESSAGE {
            return Err(Error::TooLarge(message.len()));
        }
        let random = SystemRandom::new();
        let mut salt = [0; 16];
        random.fill(&mut salt)?;
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
        let sender: [u8; PUBLIC_KEY] = private.compute_public_key()?.as_ref().try_into().map_err(|_| Unspecified)?;
        let peer = UnparsedPublicKey::new(&ECDH_P256, self.public_key);
        agree_ephemeral(private, &peer, |shared| self.encrypt_with(shared, &sender, salt, message))?
    }

    /// Encrypts with given random values: the shared secret of the key agreement, the sender's public key, and the salt.
    fn encrypt_with(
        &self,
        shared: &[u8],
        sender: &[u8; PUBLIC_KEY],
        salt: [u8; 16],
        message: &[u8],
    ) -> Result<Vec<u8>, Error> {
        // Derives the keys as RFC 8291, section 3.3, and RFC 8188, section 2.2, specify.
        let info = [b"WebPush: info\0", &self.public_key[..], sender];
        let input = expand::<32>(&Salt::new(HKDF_SHA256, &self.secret).extract(shared), &info)?;
        let key = Salt::new(HKDF_SHA256, &salt).extract(&input);
        let content_key = expand::<16>(&key, &[b"Content-Encoding: aes128gcm\0"])?;
        let nonce = expand::<NONCE_LEN>(&key, &[b"Content-Encoding: nonce\0"])?;

        // The body has the form of RFC 8188, section 2.1: a header and one record. The last record, which is the only
        // one here, ends with the delimiter 2. The record size in the header is an upper limit.
        let mut body = Vec::with_capacity(HEADER + message.len() + 17);
        body.extend(salt);
        body.extend(4_096_u32.to_be_bytes());
        body.push(65);
        body.extend(sender);
        let mut record = [message, &[2]].concat();
        let content_key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &content_key)?);
        content_key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
        body.extend(record);
        Ok(body)
    }
}

/// Number of bytes that HKDF derives.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut derived = [0; N];
    key.expand(info, Length(N))?.fill(&mut derived)?;
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// Returns the keys of the example in RFC 8291, appendix A.
    fn example() -> SubscriptionKeys {
        let public_key = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        SubscriptionKeys::new(&bytes(public_key), &bytes("BTBZMqHH6r4Tts7J_aSIgg")).unwrap()
    }

    #[test]
    fn example_of_the_rfc_is_encrypted_to_the_same_bytes() {
        let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let sender = bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
        let message = b"When I grow up, I want to be a watermelon";
        let (sender, salt) = (sender.try_into().unwrap(), salt.try_into().unwrap());
        let encrypted = example().encrypt_with(&shared, &sender, salt, message).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                        AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(encrypted), expected);
    }

    #[test]
    fn keys_of_wrong_length_or_off_the_curve_are_refused() {
        let SubscriptionKeys { public_key, secret } = example();
        assert!(SubscriptionKeys::new(&public_key, &secret).is_some());
        for wrong in [&public_key[..64], &[&public_key[..], &[0]].concat(), &[], &[4; 65], &[0; 65]] {
            assert_eq!(SubscriptionKeys::new(wrong, &secret), None);
        }
        // A compressed point is refused, although it is a point of the curve.
        assert_eq!(SubscriptionKeys::new(&[&[2], &public_key[1..33]].concat(), &secret), None);
        for wrong in [&secret[..15], &[0; 17], &[]] {
            assert_eq!(SubscriptionKeys::new(&public_key, wrong), None);
        }
    }

    #[test]
    fn largest_message_fits_into_4096_bytes_and_a_larger_one_is_refused() {
        assert_eq!(MAX_MESSAGE, 3_993);
        assert_eq!(example().encrypt(&[b'a'; MAX_MESSAGE]).unwrap().len(), 4_096);
        assert!(matches!(example().encrypt(&[b'a'; MAX_MESSAGE + 1]), Err(Error::TooLarge(_))));
    }
}
