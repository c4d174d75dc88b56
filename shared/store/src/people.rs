use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::{FileId, Me, PeoplePage, PeopleQuery, Person, PersonCursor, Profile, UserId};
use serde::Deserialize;

use crate::backoff::retry_conflicts;
use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::links::Links;
use crate::row::{from_item, s};
use crate::users::{ProfileRow, newest_name};

/// The attributes of a user's profile that the user's row of the directory has, too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersonRow {
    id: UserId,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    avatar_file_id: Option<FileId>,
}

impl PersonRow {
    fn present(self, links: &Links) -> Person {
        let Self { id, name, avatar_file_id } = self;
        let avatar_url = avatar_file_id.map(|file| links.thumbnail(&file));
        Person { name: name.unwrap_or_else(|| id.to_string()), id, avatar_url }
    }
}

impl Chat {
    /// Reads a page of the directory, sorted by name.
    ///
    /// Each call reads and sorts the whole directory. `DynamoDB` could sort by name only if the name were part of the
    /// key, and then a renamed user would have two rows for a moment. 10,000 people are about 1.5 MB, so one call costs
    /// 375 read units of 4 KB.
    pub async fn directory(&self, query: &PeopleQuery, links: &Links) -> Result<PeoplePage, Error> {
        let items = self.table.partition(keys::PEOPLE.to_owned(), keys::USER_PREFIX).await?;
        let people = items.into_iter().map(|item| Ok(from_item::<PersonRow>(item)?.present(links)));
        Ok(page(people.collect::<Result<_, Error>>()?, query))
    }

    /// Reads a page of the people who share a thread with `user`, including `user`, sorted by name.
    pub async fn acquaintances(&self, user: &UserId, query: &PeopleQuery, links: &Links) -> Result<PeoplePage, Error> {
        let threads = self.threads_of(&self.memberships(user).await?).await?;
        let ids: BTreeSet<_> = threads.iter().flat_map(|thread| &thread.member_ids).chain([user]).collect();
        // The cache of names has no pictures, so all profiles are read.
        let items = self.table.batch_get(ids.iter().map(|id| keys::profile(id))).await?;
        let rows = items.into_iter().map(|item| from_item::<PersonRow>(item).map(|row| (row.id.clone(), row)));
        let mut rows: HashMap<_, _> = rows.collect::<Result<_, _>>()?;
        let people = ids.into_iter().map(|id| {
            let row = rows.remove(id).unwrap_or(PersonRow { id: id.clone(), name: None, avatar_file_id: None });
            row.present(links)
        });
        Ok(page(people.collect(), query))
    }

    /// Reads the caller's profile. The name is that of the newest token, even if the caller's token is older.
    pub async fn me(&self, caller: &Profile, links: &Links) -> Result<Me, Error> {
        Ok(me(caller, self.profile_row(&caller.id).await?.as_ref(), links))
    }

    /// Sets whether the caller shares their read marks; `None` changes nothing. Returns the caller's profile.
    pub(crate) async fn update_receipts(
        &self,
        caller: &Profile,
        receipts: Option<bool>,
        links: &Links,
    ) -> Result<Me, Error> {
        let Some(receipts) = receipts else { return self.me(caller, links).await };
        let request = self.table.update(&keys::profile(&caller.id)).return_values(ReturnValue::AllNew);
        let request = request.expression_attribute_values(":id", s(caller.id.as_str()));
        // By default, users share their read marks. So the attribute is stored only if the user does not share them.
        let request = if receipts {
            request.update_expression("SET id = :id REMOVE receipts")
        } else {
            let off = AttributeValue::Bool(false);
            request.update_expression("SET id = :id, receipts = :off").expression_attribute_values(":off", off)
        };
        let updated = retry_conflicts(|| request.clone().send()).await?;
        let row = from_item(updated.attributes.unwrap_or_default())?;
        Ok(me(caller, Some(&row), links))
    }
}

/// Returns the caller's profile as clients see it. `stored` is the row of the profile, if it exists.
pub(crate) fn me(caller: &Profile, stored: Option<&ProfileRow>, links: &Links) -> Me {
    let name = newest_name(caller, stored).map_or_else(|| caller.id.to_string(), |(name, _)| name.to_owned());
    let avatar_url = stored.and_then(|row| row.avatar_file_id.as_ref()).map(|file| links.thumbnail(file));
    Me { id: caller.id.clone(), name, receipts: stored.is_none_or(|row| row.receipts), avatar_url }
}

/// Sorts people by name and returns the page that follows the query's cursor.
fn page(mut people: Vec<Person>, query: &PeopleQuery) -> PeoplePage {
    let order = |name: &str, id: &UserId| (name.to_lowercase(), name.to_owned(), id.clone());
    people.sort_by_cached_key(|person| order(&person.name, &person.id));
    if let Some(PersonCursor { name, id }) = &query.cursor {
        let last = order(name, id);
        people.retain(|person| order(&person.name, &person.id) > last);
    }
    let more = people.len() > query.limit as usize;
    people.truncate(query.limit as usize);
    let last = people.last().filter(|_| more);
    let next_cursor = last.map(|Person { id, name, .. }| PersonCursor { name: name.clone(), id: id.clone() }.encode());
    PeoplePage { people, next_cursor }
}
