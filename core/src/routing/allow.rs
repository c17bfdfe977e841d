//! Which models a team or a key may use.

use super::Route;

/// Patterns of which one has to fit. Empty: none is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    patterns: Vec<String>,
}

impl AllowList {
    /// A pattern is a model, `gpt-4o`, perhaps with its upstream in front, `azure_openai/gpt-4o`; a `*` at its
    /// end stands for any rest, `anthropic/*`. Models go by the catalog's names.
    pub fn new(patterns: Vec<String>) -> AllowList {
        AllowList { patterns }
    }

    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(String::as_str)
    }

    pub fn admits(&self, route: &Route) -> bool {
        self.patterns().any(|pattern| fits(pattern, route))
    }
}

/// Whether a pattern speaks of that route.
pub fn fits(pattern: &str, route: &Route) -> bool {
    let upstream = route.upstream.as_str();
    // The alias is the vendor's own upstream's, not that of a second one with a name of its own.
    let alias = route.kind.alias().filter(|_| upstream == route.kind.name());
    let at_upstream = |name| pattern.strip_prefix(name)?.strip_prefix('/');
    let behind = [Some(upstream), alias].into_iter().flatten().filter_map(at_upstream);
    behind.chain([pattern]).any(|pattern| is_like(pattern, route.model.as_str()))
}

/// Whether a name fits a pattern without an upstream.
pub(super) fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// What a caller may use: both lists have to admit a route; none admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed<'a> {
    pub team: Option<&'a AllowList>,
    pub key: Option<&'a AllowList>,
}

impl Allowed<'_> {
    pub fn admits(&self, route: &Route) -> bool {
        [self.team, self.key].into_iter().flatten().all(|list| list.admits(route))
    }
}
