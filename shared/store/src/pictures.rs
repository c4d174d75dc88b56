//! The pictures of users. A picture is a file of the user: the profile and the directory name the file, and the file's row
//! has the profile among its uses.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use contract::{ApiError, ErrorCode, FileId, FileStatus, Me, Profile, UpdateMe, UserId, limits};

use crate::backoff;
use crate::chat::Chat;
use crate::error::Error;
use crate::file_uses::{IS_NOT_ERASED, PICTURE_USE};
use crate::files::FileRow;
use crate::keys::{self, Key};
use crate::links::{Links, Published};
use crate::people::me;
use crate::row::{n, s};
use crate::transaction::{TransactionResult, Write};
use crate::users::ProfileRow;

/// Why a file cannot be the caller's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusablePicture {
    /// The file does not exist, belongs to another user or is erased.
    Unknown,
    /// The file is not processed yet.
    Pending,
    /// The file has failed.
    Failed,
    /// The file is not an image.
    NotAnImage,
    /// The file already has [`limits::FILE_USES`] uses.
    TooManyUses,
}

impl From<UnusablePicture> for ApiError {
    fn from(unusable: UnusablePicture) -> Self {
        let (code, message) = match unusable {
            UnusablePicture::Unknown => {
                (ErrorCode::InvalidRequest, "is not a file of yours, or was deleted; upload the image again".to_owned())
            }
            UnusablePicture::Pending => {
                (ErrorCode::InvalidRequest, "is pending; try again once the file's status is ready".to_owned())
            }
            UnusablePicture::Failed => {
                (ErrorCode::InvalidRequest, "has failed; upload an image in another format".to_owned())
            }
            UnusablePicture::NotAnImage => (ErrorCode::InvalidRequest, "must be an image".to_owned()),
            UnusablePicture::TooManyUses => {
                (ErrorCode::TooManyFileUses, format!("already has {} uses; upload the image again", limits::FILE_USES))
            }
        };
        Self::Problem(UpdateMe::refused_picture(code, &message))
    }
}

/// A change of the caller's picture from the file `old`, which this attempt has read, to the file `new`.
#[derive(Clone, Copy)]
struct NewPicture<'a> {
    caller: &'a UserId,
    receipts: Option<bool>,
    old: Option<&'a FileId>,
    new: Option<&'a FileId>,
}

impl Chat {
    /// Changes the caller's profile and returns it. Changes nothing if the new picture cannot be used.
    ///
    /// A file that stops being the picture and has no other use is erased. Before each attempt to replace or remove a
    /// picture, this calls `erase_later` with the picture's file. `erase_later` must make files-process check on the
    /// file after this call has ended, so that the file is erased even if the function crashes after the commit. If the
    /// attempt fails, the file is still in use, and files-process keeps it.
    pub async fn update_me<E, F>(
        &self,
        caller: &Profile,
        update: &UpdateMe,
        links: &Links,
        erase_later: impl Fn(FileId) -> F,
    ) -> Result<Result<Me, UnusablePicture>, E>
    where
        E: From<Error>,
        F: Future<Output = Result<(), E>>,
    {
        let UpdateMe { receipts, avatar_file_id } = update;
        let Some(new) = avatar_file_id else { return Ok(Ok(self.update_receipts(caller, *receipts, links).await?)) };
        for attempt in 0..backoff::ATTEMPTS {
            let stored = self.profile_row(&caller.id).await?;
            let old = stored.as_ref().and_then(|row| row.avatar_file_id.as_ref());
            if old == new.as_ref() {
                // The picture is already set. Without `receipts`, the answer contains the profile that was just read. A
                // second read could find the picture of a later change.
                return Ok(Ok(match receipts {
                    None => me(caller, stored.as_ref(), links),
                    Some(_) => self.update_receipts(caller, *receipts, links).await?,
                }));
            }
            let ids: Vec<_> = old.into_iter().chain(new).cloned().collect();
            let files = self.files(&ids).await?;
            let file = |id: &FileId| files.iter().find(|file| file.id == *id);
            if let Some(unusable) = new.as_ref().and_then(|id| unusable(file(id), &caller.id)) {
                return Ok(Err(unusable));
            }
            if let Some(old) = old {
                erase_later(old.clone()).await?;
            }
            // A missing row of the old file must not keep the user from changing the picture.
            let used = old.filter(|id| file(id).is_some());
            let change = NewPicture { caller: &caller.id, receipts: *receipts, old, new: new.as_ref() };
            if self.try_change_picture(change, used).await? {
                return Ok(Ok(after_change(caller, stored.as_ref(), update, links)));
            }
            backoff::pause(attempt).await;
        }
        Err(Error::Unavailable("too many concurrent changes of one profile".into()).into())
    }

    /// Writes the new picture to the profile, the directory and the rows of the old and the new file, in one
    /// transaction. `used` is the old file, if its row exists. Returns false if one of these rows has changed since it
    /// was read, or is being written by another call. Then nothing was written.
    async fn try_change_picture(&self, change: NewPicture<'_>, used: Option<&FileId>) -> Result<bool, Error> {
        let mut profile = self.set_picture(&keys::profile(change.caller), change, change.receipts);
        profile = match change.old {
            Some(old) => {
                profile.condition_expression("avatarFileId = :old").expression_attribute_values(":old", s(old.as_str()))
            }
            None => profile.condition_expression("attribute_not_exists(avatarFileId)"),
        };
        let mut writes = vec![profile, self.set_picture(&keys::person(change.caller), change, None)];
        writes.extend(change.new.map(|id| self.add_picture_use(change.caller, id)));
        writes.extend(used.map(|id| self.remove_picture_use(id)));
        Ok(match self.table.transact(writes.into_iter().map(Write::Update)).await? {
            TransactionResult::Committed => true,
            TransactionResult::ConditionFailed(_) | TransactionResult::Conflict => false,
        })
    }

    /// Returns the update that sets the picture in the row `key`: the user's profile, or their row of the directory.
    /// Also sets `receipts`, unless it is `None`. Rows of the directory have no `receipts`.
    fn set_picture(&self, key: &Key, change: NewPicture<'_>, receipts: Option<bool>) -> UpdateBuilder {
        let (mut set, mut remove) = (vec!["id = :id"], Vec::new());
        let mut update = self.table.transaction_update(key);
        update = update.expression_attribute_values(":id", s(change.caller.as_str()));
        match change.new {
            Some(new) => {
                set.push("avatarFileId = :new");
                update = update.expression_attribute_values(":new", s(new.as_str()));
            }
            None => remove.push("avatarFileId"),
        }
        match receipts {
            Some(true) => remove.push("receipts"),
            Some(false) => {
                set.push("receipts = :off");
                update = update.expression_attribute_values(":off", AttributeValue::Bool(false));
            }
            None => {}
        }
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        update.update_expression(format!("SET {}{remove}", set.join(", ")))
    }

    /// Returns the update that adds the profile to the uses of its new picture, on condition that the picture can be used.
    fn add_picture_use(&self, owner: &UserId, id: &FileId) -> UpdateBuilder {
        self.table
            .transaction_update(&keys::file(id))
            .update_expression("SET sent = :true ADD uses :use")
            .condition_expression(format!(
                "ownerId = :owner AND #status = :ready AND attribute_exists(thumbnail) AND ({IS_NOT_ERASED}) \
                 AND (attribute_not_exists(uses) OR size(uses) < :max)"
            ))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":use", picture_use())
            .expression_attribute_values(":max", n(limits::FILE_USES))
            .expression_attribute_values(":owner", s(owner.as_str()))
            .expression_attribute_values(":ready", s("ready"))
    }

    fn remove_picture_use(&self, id: &FileId) -> UpdateBuilder {
        self.table
            .transaction_update(&keys::file(id))
            .update_expression("DELETE uses :use")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":use", picture_use())
    }
}

fn picture_use() -> AttributeValue {
    AttributeValue::Ss(vec![PICTURE_USE.to_owned()])
}

/// Returns why `owner` cannot use the file with the row `file` as their picture; `None` if they can.
fn unusable(file: Option<&FileRow>, owner: &UserId) -> Option<UnusablePicture> {
    let Some(file) = file.filter(|file| file.owner_id == *owner && !file.is_erased()) else {
        return Some(UnusablePicture::Unknown);
    };
    match file.status {
        FileStatus::Pending => Some(UnusablePicture::Pending),
        FileStatus::Failed => Some(UnusablePicture::Failed),
        FileStatus::Ready if file.published(Published::Thumbnail).is_none() => Some(UnusablePicture::NotAnImage),
        FileStatus::Ready => (file.uses.len() >= limits::FILE_USES).then_some(UnusablePicture::TooManyUses),
    }
}

/// Returns the caller's profile after `update`, which was made to the row `stored`.
fn after_change(caller: &Profile, stored: Option<&ProfileRow>, update: &UpdateMe, links: &Links) -> Me {
    let me = me(caller, stored, links);
    let avatar_url = update.avatar_file_id.iter().flatten().next().map(|id| links.thumbnail(id));
    Me { receipts: update.receipts.unwrap_or(me.receipts), avatar_url, ..me }
}
