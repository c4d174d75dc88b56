//! The keys of all objects in the bucket. No other module makes object keys.

use aws_support::sha256;
use contract::FileId;
use percent_encoding::percent_decode_str;

const UPLOADS: &str = "uploads/";

/// Returns the key of the object that a client uploads a file to.
pub(crate) fn upload(id: &FileId) -> String {
    format!("{UPLOADS}{id}")
}

/// Returns the key of the object that a file is served from. It contains a hash of the file's bytes, so that another
/// upload of the same file never replaces a published object.
pub(crate) fn file(id: &FileId, bytes: &[u8]) -> String {
    format!("files/{id}/{}", sha256(bytes))
}

/// Returns the key of the object that a file's thumbnail is served from. It contains a hash of the thumbnail's bytes.
pub(crate) fn thumbnail(id: &FileId, bytes: &[u8]) -> String {
    format!("thumbs/{id}/{}.jpg", sha256(bytes))
}

/// Returns the prefixes of the keys of all objects that may be published for a file.
pub(crate) fn published_prefixes(id: &FileId) -> [String; 2] {
    [format!("files/{id}/"), format!("thumbs/{id}/")]
}

/// Returns whether `key` is a key that [`file()`] returns for the file `id`.
pub(crate) fn is_file(id: &FileId, key: &str) -> bool {
    key.strip_prefix(&format!("files/{id}/")).is_some_and(is_sha256)
}

/// Returns whether `key` is a key that [`thumbnail`] returns for the file `id`.
pub(crate) fn is_thumbnail(id: &FileId, key: &str) -> bool {
    key.strip_prefix(&format!("thumbs/{id}/")).and_then(|name| name.strip_suffix(".jpg")).is_some_and(is_sha256)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the ID of the file whose upload has the object key `key`, or `None` if `key` is not the key of an upload.
/// `key` is URL-encoded as in S3 event notifications, with `+` for a space.
#[must_use]
pub fn uploaded_file(key: &str) -> Option<FileId> {
    let key = key.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8().ok()?;
    FileId::parse(key.strip_prefix(UPLOADS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_key_yields_the_file_id() {
        let id = FileId::new();
        for key in [upload(&id), upload(&id).replace('/', "%2F"), upload(&id).replace('_', "%5f")] {
            assert_eq!(uploaded_file(&key).as_ref(), Some(&id), "{key}");
        }
    }

    #[test]
    fn other_keys_yield_none() {
        let id = FileId::new();
        let keys = [file(&id, b""), thumbnail(&id, b""), format!("{}/more", upload(&id)), id.to_string()];
        for key in keys.iter().map(String::as_str).chain([
            "",
            "/",
            "uploads/",
            "uploads/file_",
            "/uploads/file_1",
            "Uploads/file_1",
            "uploads//file_1",
            "uploads/file_1+",
            "uploads/file_1%20",
            "uploads/file_1%",
            "uploads/file_1%2",
            "uploads/file_%zz",
            "uploads/file_%ff",
            "uploads/file_%00",
            "uploads/file_%C3%A4",
            "uploads%252Ffile_1",
            "uploads/file_ä",
            "+%+%+",
        ]) {
            assert_eq!(uploaded_file(key), None, "{key}");
        }
    }

    #[test]
    fn published_keys_contain_the_hash_of_the_bytes() {
        let id = FileId::parse("file_1").unwrap();
        // SHA-256 of the empty string.
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(file(&id, b""), format!("files/file_1/{hash}"));
        assert_eq!(thumbnail(&id, b""), format!("thumbs/file_1/{hash}.jpg"));
        assert!(is_file(&id, &file(&id, b"")) && is_thumbnail(&id, &thumbnail(&id, b"")));
    }
}
