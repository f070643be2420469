//! What is served, beside what the database has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cachecow::CacheCow;
use cachecow::store::SqlPool;

use super::change::Change;
use super::user::User;

/// Reads everything that a change concerns once; how many reads it took.
pub(super) async fn read(cow: &CacheCow, pool: &SqlPool, change: &Change) -> usize {
    let view = cow.with(pool);
    let (ids, emails, orgs) = (change.ids(), change.emails(), change.orgs());
    let count = ids.len() + emails.len() + orgs.len();
    let by_id = view.get_many(ids.into_iter().map(User::by_id));
    let by_email = view.get_many(emails.into_iter().map(User::by_email));
    let lists = async {
        for org in orgs {
            view.list(User::list_by_org_id(org)).await?;
        }
        Ok(())
    };
    futures_util::try_join!(by_id, by_email, lists).expect("the database answers");
    count
}

/// What is not served as the change left it: nothing else changes this row.
pub(super) async fn after(cow: &CacheCow, pool: &SqlPool, change: &Change) -> Vec<String> {
    let view = cow.with(pool);
    let mut stale = Vec::new();
    let ids = change.ids();
    let served = view.get_many(ids.iter().copied().map(User::by_id)).await;
    for (id, served) in ids.iter().zip(served.expect("the database answers")) {
        let is = change.after.as_ref().filter(|user| user.id == *id);
        if served.as_deref() != is {
            stale.push(format!("user {id}"));
        }
    }
    let emails = change.emails();
    let served = view.get_many(emails.iter().map(User::by_email)).await;
    for (email, served) in emails.iter().zip(served.expect("the database answers")) {
        let is = change.after.as_ref().filter(|user| user.email == *email);
        if served.as_deref() != is {
            stale.push(format!("alias {email}"));
        }
    }
    for org in change.orgs() {
        let served = view.list(User::list_by_org_id(org)).await.expect("the database answers");
        let found = served.iter().find(|user| ids.contains(&user.id)).map(|user| &**user);
        let is = change.after.as_ref().filter(|user| user.org_id == org);
        if found != is {
            stale.push(format!("list {org} with user {ids:?}"));
        }
    }
    stale
}

/// Everything that is not served as the database has it, of all that these changes concern.
pub(super) async fn all(cow: &CacheCow, pool: &SqlPool, changes: &[Change]) -> Vec<String> {
    let rows = User::all(pool).await.expect("the database answers");
    let by_id: HashMap<i64, &User> = rows.iter().map(|user| (user.id, user)).collect();
    let by_email: HashMap<&str, &User> = rows.iter().map(|user| (&*user.email, user)).collect();
    let mut by_org: BTreeMap<i64, Vec<&User>> = BTreeMap::new();
    for user in &rows {
        by_org.entry(user.org_id).or_default().push(user);
    }
    let view = cow.with(pool);
    let mut stale = Vec::new();
    let mut judge = |what: String, served: Option<&Arc<User>>, is: Option<&&User>| {
        if served.map(|user| &**user) != is.copied() {
            stale.push(what);
        }
    };
    for some in changes.chunks(500) {
        let ids: Vec<i64> = some.iter().flat_map(Change::ids).collect();
        let served = view.get_many(ids.iter().copied().map(User::by_id)).await;
        for (id, served) in ids.iter().zip(served.expect("the database answers")) {
            judge(format!("user {id}"), served.as_ref(), by_id.get(id));
        }
        let emails: Vec<String> = some.iter().flat_map(Change::emails).collect();
        let served = view.get_many(emails.iter().map(User::by_email)).await;
        for (email, served) in emails.iter().zip(served.expect("the database answers")) {
            judge(format!("alias {email}"), served.as_ref(), by_email.get(&**email));
        }
    }
    let mut orgs: Vec<i64> = changes.iter().flat_map(Change::orgs).collect();
    orgs.sort_unstable();
    orgs.dedup();
    for org in orgs {
        let served = view.list(User::list_by_org_id(org)).await.expect("the database answers");
        let served: Vec<&User> = served.iter().map(|user| &**user).collect();
        if served != by_org.remove(&org).unwrap_or_default() {
            stale.push(format!("list {org}"));
        }
    }
    stale
}
