use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use contract::{Me, PeoplePage, PeopleQuery, Person, PersonCursor, Profile, UpdateMe, UserId};
use serde::Deserialize;

use crate::chat::Chat;
use crate::error::Error;
use crate::keys;
use crate::row::{from_item, s};
use crate::users::{ProfileRow, newest_name};

/// The row of a user in the directory.
#[derive(Deserialize)]
struct PersonRow {
    id: UserId,
    #[serde(default)]
    name: Option<String>,
}

impl Chat {
    /// Reads a page of everybody who has called, by name.
    ///
    /// It reads the whole directory and sorts it. `DynamoDB` could sort by name only if the name were part of the key,
    /// and then a renamed user would have two rows for a moment. 10,000 people are about 1 MB, so 250 read units.
    pub async fn directory(&self, query: &PeopleQuery) -> Result<PeoplePage, Error> {
        let items = self.table.partition(keys::PEOPLE.to_owned(), keys::USER_PREFIX).await?;
        let people = items.into_iter().map(|item| {
            let PersonRow { id, name } = from_item(item)?;
            Ok(Person { name: name.unwrap_or_else(|| id.to_string()), id })
        });
        Ok(page(people.collect::<Result<_, Error>>()?, query))
    }

    /// Reads a page of everybody whom `user` shares a thread with, and the user, by name.
    pub async fn acquaintances(&self, user: &UserId, query: &PeopleQuery) -> Result<PeoplePage, Error> {
        let threads = self.threads_of(&self.memberships(user).await?).await?;
        let ids: BTreeSet<_> = threads.iter().flat_map(|thread| &thread.member_ids).chain([user]).collect();
        let names = self.names(ids.iter().copied()).await?;
        let people = ids.into_iter().map(|id| Person { name: names.of(id), id: id.clone() });
        Ok(page(people.collect(), query))
    }

    /// Reads the caller's profile. The name is that of the newest token, even if the caller's token is older.
    pub async fn me(&self, caller: &Profile) -> Result<Me, Error> {
        Ok(me(caller, self.profile_row(&caller.id).await?.as_ref()))
    }

    /// Changes the caller's profile and returns it.
    pub async fn update_me(&self, caller: &Profile, update: UpdateMe) -> Result<Me, Error> {
        let UpdateMe { receipts } = update;
        let Some(receipts) = receipts else { return self.me(caller).await };
        let request = self.table.update(&keys::profile(&caller.id));
        let request = request.expression_attribute_values(":id", s(caller.id.as_str()));
        // Sharing is the default, so only the opposite is stored.
        let request = if receipts {
            request.update_expression("SET id = :id REMOVE receipts")
        } else {
            let off = AttributeValue::Bool(false);
            request.update_expression("SET id = :id, receipts = :off").expression_attribute_values(":off", off)
        };
        let updated = request.return_values(ReturnValue::AllNew).send().await?;
        let row = from_item(updated.attributes.unwrap_or_default())?;
        Ok(me(caller, Some(&row)))
    }
}

fn me(caller: &Profile, stored: Option<&ProfileRow>) -> Me {
    let name = newest_name(caller, stored).map_or_else(|| caller.id.to_string(), |(name, _)| name.to_owned());
    Me { id: caller.id.clone(), name, receipts: stored.is_none_or(|row| row.receipts) }
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
    let next_cursor = last.map(|Person { id, name }| PersonCursor { name: name.clone(), id: id.clone() }.encode());
    PeoplePage { people, next_cursor }
}
