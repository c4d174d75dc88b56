use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FileId, Problem, Timestamp, fields::Fields, limits};

/// Request body of `POST /api/files`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateFile {
    /// The file's name: 1 to [`limits::FILE_NAME_CHARS`] characters, without a path and without control characters.
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
    /// The file's media type, such as `image/jpeg`. It may have parameters, as in `text/plain; charset=utf-8`.
    #[cfg_attr(
        feature = "schema",
        schemars(
            length(max = limits::MEDIA_TYPE_CHARS),
            regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;([ -~]*[!-~])?)?$")
        )
    )]
    pub mimetype: String,
    /// The file's size in bytes: 1 to [`limits::FILE_BYTES`], unless the deployment sets another limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = limits::FILE_BYTES)))]
    pub size: u64,
}

impl CreateFile {
    /// Parses a request body. `max_size` is the deployment's maximum size of a file, in bytes.
    ///
    /// Fails with a problem that names every invalid field.
    pub fn parse(body: &[u8], max_size: u64) -> Result<Self, Problem> {
        let mut fields = Fields::parse(body)?;
        let name = fields.required_string("filename", limits::FILE_NAME_CHARS);
        if let Some(message) = name.as_deref().and_then(file_name_error) {
            fields.refuse("filename", message);
        }
        let mimetype = fields.required_string("mimetype", limits::MEDIA_TYPE_CHARS);
        if mimetype.as_deref().is_some_and(|text| !is_media_type(text)) {
            fields.refuse("mimetype", "must be a media type such as image/jpeg");
        }
        let size = fields.whole_number("size", 1..=max_size);
        fields.finish(Self {
            name: name.unwrap_or_default(),
            mimetype: mimetype.unwrap_or_default(),
            size: size.unwrap_or_default(),
        })
    }
}

/// Returns what is wrong with a file name, or `None` if it is valid.
fn file_name_error(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() || name == "." || name == ".." {
        Some("must be the name of a file")
    } else if name.contains(['/', '\\']) {
        Some("must be a name without a path")
    } else if name.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else {
        None
    }
}

/// Returns whether `text` is a media type (RFC 6838, section 4.2) that is valid as the value of a header. Its
/// parameters may be any visible ASCII characters and spaces; their syntax is not checked.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    let names = essence.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype));
    // HTTP clients trim a trailing space from `content-type`. The signature of the upload URL covers this header, so S3
    // would refuse the upload.
    names && !text.ends_with(' ') && parameters.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// State of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileStatus {
    /// The file is not uploaded yet, or its upload is not inspected yet.
    Pending,
    /// The upload was inspected, and the file can be downloaded. This state is final.
    Ready,
    /// The inspection refused the upload, or nothing was uploaded in time. This state is final.
    Failed,
}

/// Response body of `POST /api/files`: how to upload the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// Signed URL to send the file's bytes to. It accepts only the media type and size that the request declared.
    #[cfg_attr(feature = "schema", schemars(url))]
    pub upload_url: String,
    /// The HTTP method of the upload: `PUT`.
    #[cfg_attr(feature = "schema", schemars(extend("const" = "PUT")))]
    pub method: &'static str,
    /// Headers that the upload must have: `content-type` with the media type that the request declared.
    pub headers: BTreeMap<String, String>,
    /// When `uploadUrl` expires. The upload must start before this time.
    pub expires_at: Timestamp,
    /// The new file, which waits for its upload.
    pub file: NewFile,
}

/// A new file, before its upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewFile {
    /// ID of the file.
    pub id: FileId,
    /// The file's name.
    pub name: String,
    /// State of the file, always `pending`.
    pub status: FileStatus,
}

/// Width and height of an image as displayed, in pixels: after it was turned upright by its EXIF orientation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
}

/// Response body of `GET /api/files/{fileId}/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileDetails {
    /// ID of the file.
    pub id: FileId,
    /// The file's name.
    pub name: String,
    /// State of the file.
    pub status: FileStatus,
    /// Link to the file's thumbnail, relative to the API's base URL; null if the file has no thumbnail.
    pub thumb_url: Option<String>,
    /// Width of the image as displayed, in pixels. Missing unless the file is a ready image. Also missing if the image
    /// became ready in an older version of the server, which did not measure images.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub width: Option<u32>,
    /// Height of the image as displayed, in pixels. Missing if `width` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub height: Option<u32>,
    /// Link to the file, relative to the API's base URL. Missing unless the file is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why the file failed, as a text for people. Missing unless the file has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A file in a message, with its current state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// ID of the file.
    pub id: FileId,
    /// The file's name, without a path.
    pub name: String,
    /// Link to the file, relative to the API's base URL. It works once the file is ready.
    pub url: String,
    /// The media type that the file's owner declared.
    pub mimetype: String,
    /// Size of the upload in bytes, as the file's owner declared it. The file may be shorter if it is an image, because
    /// its private metadata were removed.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub size: u64,
    /// State of the file.
    pub status: FileStatus,
    /// Link to the file's thumbnail, relative to the API's base URL. Missing if the file has no thumbnail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumb_url: Option<String>,
    /// Width of the image as displayed, in pixels. Missing unless the file is a ready image. Also missing if the image
    /// became ready in an older version of the server, which did not measure images.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub width: Option<u32>,
    /// Height of the image as displayed, in pixels. Missing if `width` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub height: Option<u32>,
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
    fn valid_request_is_parsed_and_unknown_fields_are_ignored() {
        let request = json!({"filename": "photo.jpg", "mimetype": "image/jpeg", "size": 1_000, "x": 1});
        let expected = CreateFile { name: "photo.jpg".into(), mimetype: "image/jpeg".into(), size: 1_000 };
        assert_eq!(parse(&request), Ok(expected));
    }

    #[test]
    fn error_names_every_invalid_field() {
        assert_eq!(parse(&json!({})).unwrap_err(), ["filename", "mimetype", "size"]);
        let wrong = json!({"filename": 7, "mimetype": null, "size": "12"});
        assert_eq!(parse(&wrong).unwrap_err(), ["filename", "mimetype", "size"]);
    }

    #[test]
    fn names_must_not_have_a_path_or_control_characters() {
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
    fn media_types_must_be_valid_header_values() {
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
    fn sizes_must_be_whole_and_within_the_limit() {
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
