use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_support::describe_causes;
use aws_types::SdkConfig;
use bytes::{Bytes, BytesMut};
use contract::FileId;

use crate::{Error, keys};

/// `Cache-Control` header of published objects, which never change. `private` keeps them out of shared caches, because
/// only users with a valid link to a file may see the file.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

/// Client of the S3 bucket that holds all files. A function creates one and keeps it between invocations.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// Result of [`Bucket::read_upload`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    /// The client has not uploaded the file.
    Missing,
    /// The size of the upload differs from the size that the file's owner declared.
    OtherSize,
    /// All bytes of the upload, which has the declared size.
    Bytes(Bytes),
}

impl Bucket {
    /// Creates a client of the bucket named `name`.
    #[must_use]
    pub fn new(config: &SdkConfig, name: String) -> Self {
        // These timeouts are long enough to write the largest file to S3. They do not cover reading an object's bytes;
        // the SDK aborts a read after 5 seconds without data.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(40));
        let config = Builder::from(config)
            .timeout_config(timeouts.build())
            // Only a local cloud has an explicit endpoint. It has no host name per bucket, so the bucket's name goes
            // into the path.
            .force_path_style(config.endpoint_url().is_some())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self { client: Client::from_conf(config.build()), name }
    }

    /// Opens the network connection, so that the first request is faster. Call it during a function's initialization,
    /// when Lambda provides a whole CPU. It needs the permission `s3:ListBucket`.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.head_bucket().bucket(&self.name).send().await?;
        Ok(())
    }

    /// Reads the upload of a file, if it has the declared `size` in bytes. It never holds more than `size` bytes in
    /// memory. Without the permission `s3:ListBucket`, S3 answers 403 instead of 404, and a missing upload is an
    /// [`Error::Refused`].
    pub async fn read_upload(&self, id: &FileId, size: u64) -> Result<Uploaded, Error> {
        let mut object = match self.client.get_object().bucket(&self.name).key(keys::upload(id)).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(Uploaded::Missing);
            }
            Err(error) => return Err(error.into()),
        };
        let size = usize::try_from(size).map_err(Error::refused)?;
        if object.content_length.is_none_or(|length| usize::try_from(length) != Ok(size)) {
            return Ok(Uploaded::OtherSize);
        }
        let mut bytes = BytesMut::with_capacity(size);
        loop {
            let chunk = object.body.try_next().await.map_err(|error| Error::Unavailable(describe_causes(&error)))?;
            let Some(chunk) = chunk else { break };
            if chunk.len() > size - bytes.len() {
                return Ok(Uploaded::OtherSize);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(if bytes.len() == size { Uploaded::Bytes(bytes.freeze()) } else { Uploaded::OtherSize })
    }

    /// Publishes a file: writes its bytes to the object that it is served from, with the given `Content-Type` and
    /// `Content-Disposition` headers, and returns the object's key. Idempotent.
    pub async fn publish(
        &self,
        id: &FileId,
        bytes: &Bytes,
        media_type: &str,
        content_disposition: &str,
    ) -> Result<String, Error> {
        self.put(keys::file(id, bytes), bytes, media_type, content_disposition).await
    }

    /// Publishes a file's thumbnail and returns its object key. Idempotent.
    pub async fn publish_thumbnail(&self, id: &FileId, jpeg: &Bytes) -> Result<String, Error> {
        self.put(keys::thumbnail(id, jpeg), jpeg, "image/jpeg", "inline").await
    }

    async fn put(&self, key: String, bytes: &Bytes, media_type: &str, disposition: &str) -> Result<String, Error> {
        let put = self.client.put_object().bucket(&self.name).key(&key).body(ByteStream::from(bytes.clone()));
        let put = put.content_type(media_type).content_disposition(disposition).cache_control(CACHE_CONTROL);
        put.send().await?;
        Ok(key)
    }

    /// Deletes all objects of a file: its upload, and everything that was published for it. Idempotent. It needs the
    /// permission `s3:ListBucket`.
    pub async fn delete_objects(&self, id: &FileId) -> Result<(), Error> {
        self.unpublish(&keys::upload(id)).await?;
        for prefix in keys::published_prefixes(id) {
            let objects = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
            let pages: Vec<_> = objects.collect::<Result<_, _>>().await?;
            for object in pages.iter().flat_map(ListObjectsV2Output::contents) {
                self.unpublish(object.key().unwrap_or_default()).await?;
            }
        }
        Ok(())
    }

    /// Deletes a published object. Idempotent.
    pub async fn unpublish(&self, key: &str) -> Result<(), Error> {
        self.client.delete_object().bucket(&self.name).key(key).send().await?;
        Ok(())
    }
}
