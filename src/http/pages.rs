//! The description of the API, and the page that shows it; both from the binary, offline.

use actix_web::web::ServiceConfig;

/// `/openapi.json` and `/docs`.
pub fn routes(_config: &mut ServiceConfig) {}
