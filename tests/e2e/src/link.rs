use reqwest::Url;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};

use crate::api::{Reply, api_url, fetch, http};
use crate::shape::percent_decoded;

/// What the storage serves of a file.
#[derive(Debug)]
pub struct Served {
    /// The media type.
    pub content_type: String,
    /// What a browser does with it, and under which name.
    pub disposition: Disposition,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// GET of a file's `url` or `thumbUrl`, without a token, as `<img>` does it; the redirect is not followed.
pub async fn open(link: &str) -> Reply {
    fetch(http().get(api_url(link, &[]))).await
}

/// Where the redirect of a `url` or `thumbUrl` leads.
pub async fn follow(link: &str) -> Url {
    let reply = open(link).await;
    assert_eq!(reply.status, 302, "{reply}");
    assert_eq!(reply.header("cache-control"), Some("private, max-age=3000"), "{reply}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{reply}");
    let location = reply.header(LOCATION.as_str()).unwrap_or_else(|| panic!("no Location: {reply}"));
    Url::parse(location).unwrap_or_else(|error| panic!("not a URL: {error}: {reply}"))
}

/// What a `url` or `thumbUrl` shows in the end.
pub async fn view(link: &str) -> Served {
    let location = follow(link).await;
    let reply = match http().get(location.clone()).send().await {
        Ok(reply) => reply,
        Err(error) => panic!("GET {location}: no answer: {error:?}"),
    };
    assert_eq!(reply.status().as_u16(), 200, "GET {location}: {:?}", reply.headers());
    let header = |name| {
        let value = reply.headers().get(&name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("GET {location}: no readable {name}: {:?}", reply.headers())).to_owned()
    };
    let (content_type, disposition) = (header(CONTENT_TYPE), header(CONTENT_DISPOSITION));
    let bytes = match reply.bytes().await {
        Ok(bytes) => bytes.to_vec(),
        Err(error) => panic!("GET {location}: the body broke off: {error:?}"),
    };
    Served { content_type, disposition: Disposition::parse(&disposition), bytes }
}

/// A `Content-Disposition`: RFC 6266.
#[derive(Debug, PartialEq, Eq)]
pub struct Disposition {
    /// `inline` or `attachment`.
    pub kind: String,
    /// The file's name, as a browser takes it.
    pub name: Option<String>,
}

impl Disposition {
    /// Reads the header's value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let (kind, mut rest) = value.split_once(';').map_or((value, None), |(kind, rest)| (kind, Some(rest)));
        assert!(!kind.is_empty() && kind.bytes().all(is_token), "not a disposition: {value}");
        let (mut plain, mut extended) = (None, None);
        while let Some(parameter) = rest {
            let (key, after) = parameter.split_once('=').unwrap_or_else(|| panic!("no parameter: {value}"));
            let (text, after) = read_value(after).unwrap_or_else(|| panic!("{key} is not sound: {value}"));
            rest = match after.trim_start() {
                "" => None,
                more => Some(more.strip_prefix(';').unwrap_or_else(|| panic!("more than {key}: {value}"))),
            };
            let place = match key.trim() {
                "filename" => &mut plain,
                "filename*" => &mut extended,
                _ => panic!("a parameter that nobody expects: {value}"),
            };
            assert!(place.replace(text).is_none(), "{key} twice: {value}");
        }
        let extended = extended.map(|text| {
            let encoded = text.strip_prefix("UTF-8''").unwrap_or_else(|| panic!("not in UTF-8: {value}"));
            assert!(encoded.bytes().all(|byte| byte == b'%' || is_attr_char(byte)), "not RFC 8187: {value}");
            percent_decoded(encoded)
        });
        Self { kind: kind.to_ascii_lowercase(), name: extended.or(plain) }
    }
}

/// A token or a quoted string, and what follows it.
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

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 8187, section 3.2.1.
fn is_attr_char(byte: u8) -> bool {
    is_token(byte) && !b"*'%".contains(&byte)
}
