//! The URL schemes of stores.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::super::{KeyValueStore, MemoryStore};
use super::address::Address;
use super::invalid;
use super::suggest::{listed, meant};
use crate::error::Error;

type Opened = Result<Arc<dyn KeyValueStore>, Error>;

type Open = fn(Address) -> BoxFuture<'static, Opened>;

/// The schemes of one kind of store.
struct Scheme {
    names: &'static [&'static str],
    place: Place,
    parameters: Parameters,
    store: Store,
}

/// What must be between `://` and the parameters.
#[derive(Clone, Copy)]
enum Place {
    Nothing,
    /// A path in the file system, which begins with `/`.
    Path,
    /// The store or its driver decides.
    Any,
}

/// Which parameters are allowed besides the common ones.
#[derive(Clone, Copy)]
enum Parameters {
    Only(&'static [&'static str]),
    /// Those of the driver, which refuses others, and those that the store's function takes.
    Any,
}

#[derive(Clone, Copy)]
enum Store {
    Here(Open),
    /// This feature is not enabled.
    #[allow(dead_code, reason = "with every feature, nothing needs one")]
    Needs(&'static str),
}

/// The store's function, if its feature is enabled; the function is behind the same feature.
macro_rules! with_feature {
    ($feature:literal, $open:path) => {{
        #[cfg(feature = $feature)]
        let store = Store::Here($open);
        #[cfg(not(feature = $feature))]
        let store = Store::Needs($feature);
        store
    }};
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        names: &["memory"],
        place: Place::Nothing,
        parameters: Parameters::Only(&[]),
        store: Store::Here(memory),
    },
    Scheme {
        names: &["redis", "rediss"],
        place: Place::Any,
        parameters: Parameters::Only(&["prefix", "protocol"]),
        store: with_feature!("redis", redis),
    },
    Scheme {
        names: &["redis+unix", "unix"],
        place: Place::Path,
        parameters: Parameters::Only(&["prefix", "db", "user", "pass", "protocol"]),
        store: with_feature!("redis", redis),
    },
    Scheme {
        names: &["fs"],
        place: Place::Path,
        parameters: Parameters::Only(&[]),
        store: with_feature!("fs", fs),
    },
    Scheme {
        names: &["git"],
        place: Place::Path,
        parameters: Parameters::Only(&[]),
        store: with_feature!("git", git),
    },
    Scheme {
        names: &["postgres", "postgresql", "mysql", "mariadb", "sqlite"],
        place: Place::Any,
        parameters: Parameters::Any,
        store: {
            #[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
            let store = Store::Here(sql);
            #[cfg(not(any(feature = "mysql", feature = "postgres", feature = "sqlite")))]
            let store = Store::Needs("sql");
            store
        },
    },
    Scheme {
        names: &["mongodb", "mongodb+srv"],
        place: Place::Any,
        parameters: Parameters::Any,
        store: with_feature!("mongodb", mongodb),
    },
    Scheme {
        names: &["s3", "gcs", "gs", "azure", "az"],
        place: Place::Any,
        parameters: Parameters::Any,
        store: with_feature!("cloud", cloud),
    },
];

/// Opens the store, after the address was checked.
pub(super) async fn open(address: Address) -> Opened {
    let name = address.scheme();
    let Some(scheme) = SCHEMES.iter().find(|scheme| scheme.names.contains(&name)) else {
        return Err(unknown(&address));
    };
    match scheme.place {
        Place::Nothing if !address.is_bare() => {
            return Err(invalid(format!("{name}:// takes nothing after it")));
        }
        Place::Path => drop(address.path()?),
        Place::Nothing | Place::Any => {}
    }
    if let Parameters::Only(parameters) = scheme.parameters {
        address.allow(parameters)?;
    }
    match scheme.store {
        Store::Here(open) => open(address).await,
        Store::Needs(feature) => Err(invalid(format!(
            "{name}:// needs cachecow's feature `{feature}`, which is not enabled"
        ))),
    }
}

fn unknown(address: &Address) -> Error {
    let names = || SCHEMES.iter().flat_map(|scheme| scheme.names).copied();
    let name = address.scheme();
    let (quoted, meant) = (address.quoted().name(name), meant(name, names()));
    invalid(format!("its scheme{quoted} is unknown; there are {}{meant}", listed(names())))
}

fn memory(address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let store = MemoryStore::new().with_key_space(address.key_space());
        Ok(Arc::new(store) as _)
    }
    .boxed()
}

#[cfg(feature = "redis")]
fn redis(mut address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let prefix = address.take("prefix")?;
        let store = super::super::RedisStore::open(&address.for_driver())?;
        let store = store.with_key_space(address.key_space());
        Ok(match prefix {
            Some(prefix) => Arc::new(store.with_prefix(prefix)) as _,
            None => Arc::new(store) as _,
        })
    }
    .boxed()
}

#[cfg(feature = "fs")]
fn fs(address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let store = super::super::FilesystemStore::open(address.path()?).await?;
        Ok(Arc::new(store.with_key_space(address.key_space())) as _)
    }
    .boxed()
}

#[cfg(feature = "git")]
fn git(address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let store = super::super::GitStore::open(address.path()?).await?;
        Ok(Arc::new(store.with_key_space(address.key_space())) as _)
    }
    .boxed()
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
fn sql(mut address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let table = address.take("table")?;
        let store = super::super::SqlStore::open(&address.for_driver()).await?;
        let store = match table {
            Some(table) => store.with_table(&table)?,
            None => store,
        };
        if address.is_in_memory() {
            // The database is new, and nobody else can create the table in it.
            store.create_table().await?;
        }
        Ok(Arc::new(store.with_key_space(address.key_space())) as _)
    }
    .boxed()
}

#[cfg(feature = "mongodb")]
fn mongodb(mut address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let collection = address.take("collection")?;
        let collection = collection.as_deref().unwrap_or("key_value");
        let store = super::super::MongoStore::open(&address.for_driver(), collection).await?;
        Ok(Arc::new(store.with_key_space(address.key_space())) as _)
    }
    .boxed()
}

#[cfg(feature = "cloud")]
fn cloud(address: Address) -> BoxFuture<'static, Opened> {
    async move {
        let store = super::super::CloudStore::open(&address.for_driver())?;
        Ok(Arc::new(store.with_key_space(address.key_space())) as _)
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_is_not_compiled_in_names_its_feature() {
        for scheme in SCHEMES {
            let Store::Needs(feature) = scheme.store else { continue };
            for name in scheme.names {
                let (address, _) = Address::parse(&format!("{name}:///place")).unwrap();
                let message = open(address).await.unwrap_err().to_string();
                let expected = format!("{name}:// needs cachecow's feature `{feature}`");
                assert!(message.contains(&expected), "{message}");
            }
        }
    }
}
