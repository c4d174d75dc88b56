use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{FileId, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

/// Seconds for which a file's URL stays the same, so that browsers can cache the file. A URL is valid for at least this
/// time and at most twice as long: 6 to 12 hours.
const WINDOW: i64 = 6 * 60 * 60;

/// Characters that are percent-encoded in a link: all except the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A secret for signing links is too short, or is still the template's reference to the secret, because the deployment
/// did not replace the reference with the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("LINK_KEY or SECOND_LINK_KEY is shorter than 32 bytes, or an unresolved reference to a secret")]
pub struct BadLinkKey;

/// One of the two published objects of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The published copy of the upload, at `/files/{fileId}/{name}`.
    Original,
    /// The thumbnail, at `/thumbs/{fileId}.jpg`.
    Thumbnail,
}

impl Published {
    fn directory(self) -> &'static str {
        match self {
            Self::Original => "files",
            Self::Thumbnail => "thumbs",
        }
    }
}

/// Makes and checks links to files. A link grants access by itself: everyone who has the URL may fetch the file until
/// the link expires, after 6 to 12 hours. `<img src>` needs this, because it cannot send a token.
pub struct Links {
    key: hmac::Key,
    second_key: Option<hmac::Key>,
}

impl Links {
    /// Returns a signer of links, which uses HMAC-SHA256. All functions of a deployment share the secret `key`. Returns
    /// [`BadLinkKey`] if `key` is shorter than 32 bytes or is an unresolved reference to a secret.
    pub fn new(key: &str) -> Result<Self, BadLinkKey> {
        Ok(Self { key: hmac_key(key)?, second_key: None })
    }

    /// Also accepts links that are signed with `second_key`, for example with the key before a rotation. Never signs
    /// with it. Returns [`BadLinkKey`] under the same conditions as [`new`](Self::new).
    pub fn accepting(self, second_key: Option<&str>) -> Result<Self, BadLinkKey> {
        Ok(Self { second_key: second_key.map(hmac_key).transpose()?, ..self })
    }

    /// Returns the link to a file, relative to the API's base URL. The name is not signed; it only makes the URL
    /// readable.
    pub(crate) fn original(&self, id: &FileId, name: &str) -> String {
        let name = utf8_percent_encode(name, RESERVED);
        format!("/files/{id}/{name}?{}", self.signed_query(Published::Original, id, Timestamp::now()))
    }

    /// Returns the link to a file's thumbnail, relative to the API's base URL.
    pub(crate) fn thumbnail(&self, id: &FileId) -> String {
        format!("/thumbs/{id}.jpg?{}", self.signed_query(Published::Thumbnail, id, Timestamp::now()))
    }

    fn signed_query(&self, published: Published, id: &FileId, now: Timestamp) -> String {
        let expires = (now.seconds().div_euclid(WINDOW) + 2) * WINDOW;
        let signature = hmac::sign(&self.key, signed_text(published, id, &expires.to_string()).as_bytes());
        format!("expires={expires}&signature={}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Checks the `expires` and `signature` parameters of a URL of the given object. Returns for how long after `now`
    /// the link is valid, in whole seconds and at least one; `None` if it has expired or was not signed by this server.
    #[must_use]
    pub fn remaining(
        &self,
        now: Timestamp,
        published: Published,
        id: &FileId,
        expires: &str,
        signature: &str,
    ) -> Option<Duration> {
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let text = signed_text(published, id, expires);
        let mut keys = [Some(&self.key), self.second_key.as_ref()].into_iter().flatten();
        if !keys.any(|key| hmac::verify(key, text.as_bytes(), &signature).is_ok()) {
            return None;
        }
        let seconds = expires.parse::<i64>().ok()?.checked_sub(now.seconds())?;
        Some(Duration::from_secs(u64::try_from(seconds).ok()?)).filter(|remaining| !remaining.is_zero())
    }
}

fn hmac_key(key: &str) -> Result<hmac::Key, BadLinkKey> {
    // In the template, the key is a reference of the form `{{resolve:…}}`. If it was not resolved, its text is not
    // secret.
    if key.len() < 32 || key.starts_with("{{") {
        return Err(BadLinkKey);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))
}

/// Returns the text that a link's signature covers. File IDs contain no slash, so two different links never have the
/// same text.
fn signed_text(published: Published, id: &FileId, expires: &str) -> String {
    format!("{}/{id}/{expires}", published.directory())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const NEXT_KEY: &str = "fedcba9876543210fedcba9876543210";

    fn links() -> Links {
        Links::new(KEY).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn parts(url: &str) -> (String, String) {
        let query = url.split_once('?').unwrap().1;
        let (expires, signature) = query.split_once('&').unwrap();
        (expires.strip_prefix("expires=").unwrap().into(), signature.strip_prefix("signature=").unwrap().into())
    }

    #[test]
    fn link_allows_only_the_object_and_time_it_was_signed_for() {
        let (links, id) = (links(), FileId::new());
        let (expires, signature) = parts(&links.original(&id, "a.jpg"));
        let allows = |links: &Links, published, id: &FileId, expires: &str, signature: &str| {
            links.remaining(Timestamp::now(), published, id, expires, signature).is_some()
        };
        assert!(allows(&links, Published::Original, &id, &expires, &signature));
        assert!(!allows(&links, Published::Thumbnail, &id, &expires, &signature));
        assert!(!allows(&links, Published::Original, &FileId::new(), &expires, &signature));
        for changed in ["", "0", "+1", "99999999999", " ", "x", &format!("0{expires}"), &format!("+{expires}")] {
            assert!(!allows(&links, Published::Original, &id, changed, &signature), "{changed}");
        }
        for changed in ["", "AAAA", "ä", &signature[1..], &format!("{signature}A"), &format!("{signature}=")] {
            assert!(!allows(&links, Published::Original, &id, &expires, changed), "{changed}");
        }
        let other = Links::new(NEXT_KEY).unwrap();
        assert!(!allows(&other, Published::Original, &id, &expires, &signature));
    }

    #[test]
    fn link_stays_the_same_for_six_hours_and_is_valid_for_at_most_twelve() {
        let (links, id) = (links(), FileId::new());
        let query_at = |seconds: i64| links.signed_query(Published::Thumbnail, &id, at(seconds));
        assert_eq!(query_at(10 * WINDOW), query_at(11 * WINDOW - 1));
        assert_ne!(query_at(10 * WINDOW), query_at(11 * WINDOW));
        let (expires, signature) = parts(&format!("?{}", query_at(10 * WINDOW)));
        let remaining = |now: Timestamp| links.remaining(now, Published::Thumbnail, &id, &expires, &signature);
        assert_eq!(remaining(at(10 * WINDOW)), Some(Duration::from_hours(12)));
        assert_eq!(remaining(at(11 * WINDOW)), Some(Duration::from_hours(6)));
        assert_eq!(remaining(at(12 * WINDOW - 1)), Some(Duration::from_secs(1)));
        assert_eq!(remaining(Timestamp::from_millis(12 * WINDOW * 1_000 - 1)), Some(Duration::from_secs(1)));
        assert_eq!(remaining(at(12 * WINDOW)), None);
        assert_eq!(remaining(at(i64::MAX / 1_000)), None);
    }

    #[test]
    fn link_of_the_second_key_is_accepted_and_one_of_an_older_key_is_not() {
        const LAST_KEY: &str = "00112233445566778899aabbccddeeff";
        let id = FileId::new();
        let rotated = Links::new(LAST_KEY).unwrap().accepting(Some(NEXT_KEY)).unwrap();
        for (signer, accepted) in [(LAST_KEY, true), (NEXT_KEY, true), (KEY, false)] {
            let (expires, signature) = parts(&Links::new(signer).unwrap().thumbnail(&id));
            let remaining = rotated.remaining(Timestamp::now(), Published::Thumbnail, &id, &expires, &signature);
            assert_eq!(remaining.is_some(), accepted, "{signer}");
        }
        let (now, last) = (Timestamp::now(), Links::new(LAST_KEY).unwrap());
        let query = rotated.signed_query(Published::Original, &id, now);
        assert_eq!(query, last.signed_query(Published::Original, &id, now), "links are signed with the first key");
    }

    #[test]
    fn file_name_becomes_one_escaped_path_segment() {
        let url = links().original(&FileId::parse("file_1").unwrap(), "a b/c?d#e%f&g+ü\"🏡.jpg");
        let name = "a%20b%2Fc%3Fd%23e%25f%26g%2B%C3%BC%22%F0%9F%8F%A1.jpg";
        assert!(url.starts_with(&format!("/files/file_1/{name}?expires=")), "{url}");
    }

    #[test]
    fn short_or_unresolved_key_is_refused() {
        for key in ["", "short", "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:key}}"] {
            assert_eq!(Links::new(key).err(), Some(BadLinkKey));
            assert_eq!(links().accepting(Some(key)).err(), Some(BadLinkKey));
        }
        assert!(links().accepting(None).is_ok());
    }
}
