//! JSON Web Keys (RFC 7517, RFC 7518 §6) that can verify RS256 and ES256 signatures (RFC 7518 §3).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature;
use serde::Deserialize;
use serde_json::Value;

/// The accepted signature algorithms. `none` and symmetric algorithms are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    /// Finds an algorithm by its JWA name (RFC 7518 §3.1), which is case-sensitive. Returns `None` if it is not
    /// accepted.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A public key of the token issuer. Each kind of key works with one algorithm only.
pub(super) enum Key {
    Rsa(signature::RsaPublicKeyComponents<Vec<u8>>),
    /// The key's uncompressed point on the curve P-256: the byte 4, then x and y with 32 bytes each.
    P256(Vec<u8>),
}

impl Key {
    /// Returns whether `signature` is a valid signature of `message` by this key with `algorithm`. Always false for RSA
    /// keys under 2 048 bits.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (self, algorithm) {
            (Self::Rsa(key), Algorithm::Rs256) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Self::P256(point), Algorithm::Es256) => {
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// Parses a JWK set and returns its usable keys by `kid`.
///
/// Skips keys that are not RSA or P-256, not for signatures, or without a `kid` (RFC 7517 §5). Fails if no usable key
/// remains.
pub(super) fn parse_set(json: &[u8]) -> Result<HashMap<String, Key>, &'static str> {
    #[derive(Deserialize)]
    struct JwkSet {
        keys: Vec<Value>,
    }
    let set: JwkSet = serde_json::from_slice(json).map_err(|_| "the response is not a JWK set")?;
    let keys: HashMap<_, _> = set.keys.into_iter().filter_map(parse).collect();
    if keys.is_empty() { Err("the JWK set contains no usable key") } else { Ok(keys) }
}

fn parse(json: Value) -> Option<(String, Key)> {
    #[derive(Deserialize)]
    struct Jwk {
        kid: String,
        kty: String,
        alg: Option<String>,
        #[serde(rename = "use")]
        usage: Option<String>,
        key_ops: Option<Vec<String>>,
        crv: Option<String>,
        n: Option<String>,
        e: Option<String>,
        x: Option<String>,
        y: Option<String>,
    }
    let jwk = Jwk::deserialize(json).ok()?;
    let signs = jwk.usage.is_none_or(|usage| usage == "sig")
        && jwk.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    let (algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (decode(&jwk.n?)?, decode(&jwk.e?)?);
            ("RS256", Key::Rsa(signature::RsaPublicKeyComponents { n, e }))
        }
        ("EC", Some("P-256")) => {
            let (x, y) = (decode(&jwk.x?)?, decode(&jwk.y?)?);
            // An x of 33 bytes and a y of 31 bytes together have the correct 64 bytes. But then a byte of x would count
            // as a byte of y. So the length of each is checked.
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            ("ES256", Key::P256([&[4], &x[..], &y[..]].concat()))
        }
        _ => return None,
    };
    (signs && jwk.alg.is_none_or(|alg| alg == algorithm)).then_some((jwk.kid, key))
}

/// Decodes base64url without padding, the only encoding in JOSE (RFC 7515 §2).
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const RS256: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    const ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    fn rsa() -> Value {
        json!({"kid": "a", "kty": "RSA", "n": N, "e": "AQAB"})
    }

    fn p256() -> Value {
        json!({"kid": "a", "kty": "EC", "crv": "P-256", "x": X, "y": Y})
    }

    /// Verifies the example signatures of RFC 7515, appendices A.2 and A.3.
    #[test]
    fn signatures_from_the_rfc_verify_with_their_algorithm_only() {
        for (jwk, algorithm, header, signature) in [
            (rsa(), Algorithm::Rs256, "eyJhbGciOiJSUzI1NiJ9", RS256),
            (p256(), Algorithm::Es256, "eyJhbGciOiJFUzI1NiJ9", ES256),
        ] {
            let (_, key) = parse(jwk).unwrap();
            let message = format!("{header}.{PAYLOAD}");
            let signature = decode(signature).unwrap();
            assert!(key.verifies(algorithm, message.as_bytes(), &signature));
            assert!(!key.verifies(algorithm, &message.as_bytes()[1..], &signature));
            assert!(!key.verifies(algorithm, message.as_bytes(), &signature[1..]));
            for other in [Algorithm::Rs256, Algorithm::Es256] {
                let same = other == algorithm;
                assert_eq!(key.verifies(other, message.as_bytes(), &signature), same);
            }
        }
    }

    #[test]
    fn keys_for_other_uses_or_algorithms_are_skipped() {
        let with = |mut jwk: Value, name: &str, value: Value| {
            jwk[name] = value;
            jwk
        };
        for good in [
            with(rsa(), "alg", json!("RS256")),
            with(rsa(), "use", json!("sig")),
            with(rsa(), "key_ops", json!(["verify"])),
            with(rsa(), "x5c", json!(["unused"])),
            with(p256(), "alg", json!("ES256")),
        ] {
            assert!(parse(good.clone()).is_some(), "{good}");
        }
        for bad in [
            json!("not an object"),
            json!({"kid": "a", "kty": "oct", "k": "c2VjcmV0"}),
            json!({"kid": "a", "kty": "OKP", "crv": "Ed25519", "x": X}),
            json!({"kty": "RSA", "n": N, "e": "AQAB"}),
            with(rsa(), "alg", json!("RS512")),
            with(rsa(), "alg", json!("ES256")),
            with(rsa(), "alg", json!("HS256")),
            with(rsa(), "use", json!("enc")),
            with(rsa(), "key_ops", json!(["encrypt"])),
            with(rsa(), "n", json!("not base64!")),
            with(rsa(), "n", json!(format!("{N}=="))),
            with(rsa(), "n", Value::Null),
            with(p256(), "crv", json!("P-384")),
            with(p256(), "x", json!("AQAB")),
            with(p256(), "y", Value::Null),
        ] {
            assert!(parse(bad.clone()).is_none(), "{bad}");
        }
    }
}
