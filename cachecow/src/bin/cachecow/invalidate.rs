//! `cachecow invalidate` and `cachecow invalidate-tag`. They use the library's own protocol: fetches in progress
//! cannot store their values, the holds of writers stay, and near tiers are notified.

use std::time::Duration;

use cachecow::__tools as tools;
use cachecow::{CacheCow, KeySet, TypePolicy};
use serde_json::json;

use crate::args::{How, Invalidate, InvalidateTag};
use crate::fault::{Exit, Fault};
use crate::session::Session;
use crate::target::{TagTarget, Target};

pub(crate) async fn key(session: &Session, arguments: &Invalidate) -> Result<Exit, Fault> {
    let target = Target::of(session, &arguments.named)?;
    let name = session.name("cache", target.in_redis(session));
    let mut set = KeySet::default();
    set.add(target.key, policy(&arguments.how, target.settle()));
    let cow = session.cache(arguments.how.replica_acks).await?;
    let cow = if target.is_name { cow } else { session.scoped(&cow) };
    carry_out(session, &cow, set, &name).await
}

pub(crate) async fn tag(session: &Session, arguments: &InvalidateTag) -> Result<Exit, Fault> {
    let InvalidateTag { tag, values, of, how } = arguments;
    let target = TagTarget::of(session, tag, values, of.as_deref())?;
    let mut set = KeySet::default();
    let key = match target {
        TagTarget::Tag { guard, tag, settle } => {
            tools::add_tag(&mut set, guard, tag, policy(how, settle));
            tag
        }
        TagTarget::Whole { key, settle } => {
            tools::add_all(&mut set, key, policy(how, settle));
            key
        }
    };
    let name = session.name("tag", session.scope().key(key));
    let cow = session.scoped(&session.cache(how.replica_acks).await?);
    carry_out(session, &cow, set, &name).await
}

fn policy(how: &How, settle: Option<Duration>) -> TypePolicy {
    match how.settle.or(settle) {
        Some(settle) => TypePolicy::new().with_settle(settle),
        None => TypePolicy::new(),
    }
}

async fn carry_out(
    session: &Session,
    cow: &CacheCow,
    set: KeySet,
    name: &str,
) -> Result<Exit, Fault> {
    cow.invalidate(set).await?;
    if session.out.is_json() {
        session.out.json(&json!({"invalidated": name}))?;
    } else {
        session.out.line(&format!("invalidated {name}"))?;
    }
    Ok(Exit::Done)
}
