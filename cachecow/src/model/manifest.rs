//! A description of a program's cached types, for tools that do not have the types.

use crate::hex::hex;
use crate::key::KeyEncoder;
use crate::model::cached::Cached;

/// Returns a description of cached types as JSON: their fingerprints, keys, lists, tags and field names. The
/// program `cachecow` (feature `cli`) reads it with `--manifest FILE`.
///
/// `T` is one type with `#[derive(Cached)]`, or a tuple of up to eight types or tuples. For a
/// [query](macro@crate::query) `top_posts`, write `Answer<top_posts>`. The description holds names, templates and
/// types, but no values. Its form may change between releases of this crate: generate it again with each build, for
/// example by a subcommand of the program.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use cachecow::Cached;
///
/// #[derive(Cached)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::convert::Infallible> {
/// #         Ok(User { id, name: String::new() })
/// #     }
/// # }
///
/// let manifest = cachecow::manifest::<User>();
/// assert!(manifest.contains(r#""name":"User""#) && manifest.contains(r#""template":"user:{id}""#));
/// // std::fs::write("cachecow.json", manifest)?;
/// # }
/// ```
pub fn manifest<T: ManifestTypes>() -> String {
    let mut types = Vec::new();
    T::describe(&mut types);
    format!("{{\"cachecow_manifest\":1,\"types\":[\n{}\n]}}\n", types.join(",\n"))
}

/// One type with [`Cached`], or a tuple of up to eight; what [`manifest`] describes.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::{Answer, ManifestTypes, manifest};
///
/// #[cachecow::query(key = "user-count:{org_id}")]
/// async fn user_count(db: &Db, org_id: i64) -> Result<u64, io::Error> {
/// #   let _ = (db, org_id);
/// #   Ok(3)
///     // SELECT count(*) FROM users WHERE org_id = $1
/// }
///
/// /// The subcommand `my-program manifest`.
/// fn print<T: ManifestTypes>() {
///     println!("{}", manifest::<T>());
/// }
///
/// print::<(User, Answer<user_count>)>();
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a cached type, nor a tuple of such types",
    label = "expected a type with `#[derive(Cached)]`, or a tuple",
    note = "for a query `top_posts` write `cachecow::Answer<top_posts>`"
)]
pub trait ManifestTypes {
    /// Adds one JSON object for each type.
    #[doc(hidden)]
    fn describe(types: &mut Vec<String>);
}

impl<T: Cached> ManifestTypes for T {
    fn describe(types: &mut Vec<String>) {
        types.push(described::<T>());
    }
}

macro_rules! of_tuples {
    ($($($member:ident)*;)*) => {$(
        impl<$($member: ManifestTypes),*> ManifestTypes for ($($member,)*) {
            fn describe(types: &mut Vec<String>) {
                $($member::describe(types);)*
            }
        }
    )*};
}

crate::model::for_each_tuple!(of_tuples);

fn described<T: Cached>() -> String {
    let lists: Vec<String> =
        T::LIST_FINGERPRINTS.iter().map(|print| format!("\"{print:016x}\"")).collect();
    let millis = |time: Option<std::time::Duration>| {
        time.map_or_else(|| "null".to_owned(), |time| time.as_millis().to_string())
    };
    let description =
        if T::DESCRIPTION.is_empty() { String::new() } else { format!(",{}", T::DESCRIPTION) };
    format!(
        "{{\"name\":\"{}\",\"fingerprint\":\"{:016x}\",\"arguments\":\"{}\",\"tag_scope\":\"{}\",\
         \"clearable\":{},\"ttl_ms\":{},\"settle_ms\":{},\"near\":{},\"list_fingerprints\":[{}]{description}}}",
        T::NAME,
        T::FINGERPRINT,
        hex(&arguments::<T>()),
        hex(T::tag_scope().as_bytes()),
        T::CLEARABLE,
        millis(T::POLICY.ttl),
        millis(T::POLICY.settle),
        T::POLICY.near != Some(false),
        lists.join(","),
    )
}

/// The names of a generic type's arguments, which are between the template and the parts in its keys.
fn arguments<T: Cached>() -> Vec<u8> {
    let (mut full, mut name) = (KeyEncoder::new(""), KeyEncoder::new(""));
    T::write_name(&mut full);
    name.scope(T::NAME);
    // The name of a type with arguments is a group of its own name and theirs. The first byte is the empty template.
    let (full, name) = (&full.as_bytes()[1..], &name.as_bytes()[1..]);
    let group = full.get(1..).and_then(|rest| rest.strip_prefix(name));
    group.map(<[u8]>::to_vec).unwrap_or_default()
}
