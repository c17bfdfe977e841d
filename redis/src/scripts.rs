//! The scripts as they are sent: the prelude and one verb. Redis knows a script by its hash, so an older
//! gateway beside this one runs its own, over the same keys of the same version.

use redis::Script;

pub(crate) struct Scripts {
    pub reserve: Script,
    pub raise: Script,
    pub renew: Script,
    pub announce: Script,
    pub settle: Script,
    pub reap: Script,
    pub recorded: Script,
    pub word: Script,
    pub status: Script,
    pub usage: Script,
}

macro_rules! script {
    ($verb:literal) => {
        Script::new(concat!(
            include_str!("../scripts/prelude.lua"),
            include_str!(concat!("../scripts/", $verb, ".lua"))
        ))
    };
}

impl Scripts {
    pub(crate) fn new() -> Scripts {
        Scripts {
            reserve: script!("reserve"),
            raise: script!("raise"),
            renew: script!("renew"),
            announce: script!("announce"),
            settle: script!("settle"),
            reap: script!("reap"),
            recorded: script!("recorded"),
            word: script!("override"),
            status: script!("status"),
            usage: script!("usage"),
        }
    }
}
