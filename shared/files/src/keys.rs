//! Where an object is: nobody else spells a key.

use contract::FileId;
use percent_encoding::percent_decode_str;
use ring::digest;

const UPLOADS: &str = "uploads/";

/// Where a client puts a file.
pub(crate) fn upload(id: &FileId) -> String {
    format!("{UPLOADS}{id}")
}

/// Where a file is served from. Named after its bytes: whoever inspected another upload of the same file publishes
/// elsewhere.
pub(crate) fn file(id: &FileId, bytes: &[u8]) -> String {
    format!("files/{id}/{}", sha256(bytes))
}

/// Where a file's thumbnail is served from.
pub(crate) fn thumbnail(id: &FileId, bytes: &[u8]) -> String {
    format!("thumbs/{id}/{}.jpg", sha256(bytes))
}

/// The file that was uploaded to `key`, as an S3 event notification gives it: URL-encoded, a space as `+`. `None`
/// where it is no upload's key.
#[must_use]
pub fn uploaded_file(key: &str) -> Option<FileId> {
    let key = key.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8().ok()?;
    FileId::parse(key.strip_prefix(UPLOADS)?)
}

/// SHA-256, in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_file() {
        let id = FileId::new();
        for key in [upload(&id), upload(&id).replace('/', "%2F"), upload(&id).replace('_', "%5f")] {
            assert_eq!(uploaded_file(&key).as_ref(), Some(&id), "{key}");
        }
    }

    #[test]
    fn what_is_no_upload_is_none() {
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
    fn published_objects_are_named_after_their_bytes() {
        let id = FileId::parse("file_1").unwrap();
        // SHA-256 of nothing, as FIPS 180-4's examples give it.
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(file(&id, b""), format!("files/file_1/{hash}"));
        assert_eq!(thumbnail(&id, b""), format!("thumbs/file_1/{hash}.jpg"));
    }
}
