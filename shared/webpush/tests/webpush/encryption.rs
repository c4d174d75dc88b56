//! Tests of encryption: an independent implementation decrypts the push messages.

use testkit::Device;
use webpush::{Error, MAX_MESSAGE, Pushed, SubscriptionKeys};

use crate::Fixture;

fn keys(device: &Device) -> SubscriptionKeys {
    SubscriptionKeys::parse(&device.p256dh(), &device.auth()).unwrap()
}

#[test]
fn other_implementation_decrypts_messages_of_every_size() {
    let device = Device::new("https://push.example/1".into(), "");
    for size in [0, 1, 15, 16, 17, 255, 1_000, MAX_MESSAGE - 1, MAX_MESSAGE] {
        let message = vec![0; size];
        assert_eq!(device.decrypt(&keys(&device).encrypt(&message).unwrap()).unwrap(), message, "{size}");
    }
}

#[tokio::test]
async fn largest_message_is_accepted() {
    let fixture = Fixture::new().await;
    let device = fixture.device();
    let largest = vec![b'x'; MAX_MESSAGE];
    assert_eq!(fixture.push(&device, &largest).await, Pushed::Accepted);
    assert_eq!(fixture.service.received(&device)[0].content, largest);
    assert!(matches!(keys(&device).encrypt(&[b'x'; MAX_MESSAGE + 1]), Err(Error::TooLarge(3_994))));
}

#[test]
fn nobody_else_can_decrypt_or_change_a_message() {
    let [device, other] = [1, 2].map(|n| Device::new(format!("https://push.example/{n}"), ""));
    let body = keys(&device).encrypt(b"Dinner at 6?").unwrap();
    assert!(other.decrypt(&body).is_err());
    for position in [0, 16 + 4 + 1 + 1, body.len() - 17, body.len() - 1] {
        let mut changed = body.clone();
        changed[position] ^= 1;
        assert!(device.decrypt(&changed).is_err(), "{position}");
    }
    // The encryption also uses the authentication secret. With the right public key and another device's secret, the
    // device cannot decrypt the message.
    let mixed = SubscriptionKeys::parse(&device.p256dh(), &other.auth()).unwrap();
    assert!(device.decrypt(&mixed.encrypt(b"Dinner at 6?").unwrap()).is_err());
}

#[test]
fn equal_messages_are_encrypted_differently() {
    let device = Device::new("https://push.example/1".into(), "");
    let [first, second] = [(), ()].map(|()| keys(&device).encrypt(b"yes").unwrap());
    assert_ne!(first[..16], second[..16], "both messages have the same salt");
    assert_ne!(first[21..86], second[21..86], "both messages have the same sender's key");
}

#[test]
fn keys_of_browsers_are_read_with_and_without_padding() {
    let device = Device::new("https://push.example/1".into(), "");
    let (p256dh, auth) = (device.p256dh(), device.auth());
    assert_eq!(SubscriptionKeys::parse(&format!("{p256dh}="), &format!("{auth}==")), Some(keys(&device)));
    for (p256dh, auth) in [
        ("", auth.as_str()),
        (&p256dh, ""),
        (&auth, &p256dh),
        (&p256dh[1..], &auth),
        (&p256dh.replace(&p256dh[..1], "+"), &auth),
        (&p256dh, "not base64url!"),
    ] {
        assert_eq!(SubscriptionKeys::parse(p256dh, auth), None, "{p256dh} {auth}");
    }
}
