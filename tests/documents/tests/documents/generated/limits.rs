//! Generates the client library's `limits.ts`.

use std::fmt::Write as _;

use super::write_or_compare;
use crate::limits::CLIENT_LIMITS;

#[test]
fn client_has_the_limits_of_contract() {
    let mut file = String::from(
        "// Generated from shared/contract by `make docs`. Do not edit.\n\n\
         /** The server's limits. A character is a Unicode code point: `[...text].length` counts them. */\n\
         export const limits = {\n",
    );
    for limit in CLIENT_LIMITS {
        write!(file, "  /** {} */\n  {}: {},\n", limit.description, limit.name, limit.value)
            .expect("cannot write to a string");
    }
    file.push_str("} as const;\n");
    write_or_compare("web/hearth-client/src/limits.ts", &file);
}
