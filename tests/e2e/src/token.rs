use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::api::{fetch, http};
use crate::shape::text;
use crate::stack::{Account, Stack};

/// Returns a user's ID token. Each test process requests it from Cognito once and then reuses it, unless `stack.json` has
/// it.
pub(crate) async fn id_token(account: &Account) -> String {
    static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::const_new(BTreeMap::new());
    if let Some(token) = &account.token {
        return token.clone();
    }
    let mut tokens = TOKENS.lock().await;
    if let Some(token) = tokens.get(&account.id) {
        return token.clone();
    }
    let token = sign_in(account).await;
    tokens.insert(account.id.clone(), token.clone());
    token
}

async fn sign_in(account: &Account) -> String {
    let stack = Stack::get();
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": stack.client_id,
        "AuthParameters": { "USERNAME": account.email, "PASSWORD": account.password },
    });
    let reply = fetch(
        http()
            .post(format!("{}/", stack.local_endpoint()))
            .header("x-amz-target", "AWSCognitoIdentityProviderService.InitiateAuth")
            .header("content-type", "application/x-amz-json-1.1")
            .body(request.to_string()),
    )
    .await;
    // Cognito's response may contain tokens, so the panic message does not show it.
    let token = &reply.json["AuthenticationResult"]["IdToken"];
    assert!(reply.status == 200 && token.is_string(), "{} cannot sign in: status {}", account.name, reply.status);
    text(token).to_owned()
}

/// Returns a forged copy of the token, with `alg: none` in the header and an empty signature.
#[must_use]
pub fn without_signature(token: &str) -> String {
    let header = encode(&json!({ "alg": "none", "typ": "JWT" }));
    format!("{header}.{}.", part(token, 1))
}

/// Returns a forged copy of the token, with `subject` as the `sub` claim but the original signature.
#[must_use]
pub fn with_another_subject(token: &str, subject: &str) -> String {
    let mut claims = claims(token);
    claims["sub"] = subject.into();
    let claims = encode(&claims);
    format!("{}.{claims}.{}", part(token, 0), part(token, 2))
}

/// Returns a forged copy of the token, with one bit of the signature flipped.
#[must_use]
pub fn with_another_signature(token: &str) -> String {
    let mut signature = URL_SAFE_NO_PAD
        .decode(part(token, 2))
        .unwrap_or_else(|error| panic!("the signature is not base64url: {error}"));
    signature[0] ^= 1;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    format!("{}.{}.{signature}", part(token, 0), part(token, 1))
}

/// Returns the claims of a token, without checking it.
#[must_use]
pub fn claims(token: &str) -> Value {
    decode(part(token, 1))
}

/// Returns the header of a token, without checking it.
#[must_use]
pub fn header(token: &str) -> Value {
    decode(part(token, 0))
}

pub(crate) fn part(token: &str, index: usize) -> &str {
    token.split('.').nth(index).unwrap_or_else(|| panic!("the token does not have three parts"))
}

fn decode(part: &str) -> Value {
    let bytes =
        URL_SAFE_NO_PAD.decode(part).unwrap_or_else(|error| panic!("part of a token is not base64url: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("part of a token is not JSON: {error}"))
}

pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}
