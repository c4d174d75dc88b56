use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::Value;

use crate::stack::Stack;
use crate::token::{claims, encode, part};

/// Signs tokens and links with the keys of the local cloud, as the stack itself does. Tests use it for expired tokens
/// and links, which a stack does not issue. It works only with the local cloud. On AWS, nobody can read Cognito's key,
/// and nobody should read the link key.
pub struct Signer {
    token_key: RsaKeyPair,
    link_key: hmac::Key,
}

impl Signer {
    /// Reads the keys from the files of the local cloud. Panics if the stack is not a local cloud.
    #[must_use]
    pub fn new() -> Self {
        let _ = Stack::get().local_endpoint();
        let pool = &Stack::get().user_pool_id;
        let pem = read(&format!("data/cognito-pool-keys/{pool}-id.pem"));
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).unwrap_or_else(|error| panic!("the key of tokens is not base64: {error}"));
        let token_key =
            RsaKeyPair::from_pkcs8(&der).unwrap_or_else(|error| panic!("the key of tokens is not valid: {error}"));
        let environment = read("functions.env");
        let link_key = environment.lines().find_map(|line| line.strip_prefix("LINK_KEY="));
        let link_key = link_key.unwrap_or_else(|| panic!("functions.env has no LINK_KEY"));
        Self { token_key, link_key: hmac::Key::new(hmac::HMAC_SHA256, link_key.as_bytes()) }
    }

    /// Returns a copy of an ID token that expires at `expires`, in seconds since 1970. It was issued an hour earlier.
    #[must_use]
    pub fn token_until(&self, token: &str, expires: i64) -> String {
        let mut claims = claims(token);
        claims["exp"] = expires.into();
        for issued in ["iat", "auth_time"] {
            claims[issued] = (expires - 3600).into();
        }
        self.sign(token, &claims)
    }

    /// Returns a copy of an ID token of the user `id` whose name is `name`. It was issued at `issued`, in seconds since
    /// 1970, and expires two hours later.
    #[must_use]
    pub fn token_named(&self, token: &str, id: &str, name: &str, issued: i64) -> String {
        let mut claims = claims(token);
        (claims["sub"], claims["name"]) = (id.into(), name.into());
        (claims["iat"], claims["exp"]) = (issued.into(), (issued + 7200).into());
        self.sign(token, &claims)
    }

    /// Signs `claims` with the local cloud's key for tokens. Returns the new token, which has the same header as
    /// `token`.
    fn sign(&self, token: &str, claims: &Value) -> String {
        let text = format!("{}.{}", part(token, 0), encode(claims));
        let mut signature = vec![0; self.token_key.public().modulus_len()];
        self.token_key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .unwrap_or_else(|error| panic!("cannot sign a token: {error}"));
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Returns the query of a link to a file that is valid until `expires`, in seconds since 1970. `directory` is `files`
    /// for the file itself or `thumbs` for its thumbnail.
    #[must_use]
    pub fn link_query(&self, directory: &str, file: &str, expires: i64) -> String {
        let signature = hmac::sign(&self.link_key, format!("{directory}/{file}/{expires}").as_bytes());
        format!("expires={expires}&signature={}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a file of the local cloud. `name` is relative to the directory of `stack.json`.
fn read(name: &str) -> String {
    let path: PathBuf = Stack::path().with_file_name(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
