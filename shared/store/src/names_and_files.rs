use std::collections::HashMap;

use contract::{FileId, UserId};

use crate::chat::Chat;
use crate::error::Error;
use crate::files::FileRow;
use crate::keys;
use crate::row::from_item;
use crate::users::{Names, ProfileRow};

/// The names and files that rows of messages and threads refer to by ID.
pub(crate) struct NamesAndFiles {
    pub(crate) names: Names,
    pub(crate) files: HashMap<FileId, FileRow>,
}

impl NamesAndFiles {
    /// Returns the rows of the files with the given IDs, in the same order. Returns [`Error::MissingRow`] if a file
    /// does not exist.
    pub(crate) fn files(&self, ids: &[FileId]) -> Result<Vec<FileRow>, Error> {
        let file = |id| self.files.get(id).cloned().ok_or_else(|| Error::MissingRow(keys::file(id).to_string()));
        ids.iter().map(file).collect()
    }
}

impl Chat {
    /// Reads the names of `users` and the rows of `files`. Files and uncached names are read together in one batch.
    pub(crate) async fn names_and_files<'a>(
        &self,
        users: impl IntoIterator<Item = &'a UserId>,
        files: impl IntoIterator<Item = &'a FileId>,
    ) -> Result<NamesAndFiles, Error> {
        let mut keys_to_read: Vec<_> = files.into_iter().map(keys::file).collect();
        let mut names = HashMap::new();
        for user in users {
            match self.names.get(user) {
                Some(name) => _ = names.insert(user.clone(), name),
                None => keys_to_read.push(keys::profile(user)),
            }
        }
        let mut files = HashMap::new();
        for item in self.table.batch_get(keys_to_read).await? {
            if keys::is_file(&item) {
                let file: FileRow = from_item(item)?;
                files.insert(file.id.clone(), file);
            } else {
                let ProfileRow { id, name, .. } = from_item(item)?;
                if let Some(name) = name {
                    self.names.insert(&id, name.clone());
                    names.insert(id, name);
                }
            }
        }
        Ok(NamesAndFiles { names: Names(names), files })
    }
}
