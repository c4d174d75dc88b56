use std::collections::HashMap;

use contract::{Profile, UserId};
use serde::{Deserialize, Serialize};

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::row::{n, to_item};

/// The row of a user's profile. It contains the user's ID, because a batch read returns rows in any order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileRow {
    pub(crate) id: UserId,
    pub(crate) name: String,
    issued_at: i64,
}

/// Names of users by their ID. It has no entry for a user whose name is not stored.
pub(crate) struct Names(pub(crate) HashMap<UserId, String>);

impl Names {
    /// Returns the user's name, or their ID if none of their tokens had a name.
    pub(crate) fn of(&self, user: &UserId) -> String {
        self.0.get(user).cloned().unwrap_or_else(|| user.to_string())
    }
}

impl Chat {
    /// Stores the name from a user's token, unless the name of a newer token is stored. Writes nothing if the token has
    /// no name, or if this instance has already recorded a token that is not older.
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
            // The name from this token or from a newer one is already stored. The next read returns it.
            Err(error) if condition_failed(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.recorded_profiles.insert(&profile.id, profile.issued_at);
        Ok(())
    }

    /// Returns the names of `users`. Names that are not cached are read together in one batch.
    pub(crate) async fn names<'a>(&self, users: impl IntoIterator<Item = &'a UserId>) -> Result<Names, Error> {
        Ok(self.names_and_files([], users).await?.names)
    }
}
