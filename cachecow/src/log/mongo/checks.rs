//! Checks, before collections are followed, that no change can be lost.

use mongodb::bson::Document;

use super::server::Deployment;
use super::setup::{create, pre_images};
use super::source::Source;
use crate::error::{Error, ErrorKind};

/// Returns the warnings.
///
/// # Errors
///
/// If changes could be lost. The error lists all problems, each with its remedy.
pub(super) async fn check(
    Source { server, deployment, collections }: &Source,
) -> Result<Vec<String>, Error> {
    let mut refusals = Vec::new();
    let mut warnings = Vec::new();
    for database in collections.databases() {
        let catalog = server.catalog(database, collections).await?;
        for collection in collections.iter().filter(|known| known.database == database) {
            let has_name =
                |entry: &&Document| entry.get_str("name").is_ok_and(|name| name == collection.name);
            let (types, name) = (collection.type_names.join(", "), collection.full_name());
            let Some(entry) = catalog.iter().find(has_name) else {
                let missing = format!(
                    "{types}: there is no collection {name}; name the right one by `#[cache(table = \"…\")]`, or make it: \
                     `{}`",
                    create(collection)
                );
                // The first insert would create a collection without pre-images.
                let list = if collection.of_old.is_empty() { &mut warnings } else { &mut refusals };
                list.push(missing);
                continue;
            };
            match entry.get_str("type") {
                Ok("view") => refusals.push(format!("{name} is a view: follow the collections that it reads")),
                Ok("timeseries") => refusals.push(format!(
                    "{name} is a time series, of which MongoDB has no change streams: leave {types} out"
                )),
                _ if collection.of_old.is_empty() || has_pre_images(entry) => {}
                _ => refusals.push(format!(
                    "{types}: events do not have {} of documents of {name} before a change, so that an object would stay \
                     in the lists that it leaves: `{}`",
                    collection.of_old.join(", "),
                    pre_images(collection)
                )),
            }
        }
    }
    if *deployment == Deployment::Sharded {
        warnings.push(
            "the cluster is sharded: a shard on which nothing happens tells how far it is every ten seconds, and for as \
             long a change of another shard may wait"
                .to_owned(),
        );
    }
    if refusals.is_empty() {
        return Ok(warnings);
    }
    let message = format!("follow: {}", refusals.join("\nfollow: "));
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

fn has_pre_images(entry: &Document) -> bool {
    let images = entry
        .get_document("options")
        .and_then(|options| options.get_document("changeStreamPreAndPostImages"));
    images.is_ok_and(|images| images.get_bool("enabled").unwrap_or_default())
}
