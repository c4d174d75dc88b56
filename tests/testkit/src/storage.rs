use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_types::SdkConfig;
use bytes::Bytes;
use contract::FileId;
use files::{Bucket, PresignedUpload, Presigner};
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

/// A bucket, empty and the test's own, in an S3 on a folder (s3s-fs). It checks signatures, with the headers that they
/// hold and when they end, and keeps the headers of an object. Unlike S3 it notifies nobody and asks no policy.
#[derive(Clone)]
pub struct Storage {
    client: Client,
    config: SdkConfig,
    _folder: Arc<Folder>,
}

/// Short: s3s-fs makes one file name of the bucket's and the key, and a file system takes 255 bytes.
const NAME: &str = "files";

impl Storage {
    /// Starts it, and creates the bucket. Its folder is deleted with the last clone.
    pub async fn create() -> Self {
        let folder = Folder::create();
        let mut service = S3ServiceBuilder::new(FileSystem::new(&folder.0).expect("a folder"));
        service.set_auth(SimpleAuth::from_single("test", "test"));
        let config = sdk_config(serve(service.build()).await);
        let client = Client::from_conf(Builder::from(&config).force_path_style(true).build());
        client.create_bucket().bucket(NAME).send().await.expect("a new bucket");
        Self { client, config, _folder: Arc::new(folder) }
    }

    /// The same bucket, with `fault` deciding over each request on its way there.
    pub async fn through<F>(&self, fault: F) -> Self
    where
        F: Fn(&Intercepted) -> Fault + Send + Sync + 'static,
    {
        let engine = self.config.endpoint_url().expect("an endpoint").to_owned();
        Self { config: sdk_config(proxy::start(engine, fault).await), ..self.clone() }
    }

    /// The bucket, as a function that has just started sees it.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket::new(&self.config, NAME.into())
    }

    /// What signs URLs of its objects.
    #[must_use]
    pub fn presigner(&self) -> Presigner {
        Presigner::new(&self.config, NAME)
    }

    /// Uploads a file as a client does, of whatever size.
    pub async fn upload(&self, id: &FileId, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let upload = self.presigner().upload(id, "image/jpeg", bytes.len() as u64).await.expect("a URL");
        assert_eq!(Self::put(&upload, bytes).await.status(), StatusCode::OK);
    }

    /// Does what the API tells a client to do for its upload, and returns the answer.
    pub async fn put(upload: &PresignedUpload, bytes: impl Into<Bytes>) -> Response<Bytes> {
        let bytes = bytes.into();
        // As every browser does; hyper leaves it out where it is 0.
        let mut request = Request::builder().method(Method::PUT).uri(&upload.url).header(CONTENT_LENGTH, bytes.len());
        for (name, value) in &upload.headers {
            request = request.header(name, value);
        }
        send(request.body(Full::new(bytes)).expect("a request")).await
    }

    /// What a browser gets from a URL.
    pub async fn get(url: &str) -> Response<Bytes> {
        send(Request::builder().uri(url).body(Full::default()).expect("a request")).await
    }

    /// The object at `key` as a browser gets it, with its headers.
    pub async fn object(&self, key: &str) -> Response<Bytes> {
        Self::get(&self.presigner().download(key).await.expect("a URL")).await
    }

    /// The keys of all objects, in order.
    pub async fn keys(&self) -> Vec<String> {
        let pages = self.client.list_objects_v2().bucket(NAME).into_paginator().send();
        let pages = pages.try_collect().await.expect("all pages");
        pages.into_iter().flat_map(|page| page.contents.unwrap_or_default()).filter_map(|object| object.key).collect()
    }
}

async fn send(request: Request<Full<Bytes>>) -> Response<Bytes> {
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = client.request(request).await.expect("an answer").into_parts();
    Response::from_parts(parts, body.collect().await.expect("a whole answer").to_bytes())
}

/// A folder of the test's own, deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        let path = std::env::temp_dir().join(format!("hearth-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A request that a test has given up may still write: then a file is left over, and no test fails for it.
        std::fs::remove_dir_all(&self.0).ok();
    }
}
