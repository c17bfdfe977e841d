//! `GET /metrics`: what Prometheus reads.

use super::{refusal, respond};
use crate::gateway::Gateway;
use crate::identity::Scopes;
use crate::metrics::exposition::Format;
use crate::metrics::scrape;
use crate::pipeline::{Failure, identify};
use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use gateway_wire::native::Native;

/// In the format that is asked for. Open to all where METRICS_OPEN says so.
pub async fn metrics(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    if let Err(failure) = may_read(&gateway, &request) {
        return refusal(&gateway, &Native, &failure);
    }
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept);
    respond::text(&gateway, format.content_type(), scrape::page(&gateway, format).await)
}

fn may_read(gateway: &Gateway, request: &HttpRequest) -> Result<(), Failure> {
    if gateway.config.metrics_open {
        return Ok(());
    }
    let principal = identify(gateway, request.headers(), Scopes::default())?;
    let may = principal.scopes.allow(Scopes::METRICS) || principal.scopes.allow(Scopes::ADMIN);
    if may { Ok(()) } else { Err(Failure::Forbidden) }
}
