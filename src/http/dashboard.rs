//! `/dashboard`: the operators' page, from the binary, offline. The page is open and empty; its figures come
//! from the API, by the key of who looks.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EntityTag, IfNoneMatch, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Bytes, Header};
use actix_web::{HttpResponse, HttpResponseBuilder, Route};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file of `dashboard/`.
struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

/// Each file below `dashboard/`, by its path from there.
macro_rules! files {
    ($($path:literal: $kind:expr,)*) => {
        [$(File {
            path: $path,
            kind: $kind,
            content: include_bytes!(concat!("../../dashboard/", $path)),
        },)*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

static FILES: [File; 21] = files! {
    "index.html": HTML,
    "style.css": CSS,
    "icon.svg": SVG,
    "app.js": SCRIPT,
    "api.js": SCRIPT,
    "audit.js": SCRIPT,
    "budgets.js": SCRIPT,
    "chart.js": SCRIPT,
    "csv.js": SCRIPT,
    "dialog.js": SCRIPT,
    "dom.js": SCRIPT,
    "format.js": SCRIPT,
    "keys.js": SCRIPT,
    "live.js": SCRIPT,
    "panel.js": SCRIPT,
    "providers.js": SCRIPT,
    "session.js": SCRIPT,
    "usage.js": SCRIPT,
    "vendor/uplot-1.6.32/uPlot.iife.min.js": SCRIPT,
    "vendor/uplot-1.6.32/uPlot.min.css": CSS,
    "vendor/uplot-1.6.32/LICENSE": TEXT,
};

/// By their place in [`FILES`].
static TAGS: LazyLock<Vec<EntityTag>> = LazyLock::new(|| FILES.iter().map(File::tag).collect());

/// Scripts and styles from files alone, and nobody asked but this server. A found hole in the page could
/// neither load code nor send a key elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Vec<(String, Route)> {
    let mut routes = vec![("/dashboard".to_owned(), web::get().to(page_folder)), of("/dashboard/", 0)];
    routes.extend(
        FILES.iter().enumerate().map(|(place, file)| of(&format!("/dashboard/{}", file.path), place)),
    );
    routes
}

fn of(path: &str, place: usize) -> (String, Route) {
    (path.to_owned(), web::get().to(move |known: Header<IfNoneMatch>| async move { file(place, &known) }))
}

/// The page's own links are relative, and so is this one: a proxy may put a path in front.
async fn page_folder() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "dashboard/")).finish()
}

/// Asked for again at each visit, and sent again only where it changed: a new version of the gateway is a new
/// page at once.
fn file(place: usize, known: &IfNoneMatch) -> HttpResponse {
    let (Some(file), Some(tag)) = (FILES.get(place), TAGS.get(place)) else {
        return HttpResponse::NotFound().finish();
    };
    // RFC 9110 §13.1.2: weak comparison.
    let has_it = match known {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(tag)),
    };
    if has_it {
        return headers(HttpResponse::NotModified(), tag).finish();
    }
    headers(HttpResponse::Ok(), tag).content_type(file.kind).body(Bytes::from_static(file.content))
}

fn headers(mut response: HttpResponseBuilder, tag: &EntityTag) -> HttpResponseBuilder {
    response
        .insert_header((ETAG, tag.to_string()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"));
    response
}

impl File {
    fn tag(&self) -> EntityTag {
        let digest = Sha256::digest(self.content);
        EntityTag::new_strong(digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service};
    use std::collections::BTreeSet;

    /// What the first view may weigh, in bytes: files go out as they are.
    const FIRST_VIEW: usize = 200 << 10;

    fn text(path: &str) -> &'static str {
        let file = FILES.iter().find(|file| file.path == path).expect(path);
        std::str::from_utf8(file.content).expect(path)
    }

    /// Paths of the page's own files that a file names: `src="…"`, `href="…"`, `from "./…"`.
    fn named(text: &str) -> BTreeSet<&str> {
        let quoted = |mark: &'static str| text.split(mark).skip(1).filter_map(|rest| rest.split('"').next());
        let links = quoted("src=\"").chain(quoted("href=\""));
        let links = links.filter(|link| !link.starts_with('#') && !link.starts_with("../"));
        links.chain(quoted("from \"./")).collect()
    }

    #[actix_web::test]
    async fn files_open_without_a_key_and_are_sent_once() {
        let app =
            init_service(routes().into_iter().fold(App::new(), |app, (path, route)| app.route(&path, route)))
                .await;
        let mut cases = vec![("/dashboard".to_owned(), 308, ""), ("/dashboard/".to_owned(), 200, HTML)];
        cases.extend(FILES.iter().map(|file| (format!("/dashboard/{}", file.path), 200, file.kind)));
        cases.push(("/dashboard/nothing.js".to_owned(), 404, ""));
        for (path, status, kind) in cases {
            let ask = || TestRequest::get().uri(&path);
            let response = call_service(&app, ask().to_request()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
            let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
            assert_eq!(header("location"), if status == 308 { "dashboard/" } else { "" }, "{path}");
            if status != 200 {
                continue;
            }
            assert_eq!(header("content-type"), kind, "{path}");
            assert_eq!(header("content-security-policy"), POLICY, "{path}");
            assert_eq!(header("cache-control"), "no-cache", "{path}");
            let tag = header("etag").to_owned();
            let again = ask().insert_header(("if-none-match", format!("\"other\", W/{tag}"))).to_request();
            assert_eq!(call_service(&app, again).await.status(), 304, "{path}");
            let changed = ask().insert_header(("if-none-match", "\"other\"")).to_request();
            assert_eq!(call_service(&app, changed).await.status(), 200, "{path}");
        }
    }

    #[test]
    fn the_page_names_files_that_are_there_and_every_file_is_named() {
        let mut found: BTreeSet<&str> = BTreeSet::from(["index.html"]);
        loop {
            let more: BTreeSet<&str> = found.iter().flat_map(|path| named(text(path))).collect();
            if more.is_subset(&found) {
                break;
            }
            found.extend(more);
        }
        // A licence goes along with what it is for.
        let served: BTreeSet<&str> =
            FILES.iter().map(|file| file.path).filter(|path| !path.ends_with("/LICENSE")).collect();
        assert_eq!(found, served);
        let weight: usize = FILES.iter().map(|file| file.content.len()).sum();
        assert!(weight <= FIRST_VIEW, "{weight} bytes");
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        let page = text("index.html");
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" on"), "inline");
        assert_eq!(
            page.matches("<script").count(),
            page.matches("src=\"").count() - 1,
            "a script without file"
        );
        for file in FILES.iter().filter(|file| !file.path.starts_with("vendor/")) {
            let text = text(file.path);
            let own = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!own.contains("http://") && !own.contains("https://"), "{}: a foreign host", file.path);
            for forbidden in ["innerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", file.path);
            }
        }
    }
}
