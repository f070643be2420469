//! The fingerprint of a type's shape: it changes when stored objects must not be read any more, and only
//! then.

use cachecow::CacheSchema;

/// A shape that depends on another.
#[derive(CacheSchema)]
#[expect(dead_code, reason = "only the shape is asked for")]
struct Page<T> {
    items: Vec<T>,
}

/// The fingerprint of a shape written in place.
macro_rules! shape {
    ($($item:tt)*) => {{
        #[allow(dead_code, unreachable_pub, reason = "only the shape is asked for")]
        mod shape {
            #[derive(serde::Serialize, cachecow::CacheSchema)]
            $($item)*
        }
        <shape::Shape as CacheSchema>::FINGERPRINT
    }};
}

#[test]
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
                #[serde(rename = "x")]
                a: i64,
                b: String,
            }
        ),
        shape!(
            #[serde(rename_all = "camelCase")]
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
                #[serde(rename = "x")]
                B,
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
        shape!(
            pub struct Shape {
                a: Option<i64>,
                #[cache(opaque)]
                b: String,
            }
        ),
    ];
    // A field that is left out of the nested shapes is another shape, by design of the test above.
    assert_eq!(same[..2], [base, base]);
    assert_ne!(same[2], base);
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
    let unknown = outer!(Vec<Inner>, {
        struct Inner {
            a: i64,
        }
    });
    let unknown_renamed = outer!(Vec<Inner>, {
        struct Inner {
            b: i64,
        }
    });
    assert_eq!(base, same);
    assert_ne!(base, renamed);
    assert_ne!(base, unknown);
    assert_eq!(unknown, unknown_renamed);
    assert_ne!(Page::<String>::FINGERPRINT, Page::<u8>::FINGERPRINT);
}

#[test]
fn types_may_contain_themselves_and_each_other() {
    #[derive(CacheSchema)]
    #[expect(dead_code, reason = "only the shape is asked for")]
    struct Tree {
        children: Vec<Tree>,
        parent: Option<Box<Self>>,
    }
    #[derive(CacheSchema)]
    #[expect(dead_code, reason = "only the shape is asked for")]
    struct Folder {
        files: Vec<File>,
    }
    #[derive(CacheSchema)]
    #[expect(dead_code, reason = "only the shape is asked for")]
    struct File {
        #[cache(opaque)]
        folder: Box<Folder>,
    }
    let shapes = [Tree::FINGERPRINT, Folder::FINGERPRINT, File::FINGERPRINT];
    assert_eq!(shapes.iter().collect::<std::collections::HashSet<_>>().len(), 3);
}
