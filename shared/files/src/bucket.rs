use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};
use contract::{FileId, Timestamp};

use crate::{Error, keys};

/// How long a client has for its upload.
pub const UPLOAD_WINDOW: Duration = Duration::from_mins(15);
/// How long a download's URL is good for. Browsers cache bytes under the URL that they came from in the end, so a short
/// window has them fetch again what they have.
pub const DOWNLOAD_WINDOW: Duration = Duration::from_hours(1);

/// The one header of an upload that HTTP clients do not make by themselves.
const CONTENT_TYPE: &str = "content-type";

/// A key never changes what it holds. Private: what a file's members see is no shared cache's business.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// The bucket. Made once for the life of a function.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// What a client needs for its upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUpload {
    /// Where the client puts the bytes, with the method PUT.
    pub url: String,
    /// The headers that it has to send: its `content-type`. (HTTP clients send `Content-Length` by themselves.)
    pub headers: BTreeMap<String, String>,
    /// When S3 stops taking it.
    pub expires_at: Timestamp,
}

/// What is where a client was to put its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// Nothing.
    Missing,
    /// Something of another size than announced.
    OtherSize,
    /// The file.
    Bytes(Bytes),
}

impl Bucket {
    /// The bucket called `name`.
    #[must_use]
    pub fn new(config: &SdkConfig, name: String) -> Self {
        // Made for the largest file. Reading an object's bytes is outside of these; the SDK gives up where none come
        // for 5 seconds.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(40));
        let config = Builder::from(config)
            .timeout_config(timeouts.build())
            // A local cloud has no names for its buckets.
            .force_path_style(config.endpoint_url().is_some())
            // Otherwise a presigned upload holds the checksum of an empty body.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self { client: Client::from_conf(config.build()), name }
    }

    /// Opens the connection that the first request will use; for a function's start, which has a whole CPU. Needs
    /// `s3:ListBucket`. Presigning needs no connection.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.head_bucket().bucket(&self.name).send().await?;
        Ok(())
    }

    /// The right to upload a file once or more often within [`UPLOAD_WINDOW`], of exactly this media type and size in
    /// bytes.
    pub async fn presign_upload(&self, id: &FileId, mimetype: &str, size: u64) -> Result<PresignedUpload, Error> {
        // A signature counts whole seconds.
        let now = Timestamp::now().seconds();
        let window = PresigningConfig::builder()
            .start_time(UNIX_EPOCH + Duration::from_secs(now.unsigned_abs()))
            .expires_in(UPLOAD_WINDOW)
            .build()?;
        let length = i64::try_from(size)?;
        let put = self.client.put_object().bucket(&self.name).key(keys::upload(id));
        let signed = put.content_type(mimetype).content_length(length).presigned(window).await?;
        Ok(PresignedUpload {
            url: signed.uri().to_owned(),
            // Not what the SDK lists: within Lambda that has a trace header too, which is nobody else's.
            headers: BTreeMap::from([(CONTENT_TYPE.to_owned(), mimetype.to_owned())]),
            expires_at: Timestamp::from_millis((now + UPLOAD_WINDOW.as_secs().cast_signed()) * 1_000),
        })
    }

    /// What was uploaded, if it has the announced `size` in bytes; no more than that is held in memory, whatever is
    /// there. Without `s3:ListBucket`, S3 refuses what is missing.
    pub async fn read_upload(&self, id: &FileId, size: u64) -> Result<Uploaded, Error> {
        let mut object = match self.client.get_object().bucket(&self.name).key(keys::upload(id)).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(Uploaded::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        let size = usize::try_from(size)?;
        if object.content_length.is_none_or(|length| usize::try_from(length) != Ok(size)) {
            return Ok(Uploaded::OtherSize);
        }
        let mut bytes = BytesMut::with_capacity(size);
        while let Some(chunk) = object.body.try_next().await? {
            if chunk.len() > size - bytes.len() {
                return Ok(Uploaded::OtherSize);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(if bytes.len() == size { Uploaded::Bytes(bytes.freeze()) } else { Uploaded::OtherSize })
    }

    /// Puts a file where it can be downloaded, with these headers, and returns its key. Repeating changes nothing.
    pub async fn publish(
        &self,
        id: &FileId,
        bytes: &Bytes,
        media_type: &str,
        content_disposition: &str,
    ) -> Result<String, Error> {
        self.put(keys::file(id, bytes), bytes, media_type, content_disposition).await
    }

    /// The same for its thumbnail.
    pub async fn publish_thumbnail(&self, id: &FileId, jpeg: &Bytes) -> Result<String, Error> {
        self.put(keys::thumbnail(id, jpeg), jpeg, "image/jpeg", "inline").await
    }

    async fn put(&self, key: String, bytes: &Bytes, media_type: &str, disposition: &str) -> Result<String, Error> {
        let put = self.client.put_object().bucket(&self.name).key(&key).body(ByteStream::from(bytes.clone()));
        let put = put.content_type(media_type).content_disposition(disposition).cache_control(CACHE_CONTROL);
        put.send().await?;
        Ok(key)
    }

    /// Deletes a published object, if it is there.
    pub async fn unpublish(&self, key: &str) -> Result<(), Error> {
        self.client.delete_object().bucket(&self.name).key(key).send().await?;
        Ok(())
    }

    /// A URL that a published object can be downloaded from for [`DOWNLOAD_WINDOW`].
    pub async fn presign_download(&self, key: &str) -> Result<String, Error> {
        let window = PresigningConfig::expires_in(DOWNLOAD_WINDOW)?;
        let signed = self.client.get_object().bucket(&self.name).key(key).presigned(window).await?;
        Ok(signed.uri().to_owned())
    }
}
