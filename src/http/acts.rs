//! What administrators do, told to the audit trail, however it ended.

use super::error;
use crate::gateway::Gateway;
use crate::identity::Principal;
use crate::pipeline::Failure;
use gateway_core::audit::{AdminAction, AdminRecord, Named, RequestId, Table, Time};
use gateway_core::ids::{KeyId, TeamId};

/// An act, as its record tells it.
pub(super) struct Act<'a> {
    pub action: AdminAction,
    /// To whom it was done.
    pub team: Option<&'a TeamId>,
    pub key: Option<&'a KeyId>,
    /// `None`: it was done.
    pub failure: Option<&'a Failure>,
    pub changes: Table<Named, 32>,
}

/// `id` is the act's own, a UUIDv7.
pub(super) async fn record(gateway: &Gateway, principal: &Principal, id: &str, act: Act<'_>) {
    let Some(request_id) = RequestId::parse(id) else {
        log::error!(request_id = id; "an administrator's act can't be recorded: its id is none");
        return;
    };
    let record = AdminRecord {
        request_id,
        time: Time::from(gateway.clock.unix()),
        replica: Named::cleaned(&gateway.replica),
        team_id: Some(Named::from(&principal.team)),
        key_id: Some(Named::from(&principal.key_id)),
        client_address: None,
        action: act.action,
        target_team_id: act.team.map(Named::from),
        target_key_id: act.key.map(Named::from),
        status: act.failure.map_or(200, error::status),
        code: act.failure.map(|failure| Named::cleaned(error::code(failure).word())),
        changes: act.changes,
    };
    // It waits on, and is written, also where it is late.
    if let Err(error) = gateway.audit.record(record.into()).await {
        log::error!(request_id = id, error:%; "an administrator's act is not recorded yet");
    }
}
