//! Client of files-decode, the only function that parses the bytes of uploads.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_types::SdkConfig;
use contract::{FileId, ImageSize};
use serde::{Deserialize, Serialize};

use crate::{Error, keys};

/// The time limit of one invocation. It is longer than the timeout of files-decode (60 s), so that Lambda reports the
/// timeout, and leaves time for a cold start.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(70);

/// The time limit of all attempts together. It is shorter than the timeout of files-process (120 s).
const TIMEOUT: Duration = Duration::from_secs(100);

/// Maximum length of the reason in [`Decoded::Refused`], in bytes.
pub const MAX_REASON: usize = 300;

/// Maximum width and height of an image in [`Decoded::Published`], in pixels. files-decode refuses larger images.
pub const MAX_SIDE: u32 = 16_384;

/// Request to files-decode: inspect the upload of a file and publish it.
///
/// As JSON: `{"fileId":"file_…","size":12345,"mimetype":"image/jpeg","name":"photo.jpg"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecodeRequest {
    /// The file, whose upload is under `uploads/`.
    pub file_id: FileId,
    /// Size in bytes, as the owner declared it.
    pub size: u64,
    /// Media type, as the owner declared it.
    pub mimetype: String,
    /// Name of the file, for the `Content-Disposition` header of the published object.
    pub name: String,
}

/// Answer of files-decode.
///
/// As JSON, for example:
/// `{"result":"published","original":"files/…","thumbnail":"thumbs/…","size":{"width":4032,"height":3024}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum Decoded {
    /// The file is published under these object keys.
    Published {
        /// Object key of the published file.
        original: String,
        /// Object key of the thumbnail, if the file is an image.
        thumbnail: Option<String>,
        /// Size of the image as displayed, 1 to [`MAX_SIDE`] pixels along each side. `None` if the file is not an
        /// image, or if an older version of files-decode answered, which did not measure images. This may happen during
        /// a deployment.
        #[serde(default)]
        size: Option<ImageSize>,
    },
    /// The file cannot be published.
    Refused {
        /// The reason, for a person to read. At most [`MAX_REASON`] bytes, without control characters.
        reason: String,
    },
    /// The client has not uploaded the file.
    Missing,
    /// S3 did not answer. The same request may succeed shortly.
    Unavailable,
}

/// Why [`Decoder::decode`] cannot return an answer of files-decode.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// files-decode could not be invoked. The upload is not the reason, because no function has read it.
    #[error(transparent)]
    NotInvoked(#[from] Error),
    /// files-decode crashed, exceeded its memory or timeout, or gave an invalid answer. The upload may be the reason.
    #[error("files-decode failed: {0}")]
    Faulty(String),
}

/// Client of files-decode. A function creates one and keeps it between invocations. It needs the permission
/// `lambda:InvokeFunction`.
#[derive(Debug, Clone)]
pub struct Decoder {
    client: Client,
    function: String,
}

impl Decoder {
    /// Creates a client of the function with the given name.
    #[must_use]
    pub fn new(config: &SdkConfig, function: String) -> Self {
        let timeouts =
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(TIMEOUT).build();
        // Lambda refuses an invocation with 429 while all of the account's concurrency is in use, for example when
        // somebody uploads a whole album. These retries wait for about half a minute.
        let retries = RetryConfig::standard().with_max_attempts(7).with_initial_backoff(Duration::from_millis(500));
        let config = Builder::from(config).timeout_config(timeouts).retry_config(retries).build();
        Self { client: Client::from_conf(config), function }
    }

    /// Invokes files-decode and waits for its answer. The answer is untrusted, because files-decode handles hostile
    /// bytes: the object keys in it are checked to be keys of this file. Idempotent.
    pub async fn decode(&self, request: &DecodeRequest) -> Result<Decoded, DecodeError> {
        let payload = Blob::new(serde_json::to_vec(request).map_err(Error::refused)?);
        let invoke = self.client.invoke().function_name(&self.function).payload(payload);
        let answer = invoke.send().await.map_err(Error::from)?;
        if let Some(kind) = answer.function_error {
            return Err(DecodeError::Faulty(kind));
        }
        let payload = answer.payload.unwrap_or_default();
        check(&request.file_id, payload.as_ref()).map_err(DecodeError::Faulty)
    }
}

/// Parses and checks an answer of files-decode about the file `id`. The error never contains the answer.
fn check(id: &FileId, answer: &[u8]) -> Result<Decoded, String> {
    let decoded = serde_json::from_slice(answer).map_err(|_| "the answer is not a valid result".to_owned())?;
    let valid = match &decoded {
        Decoded::Published { original, thumbnail, size } => {
            keys::is_file(id, original)
                && thumbnail.as_ref().is_none_or(|key| keys::is_thumbnail(id, key))
                && size.is_none_or(|size| thumbnail.is_some() && is_image_size(size))
        }
        Decoded::Refused { reason } => {
            !reason.is_empty() && reason.len() <= MAX_REASON && !reason.chars().any(char::is_control)
        }
        Decoded::Missing | Decoded::Unavailable => true,
    };
    if valid { Ok(decoded) } else { Err("the answer has invalid keys, or an invalid size or reason".to_owned()) }
}

fn is_image_size(ImageSize { width, height }: ImageSize) -> bool {
    [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(answer: &serde_json::Value) -> Result<Decoded, String> {
        check(&FileId::parse("file_1").unwrap(), answer.to_string().as_bytes())
    }

    #[test]
    fn valid_answers_are_accepted() {
        let hash = "0123456789abcdef".repeat(4);
        let original = format!("files/file_1/{hash}");
        let thumbnail = Some(format!("thumbs/file_1/{hash}.jpg"));
        let size = ImageSize { width: 1, height: MAX_SIDE };
        for (thumbnail, size) in [(None, None), (thumbnail.clone(), None), (thumbnail, Some(size))] {
            let expected = Decoded::Published { original: original.clone(), thumbnail: thumbnail.clone(), size };
            let mut published = json!({"result": "published", "original": original, "thumbnail": thumbnail});
            if let Some(ImageSize { width, height }) = size {
                published["size"] = json!({"width": width, "height": height});
            }
            assert_eq!(answer(&published), Ok(expected.clone()));
            assert_eq!(answer(&serde_json::to_value(&expected).unwrap()), Ok(expected));
        }
        assert_eq!(answer(&json!({"result": "missing"})), Ok(Decoded::Missing));
        assert_eq!(answer(&json!({"result": "unavailable"})), Ok(Decoded::Unavailable));
        let reason = "The image is too large.".to_owned();
        assert_eq!(answer(&json!({"result": "refused", "reason": reason})), Ok(Decoded::Refused { reason }));
    }

    #[test]
    fn answers_with_keys_of_other_objects_are_refused() {
        let hash = "0123456789abcdef".repeat(4);
        let own = format!("files/file_1/{hash}");
        for original in [
            format!("files/file_2/{hash}"),
            format!("files/file_1/../file_2/{hash}"),
            format!("files/file_1/{hash}0"),
            format!("files/file_1/{}", hash.to_uppercase()),
            format!("files/file_1//{hash}"),
            format!("thumbs/file_1/{hash}"),
            format!("/{own}"),
            format!("{own}\n"),
            "uploads/file_1".into(),
            "files/file_1/".into(),
            String::new(),
        ] {
            let published = json!({"result": "published", "original": original, "thumbnail": null});
            assert!(answer(&published).is_err(), "{original}");
        }
        for thumbnail in [format!("thumbs/file_2/{hash}.jpg"), format!("thumbs/file_1/{hash}"), own.clone()] {
            let published = json!({"result": "published", "original": own, "thumbnail": thumbnail});
            assert!(answer(&published).is_err(), "{thumbnail}");
        }
    }

    #[test]
    fn answers_with_impossible_sizes_are_refused() {
        let hash = "0123456789abcdef".repeat(4);
        let (original, thumbnail) = (format!("files/file_1/{hash}"), format!("thumbs/file_1/{hash}.jpg"));
        for (width, height) in [
            (json!(0), json!(1)),
            (json!(1), json!(0)),
            (json!(MAX_SIDE + 1), json!(1)),
            (json!(1), json!(u64::MAX)),
            (json!(-1), json!(1)),
            (json!(1.5), json!(1)),
            (json!("1"), json!(1)),
            (json!(1), json!(null)),
        ] {
            let size = json!({"width": width, "height": height});
            let published = json!({"result": "published", "original": original, "thumbnail": thumbnail, "size": size});
            assert!(answer(&published).is_err(), "{size}");
        }
        let size = json!({"width": 1, "height": 1});
        let without_thumbnail = json!({"result": "published", "original": original, "thumbnail": null, "size": size});
        assert!(answer(&without_thumbnail).is_err());
    }

    #[test]
    fn malformed_answers_are_refused() {
        for malformed in [
            json!(null),
            json!("published"),
            json!([]),
            json!({}),
            json!({"result": "ready"}),
            json!({"result": "published"}),
            json!({"result": "published", "original": 1}),
            json!({"result": "refused"}),
            json!({"result": "refused", "reason": ""}),
            json!({"result": "refused", "reason": "a\u{7}b"}),
            json!({"result": "refused", "reason": "x".repeat(MAX_REASON + 1)}),
            json!({"errorType": "Error", "errorMessage": "boom"}),
        ] {
            assert!(answer(&malformed).is_err(), "{malformed}");
        }
        for bytes in [&b""[..], b"\xff", b"{", b"{\"result\":\"missing\"} trailing"] {
            assert!(check(&FileId::parse("file_1").unwrap(), bytes).is_err());
        }
    }

    #[test]
    fn request_is_a_json_object() {
        let text = r#"{"fileId":"file_1","size":2,"mimetype":"image/png","name":"a.png"}"#;
        let request: DecodeRequest = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }
}
