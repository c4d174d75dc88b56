use std::collections::HashMap;

use contract::{FileId, UserId};

use crate::chat::Chat;
use crate::error::Error;
use crate::files::FileRow;
use crate::keys;
use crate::messages::MessageRow;
use crate::row::from_item;
use crate::users::{Names, ProfileRow};

/// What it takes to show messages beside their own rows, as it is now.
pub(crate) struct Context {
    pub(crate) names: Names,
    files: HashMap<FileId, FileRow>,
}

impl Context {
    /// The files of `ids`, in that order.
    pub(crate) fn files(&self, ids: &[FileId]) -> Result<Vec<FileRow>, Error> {
        let file = |id| self.files.get(id).cloned().ok_or_else(|| Error::MissingRow(keys::file(id).to_string()));
        ids.iter().map(file).collect()
    }
}

impl Chat {
    /// The names of `users` and of the messages' authors, and the messages' files, with one read for all that this
    /// function does not remember.
    pub(crate) async fn context<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a MessageRow>,
        users: impl IntoIterator<Item = &'a UserId>,
    ) -> Result<Context, Error> {
        let (mut wanted, mut names) = (Vec::new(), HashMap::new());
        let mut name = |user: &UserId, wanted: &mut Vec<_>| match self.names.get(user) {
            Some(name) => _ = names.insert(user.clone(), name),
            None => wanted.push(keys::profile(user)),
        };
        for user in users {
            name(user, &mut wanted);
        }
        for message in messages {
            name(&message.author_id, &mut wanted);
            wanted.extend(message.file_ids.iter().map(keys::file));
        }
        let mut files = HashMap::new();
        for item in self.table.batch_get(wanted).await? {
            if keys::is_file(&item) {
                let file: FileRow = from_item(item)?;
                files.insert(file.id.clone(), file);
            } else {
                let ProfileRow { id, name, .. } = from_item(item)?;
                self.names.insert(&id, name.clone());
                names.insert(id, name);
            }
        }
        Ok(Context { names: Names(names), files })
    }
}
