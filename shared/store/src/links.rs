use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{FileId, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

/// Seconds for which a file keeps its URL, so that browsers can cache what it leads to. A URL is good for at least so
/// long and at most twice.
const WINDOW: i64 = 6 * 60 * 60;

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The key of the links is too short to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("LINK_KEY: has to be a secret of at least 32 characters")]
pub struct BadLinkKey;

/// What is published of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Its bytes, at `/files/{fileId}/{name}`.
    Original,
    /// Its thumbnail, at `/thumbs/{fileId}.jpg`.
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

/// Makes and checks the URLs of files. Each carries a capability: whoever has the URL may fetch the file, for some
/// hours, as `<img src>` needs it.
pub struct Links {
    key: hmac::Key,
}

impl Links {
    /// Links signed with HMAC-SHA256 and this key: the same for all functions, and nobody else's.
    pub fn new(key: &str) -> Result<Self, BadLinkKey> {
        // What a template's dynamic reference looks like where nothing has resolved it: everybody knows that.
        if key.len() < 32 || key.starts_with("{{") {
            return Err(BadLinkKey);
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()) })
    }

    /// Where to fetch a file, relative to the API's base URL. The name is there for people; the capability is for the
    /// file whatever it is called.
    pub(crate) fn original(&self, id: &FileId, name: &str) -> String {
        let name = utf8_percent_encode(name, RESERVED);
        format!("/files/{id}/{name}?{}", self.capability(Published::Original, id, Timestamp::now()))
    }

    /// Where to fetch its thumbnail.
    pub(crate) fn thumbnail(&self, id: &FileId) -> String {
        format!("/thumbs/{id}.jpg?{}", self.capability(Published::Thumbnail, id, Timestamp::now()))
    }

    fn capability(&self, published: Published, id: &FileId, now: Timestamp) -> String {
        let expires = (now.seconds().div_euclid(WINDOW) + 2) * WINDOW;
        let signature = hmac::sign(&self.key, signed(published, id, &expires.to_string()).as_bytes());
        format!("expires={expires}&signature={}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether the `expires` and `signature` of a URL allow to fetch this now.
    #[must_use]
    pub fn allow(&self, published: Published, id: &FileId, expires: &str, signature: &str) -> bool {
        self.allow_at(Timestamp::now(), published, id, expires, signature)
    }

    fn allow_at(&self, now: Timestamp, published: Published, id: &FileId, expires: &str, signature: &str) -> bool {
        let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
        let ours = hmac::verify(&self.key, signed(published, id, expires).as_bytes(), &signature).is_ok();
        ours && expires.parse().is_ok_and(|expires: i64| now.seconds() < expires)
    }
}

/// What the signature is made of. An id has no slash, so no two of these are alike.
fn signed(published: Published, id: &FileId, expires: &str) -> String {
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
    fn a_link_opens_what_it_was_made_for_and_nothing_else() {
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
    fn a_link_stays_the_same_for_its_window_and_ends() {
        let (links, id) = (links(), FileId::new());
        let capability =
            |seconds: i64| links.capability(Published::Thumbnail, &id, Timestamp::from_millis(seconds * 1_000));
        assert_eq!(capability(10 * WINDOW), capability(11 * WINDOW - 1));
        assert_ne!(capability(10 * WINDOW), capability(11 * WINDOW));
        let (expires, signature) = parts(&format!("?{}", capability(10 * WINDOW)));
        let allowed = |seconds: i64| {
            let now = Timestamp::from_millis(seconds * 1_000);
            links.allow_at(now, Published::Thumbnail, &id, &expires, &signature)
        };
        assert!(allowed(10 * WINDOW) && allowed(12 * WINDOW - 1));
        assert!(!allowed(12 * WINDOW));
    }

    #[test]
    fn any_name_makes_one_segment_of_a_url() {
        let url = links().original(&FileId::parse("file_1").unwrap(), "a b/c?d#e%f&g+ü\"🏡.jpg");
        let name = "a%20b%2Fc%3Fd%23e%25f%26g%2B%C3%BC%22%F0%9F%8F%A1.jpg";
        assert!(url.starts_with(&format!("/files/file_1/{name}?expires=")), "{url}");
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for key in ["", "short", "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:1:secret:key}}"] {
            assert_eq!(Links::new(key).err(), Some(BadLinkKey));
        }
    }
}
