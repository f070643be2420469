//! The commands that prepare a database.

use std::fmt::Write as _;

use super::MongoLog;
use super::collections::{Collection, Collections};
use crate::log::mapping::FollowedTypes;

impl MongoLog {
    /// Returns the commands for `mongosh` that switch on the pre-images that these types need. A collection that is
    /// named without a database is in `database`. Read them, and run them once; this crate never runs them.
    ///
    /// ```
    /// # #[cfg(feature = "derive")] {
    /// # use cachecow::Cached;
    /// #[derive(Cached)]
    /// #[cache(table = "users")]
    /// #[cache(key = "user:{id}", fetch = User::find)]
    /// #[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
    /// struct User { #[cache(column = "_id")] id: i64, org_id: i64 }
    /// # impl User {
    /// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
    /// #     async fn find_by_org(_: i64) -> Result<Vec<User>, std::convert::Infallible> { Ok(Vec::new()) }
    /// # }
    /// use cachecow::log::MongoLog;
    ///
    /// let commands = MongoLog::setup_commands::<User>("shop");
    /// assert!(commands.contains(r#"db.getSiblingDB("shop").runCommand({"collMod": "users","#));
    /// # }
    /// ```
    pub fn setup_commands<T: FollowedTypes>(database: &str) -> String {
        let collections = Collections::of(&T::tables(), database);
        let mut text = String::from(
            "// For mongosh, by someone who may change collections (the role dbAdmin). The follower itself needs the role \
             read on each database, on several at once readAnyDatabase.\n",
        );
        for collection in collections.iter() {
            if collection.of_old.is_empty() {
                let _ = writeln!(text, "// {} needs nothing.", collection.full_name());
            } else {
                let _ = writeln!(
                    text,
                    "// {} must have {} of documents before a change.\n{}",
                    collection.full_name(),
                    collection.of_old.join(", "),
                    pre_images(collection)
                );
            }
        }
        if collections.need_old() {
            text.push_str(
                "// How long pre-images are kept, for the whole cluster; longer than a follower may be away. Unless it is \
                 set they are kept as long as the oplog.\n\
                 // db.adminCommand({\"setClusterParameter\": {\"changeStreamOptions\": {\"preAndPostImages\": \
                 {\"expireAfterSeconds\": 86400}}}});\n",
            );
        }
        text
    }
}

/// The command after which events have the document as it was before the change.
pub(super) fn pre_images(collection: &Collection) -> String {
    format!(
        "db.getSiblingDB({:?}).runCommand({{\"collMod\": {:?}, \"changeStreamPreAndPostImages\": {{\"enabled\": true}}}});",
        collection.database, collection.name
    )
}

/// The command that makes a collection that is not there yet.
pub(super) fn create(collection: &Collection) -> String {
    let images = if collection.of_old.is_empty() {
        ""
    } else {
        ", {\"changeStreamPreAndPostImages\": {\"enabled\": true}}"
    };
    format!(
        "db.getSiblingDB({:?}).createCollection({:?}{images});",
        collection.database, collection.name
    )
}
