//! The names of all keys, version 1. `KEYS.md` says what each holds. A team's keys share the hash tag
//! `{team}`, so that they live in one slot of a Cluster; the scripts make them from the team's prefix.

use gateway_core::ids::TeamId;

/// Every team with books, of all replicas.
pub(crate) const TEAMS: &str = "gw:1:teams";

/// All replicas' newest audit records.
pub(crate) const RECENT: &str = "gw:1:recent";

/// The keys that administrators made.
pub(crate) const MADE_KEYS: &str = "gw:1:keys";

/// What each of a team's keys begins with.
pub(crate) fn prefix(team: &TeamId) -> String {
    format!("gw:1:{{{team}}}")
}
