//! The control endpoints, for those who reach the simulator over HTTP only.

use actix_web::http::Method;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use crate::faults::Rule;
use crate::service::Shared;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/__set", web::post().to(set))
        .route("/__reset", web::post().to(reset))
        .route("/__stats", web::get().to(stats))
        .route("/__requests", web::get().to(requests))
        .default_service(web::to(not_found));
}

/// One rule, or an array of them.
async fn set(body: Bytes, shared: Data<Shared>) -> HttpResponse {
    match rules(&body) {
        Ok(rules) => {
            shared.rules.set(rules);
            HttpResponse::NoContent().finish()
        }
        Err(mistake) => HttpResponse::BadRequest().json(json!({"error": mistake})),
    }
}

fn rules(body: &[u8]) -> Result<Vec<Rule>, String> {
    let read: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let each = if let Value::Array(rules) = read { rules } else { vec![read] };
    let rule = |rule| serde_path_to_error::deserialize(rule).map_err(|error| error.to_string());
    each.into_iter().map(rule).collect()
}

async fn reset(shared: Data<Shared>) -> HttpResponse {
    shared.rules.clear();
    shared.traffic.reset();
    HttpResponse::NoContent().finish()
}

async fn stats(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(shared.traffic.stats())
}

async fn requests(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(shared.traffic.captured())
}

async fn not_found(method: Method, request: HttpRequest) -> HttpResponse {
    let message = format!("Invalid URL ({method} {})", request.path());
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
    HttpResponse::NotFound().json(json!({"error": error}))
}
