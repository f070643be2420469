//! A cached function.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, GenericParam, LitStr, PathArguments, ReturnType, Type};

use super::parameter::{Parameter, Role, borrows_within, parameter};
use super::rows::rows;
use crate::faults::Faults;
use crate::function::{Function, Param, plain};
use crate::model::{OutputModel, ParamModel, PolicyModel, QueryModel};
use crate::query_options::QueryOptions;
use crate::suggest::{listed, nearest};
use crate::template::{Owner, Template};
use crate::tokens::{self, peeled};
use crate::value::Slot;

/// Validates `#[query]`; `None` if no lookup can be generated.
pub(crate) fn query<'a>(
    arguments: TokenStream,
    function: &'a Function,
    faults: &mut Faults,
) -> Option<QueryModel<'a>> {
    let options = QueryOptions::read(arguments, faults);
    let can_be_called = signature(function, faults);
    let output = output(function, faults);
    let template = template(options.key, function, faults);
    let placeholders = template.as_ref().map(|(_, template)| &*template.placeholders);
    let parameters = parameters(function, placeholders.unwrap_or_default(), faults);
    let (context, params) = split(parameters?);
    let key = key(template.as_ref(), &params, context.as_ref(), faults);
    if template.is_some() {
        left_out(&params, &key, function, faults);
    }
    tags(&options.tags, &params, faults);
    let rows = rows(&function.attrs, &params, &key, faults);
    let output = output?;
    if let Some(word) = options.negative_ttl.filter(|_| !output.is_optional) {
        faults.add(
            &word,
            "this query always has a result, so there is no absence to cache: remove `negative_ttl`, or \
             return `Result<Option<T>, E>`",
        );
    }
    let settings = options.options;
    let krate = settings.krate.given().unwrap_or_else(|| quote!(::cachecow));
    let (template, emptied) = match template {
        Some((literal, template)) => (literal, template.emptied),
        None => (LitStr::new("", function.ident.span()), String::new()),
    };
    can_be_called.then_some(QueryModel {
        krate,
        function,
        context: context.map(|context| context.ty),
        params,
        key,
        template,
        emptied,
        tags: options.tags,
        rows,
        policy: PolicyModel {
            ttl: settings.ttl.given(),
            negative_ttl: settings.negative_ttl.given(),
            stale_if_error: settings.stale_if_error.given(),
            soft_timeout: settings.soft_timeout.given(),
            refresh_ahead: settings.refresh_ahead.given(),
            settle: settings.settle.given(),
            near: settings.near.given(),
            near_ttl: settings.near_ttl.given(),
        },
        version: settings.version.given(),
        output,
    })
}

/// Returns whether the generated code can call the function.
fn signature(function: &Function, faults: &mut Faults) -> bool {
    let mut can_be_called = true;
    let mut refuse = |tokens: &dyn ToTokens, message: &str| {
        faults.add(tokens, message);
        can_be_called = false;
    };
    let is =
        |token: &TokenTree, word: &str| matches!(token, TokenTree::Ident(ident) if ident == word);
    if !function.qualifiers.iter().any(|token| is(token, "async")) {
        refuse(
            &function.ident,
            "a query must be an `async fn`; run blocking code by `tokio::task::spawn_blocking(…).await`",
        );
    }
    if let Some(qualifier) = function.qualifiers.iter().find(|token| !is(token, "async")) {
        refuse(qualifier, "a query must be a plain `async fn`: remove this keyword");
    }
    for param in &function.generics.params {
        let message = match param {
            GenericParam::Lifetime(_) => continue,
            GenericParam::Type(_) | GenericParam::Const(_) => {
                "a query cannot be generic: its results are stored under one key template, with one \
                 type; for each type, write a query that calls the generic function"
            }
        };
        refuse(param, message);
    }
    for param in function.params.iter().filter(|param| param.is_receiver()) {
        refuse(
            &param.pattern,
            "a query must be a free function, without `self`: move it out of the `impl`, and take a \
             reference to the type of `self` as its first parameter, the context",
        );
    }
    let mentions_self = |ty: &Type| tokens::mentions(ty, &|ident| ident == "Self");
    let types = function.params.iter().filter_map(|param| param.ty.as_ref());
    let returned = match &function.output {
        ReturnType::Type(_, ty) => Some(&**ty),
        ReturnType::Default => None,
    };
    if let Some(ty) = types.chain(returned).find(|ty| mentions_self(ty)) {
        refuse(
            ty,
            "a query must be a free function: move it out of the `impl`, and write the type's name \
             instead of `Self`",
        );
    }
    can_be_called
}

/// Reads the return type.
fn output(function: &Function, faults: &mut Faults) -> Option<OutputModel> {
    let ReturnType::Type(_, ty) = &function.output else {
        faults.add(
            &function.ident,
            "a query returns `Result<T, E>` or `Result<Option<T>, E>`, where `E` is any error; this \
             function does not return a value to cache",
        );
        return None;
    };
    if tokens::mentions(ty, &|ident| ident == "impl") {
        faults
            .add(ty, "the type of a stored result must be named: write it instead of `impl Trait`");
        return None;
    }
    // A type alias may have other arguments; only the compiler can resolve it.
    let found = argument_of(ty, "Result");
    if let Some(borrowed) = found.and_then(borrows_within) {
        faults.add(
            &borrowed,
            "a cached result is shared and outlives its reader, so it cannot borrow: own the data \
             (`String` for `&str`, \
             `Vec<T>` for `&[T]`)",
        );
        return None;
    }
    let optional = found.and_then(|ty| argument_of(ty, "Option"));
    Some(OutputModel {
        ty: ty.to_token_stream(),
        value: optional.or(found).map(ToTokens::to_token_stream),
        is_optional: optional.is_some(),
    })
}

/// The first argument of a type of this name.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = tokens::last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(peeled(ty)),
        _ => None,
    })
}

fn template(
    key: Slot<LitStr>,
    function: &Function,
    faults: &mut Faults,
) -> Option<(LitStr, Template)> {
    let literal = match key {
        Slot::Given(literal) => literal,
        Slot::Invalid => return None,
        Slot::Absent => {
            let name = plain(&function.ident).replace('_', "-");
            let names = function.params.iter().filter(|param| !is_reference(param.ty.as_ref()));
            let example: String =
                names.filter_map(|param| Some(format!(":{{{}}}", plain(&param.name()?)))).collect();
            faults.add(
                &function.ident,
                format!("`key` is missing; write `#[cachecow::query(key = \"{name}{example}\")]`"),
            );
            return None;
        }
    };
    match Template::parse_of(&literal.value(), Owner::Function) {
        Ok(template) => Some((literal, template)),
        Err(message) => {
            faults.add(&literal, message);
            None
        }
    }
}

fn is_reference(ty: Option<&Type>) -> bool {
    ty.is_some_and(|ty| matches!(peeled(ty), Type::Reference(_)))
}

/// The parameters in order; `None` if one of them cannot be passed on.
fn parameters(
    function: &Function,
    placeholders: &[String],
    faults: &mut Faults,
) -> Option<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let mut is_complete = true;
    for (index, param) in function.params.iter().enumerate() {
        match parameter(param, index == 0, placeholders, faults) {
            Some(parameter) => parameters.push(parameter),
            None => is_complete = false,
        }
    }
    is_complete.then_some(parameters)
}

fn split(parameters: Vec<Parameter>) -> (Option<Context>, Vec<ParamModel>) {
    let (mut context, mut params) = (None, Vec::new());
    for Parameter { name, role } in parameters {
        match role {
            Role::Context(ty) => context = Some(Context { name, ty }),
            Role::Part(model) => params.push(model),
        }
    }
    (context, params)
}

struct Context {
    name: String,
    ty: TokenStream,
}

/// The parameters in the key, in the template's order. A misspelled name is replaced by the one that was probably
/// meant.
fn key(
    template: Option<&(LitStr, Template)>,
    params: &[ParamModel],
    context: Option<&Context>,
    faults: &mut Faults,
) -> Vec<usize> {
    let Some((literal, template)) = template else { return Vec::new() };
    let mut key: Vec<usize> = Vec::new();
    for name in &template.placeholders {
        let names = || params.iter().map(|param| &*param.name);
        let mut meant = Some(&**name);
        if !names().any(|known| known == name) {
            meant = nearest(name, names());
            let help = match meant {
                Some(meant) => format!("; did you mean `{{{meant}}}`?"),
                None if context.is_some_and(|context| context.name == *name) => {
                    "; the context cannot be part of a key".to_owned()
                }
                None => String::new(),
            };
            let has = if params.is_empty() {
                "the function has none besides its context".to_owned()
            } else {
                format!("the function has {}", listed(names()))
            };
            faults.add(literal, format!("`{{{name}}}` is not a parameter; {has}{help}"));
        }
        let Some(at) = params.iter().position(|param| Some(&*param.name) == meant) else {
            continue;
        };
        if key.contains(&at) {
            let message = format!("`{{{name}}}` is in this key twice; remove one");
            faults.add(literal, message);
        } else {
            key.push(at);
        }
    }
    key
}

/// Checks that every parameter is in the key, or marked as left out.
fn left_out(params: &[ParamModel], key: &[usize], function: &Function, faults: &mut Faults) {
    for (at, param) in params.iter().enumerate() {
        let (name, in_key) = (&param.name, key.contains(&at));
        match &param.not_in_key {
            Some(word) if in_key => faults.add(
                word,
                format!("`{name}` is in the key: remove this mark, or remove `{{{name}}}` from the key"),
            ),
            None if !in_key => faults.add(
                &parameter_ident(function, name),
                format!(
                    "`{name}` is not in the key, so calls with different values of it would share one \
                     result: write `{{{name}}}` into the key; or, if no result depends on it, mark it: \
                     `#[cache(not_in_key)] {name}`"
                ),
            ),
            _ => {}
        }
    }
}

/// Calls that share a result must give it the same tags.
fn tags(tags: &[TokenStream], params: &[ParamModel], faults: &mut Faults) {
    for (tag, param) in tags.iter().flat_map(|tag| params.iter().map(move |param| (tag, param))) {
        let name = &param.name;
        if param.not_in_key.is_some() && tokens::mentions(tag, &|ident| plain(ident) == *name) {
            faults.add(
                tag,
                format!(
                    "`{name}` is not in the key, so calls with different values of it share one result, \
                     and this tag would be that of only one call: write `{{{name}}}` into the key, or a \
                     tag without `{name}`"
                ),
            );
        }
    }
}

fn parameter_ident(function: &Function, name: &str) -> Ident {
    let names = function.params.iter().filter_map(Param::name);
    names.into_iter().find(|ident| plain(ident) == name).unwrap_or_else(|| function.ident.clone())
}
