//! The fingerprint of a type's shape: it changes when stored objects must not be read any more, and only
//! then.

use cachecow::CacheSchema;

/// A shape that depends on another.
#[derive(CacheSchema)]
struct Page<T> {
    items: Vec<T>,
}

/// The fingerprint of a shape written in place.
macro_rules! shape {
    ($($item:tt)*) => {{
        #[allow(dead_code, unreachable_pub, reason = "only the shape is asked for")]
        mod shape {
            #[derive(cachecow::CacheSchema)]
            $($item)*
        }
        <shape::Shape as CacheSchema>::FINGERPRINT
    }};
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list of shapes")]
fn a_fingerprint_changes_with_the_shape() {
    let base = shape!(
        pub struct Shape {
            a: i64,
            b: String,
        }
    );
    let changed = [
        shape!(
            pub struct Shape {
                a: i64,
                c: String,
            }
        ),
        shape!(
            pub struct Shape {
                b: String,
                a: i64,
            }
        ),
        shape!(
            pub struct Shape {
                a: i32,
                b: String,
            }
        ),
        shape!(
            pub struct Shape {
                a: i64,
                b: Option<String>,
            }
        ),
        shape!(
            pub struct Shape {
                a: i64,
                b: String,
                c: u8,
            }
        ),
        shape!(
            pub struct Shape {
                a: i64,
            }
        ),
        shape!(
            pub struct Shape {
                #[cache(opaque)]
                a: i64,
                b: String,
            }
        ),
        shape!(
            pub struct Shape {
                #[cache(skip)]
                a: i64,
                b: String,
            }
        ),
        shape!(
            pub struct Shape {
                #[cache(with = serde_bytes)]
                a: Vec<u8>,
                b: String,
            }
        ),
        shape!(
            pub struct Shape {
                #[cache(with = ::serde_bytes)]
                a: Vec<u8>,
                b: String,
            }
        ),
        shape!(
            #[cache(version = 2)]
            pub struct Shape {
                a: i64,
                b: String,
            }
        ),
        shape!(
            #[cache(version = 3)]
            pub struct Shape {
                a: i64,
                b: String,
            }
        ),
        shape!(
            pub struct Shape(i64, String);
        ),
        shape!(
            pub enum Shape {
                A { a: i64, b: String },
            }
        ),
        shape!(
            pub enum Shape {
                A,
                B,
            }
        ),
        shape!(
            pub enum Shape {
                B,
                A,
            }
        ),
        shape!(
            pub enum Shape {
                A,
                B(i64),
            }
        ),
        shape!(
            pub enum Shape {
                A(i64),
                B,
            }
        ),
    ];
    let distinct: std::collections::HashSet<u64> = changed.into_iter().chain([base]).collect();
    assert_eq!(distinct.len(), changed.len() + 1);
}

#[test]
fn a_fingerprint_stays_where_the_shape_stays() {
    let base = shape!(
        pub struct Shape {
            a: Option<i64>,
            b: String,
        }
    );
    let same = [
        shape!(
            pub(super) struct Shape {
                pub a: Option<i64>,
                pub(crate) b: String,
            }
        ),
        shape!(
            /// Documented.
            #[derive(Clone)]
            pub struct Shape {
                /// Documented.
                a: Option<i64>,
                r#b: String,
            }
        ),
        // Made for its JSON.
        shape!(
            #[derive(serde::Serialize)]
            #[serde(rename_all = "camelCase")]
            pub struct Shape {
                #[serde(rename = "x", skip_serializing_if = "Option::is_none")]
                a: Option<i64>,
                #[serde(skip)]
                b: String,
            }
        ),
    ];
    assert_eq!(same, [base; 3]);
}

#[test]
fn a_fingerprint_changes_with_the_type_s_name() {
    #[derive(CacheSchema)]
    struct One {
        a: i64,
    }
    #[derive(CacheSchema)]
    struct Other {
        a: i64,
    }
    assert_ne!(One::FINGERPRINT, Other::FINGERPRINT);
}

/// The row of the database, which has the name of the model that it is in.
#[test]
fn a_nested_type_of_the_same_name_counts() {
    macro_rules! order {
        ($field:ident) => {{
            #[allow(dead_code, reason = "only the shape is asked for")]
            mod db {
                #[derive(cachecow::CacheSchema)]
                pub(super) struct Order {
                    $field: i64,
                }
            }
            #[derive(CacheSchema)]
            #[allow(dead_code, reason = "only the shape is asked for")]
            struct Order {
                row: db::Order,
                before: (Option<Box<Order>>, db::Order),
            }
            Order::FINGERPRINT
        }};
    }
    assert_ne!(order!(cents), order!(euros));
}

/// Of a field's type all counts, also beside the type itself.
#[test]
fn what_stands_beside_the_type_itself_counts() {
    macro_rules! tree {
        ($field:ident) => {{
            #[derive(CacheSchema)]
            #[allow(dead_code, reason = "only the shape is asked for")]
            struct Leaf {
                $field: i64,
            }
            #[derive(CacheSchema)]
            #[allow(dead_code, reason = "only the shape is asked for")]
            struct Tree {
                children: Vec<(Leaf, Tree)>,
                parent: Option<Box<Self>>,
            }
            Tree::FINGERPRINT
        }};
    }
    assert_ne!(tree!(cents), tree!(euros));
}

#[test]
fn a_fingerprint_changes_with_what_is_nested() {
    macro_rules! outer {
        ($field:ty, { $($inner:tt)* }) => {{
            #[allow(dead_code, unreachable_pub, reason = "only the shape is asked for")]
            mod shape {
                $($inner)*
                #[derive(cachecow::CacheSchema)]
                pub struct Outer { field: $field }
            }
            <shape::Outer as CacheSchema>::FINGERPRINT
        }};
    }
    let known = |name: u64| name;
    let base = known(outer!(Vec<Inner>, {
        #[derive(cachecow::CacheSchema)]
        struct Inner {
            a: i64,
        }
    }));
    let same = outer!(Vec<Inner>, {
        #[derive(cachecow::CacheSchema)]
        pub struct Inner {
            a: i64,
        }
    });
    let renamed = outer!(Vec<Inner>, {
        #[derive(cachecow::CacheSchema)]
        struct Inner {
            b: i64,
        }
    });
    let versioned = outer!(Vec<Inner>, {
        #[derive(cachecow::CacheSchema)]
        #[cache(version = 1)]
        struct Inner {
            a: i64,
        }
    });
    assert_eq!(base, same);
    assert_ne!(base, renamed);
    assert_ne!(base, versioned);
    assert_ne!(Page::<String>::FINGERPRINT, Page::<u8>::FINGERPRINT);
}

#[test]
fn types_may_contain_themselves_and_each_other() {
    #[derive(CacheSchema)]
    struct Tree {
        children: Vec<Tree>,
        parent: Option<Box<Self>>,
    }
    #[derive(CacheSchema)]
    struct Folder {
        files: Vec<File>,
    }
    #[derive(CacheSchema)]
    struct File {
        #[cache(recursive)]
        folder: Box<Folder>,
    }
    let shapes = [Tree::FINGERPRINT, Folder::FINGERPRINT, File::FINGERPRINT];
    assert_eq!(shapes.iter().collect::<std::collections::HashSet<_>>().len(), 3);
}
