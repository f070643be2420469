//! An async function with `#[query]`: its signature, and its unparsed body. (`syn` parses functions only with its
//! feature `full`, which would double the compile time of the derives.)

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, Error, Generics, LitStr, Result, ReturnType, Token, Type, Visibility, WhereClause,
    parenthesized,
};

/// A function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// The tokens before `fn`: `async`, `unsafe`, …
    pub(crate) qualifiers: Vec<TokenTree>,
    fn_token: Token![fn],
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) params: Vec<Param>,
    pub(crate) output: ReturnType,
    where_clause: Option<WhereClause>,
    body: TokenStream,
}

/// One parameter.
pub(crate) struct Param {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) pattern: TokenStream,
    /// `None` for a `self` without a type.
    pub(crate) ty: Option<Type>,
}

impl Param {
    /// The name, if the pattern is one.
    pub(crate) fn name(&self) -> Option<Ident> {
        let mut tokens = self.pattern.clone().into_iter();
        let mut first = tokens.next();
        if matches!(&first, Some(TokenTree::Ident(ident)) if ident == "mut") {
            first = tokens.next();
        }
        match (first, tokens.next()) {
            (Some(TokenTree::Ident(name)), None) if name != "_" => Some(name),
            _ => None,
        }
    }

    pub(crate) fn is_receiver(&self) -> bool {
        let is_self = |token| matches!(token, TokenTree::Ident(ident) if ident == "self");
        self.pattern.clone().into_iter().any(is_self)
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let mut qualifiers = Vec::new();
        while !input.peek(Token![fn]) {
            let is_qualifier = input.peek(Token![async])
                || input.peek(Token![const])
                || input.peek(Token![unsafe])
                || input.peek(Token![extern])
                || (input.peek(LitStr) && !qualifiers.is_empty());
            if !is_qualifier {
                return Err(input.error(
                    "`#[cachecow::query]` caches the results of a function: write it above an `async fn`",
                ));
            }
            qualifiers.push(input.parse()?);
        }
        let fn_token = input.parse()?;
        let (ident, generics) = (input.parse()?, input.parse()?);
        let content;
        parenthesized!(content in input);
        let params = content.parse_terminated(Param::parse, Token![,])?.into_iter().collect();
        let (output, where_clause, body) = (input.parse()?, input.parse()?, input.parse()?);
        Ok(Self {
            attrs,
            vis,
            qualifiers,
            fn_token,
            ident,
            generics,
            params,
            output,
            where_clause,
            body,
        })
    }
}

impl Parse for Param {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let mut pattern = TokenStream::new();
        while !input.is_empty() && !input.peek(Token![,]) {
            if input.peek(Token![::]) {
                pattern.extend(input.parse::<Token![::]>()?.into_token_stream());
            } else if input.peek(Token![:]) {
                input.parse::<Token![:]>()?;
                return Ok(Self { attrs, pattern, ty: Some(input.parse()?) });
            } else {
                pattern.extend([input.parse::<TokenTree>()?]);
            }
        }
        let param = Self { attrs, pattern, ty: None };
        if param.is_receiver() {
            return Ok(param);
        }
        Err(Error::new_spanned(&param.pattern, "a parameter needs a type: write `name: Type`"))
    }
}

/// The function as it was written, without the attributes that are read here.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, qualifiers, fn_token, ident, generics, params, output, .. } = self;
        let Self { where_clause, body, .. } = self;
        let params = params.iter().map(|Param { attrs, pattern, ty }| {
            let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("cache"));
            let ty = ty.as_ref().map(|ty| quote!(: #ty));
            quote!(#(#attrs)* #pattern #ty)
        });
        let attrs = attrs.iter().filter(|attr| !attr.path().is_ident("cache"));
        tokens.extend(quote! {
            #(#attrs)* #vis #(#qualifiers)* #fn_token #ident #generics (#(#params),*) #output
            #where_clause #body
        });
    }
}

/// The name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}
