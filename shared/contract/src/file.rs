use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FileId, Problem, Timestamp, fields::Fields, limits};

/// `POST /api/files`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateFile {
    /// 1 to [`limits::FILE_NAME_CHARS`] characters, without a path or control characters.
    #[cfg_attr(
        feature = "schema",
        schemars(
            rename = "filename",
            length(min = 1, max = limits::FILE_NAME_CHARS),
            regex(pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*[^/\\\s\u0000-\u001f\u007f-\u009f][^/\\\u0000-\u001f\u007f-\u009f]*$"),
            extend("not" = { "enum": [".", ".."] })
        )
    )]
    pub name: String,
    /// The media type as the client gives it: `type/subtype`, perhaps with parameters.
    #[cfg_attr(
        feature = "schema",
        schemars(
            length(max = limits::MEDIA_TYPE_CHARS),
            regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;([ -~]*[!-~])?)?$")
        )
    )]
    pub mimetype: String,
    /// Bytes: 1 to [`limits::FILE_BYTES`], unless the deployment sets another limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = limits::FILE_BYTES)))]
    pub size: u64,
}

impl CreateFile {
    /// Reads a request body; `max_size` is the deployment's limit, in bytes.
    pub fn parse(body: &[u8], max_size: u64) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let name = fields.required_string("filename", limits::FILE_NAME_CHARS);
        if let Some(what) = name.as_deref().and_then(wrong_name) {
            fields.refuse("filename", what);
        }
        let mimetype = fields.required_string("mimetype", limits::MEDIA_TYPE_CHARS);
        if mimetype.as_deref().is_some_and(|text| !is_media_type(text)) {
            fields.refuse("mimetype", "has to be a media type such as image/jpeg");
        }
        let size = fields.whole_number("size", 1..=max_size);
        fields.finish(Self {
            name: name.unwrap_or_default(),
            mimetype: mimetype.unwrap_or_default(),
            size: size.unwrap_or_default(),
        })
    }
}

/// What is wrong with the name of a file, if anything.
fn wrong_name(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() || name == "." || name == ".." {
        Some("has to be the name of a file")
    } else if name.contains(['/', '\\']) {
        Some("has to be a name without a path")
    } else if name.chars().any(char::is_control) {
        Some("has control characters")
    } else {
        None
    }
}

/// Whether `text` is a media type: RFC 6838, section 4.2, with whatever parameters in visible ASCII. It becomes the
/// value of a header.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    let names = essence.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype));
    // A space at the end would not reach the server that checks the signature.
    names && !text.ends_with(' ') && parameters.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileStatus {
    /// Not uploaded or not inspected yet.
    Pending,
    /// Can be fetched.
    Ready,
    /// Never will be.
    Failed,
}

/// The answer to `POST /api/files`: where the bytes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// Takes the bytes, of exactly the type and size that were announced.
    #[cfg_attr(feature = "schema", schemars(url))]
    pub upload_url: String,
    /// How: `PUT`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = "PUT")))]
    pub method: &'static str,
    /// The headers that the request has to carry: `content-type`, as it was announced.
    pub headers: BTreeMap<String, String>,
    /// Until when the request may begin.
    pub expires_at: Timestamp,
    /// The file.
    pub file: NewFile,
}

/// A file that waits for its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewFile {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Pending.
    pub status: FileStatus,
}

/// `GET /api/files/{fileId}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileDetails {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: FileStatus,
    /// Where to fetch its thumbnail, relative to the API's base URL; null when it has none.
    pub thumb_url: Option<String>,
    /// Where to fetch it once it is ready, relative to the API's base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it failed, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A file in a message, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// The file's id.
    pub id: FileId,
    /// Its name, without a path.
    pub name: String,
    /// Where to fetch it once it is ready, relative to the API's base URL.
    pub url: String,
    /// Its media type, as its owner gave it.
    pub mimetype: String,
    /// Bytes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub size: u64,
    /// Where it stands.
    pub status: FileStatus,
    /// Where to fetch its thumbnail, when it has one, relative to the API's base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_url: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(request: &Value) -> Result<CreateFile, Vec<String>> {
        CreateFile::parse(request.to_string().as_bytes(), 1_000)
            .map_err(|problem| problem.errors.into_iter().map(|error| error.field).collect())
    }

    #[test]
    fn a_file_is_announced_by_name_type_and_size() {
        let request = json!({"filename": "photo.jpg", "mimetype": "image/jpeg", "size": 1_000, "x": 1});
        let expected = CreateFile { name: "photo.jpg".into(), mimetype: "image/jpeg".into(), size: 1_000 };
        assert_eq!(parse(&request), Ok(expected));
    }

    #[test]
    fn every_offending_field_is_named() {
        assert_eq!(parse(&json!({})).unwrap_err(), ["filename", "mimetype", "size"]);
        let wrong = json!({"filename": 7, "mimetype": null, "size": "12"});
        assert_eq!(parse(&wrong).unwrap_err(), ["filename", "mimetype", "size"]);
    }

    #[test]
    fn names_have_no_path_and_nothing_hidden() {
        let name = |name: &str| parse(&json!({"filename": name, "mimetype": "a/b", "size": 1})).is_ok();
        let longest = "🏡".repeat(255);
        for good in ["a", "..a", "Ferien 2025 (1).jpg", "a\"b'c%20d+e#f?g&h", "صورة.png", longest.as_str()] {
            assert!(name(good), "{good}");
        }
        let too_long = "a".repeat(256);
        for bad in ["", " ", ".", "..", "a/b", "a\\b", "/", "a\nb", "\u{0}", "a\u{85}b", too_long.as_str()] {
            assert!(!name(bad), "{bad:?}");
        }
    }

    #[test]
    fn media_types_can_be_headers() {
        let media_type = |text: &str| parse(&json!({"filename": "a", "mimetype": text, "size": 1})).is_ok();
        for good in ["image/jpeg", "image/svg+xml", "text/plain; charset=utf-8", "application/vnd.a.b-c_d", "A/B"] {
            assert!(media_type(good), "{good}");
        }
        let too_long = format!("a/{}", "b".repeat(254));
        for bad in ["", "image", "image/", "/jpeg", "a/b/c", "a b/c", "a/b\r\nX: y", "a/ä", "a/b; ", too_long.as_str()]
        {
            assert!(!media_type(bad), "{bad:?}");
        }
    }

    #[test]
    fn sizes_are_whole_and_within_the_limit() {
        let size = |size: Value| parse(&json!({"filename": "a", "mimetype": "a/b", "size": size})).is_ok();
        for good in [json!(1), json!(1_000), json!(1.0), json!(1e3)] {
            assert!(size(good.clone()), "{good}");
        }
        for bad in
            [json!(0), json!(1_001), json!(-1), json!(1.5), json!("1"), json!(u64::MAX), json!(1e300), json!(-0.0)]
        {
            assert!(!size(bad.clone()), "{bad}");
        }
    }
}
