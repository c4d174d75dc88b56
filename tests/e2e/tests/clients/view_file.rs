//! Tests of `GET /files/{fileId}/{name}` and `GET /thumbs/{fileId}.jpg`

use e2e::{User, download, fetch, get_link, http, items, jpeg, redirect_target, text};
use futures::future::join_all;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::samples::{HTML, TEXT, downloads, images, media, noise, polyglot};

/// The path and query parameters of a file's `url` or `thumbUrl`.
#[derive(Clone)]
struct Link {
    path: String,
    expires: String,
    signature: String,
}

impl Link {
    fn of(url: &Value) -> Self {
        let parts = text(url).split_once("?expires=").and_then(|(path, query)| {
            let (expires, signature) = query.split_once("&signature=")?;
            Some(Self { path: path.to_owned(), expires: expires.to_owned(), signature: signature.to_owned() })
        });
        parts.unwrap_or_else(|| panic!("not a signed link: {url}"))
    }

    fn text(&self) -> String {
        format!("{}?expires={}&signature={}", self.path, self.expires, self.signature)
    }
}

/// Uploads a photo as Sarah. Returns the links to the photo and to its thumbnail.
async fn photo() -> (Link, Link) {
    let file = User::sarah().await.upload_ready("photo.jpg", "image/jpeg", &jpeg(60, 40)).await;
    let links = (Link::of(&file["url"]), Link::of(&file["thumbUrl"]));
    redirect_target(&links.0.text()).await;
    redirect_target(&links.1.text()).await;
    links
}

#[tokio::test]
async fn links_stay_the_same_for_hours() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.new_thread(&[&michael]).await;
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &jpeg(60, 40)).await;
    let id = text(&file["id"]);
    assert_eq!(sarah.file(id).await, file);
    let sent = sarah.send_files(&thread, "look", &[id]).await;
    for key in ["url", "thumbUrl"] {
        assert_eq!(sent["attachments"][0][key], file[key]);
        assert_eq!(michael.file(id).await[key], file[key]);
        let expires: i64 = Link::of(&file[key]).expires.parse().unwrap();
        let left = expires - time::OffsetDateTime::now_utc().unix_timestamp();
        assert!((6 * 3600 - 60..=12 * 3600).contains(&left), "{key} expires in {left} s");
    }
}

#[tokio::test]
async fn changed_link_is_refused() {
    let ((file, thumb), (other_file, other_thumb)) = (photo().await, photo().await);
    for (link, other, opposite) in [(&file, other_file, &thumb), (&thumb, other_thumb, &file)] {
        let expires: i64 = link.expires.parse().unwrap();
        let changed = [
            Link { path: other.path, ..link.clone() },
            Link { path: opposite.path.clone(), ..link.clone() },
            Link { expires: (expires + 1).to_string(), ..link.clone() },
            Link { expires: format!("0{expires}"), ..link.clone() },
            Link { signature: opposite.signature.clone(), ..link.clone() },
            Link { signature: link.signature[1..].to_owned(), ..link.clone() },
        ];
        let urls = changed.iter().map(Link::text).chain([link.path.clone()]);
        for url in urls {
            get_link(&url).await.assert_problem(403, "invalid_file_url");
        }
    }
}

#[tokio::test]
async fn signature_has_only_one_valid_encoding() {
    const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (link, _) = photo().await;
    let mut signature = link.signature.clone().into_bytes();
    let last = signature.pop().unwrap();
    let value = BASE64URL.iter().position(|digit| *digit == last).unwrap();
    // The signature has 256 bits, but its 43 base64url digits hold 258. The two lowest bits of the last digit are
    // unused, and the server must refuse them unless they are 0.
    for bits in 1..=3 {
        let changed = [&signature[..], &[BASE64URL[value ^ bits]]].concat();
        let changed = Link { signature: String::from_utf8(changed).unwrap(), ..link.clone() };
        get_link(&changed.text()).await.assert_problem(403, "invalid_file_url");
    }
}

#[tokio::test]
async fn changed_name_in_a_link_does_not_rename_the_download() {
    let (file, _) = photo().await;
    let (directory, _) = file.path.rsplit_once('/').unwrap();
    for name in ["setup.exe", "x%22%3B%20filename%3Devil.html", "%0D%0AX-Evil%3A%201"] {
        let link = Link { path: format!("{directory}/{name}"), ..file.clone() }.text();
        let reply = get_link(&link).await;
        assert!(reply.header("x-evil").is_none(), "{reply}");
        if reply.status == 302 {
            let served = download(&link).await;
            assert_eq!(served.disposition.name.as_deref(), Some("photo.jpg"), "{name}");
        } else {
            assert!((400..500).contains(&reply.status), "{reply}");
        }
    }
}

#[tokio::test]
async fn file_that_is_not_ready_cannot_be_downloaded() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let upload = sarah.create_file("photo.jpg", "image/jpeg", 500).await;
    let sent = sarah.send_files(&thread, "look", &[&upload.id]).await;
    let url = text(&sent["attachments"][0]["url"]);
    get_link(url).await.assert_problem(404, "file_not_found");
    upload.send(&noise(500)).await;
    sarah.wait_until_failed(&upload.id).await;
    get_link(url).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn link_allows_get_only() {
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let reply = fetch(http().request(method, e2e::api_url(&link.text(), &[]))).await;
            assert!((400..500).contains(&reply.status), "{reply}");
        }
        redirect_target(&link.text()).await;
    }
}

#[tokio::test]
async fn changed_storage_url_is_refused() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("a.html", "text/html", HTML).await;
    let location = redirect_target(text(&file["url"])).await;
    let pairs: Vec<(String, String)> = location.query_pairs().into_owned().collect();
    let get = async |pairs: &[(String, String)]| {
        let mut changed = location.clone();
        changed.set_query(None);
        if !pairs.is_empty() {
            changed.query_pairs_mut().extend_pairs(pairs);
        }
        fetch(http().get(changed)).await
    };
    assert_eq!(get(&pairs).await.status, 200, "the URL must stay valid if the same parameters are encoded again");
    let reply = get(&[]).await;
    assert!((400..500).contains(&reply.status), "the storage allows requests without a signature: {reply}");
    for index in 0..pairs.len() {
        let mut changed = pairs.clone();
        changed[index].1.push('0');
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{} can be changed: {reply}", pairs[index].0);
        changed.remove(index);
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{} can be removed: {reply}", pairs[index].0);
    }
    for (name, value) in [("response-content-type", "text/html"), ("response-content-disposition", "inline")] {
        let mut changed: Vec<_> = pairs.iter().filter(|(key, _)| key != name).cloned().collect();
        changed.push((name.to_owned(), value.to_owned()));
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{name} can be set by the client: {reply}");
    }
    let mut parent = location.clone();
    parent.set_query(None);
    parent.path_segments_mut().unwrap().pop();
    let reply = fetch(http().get(parent)).await;
    assert!((400..500).contains(&reply.status), "{reply}");
}

#[tokio::test]
async fn storage_url_outlives_the_cached_redirect_by_five_minutes() {
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        let location: Url = redirect_target(&link.text()).await;
        let lifetime = location.query_pairs().find(|(name, _)| name == "X-Amz-Expires");
        let lifetime = lifetime.unwrap_or_else(|| panic!("X-Amz-Expires is missing: {location}")).1;
        assert_eq!(lifetime, "900", "the redirect is cached for 600 s: {location}");
    }
}

#[tokio::test]
async fn file_names_are_kept_from_creation_to_download() {
    let sarah = User::sarah().await;
    let thread = sarah.new_thread(&[]).await;
    let (wide, long) = (format!("{}.jpg", "👪".repeat(251)), "x".repeat(255));
    let names = [
        "Familie Größe.txt",
        "cafe\u{301} decomposed.txt",
        "家族の写真.txt",
        "صورة العائلة.txt",
        "\u{202e}txt.exe",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦.txt",
        "a\"b.jpg",
        "\"quoted\"",
        "it's `code`.txt",
        "100%.txt",
        "100%25.txt",
        "..%2F..%2Fetc%2Fpasswd",
        "%00.txt",
        "%",
        "a+b c.txt",
        "+",
        "a#b?c&d=e;f.txt",
        "a=b; filename=evil.html; filename*=UTF-8''evil.html",
        "{\"a\": [1, 2]}, <b>$x<b> @ ~ ! * ( ) ^ | :",
        "..hidden",
        "...",
        ".txt",
        " around ",
        "no-extension",
        "many.many.dots.tar.gz.",
        "\u{a0}\u{2028}\u{feff}.txt",
        wide.as_str(),
        long.as_str(),
    ];
    for names in names.chunks(10) {
        let files = join_all(names.iter().map(async |name| {
            let file = sarah.upload_ready(name, "text/plain", name.as_bytes()).await;
            assert_eq!(file["name"], *name, "name in the status");
            text(&file["id"]).to_owned()
        }))
        .await;
        let ids: Vec<&str> = files.iter().map(String::as_str).collect();
        let sent = sarah.send_files(&thread, "names", &ids).await;
        let listed = sarah.page(&thread, &[("limit", "1")]).await.messages;
        assert_eq!(listed, std::slice::from_ref(&sent));
        for (attachment, name) in items(&sent["attachments"]).iter().zip(names) {
            assert_eq!(attachment["name"], *name, "name in the attachment");
            let served = download(text(&attachment["url"])).await;
            assert_eq!(served.bytes, name.as_bytes(), "{name:?}");
            let saved_as = served.disposition.name.unwrap_or_default();
            if *name == wide {
                // S3 stores at most 2 KB of metadata with an object, but this name alone would take 3 KB. So the
                // download has a shorter name with the same extension.
                let stem =
                    saved_as.strip_suffix(".jpg").unwrap_or_else(|| panic!("the extension is missing: {saved_as}"));
                assert!(name.starts_with(stem) && stem.chars().count() > 100, "{saved_as}");
            } else {
                assert_eq!(saved_as, *name, "name in Content-Disposition");
            }
        }
    }
}

#[tokio::test]
async fn image_is_shown_inline_with_its_detected_type_and_a_thumbnail() {
    let sarah = User::sarah().await;
    for (name, kind, bytes) in images() {
        for claim in [kind, "application/octet-stream", "text/html"] {
            let file = sarah.upload_ready(name, claim, &bytes).await;
            let served = download(text(&file["url"])).await;
            assert_eq!(served.content_type, kind, "{name} as {claim}");
            assert_eq!(served.disposition.kind, "inline", "{name} as {claim}");
            assert_eq!(served.disposition.name.as_deref(), Some(name));
            assert!(served.bytes == bytes, "{name} as {claim}: other bytes are served");
            let thumbnail = download(text(&file["thumbUrl"])).await;
            assert_eq!(thumbnail.content_type, "image/jpeg", "{name} as {claim}");
        }
    }
}

#[tokio::test]
async fn photo_is_served_without_its_metadata() {
    let sarah = User::sarah().await;
    let photo = jpeg(60, 40);
    let place = b"Exif\0\0at home, second floor";
    let length = u16::try_from(place.len() + 2).unwrap_or_default().to_be_bytes();
    let upload = [&photo[..2], &[0xff, 0xe1], &length, place, &photo[2..], b"and a video"].concat();
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &upload).await;
    assert!(download(text(&file["url"])).await.bytes == photo, "the photo must be the same, without its metadata");
}

#[tokio::test]
async fn audio_video_and_pdf_are_shown_inline_with_their_detected_type() {
    let sarah = User::sarah().await;
    for (name, kind, bytes) in media() {
        for claim in ["application/octet-stream", "text/html"] {
            let file = sarah.upload_ready(name, claim, &bytes).await;
            assert_eq!(file["thumbUrl"], Value::Null, "{name}: {file}");
            let served = download(text(&file["url"])).await;
            assert!(served.content_type.starts_with(kind), "{name} as {claim}: {served:?}");
            assert_eq!(served.disposition.kind, "inline", "{name} as {claim}");
            assert_eq!(served.disposition.name.as_deref(), Some(name));
            assert!(served.bytes == bytes, "{name} as {claim}: other bytes are served");
        }
    }
}

#[tokio::test]
async fn other_types_are_downloads_regardless_of_the_claimed_type() {
    let sarah = User::sarah().await;
    for (name, claim, bytes) in downloads() {
        let file = sarah.upload_ready(name, claim, &bytes).await;
        assert_eq!(file["thumbUrl"], Value::Null, "{name} as {claim}: {file}");
        let served = download(text(&file["url"])).await;
        assert_eq!(served.disposition.kind, "attachment", "{name} as {claim}: {}", served.content_type);
        assert_eq!(served.disposition.name.as_deref(), Some(name));
        for shown in ["image/png", "image/jpeg", "audio/", "video/", "application/pdf"] {
            let kind = &served.content_type;
            assert!(!kind.starts_with(shown), "{name} as {claim} must not be served as {kind}");
        }
        assert!(served.bytes == bytes, "{name} as {claim}: other bytes are served");
    }
}

#[tokio::test]
async fn image_signature_before_html_never_shows_html() {
    let sarah = User::sarah().await;
    for claim in ["text/html", "application/octet-stream", "image/svg+xml"] {
        let file = sarah.upload_ready("a.html", claim, &polyglot()).await;
        assert_eq!(file["thumbUrl"], Value::Null, "{claim}: {file}");
        let served = download(text(&file["url"])).await;
        let harmless = served.content_type == "image/png" || served.disposition.kind == "attachment";
        assert!(harmless, "{claim}: {served:?}");
    }
}

#[tokio::test]
async fn concurrent_downloads_all_succeed() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("a.txt", "text/plain", TEXT).await;
    let served = join_all((0..16).map(|_| download(text(&file["url"])))).await;
    assert!(served.iter().all(|served| served.bytes == TEXT));
}
