use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{FileId, Profile, UserId};
use serde::Deserialize;

use crate::backoff::retry_conflicts;
use crate::chat::Chat;
use crate::error::{Error, condition_failed};
use crate::keys::{self, Key};
use crate::row::{from_item, n, s};

/// The row of a user's profile: it exists once the user has called, whether a token had a name or not. It contains the
/// user's ID, because a batch read returns rows in any order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProfileRow {
    pub(crate) id: UserId,
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// When the token with the name was issued.
    #[serde(default)]
    issued_at: Option<i64>,
    /// Whether the directory has the user. Missing in profiles that were written before the directory existed.
    #[serde(default)]
    listed: bool,
    /// Whether other members see the user's read marks.
    #[serde(default = "shared_by_default")]
    pub(crate) receipts: bool,
    /// The file with the user's picture.
    #[serde(default)]
    pub(crate) avatar_file_id: Option<FileId>,
}

fn shared_by_default() -> bool {
    true
}

impl ProfileRow {
    /// Returns the stored name and when its token was issued.
    fn dated_name(&self) -> Option<(&str, i64)> {
        self.name.as_deref().zip(self.issued_at)
    }
}

/// Returns the name from the caller's token, or the stored name if it is from a newer token or the caller's token has
/// no name. Also returns when the token of this name was issued. Returns `None` if the caller's token has no name and
/// no name is stored.
pub(crate) fn newest_name<'a>(caller: &'a Profile, stored: Option<&'a ProfileRow>) -> Option<(&'a str, i64)> {
    let token = caller.name.as_deref().map(|name| (name, caller.issued_at));
    match (token, stored.and_then(ProfileRow::dated_name)) {
        (Some(token), Some(stored)) if stored.1 >= token.1 => Some(stored),
        (token, stored) => token.or(stored),
    }
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
    /// Records that the user has called, and the name from their token unless the name of a newer token is stored.
    /// Makes no call to `DynamoDB` if this instance has already recorded a token of the user that is not older, or, for
    /// a token without a name, any token of the user. Writes nothing if another instance has already recorded such a
    /// token.
    ///
    /// The directory is written before the profile. So a crash between these two writes is repaired by the next call:
    /// the profile still shows that the token is not recorded. Both rows are also written if only the token is new, not
    /// the name. They contain the token's time, so the names of older tokens, which another instance may be recording,
    /// are then refused.
    pub async fn record_profile(&self, profile: &Profile) -> Result<(), Error> {
        let Profile { id, name, issued_at } = profile;
        let recorded = self.recorded_profiles.get(id);
        // A token without a name counts as older than every token with a name.
        let token_time = name.as_ref().map_or(i64::MIN, |_| *issued_at);
        if recorded.is_some_and(|newest| newest >= token_time) {
            return Ok(());
        }
        let stored = self.profile_row(id).await?;
        let stored_name = stored.as_ref().and_then(ProfileRow::dated_name);
        let newest = newest_name(profile, stored.as_ref());
        let listed = stored.as_ref().is_some_and(|row| row.listed);
        if !listed || newest != stored_name {
            self.record_name(&keys::person(id), id, newest, false).await?;
            self.record_name(&keys::profile(id), id, newest, true).await?;
        }
        if let Some((name, _)) = newest {
            self.names.insert(id, name.to_owned());
        }
        self.recorded_profiles.insert(id, token_time);
        Ok(())
    }

    /// Writes a user's ID and name to the row `key`, which is their profile or their row of the directory, unless the
    /// row has the name of a newer token. `name` contains the name and when its token was issued. If `listed`, also
    /// records that the directory has the user. Does not change other attributes of the row.
    async fn record_name(&self, key: &Key, id: &UserId, name: Option<(&str, i64)>, listed: bool) -> Result<(), Error> {
        let mut set = vec!["id = :id"];
        let mut update = self.table.update(key).expression_attribute_values(":id", s(id.as_str()));
        if listed {
            set.push("listed = :true");
            update = update.expression_attribute_values(":true", AttributeValue::Bool(true));
        }
        if let Some((name, issued_at)) = name {
            set.extend(["#name = :name", "issuedAt = :issuedAt"]);
            update = update
                .condition_expression("attribute_not_exists(issuedAt) OR issuedAt <= :issuedAt")
                .expression_attribute_names("#name", "name")
                .expression_attribute_values(":name", s(name))
                .expression_attribute_values(":issuedAt", n(issued_at));
        }
        let update = update.update_expression(format!("SET {}", set.join(", ")));
        // A change of the user's picture writes their profile and their row of the directory in a transaction, which
        // may conflict with this write.
        match retry_conflicts(|| update.clone().send()).await {
            // The row has the name of a newer token. The instance that wrote this name also writes the other
            // attributes.
            Err(error) if condition_failed(&error) => Ok(()),
            recorded => Ok(recorded.map(drop)?),
        }
    }

    /// Reads a user's profile. Returns `None` if the user has never called.
    pub(crate) async fn profile_row(&self, id: &UserId) -> Result<Option<ProfileRow>, Error> {
        self.table.get(&keys::profile(id)).await?.map(from_item).transpose()
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
        Ok(self.names_and_files(users, []).await?.names)
    }
}
