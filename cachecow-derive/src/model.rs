//! The result of validation. Code can be generated for every value of these types.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::{Generics, LitStr, Visibility};

use crate::fields::Storage;
use crate::function::Function;

/// The type that a derive is applied to.
pub(crate) struct Target<'a> {
    /// The path of the crate `cachecow`.
    pub(crate) krate: TokenStream,
    pub(crate) vis: &'a Visibility,
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    /// The type with its generic arguments.
    pub(crate) object: TokenStream,
}

/// `#[derive(Cached)]`.
pub(crate) struct CachedModel<'a> {
    pub(crate) schema: SchemaModel<'a>,
    pub(crate) context: Option<TokenStream>,
    pub(crate) policy: PolicyModel,
    pub(crate) ttl_with: Option<TokenStream>,
    pub(crate) lookups: Vec<LookupModel>,
    pub(crate) tags: Vec<TagModel>,
    /// Empty if there is no lookup.
    pub(crate) lists: Vec<ListModel>,
    pub(crate) normalizers: Vec<NormalizerModel>,
    /// The table whose rows the objects are.
    pub(crate) table: Option<TableModel>,
    /// Whether everything of the type is invalidated at once.
    pub(crate) is_clearable: bool,
    /// Whether the type can implement `Cached` at all; if not, a fault says why.
    pub(crate) is_cacheable: bool,
}

/// A table's name.
pub(crate) struct TableModel {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// The settings that the builder has as well.
pub(crate) struct PolicyModel {
    pub(crate) ttl: Option<Duration>,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) refresh_ahead: Option<bool>,
    pub(crate) settle: Option<Duration>,
    pub(crate) near: Option<bool>,
    pub(crate) near_ttl: Option<Duration>,
}

/// One way to look the object up.
pub(crate) struct LookupModel {
    pub(crate) constructor: Ident,
    pub(crate) ty: Ident,
    /// The template as written.
    pub(crate) template: LitStr,
    /// The template with its placeholders emptied.
    pub(crate) emptied: String,
    pub(crate) parts: Vec<PartModel>,
    /// `None` only beside a fault.
    pub(crate) fetch: Option<FetchFunction>,
    pub(crate) fetch_many: Option<FetchFunction>,
}

/// A user's function that reads objects.
pub(crate) struct FetchFunction {
    pub(crate) path: TokenStream,
    pub(crate) calling: Calling,
}

/// How a fetch function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calling {
    /// It is awaited.
    Async,
    /// It is synchronous, and runs on the blocking pool.
    Blocking,
}

/// One tag that the objects carry.
pub(crate) struct TagModel {
    pub(crate) constructor: Ident,
    /// The template as written.
    pub(crate) template: LitStr,
    /// The template with its placeholders emptied.
    pub(crate) emptied: String,
    pub(crate) parts: Vec<PartModel>,
}

/// One kind of list that the objects are in.
pub(crate) struct ListModel {
    /// The list's key and fetch function; it has no `fetch_many`.
    pub(crate) lookup: LookupModel,
    pub(crate) max_len: Option<usize>,
    pub(crate) ttl: Option<Duration>,
    /// The rows of other tables that it depends on.
    pub(crate) rows: Vec<RowsModel>,
}

impl ListModel {
    /// Whether all fields of the tag are in the list's key. Then the list carries the tag.
    pub(crate) fn carries(&self, tag: &TagModel) -> bool {
        let is_known = |part: &PartModel| self.part(&part.name).is_some();
        tag.parts.iter().all(is_known)
    }

    /// The position of a field among the list's.
    pub(crate) fn part(&self, name: &str) -> Option<usize> {
        self.lookup.parts.iter().position(|part| part.name == name)
    }
}

/// The function that normalizes a field's values for keys.
pub(crate) struct NormalizerModel {
    /// The generated function, which calls the user's.
    pub(crate) function: Ident,
    /// The field's type.
    pub(crate) ty: TokenStream,
    /// The user's function.
    pub(crate) path: TokenStream,
}

/// One field in a key or a tag.
pub(crate) struct PartModel {
    /// The name without `r#`, or the position.
    pub(crate) name: String,
    pub(crate) member: TokenStream,
    pub(crate) ty: TokenStream,
    pub(crate) passing: Passing,
    pub(crate) is_generic: bool,
    /// The field's column, if the struct has a table.
    pub(crate) column: String,
    /// The generated function that normalizes its values, if there is one.
    pub(crate) normalizer: Option<Ident>,
}

/// How a part is passed to the constructor and to the fetch function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// By value to both.
    Value,
    /// `impl Into<String>` to the constructor, `&str` to the fetch function.
    Text,
    /// `impl Into<Part>` to the constructor, by reference to the fetch function.
    SharedText,
    /// `impl Borrow<Part>` to the constructor, by reference to the fetch function.
    Reference,
}

/// `#[derive(CacheSchema)]`, and the same part of `#[derive(Cached)]`.
pub(crate) struct SchemaModel<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) name: String,
    /// The canonical text of everything that shapes the serialized form.
    pub(crate) description: String,
    /// The types whose own fingerprints count.
    pub(crate) nested: Vec<TokenStream>,
    pub(crate) body: BodyModel,
    /// The bounds that the fields need on type parameters, besides `CacheSchema`.
    pub(crate) bounds: Vec<TokenStream>,
    pub(crate) type_params: Vec<&'a Ident>,
    pub(crate) const_params: Vec<&'a Ident>,
}

/// The fields or variants of the type.
pub(crate) enum BodyModel {
    Struct(Vec<FieldModel>),
    Enum(Vec<VariantModel>),
    /// Only beside a fault.
    Unknown,
}

/// One variant of an enum.
pub(crate) struct VariantModel {
    pub(crate) ident: Ident,
    pub(crate) fields: Vec<FieldModel>,
}

/// One field, as it is stored.
pub(crate) struct FieldModel {
    /// The name without `r#`, or the position.
    pub(crate) name: String,
    pub(crate) member: TokenStream,
    pub(crate) ty: TokenStream,
    pub(crate) storage: Storage,
}

impl SchemaModel<'_> {
    /// The number of type and const parameters.
    pub(crate) fn arity(&self) -> usize {
        self.type_params.len() + self.const_params.len()
    }
}

/// `#[query]`.
pub(crate) struct QueryModel<'a> {
    /// The path of the crate `cachecow`.
    pub(crate) krate: TokenStream,
    pub(crate) function: &'a Function,
    /// The type of the first parameter, if that is the context.
    pub(crate) context: Option<TokenStream>,
    /// The other parameters.
    pub(crate) params: Vec<ParamModel>,
    /// Which of them are in the key, in its order.
    pub(crate) key: Vec<usize>,
    /// The template as written.
    pub(crate) template: LitStr,
    /// The template with its placeholders emptied.
    pub(crate) emptied: String,
    /// Expressions.
    pub(crate) tags: Vec<TokenStream>,
    /// The rows that the answers depend on.
    pub(crate) rows: Vec<RowsModel>,
    pub(crate) policy: PolicyModel,
    pub(crate) version: Option<u64>,
    pub(crate) output: OutputModel,
}

/// The rows of one table that a query's answers or a list depend on.
pub(crate) struct RowsModel {
    pub(crate) table: TableModel,
    pub(crate) keys: RowKeys,
}

/// How the keys of a row are determined.
pub(crate) enum RowKeys {
    /// The column of each parameter in the key, or of each field in the list, in its order.
    Columns(Vec<String>),
    /// A function names them.
    Via {
        /// Its path.
        path: TokenStream,
        /// The columns that it reads; `None` for all.
        columns: Option<Vec<String>>,
    },
}

/// What a query returns.
pub(crate) struct OutputModel {
    /// The `Result`.
    pub(crate) ty: TokenStream,
    /// The type that is cached, if it is visible in the signature.
    pub(crate) value: Option<TokenStream>,
    /// Whether the result may be absent.
    pub(crate) is_optional: bool,
}

/// A query's parameter.
pub(crate) struct ParamModel {
    /// The name without `r#`.
    pub(crate) name: String,
    pub(crate) ident: Ident,
    /// The type that the lookup holds: for a slice its item type; empty for a `str`.
    pub(crate) ty: TokenStream,
    /// How it is passed to `of`.
    pub(crate) passing: Passing,
    pub(crate) given: Given,
    /// The word that marks it, if it is.
    pub(crate) not_in_key: Option<Ident>,
}

/// How a part is passed to a query's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Copy,
    Clone,
    Reference,
    /// As a `&str`.
    Text,
    /// As a slice.
    Slice,
}

/// `#[derive(KeyPart)]`.
pub(crate) struct KeyPartModel<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) encoded: EncodedModel,
}

/// How a key part is encoded.
pub(crate) enum EncodedModel {
    /// A newtype as what it wraps.
    Field(WrappedField),
    /// An enum as the name of its variant.
    Variants(Vec<NamedVariant>),
    /// Only beside a fault.
    Unknown,
}

/// A variant, and its name in keys.
pub(crate) struct NamedVariant {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    /// `false` only beside a fault.
    pub(crate) is_unit: bool,
}

/// The field that a newtype wraps.
pub(crate) struct WrappedField {
    pub(crate) member: TokenStream,
    pub(crate) ty: TokenStream,
    /// The other fields, which carry no value.
    pub(crate) markers: Vec<TokenStream>,
    pub(crate) is_generic: bool,
    /// The function that converts its value to a key part.
    pub(crate) key_with: Option<TokenStream>,
}
