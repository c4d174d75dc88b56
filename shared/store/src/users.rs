use std::collections::{HashMap, HashSet};

use contract::{Profile, UserId};
use serde::Deserialize;

use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys;
use crate::row::{from_item, n, s};
use crate::transaction::IS_NEW;

/// The row of a user's profile: it exists once the user has called, whether a token had a name or not. It contains the
/// user's ID, because a batch read returns rows in any order. Other attributes of the row belong to other code.
#[derive(Deserialize)]
pub(crate) struct ProfileRow {
    pub(crate) id: UserId,
    #[serde(default)]
    pub(crate) name: Option<String>,
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
    /// Records that the user has called, and the name from their token unless the name of a newer token is stored. Writes
    /// only these attributes of the profile. Writes nothing if this instance has already recorded a token that is not
    /// older, or, for a token without a name, any token of the user.
    pub async fn record_profile(&self, profile: &Profile) -> Result<(), Error> {
        let Profile { id, name, issued_at } = profile;
        let recorded = self.recorded_profiles.get(id);
        // A token without a name counts as older than every token with one.
        let issued_at = name.as_ref().map_or(i64::MIN, |_| *issued_at);
        if recorded.is_some_and(|newest| newest >= issued_at) {
            return Ok(());
        }
        let update = self.table.update(&keys::profile(id)).expression_attribute_values(":id", s(id.as_str()));
        let update = match name {
            Some(name) => update
                .update_expression("SET id = :id, #name = :name, issuedAt = :issuedAt")
                .condition_expression("attribute_not_exists(issuedAt) OR issuedAt < :issuedAt")
                .expression_attribute_names("#name", "name")
                .expression_attribute_values(":name", s(name))
                .expression_attribute_values(":issuedAt", n(issued_at)),
            None => update.update_expression("SET id = :id").condition_expression(IS_NEW),
        };
        match update.send().await {
            Ok(_) => {
                if let Some(name) = name {
                    self.names.insert(id, name.clone());
                }
            }
            // The user is known, and the name from this token or from a newer one is stored. The next read returns it.
            Err(error) if condition_failed(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.recorded_profiles.insert(id, issued_at);
        Ok(())
    }

    /// Returns those of `users` that have never called, that is, have no profile. Reads all profiles in one batch.
    pub(crate) async fn unknown(&self, users: &[&UserId]) -> Result<Vec<UserId>, Error> {
        let items = self.table.batch_get(users.iter().map(|user| keys::profile(user))).await?;
        let known = items.into_iter().map(|item| from_item::<ProfileRow>(item).map(|row| row.id));
        let known: HashSet<UserId> = known.collect::<Result<_, _>>()?;
        Ok(users.iter().filter(|user| !known.contains(**user)).map(|user| (*user).clone()).collect())
    }

    /// Returns the names of `users`. Names that are not cached are read together in one batch.
    pub(crate) async fn names<'a>(&self, users: impl IntoIterator<Item = &'a UserId>) -> Result<Names, Error> {
        Ok(self.names_and_files([], users).await?.names)
    }
}
