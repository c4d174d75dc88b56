//! Decodes an uploaded file: inspects its bytes, and publishes a copy and a thumbnail.
//!
//! The bytes come from strangers, and parts of the decoders are C code. So this function has no access to tables, keys
//! or sockets: its role may read `uploads/` and write `files/` and `thumbs/`, nothing else. files-process invokes
//! it, checks its answer and records the outcome.

use std::borrow::Cow;

use bytes::Bytes;
use contract::ImageSize;
use files::{Bucket, DecodeRequest, Decoded, Uploaded, content_disposition};
use media::{Inspected, Refusal};
use tracing::error;

/// Dependencies of [`handle`], built once for each instance of the function.
pub struct Deps {
    /// The S3 bucket, which stores uploads and published objects.
    pub bucket: Bucket,
    /// Whether images are published with their private metadata.
    pub keep_metadata: bool,
}

/// Inspects the upload and publishes it. A repeated call publishes the same objects again: their keys contain a hash of
/// their bytes.
pub async fn handle(deps: &Deps, request: &DecodeRequest) -> Decoded {
    inspect_and_publish(deps, request).await.unwrap_or_else(|error| {
        error!(file = %request.file_id, %error, "S3 failed; files-process will try again");
        Decoded::Unavailable
    })
}

async fn inspect_and_publish(deps: &Deps, request: &DecodeRequest) -> Result<Decoded, files::Error> {
    let bytes = match deps.bucket.read_upload(&request.file_id, request.size).await? {
        Uploaded::Bytes(bytes) => bytes,
        Uploaded::OtherSize => return Ok(refused("The uploaded file does not have the announced size.")),
        Uploaded::Missing => return Ok(Decoded::Missing),
    };
    let (inspected, bytes) = match inspect(bytes, &request.mimetype, deps.keep_metadata) {
        Ok(inspected) => inspected,
        Err(refusal) => return Ok(refused(refusal.to_string())),
    };
    let size = inspected.thumbnail.as_ref().map(|thumbnail| {
        let (width, height) = thumbnail.image_size;
        ImageSize { width, height }
    });
    let thumbnail = match inspected.thumbnail {
        Some(thumbnail) => Some(deps.bucket.publish_thumbnail(&request.file_id, &thumbnail.jpeg.into()).await?),
        None => None,
    };
    let media_type = inspected.shown_as.unwrap_or("application/octet-stream");
    let disposition = content_disposition(inspected.shown_as.is_some(), &request.name);
    let original = deps.bucket.publish(&request.file_id, &bytes, media_type, &disposition).await?;
    Ok(Decoded::Published { original, thumbnail, size })
}

/// Inspects an upload. Returns the result and the bytes to publish: the bytes of the upload, from which the private
/// metadata of an image is removed unless `keep_metadata` is true.
fn inspect(bytes: Bytes, claimed: &str, keep_metadata: bool) -> Result<(Inspected, Bytes), Refusal> {
    let inspected = media::inspect(&bytes, claimed)?;
    if keep_metadata || inspected.thumbnail.is_none() {
        return Ok((inspected, bytes));
    }
    let stripped = match media::strip_metadata(&bytes)? {
        Cow::Borrowed(_) => None,
        Cow::Owned(stripped) => Some(stripped.into()),
    };
    Ok((inspected, stripped.unwrap_or(bytes)))
}

fn refused(reason: impl Into<String>) -> Decoded {
    Decoded::Refused { reason: reason.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use contract::FileId;
    use testkit::{Fault, Storage, once};

    use super::*;

    fn request() -> DecodeRequest {
        serde_json::from_str(include_str!("../../../events/files-decode.json")).unwrap()
    }

    #[tokio::test]
    async fn missing_upload_is_reported() {
        let deps = Deps { bucket: Storage::create().await.bucket(), keep_metadata: false };
        assert_eq!(handle(&deps, &request()).await, Decoded::Missing);
    }

    #[tokio::test]
    async fn every_failing_call_to_s3_is_reported_as_unavailable() {
        let storage = Storage::create().await;
        let gif = &b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"[..];
        let request = DecodeRequest { file_id: FileId::new(), size: gif.len() as u64, ..request() };
        storage.upload(&request.file_id, gif).await;
        for (method, path) in [("GET", "/uploads/"), ("PUT", "/thumbs/"), ("PUT", "/files/")] {
            let refuse = once(move |call| call.is(method, path), |_| Fault::Refuse("AccessDenied"));
            let deps = Deps { bucket: storage.through(refuse).await.bucket(), keep_metadata: false };
            assert_eq!(handle(&deps, &request).await, Decoded::Unavailable, "{method} {path}");
            assert!(matches!(handle(&deps, &request).await, Decoded::Published { .. }), "{method} {path}");
        }
    }

    #[tokio::test]
    async fn images_are_published_with_their_size_and_other_files_without_one() {
        let storage = Storage::create().await;
        let deps = Deps { bucket: storage.bucket(), keep_metadata: false };
        // A GIF that is two pixels wide and three pixels high.
        let gif = &b"GIF89a\x02\0\x03\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x02\0\x03\0\0\x02\x02\x84_\0;"[..];
        for (bytes, mimetype, expected) in
            [(gif, "image/gif", Some(ImageSize { width: 2, height: 3 })), (b"hello", "text/plain", None)]
        {
            let (file_id, size) = (FileId::new(), bytes.len() as u64);
            let request = DecodeRequest { file_id, size, mimetype: mimetype.into(), ..request() };
            storage.upload(&request.file_id, bytes).await;
            let Decoded::Published { size, .. } = handle(&deps, &request).await else { panic!("not published") };
            assert_eq!(size, expected, "{mimetype}");
        }
    }

    #[test]
    fn reasons_are_valid_in_an_answer() {
        // files-process refuses an answer with a longer reason.
        let longest = media::Refusal::TooLarge { width: u32::MAX, height: u32::MAX };
        assert!(longest.to_string().len() <= files::MAX_REASON, "{longest}");
    }

    #[test]
    fn sizes_of_all_images_are_valid_in_an_answer() {
        // files-process refuses an answer with a larger size.
        assert_eq!(media::MAX_SIDE, files::MAX_SIDE);
    }
}
