//! Words of a query that are wrong.

use crate::pipeline::Failure;
use gateway_core::audit::Named;
use gateway_wire::Malformed;
use std::borrow::Cow;

/// The name of a parameter is the caller's: it is told only where it is short and plain.
pub(super) fn wrong(name: &str, problem: &'static str) -> Failure {
    let field = Named::new(name).filter(|name| name.as_str().len() <= 32);
    let field = field.map_or_else(|| "query".to_owned(), |name| name.to_string());
    Failure::Malformed(Malformed::Field { field, problem: Cow::Borrowed(problem) })
}
