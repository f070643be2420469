//! The syntax of `#[cache(…)]`: names and values, without their meaning.

use proc_macro2::{Delimiter, Ident, Punct, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::{Attribute, LitStr, Meta};

use crate::faults::Faults;

/// One `#[cache(…)]` attribute.
pub(crate) struct CacheAttr<'a> {
    pub(crate) attr: &'a Attribute,
    pub(crate) entries: Vec<Entry>,
}

/// `name` or `name = value` in a `#[cache(…)]`.
pub(crate) struct Entry {
    pub(crate) name: Ident,
    /// The tokens after the `=`, if there is one.
    pub(crate) value: Option<TokenStream>,
}

impl Entry {
    /// The tokens that a fault of the value underlines.
    pub(crate) fn value_or_name(&self) -> TokenStream {
        match &self.value {
            Some(value) if !value.is_empty() => value.clone(),
            _ => self.name.to_token_stream(),
        }
    }
}

/// The `#[cache(…)]` attributes among `attrs`. A malformed one is reported and left out.
pub(crate) fn cache_attrs<'a>(attrs: &'a [Attribute], faults: &mut Faults) -> Vec<CacheAttr<'a>> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cache"))
        .filter_map(|attr| match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => {
                Some(CacheAttr { attr, entries: entries(list.tokens.clone(), faults) })
            }
            meta => {
                faults.add(attr, without_settings(meta));
                None
            }
        })
        .collect()
}

/// What to write instead of an attribute without settings in parentheses.
fn without_settings(meta: &Meta) -> String {
    let Meta::NameValue(name_value) = meta else {
        return "this attribute has no settings; write one, such as `#[cache(ttl = \"10m\")]`"
            .to_owned();
    };
    let template = syn::parse2::<LitStr>(name_value.value.to_token_stream());
    let example = match template.map(|literal| literal.value()) {
        Ok(template) if template.contains('{') => format!("key = {template:?}, fetch = …"),
        _ => "ttl = \"10m\"".to_owned(),
    };
    format!("settings stand in parentheses: write `#[cache({example})]`")
}

/// Reads the entries in the parentheses.
pub(crate) fn entries(tokens: TokenStream, faults: &mut Faults) -> Vec<Entry> {
    split_at_commas(tokens)
        .into_iter()
        .filter(|tokens| !tokens.is_empty())
        .filter_map(|tokens| entry(&tokens, faults))
        .collect()
}

fn entry(tokens: &TokenStream, faults: &mut Faults) -> Option<Entry> {
    let mut rest = tokens.clone().into_iter();
    let Some(TokenTree::Ident(name)) = rest.next() else {
        faults.add(tokens, "expected `name = value`, such as `key = \"user:{id}\"`");
        return None;
    };
    match rest.next() {
        None => Some(Entry { name, value: None }),
        Some(TokenTree::Punct(punct)) if punct.as_char() == '=' => {
            Some(Entry { name, value: Some(rest.collect()) })
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            faults.add(tokens, format!("write `{name} = value`, without parentheses"));
            None
        }
        Some(_) => {
            faults.add(tokens, format!("expected `=` after `{name}`: write `{name} = value`"));
            None
        }
    }
}

/// Splits at the commas outside generic arguments.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    let mut depth = 0_usize;
    let mut after_dash = false;
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                ',' if depth == 0 => {
                    parts.push(TokenStream::new());
                    continue;
                }
                '<' => depth += 1,
                '>' if !after_dash => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        after_dash = is_joint_dash(&token);
        if let Some(part) = parts.last_mut() {
            part.append(token);
        }
    }
    parts
}

/// Whether it is the first half of an arrow, whose `>` closes no bracket.
fn is_joint_dash(token: &TokenTree) -> bool {
    let joint_dash = |punct: &Punct| punct.as_char() == '-' && punct.spacing() == Spacing::Joint;
    matches!(token, TokenTree::Punct(punct) if joint_dash(punct))
}
