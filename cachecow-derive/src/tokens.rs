//! Helpers that inspect tokens, and copy them with replacements.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote_spanned};
use syn::{PathArguments, PathSegment, Type};

/// The tokens joined by single spaces; the result depends only on the tokens.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let mut words = Vec::new();
    collect_words(tokens.to_token_stream(), &mut words);
    words.join(" ")
}

fn collect_words(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            words.push(token.to_string());
            continue;
        };
        // The invisible groups of macro fragments say nothing about the type.
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => {
                collect_words(group.stream(), words);
                continue;
            }
        };
        words.push(open.to_owned());
        collect_words(group.stream(), words);
        words.push(close.to_owned());
    }
}

/// Whether an identifier that meets the condition occurs.
pub(crate) fn mentions(tokens: impl ToTokens, is_meant: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.to_token_stream().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_meant(&ident),
        TokenTree::Group(group) => mentions(group.stream(), is_meant),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The tokens with `Self` replaced, because the generated code is in other impls.
pub(crate) fn without_self(tokens: impl ToTokens, object: &TokenStream) -> TokenStream {
    replace_self(tokens.to_token_stream(), object, false)
}

/// The same for tokens that a colon may follow.
fn replace_self(tokens: TokenStream, object: &TokenStream, before_colon: bool) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut rest = tokens.into_iter().peekable();
    let mut colons = 0;
    while let Some(token) = rest.next() {
        // Inside a path `Self` is not the type; the compiler reports it.
        let is_first = colons < 2;
        colons = match &token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons + 1,
            _ => 0,
        };
        let is_prefix = match rest.peek() {
            Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
            Some(_) => false,
            None => before_colon,
        };
        match token {
            TokenTree::Ident(ident) if ident == "Self" && is_first => {
                let object = at(object, ident.span());
                // A lone identifier needs no brackets, and reads better in errors.
                if is_prefix && object.clone().into_iter().count() > 1 {
                    replaced.extend(quote_spanned!(ident.span()=> <#object>));
                } else {
                    replaced.extend(object);
                }
            }
            TokenTree::Group(group) => {
                // A macro's fragment is in an invisible group, in which no path can begin.
                let begins_path = is_prefix && group.delimiter() == Delimiter::None;
                let within = replace_self(group.stream(), object, begins_path);
                if begins_path {
                    replaced.extend(within);
                    continue;
                }
                let mut copy = Group::new(group.delimiter(), within);
                copy.set_span(group.span());
                replaced.append(copy);
            }
            other => replaced.append(other),
        }
    }
    replaced
}

/// The tokens with `Self` and the type's own name, each with its arguments, replaced.
pub(crate) fn without_own(tokens: impl ToTokens, own: &Ident, other: &TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut rest = tokens.to_token_stream().into_iter().peekable();
    let mut colons = 0;
    while let Some(token) = rest.next() {
        // A name after a path's `::` is another type.
        let is_first = colons < 2;
        colons = match &token {
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons + 1,
            _ => 0,
        };
        let before_colon =
            matches!(rest.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        match token {
            TokenTree::Ident(ident)
                if is_first && !before_colon && (ident == "Self" || ident == *own) =>
            {
                replaced.extend(at(other, ident.span()));
                skip_arguments(&mut rest);
            }
            TokenTree::Group(group) => {
                let within = without_own(group.stream(), own, other);
                let mut copy = Group::new(group.delimiter(), within);
                copy.set_span(group.span());
                replaced.append(copy);
            }
            other => replaced.append(other),
        }
    }
    replaced
}

/// Skips `<…>`, if it comes next.
fn skip_arguments(rest: &mut std::iter::Peekable<proc_macro2::token_stream::IntoIter>) {
    let is = |token: Option<&TokenTree>, wanted| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let mut depth = 0_usize;
    let mut after_dash = false;
    while depth > 0 || is(rest.peek(), '<') {
        let Some(token) = rest.next() else { return };
        if is(Some(&token), '<') {
            depth += 1;
        } else if is(Some(&token), '>') && !after_dash {
            depth -= 1;
            if depth == 0 {
                return;
            }
        }
        after_dash = is(Some(&token), '-');
    }
}

/// The tokens with a span in the user's code, so that errors in them point there. Name resolution
/// does not change.
pub(crate) fn at(tokens: &TokenStream, location: Span) -> TokenStream {
    let moved = |token| match token {
        TokenTree::Group(group) => {
            let mut copy = Group::new(group.delimiter(), at(&group.stream(), location));
            copy.set_span(group.span().located_at(location));
            copy.into()
        }
        mut other => {
            other.set_span(other.span().located_at(location));
            other
        }
    };
    tokens.clone().into_iter().map(moved).collect()
}

/// The span of the last token, where a generated call is attached to a path.
pub(crate) fn last_span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().last().map_or_else(Span::call_site, |token| token.span())
}

/// The type without the parentheses and invisible groups around it.
pub(crate) fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        other => other,
    }
}

/// The last segment of a type's path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peeled(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The text in the angle brackets of a path's segment.
pub(crate) fn angle_arguments(segment: &PathSegment) -> Option<String> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(text(&arguments.args)),
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    }
}

/// The tokens as they are usually written: `Option<(i64, String)>`.
pub(crate) fn compact(tokens: impl ToTokens) -> String {
    let spaced = text(tokens);
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut compact = String::new();
    let mut rest = spaced.chars().peekable();
    while let Some(character) = rest.next() {
        let after_lifetime = compact.trim_end_matches(is_word).ends_with('\'');
        let parts_words = compact.ends_with(is_word)
            && rest
                .peek()
                .is_some_and(|&next| is_word(next) || (after_lifetime && "[(&*".contains(next)));
        if character != ' ' || compact.ends_with(',') || parts_words {
            compact.push(character);
        }
    }
    compact
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::compact;

    #[test]
    fn types_are_written_as_usual() {
        let cases = [
            (quote!(Option<(i64, String)>), "Option<(i64, String)>"),
            (quote!(&'static str), "&'static str"),
            (quote!(&'static [&'a [u8]]), "&'static [&'a [u8]]"),
            (quote!(Cow<'static, str>), "Cow<'static, str>"),
            (quote!(Foo<'a> [u8; 4]), "Foo<'a>[u8;4]"),
        ];
        for (tokens, text) in cases {
            assert_eq!(compact(tokens), text);
        }
    }
}
