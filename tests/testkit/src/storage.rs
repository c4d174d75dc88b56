use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_types::SdkConfig;
use bytes::Bytes;
use contract::{FileId, Timestamp};
use files::{Bucket, DOWNLOAD_WINDOW, PresignedUpload, Presigner};
use http_body_util::{BodyExt as _, Full};
use hyper::header::CONTENT_LENGTH;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use uuid::Uuid;

use crate::dynamodb::sdk_config;
use crate::proxy::{self, Fault, Intercepted};
use crate::serve::serve;

/// A bucket for one test, initially empty. Its server is s3s-fs, an S3 emulator that stores objects in a temporary
/// folder. The server checks signatures, including signed headers and expiry, and keeps an object's headers. Unlike S3,
/// it sends no events and evaluates no policies.
#[derive(Clone)]
pub struct Storage {
    client: Client,
    config: SdkConfig,
    _folder: Arc<Folder>,
}

/// Name of the bucket. It is short because s3s-fs makes file names from the bucket and the key, and a file name has at
/// most 255 bytes.
const BUCKET: &str = "files";

impl Storage {
    /// Starts an S3 server and creates the bucket. Dropping the last clone of the `Storage` deletes the temporary
    /// folder.
    pub async fn create() -> Self {
        let folder = Folder::create();
        let mut service =
            S3ServiceBuilder::new(FileSystem::new(&folder.0).expect("s3s-fs cannot use the temporary folder"));
        service.set_auth(SimpleAuth::from_single("test", "test"));
        let config = sdk_config(serve(service.build()).await);
        let client = Client::from_conf(Builder::from(&config).force_path_style(true).build());
        client.create_bucket().bucket(BUCKET).send().await.expect("cannot create the bucket");
        Self { client, config, _folder: Arc::new(folder) }
    }

    /// Returns access to the same bucket through a proxy that injects faults: it calls `fault` for each request to
    /// decide what happens to the request.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("the S3 server has no endpoint").to_owned();
        Self { config: sdk_config(proxy::start(engine, fault).await), ..self.clone() }
    }

    /// Returns a [`Bucket`] for this bucket. Functions use it to read and write objects.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket::new(&self.config, BUCKET.into())
    }

    /// Returns a [`Presigner`], which signs URLs of the objects in this bucket.
    #[must_use]
    pub fn presigner(&self) -> Presigner {
        Presigner::new(&self.config, BUCKET)
    }

    /// Uploads the bytes of the file `id` like a client, with a presigned URL for `image/jpeg`.
    pub async fn upload(&self, id: &FileId, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let upload = self.presigner().upload(id, "image/jpeg", bytes.len() as u64).await.expect("cannot sign the URL");
        assert_eq!(Self::put(&upload, bytes).await.status(), StatusCode::OK);
    }

    /// Sends `bytes` with PUT to the URL of a presigned upload, and returns the response.
    pub async fn put(upload: &PresignedUpload, bytes: impl Into<Bytes>) -> Response<Bytes> {
        let bytes = bytes.into();
        // Browsers always send `Content-Length`, but hyper omits it for an empty body.
        let mut request = Request::builder().method(Method::PUT).uri(&upload.url).header(CONTENT_LENGTH, bytes.len());
        for (name, value) in &upload.headers {
            request = request.header(name, value);
        }
        send(request.body(Full::new(bytes)).expect("the request is not valid")).await
    }

    /// Sends a GET without adding credentials to `url`, and returns the response.
    pub async fn get(url: &str) -> Response<Bytes> {
        send(Request::builder().uri(url).body(Full::default()).expect("the request is not valid")).await
    }

    /// Returns the object at `key` with its headers, downloaded with a presigned URL.
    pub async fn object(&self, key: &str) -> Response<Bytes> {
        let url = self.presigner().download(key, Timestamp::now(), DOWNLOAD_WINDOW).await;
        Self::get(&url.expect("cannot sign the URL")).await
    }

    /// Returns the keys of all objects in the bucket, sorted.
    pub async fn keys(&self) -> Vec<String> {
        let pages = self.client.list_objects_v2().bucket(BUCKET).into_paginator().send();
        let pages = pages.try_collect().await.expect("cannot list the objects");
        pages.into_iter().flat_map(|page| page.contents.unwrap_or_default()).filter_map(|object| object.key).collect()
    }
}

async fn send(request: Request<Full<Bytes>>) -> Response<Bytes> {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request).await.expect("the S3 server does not respond").into_parts();
    Response::from_parts(parts, body.collect().await.expect("cannot read the response body").to_bytes())
}

/// A temporary folder, deleted on drop.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        let path = std::env::temp_dir().join(format!("hearth-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path).expect("cannot create the temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Fails if an unfinished request writes a file at the same time. Then the folder stays, but the test does not
        // fail.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
