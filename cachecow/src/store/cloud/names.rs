//! The names of objects for keys.

use object_store::path::Path;
use percent_encoding::percent_decode_str;

use crate::error::{Error, ErrorKind};
use crate::store::KeySpace;

/// The names of a store's objects: a prefix, and the key with some characters written as `%XX`.
///
/// These are escaped: `%`; a `/` at the beginning, at the end or after another `/`; and a dot that ends a part of
/// the name, because Azure trims it, and no part may be `.` or `..`. Every other key is its own name.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Empty, or ends in a slash.
    prefix: String,
}

/// The request that finds the keys with a prefix.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// The prefix of the names; other names may have it too.
    pub(super) names: String,
    /// One more key to look up, which the list may lack: its name does not have that prefix, or
    /// equals it (object_store leaves such names out of Azure's lists).
    pub(super) besides: Option<String>,
}

impl Names {
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], for a prefix that no object's name can have.
    pub(super) fn under(prefix: &str) -> Result<Self, Error> {
        match Path::parse(prefix) {
            Ok(path) if path.as_ref().is_empty() => Ok(Self::default()),
            Ok(path) => Ok(Self { prefix: format!("{path}/") }),
            Err(_) => Err(Error::new(
                ErrorKind::InvalidConfig,
                "the store's prefix has an empty part, `.`, `..` or a control character, which are not \
                 allowed in an object's name; write one such as `folder/sub`",
            )),
        }
    }

    /// The prefix without its slash.
    pub(super) fn prefix(&self) -> &str {
        self.prefix.strip_suffix('/').unwrap_or_default()
    }

    /// The object that holds the key's value.
    pub(super) fn path(&self, operation: &str, key: &str) -> Result<Path, Error> {
        let name = format!("{}{}", self.prefix, encode(key));
        Path::parse(name).map_err(|error| Error::store(operation, error))
    }

    /// The key whose value the object holds, if it is an object of this store.
    pub(super) fn key(&self, key_space: KeySpace, path: &Path) -> Option<String> {
        let name = path.as_ref().strip_prefix(&self.prefix)?;
        let key = percent_decode_str(name).decode_utf8().ok()?;
        (key_space.contains(&key) && encode(&key) == name).then(|| key.into_owned())
    }

    /// How to find the keys that begin with `prefix`, if there can be any.
    pub(super) fn search(&self, key_space: KeySpace, prefix: &str) -> Option<Search> {
        if !prefix.is_empty() && !key_space.contains(prefix) {
            return None;
        }
        // How a dot is written depends on what comes after it.
        let settled = prefix.trim_end_matches('.');
        let names = if settled.is_empty() {
            String::new()
        } else {
            let mut longer = encode(&format!("{settled}-"));
            longer.pop();
            longer
        };
        let besides = (settled == prefix && !prefix.is_empty()).then(|| prefix.to_owned());
        Some(Search { names: format!("{}{names}", self.prefix), besides })
    }
}

/// The key as an object's name.
fn encode(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut characters = key.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map(|&(_, next)| next);
        let begins_a_part = name.is_empty() || name.ends_with('/');
        let escaped = match character {
            '%' => true,
            '/' => begins_a_part || next.is_none(),
            // A slash at the end of the key is escaped, so it does not end a part.
            '.' => next.is_none() || (next == Some('/') && at + 2 < key.len()),
            _ => false,
        };
        match character {
            '%' if escaped => name.push_str("%25"),
            '/' if escaped => name.push_str("%2F"),
            '.' if escaped => name.push_str("%2E"),
            character => name.push(character),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_keys_are_names() {
        let long = "k".repeat(250);
        for key in
            ["k", "a.b", ".hidden", " a b ", "folder/file.txt", "#?[\"<~`^{", "+a=b&c", &long]
        {
            assert_eq!(encode(key), *key);
        }
    }

    #[test]
    fn what_no_name_can_hold_is_escaped() {
        for (key, name) in [
            ("%", "%25"),
            ("%2F", "%252F"),
            (".", "%2E"),
            ("..", ".%2E"),
            ("trailing.", "trailing%2E"),
            ("/", "%2F"),
            ("//", "%2F%2F"),
            ("/a", "%2Fa"),
            ("a/", "a%2F"),
            ("a//b", "a/%2Fb"),
            ("a///b", "a/%2F/b"),
            ("a./b", "a%2E/b"),
            ("a./", "a.%2F"),
            ("a/./b", "a/%2E/b"),
            ("a/..", "a/.%2E"),
        ] {
            assert_eq!(encode(key), name);
        }
    }

    /// Every text of up to `len` of the characters that matter.
    fn texts(len: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..len {
            let end = all.len();
            for at in from..end {
                "./ %a2F".chars().for_each(|c| all.push(format!("{}{c}", all[at])));
            }
            from = end;
        }
        all
    }

    #[test]
    fn every_key_comes_back_and_no_two_share_a_name() {
        let names = Names::under("some/where").unwrap();
        let mut seen = std::collections::HashSet::new();
        for key in texts(5).into_iter().skip(1) {
            let path = names.path("put", &key).unwrap();
            assert_eq!(path.as_ref(), format!("some/where/{}", encode(&key)), "the name is taken");
            assert!(!path.as_ref().ends_with('.') && !path.as_ref().contains("./"), "{path}");
            assert_eq!(names.key(KeySpace::Extended, &path), Some(key));
            assert!(seen.insert(path));
        }
    }

    #[test]
    fn a_search_misses_no_key() {
        let names = Names::under("p").unwrap();
        let keys = texts(4);
        for prefix in texts(3) {
            let search = names.search(KeySpace::Extended, &prefix).unwrap();
            for key in keys.iter().filter(|key| !key.is_empty() && key.starts_with(&prefix)) {
                let path = names.path("put", key).unwrap();
                // As in Azure's lists.
                let longer = path.as_ref().len() > search.names.len();
                let found = longer && path.as_ref().starts_with(&search.names);
                let besides = search.besides.as_ref() == Some(key);
                assert!(found || besides, "{key:?} by {prefix:?}, {search:?}");
            }
        }
    }

    #[test]
    fn a_search_is_as_narrow_as_it_can_be() {
        let names = Names::under("").unwrap();
        let search = |prefix| names.search(KeySpace::Extended, prefix).unwrap();
        assert_eq!(search("").names, "");
        assert_eq!(search("a%").names, "a%25");
        assert_eq!(search("a..").names, "a");
        let folder = Search { names: "folder/".into(), besides: Some("folder/".into()) };
        assert_eq!(search("folder/"), folder);
        assert_eq!(names.search(KeySpace::Standard, "folder/"), None);
        assert_eq!(names.search(KeySpace::Extended, "a*"), None);
    }

    #[test]
    fn names_of_others_are_no_keys() {
        let names = Names::under("p").unwrap();
        let key = |name: &str| names.key(KeySpace::Extended, &Path::parse(name).unwrap());
        assert_eq!(key("p/a%2fb"), None, "not as this store writes it");
        assert_eq!(key("p/a%20b"), None, "not as this store writes it");
        assert_eq!(key("p/100%"), None, "not as this store writes it");
        assert_eq!(key("p/%FF"), None, "no text");
        assert_eq!(key("p/a*b"), None, "no key");
        assert_eq!(key("p"), None, "not under the prefix");
        assert_eq!(key("pp/a"), None, "not under the prefix");
        assert_eq!(key("p/a b").as_deref(), Some("a b"));
    }

    #[test]
    fn a_prefix_that_no_name_has_is_refused() {
        for prefix in ["a//b", "..", "a/./b", "a\n"] {
            assert_eq!(Names::under(prefix).unwrap_err().kind(), ErrorKind::InvalidConfig);
        }
        assert_eq!(Names::under("/a/b/").unwrap().prefix(), "a/b");
        assert_eq!(Names::under("/").unwrap().prefix(), "");
    }
}
