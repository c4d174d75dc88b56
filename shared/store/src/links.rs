use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{FileId, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

/// Seconds for which a file's URL stays the same, so that browsers can cache it. A URL is valid for at least this time
/// and at most twice as long.
const WINDOW: i64 = 6 * 60 * 60;

/// Characters that are percent-encoded in a link: all except the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The secret for signing links is too short, or the deployment did not resolve the reference to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("LINK_KEY is shorter than 32 bytes, or an unresolved reference to a secret")]
pub struct BadLinkKey;

/// One of the two published objects of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The uploaded bytes, at `/files/{fileId}/{name}`.
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

/// Makes and checks links to files. A link grants access by itself: everyone who has the URL may fetch the file for
/// some hours. `<img src>` needs this, because it cannot send a token.
pub struct Links {
    key: hmac::Key,
}

impl Links {
    /// Returns a signer of links, which uses HMAC-SHA256. All functions of a deployment share the secret `key`. Returns
    /// [`BadLinkKey`] if `key` is shorter than 32 bytes or is an unresolved reference to a secret.
    pub fn new(key: &str) -> Result<Self, BadLinkKey> {
        // In the template, the key is a reference of the form `{{resolve:…}}`. If it was not resolved, its text is not
        // secret.
        if key.len() < 32 || key.starts_with("{{") {
            return Err(BadLinkKey);
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) })
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

    /// Returns whether the `expires` and `signature` parameters of a URL allow fetching the given object now.
    #[must_use]
    pub fn allow(&self, published: Published, id: &FileId, expires: &str, signature: &str) -> bool {
        self.allow_at(Timestamp::now(), published, id, expires, signature)
    }

    fn allow_at(&self, now: Timestamp, published: Published, id: &FileId, expires: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
        let valid = hmac::verify(&self.key, signed_text(published, id, expires).as_bytes(), &signature).is_ok();
        valid && expires.parse().is_ok_and(|expires: i64| now.seconds() < expires)
    }
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

    fn links() -> Links {
        Links::new(KEY).unwrap()
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
        assert!(links.allow(Published::Original, &id, &expires, &signature));
        assert!(!links.allow(Published::Thumbnail, &id, &expires, &signature));
        assert!(!links.allow(Published::Original, &FileId::new(), &expires, &signature));
        for changed in ["", "0", "+1", "99999999999", " ", "x", &format!("0{expires}"), &format!("+{expires}")] {
            assert!(!links.allow(Published::Original, &id, changed, &signature), "{changed}");
        }
        for changed in ["", "AAAA", "ä", &signature[1..], &format!("{signature}A"), &format!("{signature}=")] {
            assert!(!links.allow(Published::Original, &id, &expires, changed), "{changed}");
        }
        let other = Links::new(&KEY.replace('0', "1")).unwrap();
        assert!(!other.allow(Published::Original, &id, &expires, &signature));
    }

    #[test]
    fn link_stays_the_same_for_six_hours_and_expires() {
        let (links, id) = (links(), FileId::new());
        let query_at =
            |seconds: i64| links.signed_query(Published::Thumbnail, &id, Timestamp::from_millis(seconds * 1_000));
        assert_eq!(query_at(10 * WINDOW), query_at(11 * WINDOW - 1));
        assert_ne!(query_at(10 * WINDOW), query_at(11 * WINDOW));
        let (expires, signature) = parts(&format!("?{}", query_at(10 * WINDOW)));
        let allowed = |seconds: i64| {
            let now = Timestamp::from_millis(seconds * 1_000);
            links.allow_at(now, Published::Thumbnail, &id, &expires, &signature)
        };
        assert!(allowed(10 * WINDOW) && allowed(12 * WINDOW - 1));
        assert!(!allowed(12 * WINDOW));
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
        }
    }
}
