use reqwest::Url;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};

use crate::api::{Reply, api_url, fetch, http};
use crate::shape::percent_decoded;

/// A file or thumbnail downloaded from S3.
#[derive(Debug)]
pub struct Served {
    /// Value of the `Content-Type` header.
    pub content_type: String,
    /// Parsed `Content-Disposition` header.
    pub disposition: Disposition,
    /// Bytes of the file or thumbnail.
    pub bytes: Vec<u8>,
}

/// Requests a file's `url` or `thumbUrl` without a token, as an `<img>` element does. Returns the redirect instead of
/// following it.
pub async fn get_link(link: &str) -> Reply {
    fetch(http().get(api_url(link, &[]))).await
}

/// Returns the S3 URL to which a file's `url` or `thumbUrl` redirects.
pub async fn redirect_target(link: &str) -> Url {
    let reply = get_link(link).await;
    assert_eq!(reply.status, 302, "{reply}");
    assert_eq!(reply.header("cache-control"), Some("private, max-age=600"), "{reply}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply}");
    let location = reply.header(LOCATION.as_str()).unwrap_or_else(|| panic!("the redirect has no Location: {reply}"));
    Url::parse(location).unwrap_or_else(|error| panic!("Location is not a URL: {error}: {reply}"))
}

/// Downloads the file or thumbnail behind a `url` or `thumbUrl`, following the redirect.
pub async fn download(link: &str) -> Served {
    let location = redirect_target(link).await;
    let reply = match http().get(location.clone()).send().await {
        Ok(reply) => reply,
        Err(error) => panic!("GET {location}: no response: {error:?}"),
    };
    assert_eq!(reply.status().as_u16(), 200, "GET {location}: {:?}", reply.headers());
    let header = |name| {
        let value = reply.headers().get(&name).and_then(|value| value.to_str().ok());
        value
            .unwrap_or_else(|| panic!("GET {location}: {name} is missing or not text: {:?}", reply.headers()))
            .to_owned()
    };
    let (content_type, disposition) = (header(CONTENT_TYPE), header(CONTENT_DISPOSITION));
    let bytes = match reply.bytes().await {
        Ok(bytes) => bytes.to_vec(),
        Err(error) => panic!("GET {location}: reading the body failed: {error:?}"),
    };
    Served { content_type, disposition: Disposition::parse(&disposition), bytes }
}

/// A parsed `Content-Disposition` header (RFC 6266).
#[derive(Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Disposition type, such as `inline` or `attachment`, in lower case.
    pub kind: String,
    /// The file name that a browser uses: `filename*` if present, otherwise `filename`.
    pub name: Option<String>,
}

impl Disposition {
    /// Parses a `Content-Disposition` value. Panics if it does not follow RFC 6266 and RFC 8187.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let (kind, mut rest) = value.split_once(';').map_or((value, None), |(kind, rest)| (kind, Some(rest)));
        assert!(!kind.is_empty() && kind.bytes().all(is_token), "the disposition type is not a token: {value}");
        let (mut plain, mut extended) = (None, None);
        while let Some(parameter) = rest {
            let (key, after) = parameter.split_once('=').unwrap_or_else(|| panic!("a parameter has no `=`: {value}"));
            let (text, after) = read_value(after).unwrap_or_else(|| panic!("the value of {key} is malformed: {value}"));
            rest = match after.trim_start() {
                "" => None,
                more => Some(more.strip_prefix(';').unwrap_or_else(|| panic!("unexpected text after {key}: {value}"))),
            };
            let place = match key.trim() {
                "filename" => &mut plain,
                "filename*" => &mut extended,
                _ => panic!("unexpected parameter: {value}"),
            };
            assert!(place.replace(text).is_none(), "{key} occurs twice: {value}");
        }
        let extended = extended.map(|text| {
            let encoded = text.strip_prefix("UTF-8''").unwrap_or_else(|| panic!("filename* is not UTF-8: {value}"));
            assert!(
                encoded.bytes().all(|byte| byte == b'%' || is_attr_char(byte)),
                "filename* does not follow RFC 8187: {value}"
            );
            percent_decoded(encoded)
        });
        Self { kind: kind.to_ascii_lowercase(), name: extended.or(plain) }
    }
}

/// Reads a header parameter's value, which is a token or a quoted string. Returns the value and the text after it, or
/// `None` if the value is malformed.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ']).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (!token.is_empty() && token.bytes().all(is_token)).then(|| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((index, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[index + 1..])),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(char),
        }
    }
    None
}

/// Whether RFC 9110, section 5.6.2, allows this byte in a token.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether RFC 8187, section 3.2.1, allows this byte unescaped in an extended value.
fn is_attr_char(byte: u8) -> bool {
    is_token(byte) && !b"*'%".contains(&byte)
}
