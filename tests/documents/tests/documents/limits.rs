//! Tests that the API documents and template.yaml have the limits of `contract::limits`.

use contract::limits;
use documents::{AsyncApi, OpenApi};
use serde_json::{Value, json};

use crate::difference::assert_no_errors;
use crate::template::{self, text};

/// A limit that the client library exports.
pub(crate) struct ClientLimit {
    /// Name of the limit in the client library.
    pub(crate) name: &'static str,
    pub(crate) value: u64,
    /// JSON Pointer to the limit's value in docs/openapi.yaml.
    pointer: &'static str,
    /// Description of the limit in the client library.
    pub(crate) description: &'static str,
}

/// All limits that the client library exports.
pub(crate) const CLIENT_LIMITS: [ClientLimit; 11] = [
    ClientLimit {
        name: "members",
        value: limits::MEMBERS as u64,
        pointer: "/components/schemas/CreateThread/properties/memberIds/x-max-members",
        description: "Maximum number of members of a thread, the caller included.",
    },
    ClientLimit {
        name: "titleChars",
        value: limits::TITLE_CHARS as u64,
        pointer: "/components/schemas/CreateThread/properties/title/maxLength",
        description: "Maximum number of characters in a thread's title.",
    },
    ClientLimit {
        name: "bodyChars",
        value: limits::BODY_CHARS as u64,
        pointer: "/components/schemas/SendMessage/properties/body/maxLength",
        description: "Maximum number of characters in a message's body.",
    },
    ClientLimit {
        name: "filesPerMessage",
        value: limits::FILES as u64,
        pointer: "/components/schemas/SendMessage/properties/fileIds/maxItems",
        description: "Maximum number of files in a message.",
    },
    ClientLimit {
        name: "fileBytes",
        value: limits::FILE_BYTES,
        pointer: "/components/schemas/CreateFile/properties/size/maximum",
        description: "Maximum size of a file in bytes, unless the deployment sets another limit.",
    },
    ClientLimit {
        name: "fileNameChars",
        value: limits::FILE_NAME_CHARS as u64,
        pointer: "/components/schemas/CreateFile/properties/filename/maxLength",
        description: "Maximum number of characters in a file's name.",
    },
    ClientLimit {
        name: "mediaTypeChars",
        value: limits::MEDIA_TYPE_CHARS as u64,
        pointer: "/components/schemas/CreateFile/properties/mimetype/maxLength",
        description: "Maximum number of characters in a file's media type.",
    },
    ClientLimit {
        name: "idempotencyKeyChars",
        value: limits::IDEMPOTENCY_KEY_CHARS as u64,
        pointer: "/components/parameters/IdempotencyKey/schema/maxLength",
        description: "Maximum number of characters in an `Idempotency-Key`.",
    },
    ClientLimit {
        name: "userIdBytes",
        value: limits::USER_ID_BYTES as u64,
        pointer: "/components/schemas/UserId/maxLength",
        description: "Maximum size of a user ID in bytes of UTF-8.",
    },
    ClientLimit {
        name: "pageSize",
        value: limits::PAGE as u64,
        pointer: "/components/parameters/Limit/schema/maximum",
        description: "Maximum number of threads, messages or people on a page.",
    },
    ClientLimit {
        name: "defaultPageSize",
        value: limits::PAGE_DEFAULT as u64,
        pointer: "/components/parameters/Limit/schema/default",
        description: "Number of threads, messages or people on a page if the request has no `limit`.",
    },
];

/// Limits that doc comments of `contract` link to, each with its value and the unit in which the API documents show it.
const IN_DESCRIPTIONS: [(&str, u64, Unit); 19] = [
    ("BODY_CHARS", limits::BODY_CHARS as u64, Unit::Count),
    ("CHANGES", limits::CHANGES, Unit::Count),
    ("DEVICES", limits::DEVICES as u64, Unit::Count),
    ("ENDPOINT_CHARS", limits::ENDPOINT_CHARS as u64, Unit::Count),
    ("ERRORS", limits::ERRORS as u64, Unit::Count),
    ("FILES", limits::FILES as u64, Unit::Count),
    ("FILE_BYTES", limits::FILE_BYTES, Unit::Count),
    ("FILE_NAME_CHARS", limits::FILE_NAME_CHARS as u64, Unit::Count),
    ("FILE_USES", limits::FILE_USES as u64, Unit::Count),
    ("FRAME_BYTES", limits::FRAME_BYTES as u64, Unit::KiB),
    ("FRAME_ID_CHARS", limits::FRAME_ID_CHARS as u64, Unit::Count),
    ("MEMBERS", limits::MEMBERS as u64, Unit::Count),
    ("PREVIEW_CHARS", limits::PREVIEW_CHARS as u64, Unit::Count),
    ("QUOTE_CHARS", limits::QUOTE_CHARS as u64, Unit::Count),
    ("REQUEST_BYTES", limits::REQUEST_BYTES as u64, Unit::KiB),
    ("SUBSCRIPTIONS", limits::SUBSCRIPTIONS as u64, Unit::Count),
    ("TITLE_CHARS", limits::TITLE_CHARS as u64, Unit::Count),
    ("TYPING_SECONDS", limits::TYPING_SECONDS, Unit::Count),
    ("USER_ID_BYTES", limits::USER_ID_BYTES as u64, Unit::Count),
];

enum Unit {
    Count,
    KiB,
}

/// Replaces the rustdoc links to limits in a doc comment, such as ``[`limits::FILES`]``, with the limits' values.
pub(crate) fn resolve_limits(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, value, unit) in &IN_DESCRIPTIONS {
        let value = match unit {
            Unit::Count => value.to_string(),
            Unit::KiB => format!("{} KiB", value / 1024),
        };
        text = text.replace(&format!("[`limits::{name}`](crate::limits::{name})"), &value);
        text = text.replace(&format!("[`limits::{name}`]"), &value);
    }
    assert!(
        !text.contains("[`"),
        "a description for the API documents has a rustdoc link; if it is a limit, add it to IN_DESCRIPTIONS: {text}"
    );
    text
}

fn parameter(name: &str) -> Value {
    let openapi = OpenApi::get().unwrap();
    openapi.document.root["components"]["parameters"][name]["schema"].clone()
}

#[test]
fn every_client_limit_is_in_the_openapi_document() {
    let root = &OpenApi::get().unwrap().document.root;
    let mut errors = Vec::new();
    for ClientLimit { name, value, pointer, description: _ } in &CLIENT_LIMITS {
        let found = root.pointer(pointer);
        if found.and_then(Value::as_u64) != Some(*value) {
            errors.push(format!("{name}: {pointer} of docs/openapi.yaml must be {value}, but is {found:?}"));
        }
    }
    assert_no_errors(&errors);
}

#[test]
fn page_limits_have_bounds_and_defaults_of_contract() {
    for (name, default) in [("Limit", limits::PAGE_DEFAULT), ("ChangesLimit", limits::PAGE)] {
        let expected = json!({ "type": "integer", "minimum": 1, "maximum": limits::PAGE, "default": default });
        assert_eq!(parameter(name), expected, "components.parameters.{name} of docs/openapi.yaml");
    }
}

#[test]
fn number_of_a_message_has_the_bounds_of_contract() {
    let expected = json!({ "type": "integer", "format": "uint64", "minimum": 1, "maximum": limits::SEQ });
    assert_eq!(parameter("Seq"), expected, "components.parameters.Seq of docs/openapi.yaml");
}

/// Parameters of template.yaml that set a limit, each with the default in `contract`.
const PARAMETERS: [(&str, u64); 7] = [
    ("MaxFileBytes", limits::FILE_BYTES),
    ("EditHours", limits::EDIT_HOURS),
    ("MessagesPerMinute", limits::MESSAGES_PER_MINUTE),
    ("ThreadsPerDay", limits::THREADS_PER_DAY),
    ("UploadsPerDay", limits::UPLOADS_PER_DAY),
    ("UploadBytesPerDay", limits::UPLOAD_BYTES_PER_DAY),
    ("ConnectionsPerUser", limits::CONNECTIONS_PER_USER),
];

#[test]
fn template_has_the_default_limits_of_contract() {
    let parameters = &template::read()["Parameters"];
    for (name, limit) in PARAMETERS {
        assert_eq!(parameters[name]["Default"], limit, "{name} of template.yaml");
    }
}

#[test]
fn descriptions_have_the_limits_of_contract() {
    let words = |value: &Value| text(value).split_whitespace().collect::<Vec<_>>().join(" ");
    let openapi = &OpenApi::get().unwrap().document.root;
    let answer = |name: &str| words(&openapi["components"]["responses"][name]["description"]);
    let register = &openapi["paths"]["/api/push-subscriptions"]["put"];
    let (registration, conflict) =
        (words(&register["description"]), words(&register["responses"]["409"]["description"]));
    let operation = |path: &str, method: &str| {
        words(&openapi["paths"][format!("/api/threads/{{threadId}}{path}")][method]["description"])
    };
    let thousands = |count: u64| format!("{},{:03}", count / 1_000, count % 1_000);
    let too_large = answer("BodyTooLarge");
    let asyncapi = words(&AsyncApi::get().unwrap().document.root["info"]["description"]);
    let mut errors = Vec::new();
    for (file, description, sentence) in [
        ("openapi", &too_large, format!("larger than {} KiB", limits::REQUEST_BYTES / 1024)),
        ("asyncapi", &asyncapi, format!("at most {} KiB", limits::FRAME_BYTES / 1024)),
        ("asyncapi", &asyncapi, format!("within {} seconds", limits::TICKET_SECONDS)),
        ("asyncapi", &asyncapi, format!("after {} hours", limits::CONNECTION_SECONDS / 60 / 60)),
        ("asyncapi", &asyncapi, format!("at most {} channels", limits::SUBSCRIPTIONS)),
        ("asyncapi", &asyncapi, format!("may have {} open connections", limits::CONNECTIONS_PER_USER)),
        ("openapi", &answer("RateLimited"), format!("by default, {} are allowed", limits::MESSAGES_PER_MINUTE)),
        ("openapi", &operation("/messages/{seq}", "patch"), format!("by default for {} hours", limits::EDIT_HOURS)),
        (
            "openapi",
            &operation("/changes", "get"),
            format!("more than {} revisions behind", thousands(limits::CHANGES)),
        ),
        ("openapi", &answer("ThreadQuotaExceeded"), format!("by default, {} are allowed", limits::THREADS_PER_DAY)),
        (
            "openapi",
            &answer("UploadQuotaExceeded"),
            format!("{} files and {} GiB", limits::UPLOADS_PER_DAY, limits::UPLOAD_BYTES_PER_DAY >> 30),
        ),
        ("openapi", &registration, format!("{} seconds after a message", limits::NOTIFICATION_SECONDS)),
        ("openapi", &registration, format!("expires after {} days", limits::DEVICE_DAYS)),
        ("openapi", &conflict, format!("has {} other devices", limits::DEVICES)),
    ] {
        if !description.contains(&sentence) {
            errors.push(format!("docs/{file}.yaml must say \"{sentence}\", but says: {description}"));
        }
    }
    assert_no_errors(&errors);
}
