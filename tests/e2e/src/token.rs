use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::api::{Reply, fetch, http};
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
    text(&tokens_of(account).await["IdToken"]).to_owned()
}

/// Signs in and returns Cognito's tokens: `IdToken`, `AccessToken` and `RefreshToken`.
async fn tokens_of(account: &Account) -> Value {
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": Stack::get().client_id,
        "AuthParameters": { "USERNAME": account.email, "PASSWORD": account.password },
    });
    let mut reply = cognito("InitiateAuth", &request).await;
    // Cognito's response may contain tokens, so the panic message does not show it.
    let tokens = reply.json["AuthenticationResult"].take();
    assert!(reply.status == 200 && tokens.is_object(), "{} cannot sign in: status {}", account.name, reply.status);
    tokens
}

/// Creates a user in the pool, with an administrator's rights. Returns the user's ID and access token. The user has not
/// called the API yet. An access token has no `name` claim.
pub(crate) async fn new_account() -> (String, String) {
    let name = format!("e2e-{}", Uuid::now_v7().simple());
    let account = Account {
        id: String::new(),
        email: format!("{name}@hearth.example"),
        password: "Hearth-e2e-1".to_owned(),
        name,
        token: None,
    };
    let pool = &Stack::get().user_pool_id;
    let attributes = [("email", &account.email), ("name", &account.name)];
    let attributes = attributes.map(|(name, value)| json!({ "Name": name, "Value": value }));
    let user = json!({
        "UserPoolId": pool, "Username": account.email, "UserAttributes": attributes, "MessageAction": "SUPPRESS",
    });
    let password = json!({
        "UserPoolId": pool, "Username": account.email, "Password": account.password, "Permanent": true,
    });
    for (operation, request) in [("AdminCreateUser", user), ("AdminSetUserPassword", password)] {
        let reply = cognito(operation, &request).await;
        assert_eq!(reply.status, 200, "{operation} failed: {reply}");
    }
    let token = text(&tokens_of(&account).await["AccessToken"]).to_owned();
    (text(&decode(part(&token, 1))["sub"]).to_owned(), token)
}

async fn cognito(operation: &str, request: &Value) -> Reply {
    fetch(
        http()
            .post(format!("{}/", Stack::get().local_endpoint()))
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            // The local cloud treats calls with the access key `test` as its administrator's. It does not check the
            // signature.
            .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cognito-idp/aws4_request")
            .body(request.to_string()),
    )
    .await
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
