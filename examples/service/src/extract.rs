//! axum's extractors, with errors in JSON.

use axum::extract::{FromRequest, FromRequestParts};

use crate::errors::AppError;

/// The JSON in a request's body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(AppError))]
pub struct Body<T>(pub T);

/// The parameters in the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(AppError))]
pub struct Path<T>(pub T);

/// The query parameters.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(AppError))]
pub struct Query<T>(pub T);

/// Checks that a text has one to `longest` characters, and no control characters except the usual ones.
///
/// # Errors
///
/// [`AppError::Invalid`], with the field's name.
pub fn check_text(field: &str, text: &str, longest: usize) -> Result<(), AppError> {
    let fits = (1..=longest).contains(&text.chars().count());
    let is_text = !text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c));
    if fits && is_text {
        return Ok(());
    }
    Err(AppError::invalid(format!(
        "`{field}` is 1 to {longest} characters, none of them a control character"
    )))
}
