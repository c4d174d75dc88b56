//! GET /files/{fileId}/{name} and GET /thumbs/{fileId}.jpg

use e2e::{User, fetch, follow, http, items, jpeg, open, text, view};
use futures::future::join_all;
use reqwest::{Method, Url};
use serde_json::Value;

use crate::samples::{HTML, TEXT, downloads, images, media, noise, polyglot};

/// A `url` or `thumbUrl` taken apart.
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
        parts.unwrap_or_else(|| panic!("not the URL of a file: {url}"))
    }

    fn text(&self) -> String {
        format!("{}?expires={}&signature={}", self.path, self.expires, self.signature)
    }

    async fn assert_invalid(&self) {
        open(&self.text()).await.assert_problem(403, "invalid_file_url");
    }
}

/// Both links of a photo of Sarah's.
async fn photo() -> (Link, Link) {
    let file = User::sarah().await.upload_ready("photo.jpg", "image/jpeg", &jpeg(60, 40)).await;
    let links = (Link::of(&file["url"]), Link::of(&file["thumbUrl"]));
    follow(&links.0.text()).await;
    follow(&links.1.text()).await;
    links
}

#[tokio::test]
async fn a_file_keeps_its_links_for_hours() {
    let (sarah, michael) = User::sarah_and_michael().await;
    let thread = sarah.open_thread(&[&michael]).await;
    let file = sarah.upload_ready("photo.jpg", "image/jpeg", &jpeg(60, 40)).await;
    let id = text(&file["id"]);
    assert_eq!(sarah.file(id).await, file);
    let sent = sarah.send_files(&thread, "look", &[id]).await;
    for key in ["url", "thumbUrl"] {
        assert_eq!(sent["attachments"][0][key], file[key]);
        assert_eq!(michael.file(id).await[key], file[key]);
        let expires: i64 = Link::of(&file[key]).expires.parse().unwrap();
        let left = expires - time::OffsetDateTime::now_utc().unix_timestamp();
        assert!((3600..=24 * 3600).contains(&left), "{key} is good for {left} s");
    }
}

#[tokio::test]
async fn a_link_for_another_file_is_invalid() {
    let ((file, thumb), (other, other_thumb)) = (photo().await, photo().await);
    Link { path: other.path, ..file }.assert_invalid().await;
    Link { path: other_thumb.path, ..thumb }.assert_invalid().await;
}

#[tokio::test]
async fn the_link_of_a_thumbnail_does_not_open_its_file_nor_the_other_way_round() {
    let (file, thumb) = photo().await;
    Link { path: file.path.clone(), ..thumb.clone() }.assert_invalid().await;
    Link { path: thumb.path, ..file }.assert_invalid().await;
}

#[tokio::test]
async fn a_link_for_another_time_is_invalid() {
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        let time: i64 = link.expires.parse().unwrap();
        let mut times: Vec<String> =
            [time + 1, time - 1, time * 2, -time, 0, i64::MAX].iter().map(i64::to_string).collect();
        times.extend(["", "x", "%20", "1e99", "99999999999999999999999"].map(str::to_owned));
        times.extend([format!("0{time}"), format!("%2B{time}"), format!("{time}%20"), format!("{time}.0")]);
        for expires in times {
            Link { expires, ..link.clone() }.assert_invalid().await;
        }
    }
}

#[tokio::test]
async fn a_link_with_another_signature_is_invalid() {
    const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        let mut signatures = vec![String::new(), "x".to_owned(), "A".repeat(43), "%20".to_owned(), "👪".to_owned()];
        signatures.extend([format!("{}=", link.signature), format!("{}A", link.signature), "A".repeat(3000)]);
        signatures.push(link.signature[1..].to_owned());
        let last = link.signature.len() - 1;
        for index in 0..=last {
            let value = BASE64URL.iter().position(|digit| *digit == link.signature.as_bytes()[index]).unwrap();
            // The last digit has bits to spare, which may not be spared either.
            let bits = if index == last { 1..=6 } else { 1..=1 };
            for bits in bits {
                let mut changed = link.signature.clone().into_bytes();
                changed[index] = BASE64URL[value ^ bits];
                signatures.push(String::from_utf8(changed).unwrap());
            }
        }
        for signatures in signatures.chunks(8) {
            let links = signatures.iter().map(|signature| Link { signature: signature.clone(), ..link.clone() });
            join_all(links.map(async |link| link.assert_invalid().await)).await;
        }
    }
}

#[tokio::test]
async fn a_link_without_its_parts_is_invalid() {
    let (file, thumb) = photo().await;
    for Link { path, expires, signature } in [file, thumb] {
        let links = [
            path.clone(),
            format!("{path}?expires={expires}"),
            format!("{path}?signature={signature}"),
            format!("{path}?expires={signature}&signature={expires}"),
            format!("{path}?Expires={expires}&Signature={signature}"),
        ];
        for link in links {
            open(&link).await.assert_problem(403, "invalid_file_url");
        }
    }
}

#[tokio::test]
async fn a_link_for_what_cannot_be_a_file_is_invalid() {
    let (file, thumb) = photo().await;
    let query = |link: &Link| format!("expires={}&signature={}", link.expires, link.signature);
    let long = "x".repeat(2000);
    for id in ["file_nope", "nope", "%20", "file_%F0%9F%91%AA", "file_%00", "META", &long] {
        open(&format!("/files/{id}/photo.jpg?{}", query(&file))).await.assert_problem(403, "invalid_file_url");
        open(&format!("/thumbs/{id}.jpg?{}", query(&thumb))).await.assert_problem(403, "invalid_file_url");
    }
    let id = thumb.path.strip_prefix("/thumbs/").and_then(|name| name.strip_suffix(".jpg")).unwrap();
    for name in [id.to_owned(), format!("{id}.png"), format!("{id}.jpg.jpg"), format!("{id}x.jpg")] {
        let reply = open(&format!("/thumbs/{name}?{}", query(&thumb))).await;
        assert!(matches!(reply.status, 403 | 404), "{reply}");
    }
}

#[tokio::test]
async fn another_name_in_a_link_gives_the_file_no_other_name() {
    let (file, _) = photo().await;
    let (directory, _) = file.path.rsplit_once('/').unwrap();
    for name in ["setup.exe", "x%22%3B%20filename%3Devil.html", "%0D%0AX-Evil%3A%201"] {
        let link = Link { path: format!("{directory}/{name}"), ..file.clone() }.text();
        let reply = open(&link).await;
        assert!(reply.header("x-evil").is_none(), "{reply}");
        if reply.status == 302 {
            let served = view(&link).await;
            assert_eq!(served.disposition.name.as_deref(), Some("photo.jpg"), "{name}");
        } else {
            assert!((400..500).contains(&reply.status), "{reply}");
        }
    }
}

#[tokio::test]
async fn there_is_nothing_to_fetch_of_a_file_that_is_not_ready() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
    let upload = sarah.announce("photo.jpg", "image/jpeg", 500).await;
    let sent = sarah.send_files(&thread, "look", &[&upload.id]).await;
    let url = text(&sent["attachments"][0]["url"]);
    open(url).await.assert_problem(404, "file_not_found");
    upload.send(&noise(500)).await;
    sarah.failed(&upload.id).await;
    open(url).await.assert_problem(404, "file_not_found");
}

#[tokio::test]
async fn a_link_is_for_fetching_only() {
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let reply = fetch(http().request(method, e2e::api_url(&link.text(), &[]))).await;
            assert!((400..500).contains(&reply.status), "{reply}");
        }
        follow(&link.text()).await;
    }
}

#[tokio::test]
async fn where_a_link_leads_cannot_be_changed_either() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("a.html", "text/html", HTML).await;
    let location = follow(text(&file["url"])).await;
    let pairs: Vec<(String, String)> = location.query_pairs().into_owned().collect();
    let get = async |pairs: &[(String, String)]| {
        let mut changed = location.clone();
        changed.set_query(None);
        if !pairs.is_empty() {
            changed.query_pairs_mut().extend_pairs(pairs);
        }
        fetch(http().get(changed)).await
    };
    assert_eq!(get(&pairs).await.status, 200, "writing the same parameters anew is no change");
    let reply = get(&[]).await;
    assert!((400..500).contains(&reply.status), "the storage is open to all: {reply}");
    for index in 0..pairs.len() {
        let mut changed = pairs.clone();
        changed[index].1.push('0');
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{} can be changed: {reply}", pairs[index].0);
        changed.remove(index);
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{} can be left out: {reply}", pairs[index].0);
    }
    for (name, value) in [("response-content-type", "text/html"), ("response-content-disposition", "inline")] {
        let mut changed: Vec<_> = pairs.iter().filter(|(key, _)| key != name).cloned().collect();
        changed.push((name.to_owned(), value.to_owned()));
        let reply = get(&changed).await;
        assert!((400..500).contains(&reply.status), "{name} can be chosen: {reply}");
    }
    let mut parent = location.clone();
    parent.set_query(None);
    parent.path_segments_mut().unwrap().pop();
    let reply = fetch(http().get(parent)).await;
    assert!((400..500).contains(&reply.status), "{reply}");
}

#[tokio::test]
async fn where_a_link_leads_is_good_for_as_long_as_the_redirect_is_cached() {
    let (file, thumb) = photo().await;
    for link in [file, thumb] {
        let location: Url = follow(&link.text()).await;
        let lasts = location.query_pairs().find(|(name, _)| name == "X-Amz-Expires");
        let lasts: u64 = lasts.unwrap_or_else(|| panic!("no X-Amz-Expires: {location}")).1.parse().unwrap();
        assert!((3000..=3600).contains(&lasts), "{lasts} s: {location}");
    }
}

#[tokio::test]
async fn any_name_goes_all_the_way() {
    let sarah = User::sarah().await;
    let thread = sarah.open_thread(&[]).await;
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
            assert_eq!(file["name"], *name, "in the status");
            text(&file["id"]).to_owned()
        }))
        .await;
        let ids: Vec<&str> = files.iter().map(String::as_str).collect();
        let sent = sarah.send_files(&thread, "names", &ids).await;
        let listed = sarah.page(&thread, &[("limit", "1")]).await.messages;
        assert_eq!(listed, std::slice::from_ref(&sent));
        for (attachment, name) in items(&sent["attachments"]).iter().zip(names) {
            assert_eq!(attachment["name"], *name, "in the attachment");
            let served = view(text(&attachment["url"])).await;
            assert_eq!(served.bytes, name.as_bytes(), "{name:?}");
            let saved_as = served.disposition.name.unwrap_or_default();
            if *name == wide {
                // S3 keeps 2 KB of headers with an object, and this name alone would be 3.
                let stem = saved_as.strip_suffix(".jpg").unwrap_or_else(|| panic!("of no kind: {saved_as}"));
                assert!(name.starts_with(stem) && stem.chars().count() > 100, "{saved_as}");
            } else {
                assert_eq!(saved_as, *name, "in the Content-Disposition");
            }
        }
    }
}

#[tokio::test]
async fn an_image_is_shown_as_what_it_is_and_has_a_thumbnail() {
    let sarah = User::sarah().await;
    for (name, kind, bytes) in images() {
        for claim in [kind, "application/octet-stream", "text/html"] {
            let file = sarah.upload_ready(name, claim, &bytes).await;
            let served = view(text(&file["url"])).await;
            assert_eq!(served.content_type, kind, "{name} as {claim}");
            assert_eq!(served.disposition.kind, "inline", "{name} as {claim}");
            assert_eq!(served.disposition.name.as_deref(), Some(name));
            assert!(served.bytes == bytes, "{name} as {claim}: other bytes");
            let thumbnail = view(text(&file["thumbUrl"])).await;
            assert_eq!(thumbnail.content_type, "image/jpeg", "{name} as {claim}");
        }
    }
}

#[tokio::test]
async fn audio_video_and_pdf_are_shown_as_what_they_are() {
    let sarah = User::sarah().await;
    for (name, kind, bytes) in media() {
        for claim in ["application/octet-stream", "text/html"] {
            let file = sarah.upload_ready(name, claim, &bytes).await;
            assert_eq!(file["thumbUrl"], Value::Null, "{name}: {file}");
            let served = view(text(&file["url"])).await;
            assert!(served.content_type.starts_with(kind), "{name} as {claim}: {served:?}");
            assert_eq!(served.disposition.kind, "inline", "{name} as {claim}");
            assert_eq!(served.disposition.name.as_deref(), Some(name));
            assert!(served.bytes == bytes, "{name} as {claim}: other bytes");
        }
    }
}

#[tokio::test]
async fn everything_else_is_a_download_whatever_it_claims() {
    let sarah = User::sarah().await;
    for (name, claim, bytes) in downloads() {
        let file = sarah.upload_ready(name, claim, &bytes).await;
        assert_eq!(file["thumbUrl"], Value::Null, "{name} as {claim}: {file}");
        let served = view(text(&file["url"])).await;
        assert_eq!(served.disposition.kind, "attachment", "{name} as {claim}: {}", served.content_type);
        assert_eq!(served.disposition.name.as_deref(), Some(name));
        for shown in ["image/png", "image/jpeg", "audio/", "video/", "application/pdf"] {
            let kind = &served.content_type;
            assert!(!kind.starts_with(shown), "{name} as {claim} is no {kind}");
        }
        assert!(served.bytes == bytes, "{name} as {claim}: other bytes");
    }
}

#[tokio::test]
async fn what_only_begins_as_an_image_is_never_shown_as_a_page() {
    let sarah = User::sarah().await;
    for claim in ["text/html", "application/octet-stream", "image/svg+xml"] {
        let file = sarah.upload_ready("a.html", claim, &polyglot()).await;
        assert_eq!(file["thumbUrl"], Value::Null, "{claim}: {file}");
        let served = view(text(&file["url"])).await;
        let harmless = served.content_type == "image/png" || served.disposition.kind == "attachment";
        assert!(harmless, "{claim}: {served:?}");
    }
}

#[tokio::test]
async fn many_viewers_at_once_all_see_it() {
    let sarah = User::sarah().await;
    let file = sarah.upload_ready("a.txt", "text/plain", TEXT).await;
    let served = join_all((0..16).map(|_| view(text(&file["url"])))).await;
    assert!(served.iter().all(|served| served.bytes == TEXT));
}
