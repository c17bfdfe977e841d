//! Who calls: proved from the request's headers, before a byte of its body is read.
//!
//! | module | holds |
//! |---|---|
//! | [`credentials`] | the one key that a request presents, out of all headers that may carry it |
//! | [`keys`] | the keys that open the gateway, and whom each stands for |
//! | [`making`] | what a key shall be, read and checked; a fresh one |
//! | [`host`] | the guard against DNS rebinding while the built-in keys are on |

pub mod credentials;
pub mod host;
pub mod keys;
pub mod making;

use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::{KeyLimits, KeyScope};

pub use credentials::{Credentials, Denied};
pub use host::host_allowed;
pub use keys::Keys;

/// A caller whose key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub team: TeamId,
    /// The first 12 hex digits of the key's SHA-256.
    pub key_id: KeyId,
    pub scopes: Scopes,
    /// Its own, over those of each of the team's keys.
    pub limits: KeyLimits,
}

/// What a caller may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Call models, and read the own team's figures and records.
    pub const INFER: Scopes = Scopes(1);
    /// Read every team's figures and change the gateway's state.
    pub const ADMIN: Scopes = Scopes(2);
    /// Read every team's audit records and how the trail is, and nothing else.
    pub const AUDIT: Scopes = Scopes(4);
    /// Read metrics, and nothing else.
    pub const METRICS: Scopes = Scopes(8);

    /// The one that a made key's scope stands for.
    pub const fn of(scope: KeyScope) -> Scopes {
        match scope {
            KeyScope::Infer => Scopes::INFER,
            KeyScope::Admin => Scopes::ADMIN,
            KeyScope::Audit => Scopes::AUDIT,
            KeyScope::Metrics => Scopes::METRICS,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, more: Scopes) -> Scopes {
        Scopes(self.0 | more.0)
    }

    /// Whether one of `some` is there.
    pub const fn allow_one_of(self, some: Scopes) -> bool {
        self.0 & some.0 != 0
    }

    /// Whether every one of `wanted` is there.
    pub const fn allow(self, wanted: Scopes) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}
