//! A public interface under the strictest lints.

#![deny(warnings, missing_docs, missing_debug_implementations, missing_copy_implementations)]
#![deny(unreachable_pub, unused_qualifications, unused_results, single_use_lifetimes)]
#![deny(unused_lifetimes, elided_lifetimes_in_paths, let_underscore_drop, non_ascii_idents)]
#![deny(trivial_casts, trivial_numeric_casts, unused_import_braces, unsafe_code)]
#![deny(deprecated, private_interfaces, private_bounds, dead_code)]
#![deny(explicit_outlives_requirements, redundant_lifetimes, variant_size_differences)]

/// The users.
pub mod users {
    use cachecow::{CacheSchema, Cached, KeyPart};
    use serde::{Deserialize, Serialize};

    /// A user.
    #[derive(Clone, Debug, Serialize, Deserialize, Cached)]
    #[cache(context = String)]
    #[cache(key = "user:{id}", fetch = User::find, fetch_many = self::find_many)]
    #[cache(key = "user:role:{role}", fetch = old)]
    pub struct User {
        id: i64,
        role: Role,
        address: Address,
    }

    /// A role, for the crate only.
    #[derive(Clone, Debug, Serialize, Deserialize, CacheSchema, KeyPart)]
    pub(crate) struct Role(String);

    #[derive(Clone, Debug, Serialize, Deserialize, CacheSchema)]
    struct Address {
        city: String,
    }

    impl User {
        async fn find(_: &String, id: i64) -> Result<Self, std::fmt::Error> {
            let (role, address) = (Role("".into()), Address { city: "".into() });
            Ok(Self { id, role, address })
        }

        /// What the fields are for.
        pub fn shown(&self) -> (i64, &str, &str) {
            (self.id, &self.role.0, &self.address.city)
        }
    }

    async fn find_many(_: &String, _: &[i64]) -> Result<Vec<User>, std::fmt::Error> {
        Ok(Vec::new())
    }

    #[deprecated]
    async fn old(_: &String, _: &Role) -> Result<User, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    /// No constructor of this one is used.
    #[derive(Debug, Serialize, Deserialize, Cached)]
    #[cache(key = "session:{0}", fetch = session)]
    struct Session(String, u8);

    async fn session(_: &str) -> Result<Option<Session>, std::fmt::Error> {
        Ok(None)
    }

    /// Makes use of what is private.
    pub fn session_number(text: &str) -> u8 {
        let session = Session(text.into(), 1);
        session.1
    }
}

fn main() {
    drop(users::User::by_id(1));
}
