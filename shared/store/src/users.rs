use std::collections::HashMap;

use contract::{Profile, UserId};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::row::{n, to_item};

/// The row of a user. It carries the id so that a batch of rows says whose they are.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileRow {
    pub(crate) id: UserId,
    pub(crate) name: String,
    issued_at: i64,
}

/// The names of some users.
pub(crate) struct Names(pub(crate) HashMap<UserId, String>);

impl Names {
    /// The user's name; their id where they were never seen with one.
    pub(crate) fn of(&self, user: &UserId) -> String {
        self.0.get(user).cloned().unwrap_or_else(|| user.to_string())
    }
}

impl Chat {
    /// Keeps the name that a token gives its user, unless a newer token gave another. A warm function that has seen
    /// the token does nothing.
    pub async fn record_profile(&self, profile: &Profile) -> Result<(), Error> {
        let Some(name) = &profile.name else { return Ok(()) };
        if self.recorded_profiles.get(&profile.id).is_some_and(|newest| newest >= profile.issued_at) {
            return Ok(());
        }
        let row = ProfileRow { id: profile.id.clone(), name: name.clone(), issued_at: profile.issued_at };
        let written = self
            .table
            .put_if(to_item(&keys::profile(&profile.id), &row)?)
            .condition_expression("attribute_not_exists(pk) OR issuedAt < :issuedAt")
            .expression_attribute_values(":issuedAt", n(profile.issued_at))
            .send()
            .await;
        match written {
            Ok(_) => self.names.insert(&profile.id, name.clone()),
            // Kept already, or a newer name is: the next look at the names tells.
            Err(error) if condition_failed(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.recorded_profiles.insert(&profile.id, profile.issued_at);
        Ok(())
    }

    /// The names of `users`, with one read for those this function does not remember.
    pub(crate) async fn names<'a>(&self, users: impl IntoIterator<Item = &'a UserId>) -> Result<Names, Error> {
        Ok(self.context([], users).await?.names)
    }
}
