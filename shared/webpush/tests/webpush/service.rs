//! Tests of the fake push service: it refuses every request that a strict push service would refuse. So the other tests
//! show that the client sends no such request.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use contract::Timestamp;
use http::{HeaderValue, Method, Request};
use testkit::Device;
use webpush::{PushHosts, SubscriptionKeys, VapidKey};

const ENDPOINT: &str = "http://127.0.0.1:4000/1";

/// Returns a valid request to `device`. Its token is for the origin of `audience`, and was signed at the time `signed`,
/// in seconds since 1970.
fn request(key: &VapidKey, device: &Device, audience: &str, signed: i64) -> Request<Bytes> {
    let signed = Timestamp::from_millis(signed * 1_000);
    let endpoint = PushHosts::parse("http://127.0.0.1").unwrap().endpoint(audience).unwrap();
    let authorization = key.authorization(&endpoint, "mailto:a@example.org", signed).unwrap();
    let keys = SubscriptionKeys::parse(&device.p256dh(), &device.auth()).unwrap();
    Request::post(&device.endpoint)
        .header("authorization", authorization)
        .header("content-encoding", "aes128gcm")
        .header("ttl", 60)
        .body(keys.encrypt(b"{}").unwrap().into())
        .unwrap()
}

/// Sets a header of a request, or removes it if `value` is `None`.
fn with_header(mut request: Request<Bytes>, name: &'static str, value: Option<&str>) -> Request<Bytes> {
    match value {
        Some(value) => drop(request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap())),
        None => drop(request.headers_mut().remove(name)),
    }
    request
}

#[test]
fn invalid_requests_are_refused() {
    let [key, other] = [(), ()].map(|()| VapidKey::from_pkcs8(&VapidKey::generate().unwrap().1).unwrap());
    let device = Device::new(ENDPOINT.into(), &key.public_key());
    let valid = || request(&key, &device, ENDPOINT, 1_000);
    assert_eq!(device.receive(&valid(), 1_000).unwrap().content, b"{}");

    let mut get = valid();
    *get.method_mut() = Method::GET;
    let mut large = valid();
    *large.body_mut() = vec![0; 4_097].into();
    let mut garbage = valid();
    *garbage.body_mut() = vec![0; 200].into();
    let header = |name, value: Option<&str>| with_header(valid(), name, value);
    let topic = "t".repeat(33);
    let authorization = valid().headers()["authorization"].to_str().unwrap().to_owned();
    let replaced = |from: &str, to: &str| header("authorization", Some(&authorization.replace(from, to)));
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    for (request, now, reason) in [
        (get, 1_000, "the method"),
        (large, 1_000, "4097 bytes"),
        (garbage, 1_000, "cannot decrypt"),
        (header("ttl", None), 1_000, "TTL"),
        (header("ttl", Some("soon")), 1_000, "TTL"),
        (header("urgency", Some("now")), 1_000, "urgency"),
        (header("topic", Some(&topic)), 1_000, "topic"),
        (header("topic", Some("a.b")), 1_000, "topic"),
        (header("content-encoding", None), 1_000, "content coding"),
        (header("authorization", None), 1_000, "not vapid"),
        (header("authorization", Some("vapid t=a")), 1_000, "missing"),
        (replaced(&encode(r#"{"aud""#), &encode(r#"{"Aud""#)), 1_000, "the signature"),
        (request(&other, &device, ENDPOINT, 1_000), 1_000, "another key"),
        (request(&key, &device, "http://127.0.0.1:4001/1", 1_000), 1_000, "the token is for"),
        (request(&key, &device, ENDPOINT, 1_000), 1_000 + 12 * 3_600, "expires"),
        (valid(), -13 * 3_600, "expires"),
    ] {
        let refused = device.receive(&request, now).unwrap_err();
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}
