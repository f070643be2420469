//! The settings of a service, from a URL and the environment.

use std::str::FromStr;

use object_store::ClientConfigKey;

use super::address::{Address, invalid};
use super::provider::Provider;
use crate::error::Error;

/// The settings, the environment's first.
pub(super) fn settings<K>(
    address: &Address,
    provider: &Provider<K>,
    environment: &[(String, String)],
) -> Result<Vec<(K, String)>, Error>
where
    K: FromStr + Clone + PartialEq,
{
    let mut given = userinfo(address, provider)?;
    for (name, value) in &address.options {
        let key = known(name, provider)?;
        if key == provider.bucket {
            return Err(invalid(&format!(
                "`{name}` is not allowed, since the URL already names the bucket; write {}",
                provider.form
            )));
        }
        if given.iter().any(|(other, _)| *other == key) {
            return Err(invalid(&format!("it has `{name}` twice, possibly by another name")));
        }
        given.push((key, value.clone()));
    }
    let http = (provider.client)(ClientConfigKey::AllowHttp);
    let plain = |(name, value): &(String, String)| {
        name.ends_with(provider.endpoint) && value.starts_with("http://")
    };
    if address.options.iter().any(plain) && !given.iter().any(|(key, _)| *key == http) {
        given.push((http, "true".to_owned()));
    }
    let is_given = |key: &K| given.iter().any(|(other, _)| other == key);
    let replaced = |key: &K| {
        let mut groups = provider.together.iter().filter(|group| group.contains(key));
        is_given(key) || groups.any(|group| group.iter().any(is_given))
    };
    let mut all: Vec<(K, String)> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(provider.variables))
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value.clone())))
        .filter(|(key, _)| !replaced(key))
        .collect();
    all.append(&mut given);
    Ok(all)
}

fn userinfo<K: Clone>(
    address: &Address,
    provider: &Provider<K>,
) -> Result<Vec<(K, String)>, Error> {
    let (Some((user_key, password_key)), form) = (&provider.userinfo, provider.form) else {
        return match (&address.user, &address.password) {
            (None, None) => Ok(Vec::new()),
            _ => Err(invalid(
                "Google's credentials cannot be written before the bucket; name the file that holds \
                 them with `service_account_path`",
            )),
        };
    };
    match (&address.user, &address.password) {
        (None, None) => Ok(Vec::new()),
        (Some(user), None) if provider.user_alone => Ok(vec![(user_key.clone(), user.clone())]),
        (Some(user), Some(password)) => {
            Ok(vec![(user_key.clone(), user.clone()), (password_key.clone(), password.clone())])
        }
        _ => Err(invalid(&format!("its credentials are incomplete; write {form}"))),
    }
}

fn known<K: FromStr>(name: &str, provider: &Provider<K>) -> Result<K, Error> {
    name.to_ascii_lowercase().parse().map_err(|_| {
        // A text that does not look like a name may be a secret whose name is missing.
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let shown = if name.len() <= 32 && name.bytes().all(is_name) {
            format!("`{name}`, a setting that is unknown")
        } else {
            "a setting that is unknown".to_owned()
        };
        invalid(&format!("it has {shown}; there are {}", provider.known))
    })
}
