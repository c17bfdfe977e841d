//! The description of the API, and the page that shows it; both from the binary, offline, without a key.

use super::openapi;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, Route};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::{Config, SwaggerFile};

/// What the page loads, of all that Swagger UI brings.
const FILES: [&str; 8] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

/// `/openapi.json` and `/docs`.
pub(super) fn routes() -> Vec<(String, Route)> {
    let mut routes = vec![
        ("/openapi.json".to_owned(), web::get().to(openapi_json)),
        ("/docs".to_owned(), web::get().to(docs)),
        ("/docs/".to_owned(), web::get().to(|| docs_file("index.html"))),
    ];
    let files = FILES.map(|file| (format!("/docs/{file}"), web::get().to(move || docs_file(file))));
    routes.extend(files);
    routes
}

/// Made when it is first asked for: most processes never are.
static DOCUMENT: LazyLock<Result<Bytes, serde_json::Error>> =
    LazyLock::new(|| openapi::document().to_pretty_json().map(Bytes::from));

async fn openapi_json() -> HttpResponse {
    match &*DOCUMENT {
        Ok(document) => HttpResponse::Ok().content_type("application/json").body(document.clone()),
        Err(error) => broken("openapi.json", error),
    }
}

/// The page's own links are relative, and so is this one: a proxy may put a path in front.
async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "docs/")).finish()
}

/// The page asks this server alone; the validator's badge would tell an outsider of our address.
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["../openapi.json"]).use_base_layout().validator_url("none").deep_linking(true);
    Arc::new(config.try_it_out_enabled(true).display_request_duration(true))
});

/// What is missing or wrong in the page's files must not become a door: nothing from elsewhere, no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

async fn docs_file(file: &'static str) -> HttpResponse {
    match utoipa_swagger_ui::serve(file, Arc::clone(&PAGE)) {
        Ok(Some(SwaggerFile { bytes, content_type, .. })) => HttpResponse::Ok()
            .content_type(content_type)
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((CACHE_CONTROL, "public, max-age=3600"))
            .body(match bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            }),
        Ok(None) => broken(file, "it is not in this build"),
        Err(error) => broken(file, error),
    }
}

fn broken(file: &str, error: impl Display) -> HttpResponse {
    log::error!(file; "a page could not be made: {error}");
    HttpResponse::InternalServerError().finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, test};

    #[actix_web::test]
    async fn pages_open_without_a_key_and_ask_nobody_else() {
        let app = test::init_service(
            routes().into_iter().fold(App::new(), |app, (path, route)| app.route(&path, route)),
        )
        .await;
        let kept = include_str!("../../docs/openapi.json").trim_end();
        let linked = |name: &str| format!("/docs/{name}");
        let mut cases = vec![
            ("/openapi.json".to_owned(), 200, "application/json", kept),
            ("/docs".to_owned(), 308, "", ""),
            ("/docs/".to_owned(), 200, "text/html", "./swagger-ui-bundle.js"),
            (linked("swagger-initializer.js"), 200, "text/javascript", r#""url": "../openapi.json""#),
            (linked("swagger-initializer.js"), 200, "text/javascript", r#""validatorUrl": "none""#),
            (linked("oauth2-redirect.html"), 404, "", ""),
        ];
        cases.extend(FILES.map(|file| (linked(file), 200, "", "")));
        for (path, status, kind, part) in cases {
            let response = test::call_service(&app, test::TestRequest::get().uri(&path).to_request()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
            assert!(header("content-type").starts_with(kind), "{path}: {}", header("content-type"));
            assert_eq!(header("location"), if status == 308 { "docs/" } else { "" }, "{path}");
            let is_page = path.starts_with("/docs/") && status == 200;
            assert_eq!(header("content-security-policy"), if is_page { POLICY } else { "" }, "{path}");
            let body = test::read_body(response).await;
            assert!(String::from_utf8_lossy(&body).contains(part), "{path}");
        }
    }

    #[actix_web::test]
    async fn the_page_has_all_files_that_it_names() {
        let page = docs_file("index.html").await.into_body();
        let page = actix_web::body::to_bytes(page).await.unwrap();
        let page = std::str::from_utf8(&page).unwrap();
        let quoted = page
            .split('"')
            .filter_map(|word| word.strip_prefix("./").or_else(|| word.ends_with(".css").then_some(word)));
        let named: Vec<&str> = quoted.collect();
        assert!(named.len() > 5, "{named:?}");
        assert!(named.iter().all(|name| FILES.contains(name)), "{named:?}");
    }
}
