//! The tables, of either database.

#![allow(missing_docs, reason = "`table!` makes the items")]

diesel::table! {
    users (id) {
        id -> BigInt,
        email -> Text,
        posts -> BigInt,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        author -> BigInt,
        title -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, posts);
