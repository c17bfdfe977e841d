//! What a team may spend and how fast: the configuration's limits, an operator's override over them, and
//! which amounts a ledger takes at all.

use super::rate::MOST_PER_MINUTE;
use super::{Invalid, LedgerError};
use crate::money::NanoUsd;

/// No amount, and no window, holds more: 9,000,000 USD, exact in a Lua number.
pub const MOST: NanoUsd = NanoUsd(9_000_000_000_000_000);

/// A bound that is there or, by explicit word alone, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T> {
    /// For money: up to [`MOST`] a window.
    Unlimited,
    /// Zero blocks.
    AtMost(T),
}

/// What a team may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub daily: Limit<NanoUsd>,
    pub monthly: Limit<NanoUsd>,
    pub rates: Rates,
}

/// How fast: of a team, or of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub requests_per_minute: Limit<u64>,
    pub tokens_per_minute: Limit<u64>,
    pub max_parallel: Limit<u64>,
}

/// An operator's word over the configuration's. `None` leaves the configuration's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    pub daily: Option<Limit<NanoUsd>>,
    pub monthly: Option<Limit<NanoUsd>>,
    pub requests_per_minute: Option<Limit<u64>>,
    pub tokens_per_minute: Option<Limit<u64>>,
    pub max_parallel: Option<Limit<u64>>,
}

impl Limit<NanoUsd> {
    /// The amount itself; [`MOST`] where there is no limit.
    pub fn amount(self) -> NanoUsd {
        match self {
            Limit::Unlimited => MOST,
            Limit::AtMost(amount) => amount,
        }
    }

    fn check(self, field: &'static str) -> Result<(), LedgerError> {
        checked(self.amount(), field).map(|_| ())
    }
}

impl Limit<u64> {
    fn check(self, field: &'static str) -> Result<(), LedgerError> {
        match self {
            Limit::AtMost(limit) if limit > MOST_PER_MINUTE => Err(Invalid::Rate { field }.into()),
            _ => Ok(()),
        }
    }
}

impl Rates {
    pub const UNLIMITED: Rates = Rates {
        requests_per_minute: Limit::Unlimited,
        tokens_per_minute: Limit::Unlimited,
        max_parallel: Limit::Unlimited,
    };

    pub(super) fn check(&self) -> Result<(), LedgerError> {
        self.requests_per_minute.check("requests_per_minute")?;
        self.tokens_per_minute.check("tokens_per_minute")?;
        self.max_parallel.check("max_parallel")
    }
}

impl Limits {
    /// An amount that is negative, or above [`MOST`], or a rate above [`MOST_PER_MINUTE`], is an error
    /// that names its field.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.daily.check("daily_limit_usd")?;
        self.monthly.check("monthly_limit_usd")?;
        self.rates.check()
    }

    /// These, with what the operator said instead.
    #[must_use]
    pub fn with(&self, word: Option<&Override>) -> Limits {
        let Some(word) = word else { return *self };
        Limits {
            daily: word.daily.unwrap_or(self.daily),
            monthly: word.monthly.unwrap_or(self.monthly),
            rates: Rates {
                requests_per_minute: word.requests_per_minute.unwrap_or(self.rates.requests_per_minute),
                tokens_per_minute: word.tokens_per_minute.unwrap_or(self.rates.tokens_per_minute),
                max_parallel: word.max_parallel.unwrap_or(self.rates.max_parallel),
            },
        }
    }
}

impl Override {
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        let none = Limits { daily: Limit::Unlimited, monthly: Limit::Unlimited, rates: Rates::UNLIMITED };
        none.with(Some(self)).check()
    }
}

/// The amount, if a ledger takes it.
pub(super) fn checked(amount: NanoUsd, field: &'static str) -> Result<NanoUsd, LedgerError> {
    if (NanoUsd::ZERO..=MOST).contains(&amount) { Ok(amount) } else { Err(Invalid::Amount { field }.into()) }
}
