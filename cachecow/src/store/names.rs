//! Keys as names in folders: each segment of a key, between slashes, is one name.

/// How segments become names: unchanged if possible, otherwise with a `%` before them.
///
/// Names that consist of `%` and a letter are free for other purposes, unless they belong to reserved segments.
#[derive(Clone, Copy)]
pub(super) struct Names {
    /// Which segments cannot be names, besides those that no folder accepts.
    reserved: fn(&str) -> bool,
}

impl Names {
    /// Names of files.
    #[cfg(any(test, feature = "fs"))]
    pub(super) const FILES: Self = Self::with_reserved(|_| false);

    /// Names where `reserved` segments cannot be names either.
    pub(super) const fn with_reserved(reserved: fn(&str) -> bool) -> Self {
        Self { reserved }
    }

    fn is_marked(self, segment: &str) -> bool {
        matches!(segment, "" | "." | "..") || segment.starts_with('%') || (self.reserved)(segment)
    }

    /// The path of a key, relative and without `.` and `..`.
    pub(super) fn path(self, key: &str) -> String {
        let mut path = String::with_capacity(key.len() + 1);
        for (number, segment) in key.split('/').enumerate() {
            if number > 0 {
                path.push('/');
            }
            if self.is_marked(segment) {
                path.push('%');
            }
            path.push_str(segment);
        }
        path
    }

    /// The segment with this name, if there is one.
    pub(super) fn segment(self, name: &str) -> Option<&str> {
        match name.strip_prefix('%') {
            Some(segment) => self.is_marked(segment).then_some(segment),
            None => (!self.is_marked(name)).then_some(name),
        }
    }
}

/// The folder that contains all keys with this prefix, as the common beginning of its keys: empty,
/// or ending with a slash.
pub(super) fn folder_of(prefix: &str) -> &str {
    prefix.rfind('/').map_or("", |at| &prefix[..=at])
}

/// Whether keys that begin with `folder` may begin with `prefix`.
pub(super) fn may_hold(folder: &str, prefix: &str) -> bool {
    folder.starts_with(prefix) || prefix.starts_with(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const SOME: Names = Names::with_reserved(|segment| segment.eq_ignore_ascii_case(".git"));

    /// All texts of up to five of these characters.
    fn texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        let mut from = 0;
        for _ in 0..5 {
            let to = texts.len();
            for at in from..to {
                for character in ['a', '.', '%', '/', 't'] {
                    texts.push(format!("{}{character}", texts[at]));
                }
            }
            from = to;
        }
        texts
    }

    fn back(names: Names, path: &str) -> Option<String> {
        let segments: Option<Vec<&str>> = path.split('/').map(|name| names.segment(name)).collect();
        Some(segments?.join("/"))
    }

    #[test]
    fn every_key_has_a_path_of_its_own_and_is_had_back() {
        let mut keys = texts();
        keys.extend(
            [".git", "x/.GIT/y", "%.git", "%%.git", ".github", "%tmp", "a/%tmp"].map(String::from),
        );
        for names in [Names::FILES, SOME] {
            let mut seen = HashMap::new();
            for key in &keys {
                let path = names.path(key);
                assert_eq!(
                    back(names, &path).as_ref(),
                    Some(key),
                    "{key:?} is had back from {path:?}"
                );
                if let Some(other) = seen.insert(path.clone(), key) {
                    panic!("{key:?} and {other:?} are both {path:?}");
                }
                for name in path.split('/') {
                    assert!(!matches!(name, "" | "." | ".."), "{key:?} is {path:?}");
                    let rest = name.strip_prefix('%').and_then(|rest| rest.chars().next());
                    assert!(!rest.is_some_and(char::is_alphabetic), "{key:?} is {path:?}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_no_segments_or_that_of_one_that_has_it() {
        for name in texts().into_iter().filter(|name| !name.contains('/')) {
            for names in [Names::FILES, SOME] {
                if let Some(segment) = names.segment(&name) {
                    assert_eq!(names.path(segment), name);
                }
            }
        }
        assert_eq!(Names::FILES.segment("%tmp"), None);
        assert_eq!(Names::FILES.segment("."), None);
        assert_eq!(SOME.segment(".git"), None);
    }

    #[test]
    fn ordinary_keys_are_their_own_paths() {
        for key in ["a", "src/lib.rs", "...", ".hidden", "a%", "a/.b/c..", ".git"] {
            assert_eq!(Names::FILES.path(key), key);
        }
        assert_eq!(SOME.path("a/.Git/b"), "a/%.Git/b");
    }

    #[test]
    fn folders_are_those_of_the_prefix() {
        assert_eq!(folder_of("a/b/c"), "a/b/");
        assert_eq!(folder_of("a/b/"), "a/b/");
        assert_eq!(folder_of("a"), "");
        for folder in ["", "a/", "a/b/", "a/b/c/"] {
            assert!(may_hold(folder, "a/b/"));
        }
        assert!(may_hold("a/bc/", "a/b"));
        assert!(!may_hold("a/c/", "a/b"));
    }
}
