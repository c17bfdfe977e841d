//! A script's words as an answer. A word out of place is an error that says so, never a guess.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use gateway_core::ids::{KeyId, ModelName, TagValue, UpstreamName};
use gateway_core::ledger::{
    Admission, Alert, Answer, Balance, Bucket, Day, Found, Granted, Hour, Interrupted, KeyStatus, Lease,
    Limit, Limits, Meter, Month, Op, Override, Raised, RateLimit, RateLimited, Rates, Reaped, Refused,
    ReservationId, Route, Scope, Settled, Status, StoreTime, Tally, UsageRow, Window,
};
use gateway_core::money::NanoUsd;
use redis::Value;

/// What was no answer of ours.
#[derive(Debug)]
pub(crate) struct Garbled(pub &'static str);

type Read<T> = Result<T, Garbled>;

/// The words of one answer, taken from the front.
struct Words<'v>(std::vec::IntoIter<Cow<'v, str>>);

pub(crate) fn decode(op: &Op, answer: &Value) -> Read<Answer> {
    let mut words = Words::of(answer)?;
    Ok(match op {
        Op::Admit(_) => Answer::Admit(words.admission()?),
        Op::Raise(_) => Answer::Raise(words.raised()?),
        Op::Renew { .. } => {
            let mut leases = Vec::new();
            while words.more() {
                leases.push(words.lease()?);
            }
            Answer::Renew(leases)
        }
        Op::Announce(_) => Answer::Announce(words.lease()?),
        Op::Settle(_) => Answer::Settle(words.settled()?),
        Op::Reap(_) => Answer::Reap(words.reaped()?),
        Op::Recorded { .. } => Answer::Recorded,
        // The script of an override answers nothing: its status is asked for.
        Op::Override { limits, .. } => Answer::Override(Box::new(words.status(limits, None)?)),
        Op::Status { limits, key, .. } => {
            Answer::Status(Box::new(words.status(limits, key.as_ref().map(|(_, rates)| rates))?))
        }
        Op::Usage { .. } => Answer::Usage(words.usage()?),
    })
}

impl<'v> Words<'v> {
    /// One text with a line for each word, or a list of them. Numbers may stand in a list as they are.
    fn of(answer: &'v Value) -> Read<Words<'v>> {
        let text = |bytes: &'v [u8]| std::str::from_utf8(bytes).map_err(|_| Garbled("it is no text"));
        let words: Vec<Cow<'v, str>> = match answer {
            Value::BulkString(lines) => text(lines)?.split('\n').map(Cow::Borrowed).collect(),
            Value::Array(words) => {
                let word = |word: &'v Value| match word {
                    Value::BulkString(word) => text(word).map(Cow::Borrowed),
                    Value::Int(number) => Ok(Cow::Owned(number.to_string())),
                    _ => Err(Garbled("a word is none")),
                };
                words.iter().map(word).collect::<Read<_>>()?
            }
            Value::Nil => Vec::new(),
            _ => return Err(Garbled("it is no list of words")),
        };
        Ok(Words(words.into_iter()))
    }

    fn more(&self) -> bool {
        !self.0.as_slice().is_empty()
    }

    fn word(&mut self) -> Read<Cow<'v, str>> {
        self.0.next().ok_or(Garbled("it ends early"))
    }

    fn number<T: std::str::FromStr>(&mut self) -> Read<T> {
        self.word()?.parse().map_err(|_| Garbled("a number is none"))
    }

    /// Empty: nothing.
    fn maybe<T: std::str::FromStr>(&mut self) -> Read<Option<T>> {
        let word = self.word()?;
        if word.is_empty() {
            Ok(None)
        } else {
            word.parse().map(Some).map_err(|_| Garbled("a number is none"))
        }
    }

    fn money(&mut self) -> Read<NanoUsd> {
        self.number().map(NanoUsd)
    }

    fn time(&mut self) -> Read<StoreTime> {
        self.number().map(StoreTime)
    }

    fn window(&mut self) -> Read<Window> {
        match self.word()?.as_ref() {
            "day" => Ok(Window::Day(Day(self.number()?))),
            "month" => Ok(Window::Month(Month(self.number()?))),
            _ => Err(Garbled("a window is neither day nor month")),
        }
    }

    fn admission(&mut self) -> Read<Admission> {
        Ok(match self.word()?.as_ref() {
            "granted" => Admission::Granted(Granted {
                granted_at: self.time()?,
                remaining: self.maybe()?.map_or(Limit::Unlimited, |left| Limit::AtMost(NanoUsd(left))),
                requests: self.meter()?,
                tokens: self.meter()?,
            }),
            "refused" => Admission::Refused(self.refused()?),
            "limited" => Admission::RateLimited(self.limited()?),
            "tighten" => Admission::Tighten,
            "void" => Admission::Void,
            _ => return Err(Garbled("an admission of another kind")),
        })
    }

    fn refused(&mut self) -> Read<Refused> {
        Ok(Refused {
            window: self.window()?,
            limit: self.money()?,
            spent: self.money()?,
            reserved: self.money()?,
            need: self.money()?,
            resets_at: self.time()?,
        })
    }

    fn limited(&mut self) -> Read<RateLimited> {
        let scope = match self.word()?.as_ref() {
            "team" => Scope::Team,
            "key" => Scope::Key,
            _ => return Err(Garbled("a limit of neither team nor key")),
        };
        let which = match self.word()?.as_ref() {
            "requests" => RateLimit::RequestsPerMinute,
            "tokens" => RateLimit::TokensPerMinute,
            "parallel" => RateLimit::MaxParallel,
            _ => return Err(Garbled("a limit of another kind")),
        };
        let limit = self.number()?;
        Ok(RateLimited { scope, which, limit, retry_after: self.maybe()?.map(Duration::from_micros) })
    }

    fn meter(&mut self) -> Read<Option<Meter>> {
        let (limit, remaining, reset) = (self.maybe()?, self.maybe()?, self.maybe()?);
        Ok(match (limit, remaining, reset) {
            (Some(limit), Some(remaining), Some(reset)) => {
                Some(Meter { limit, remaining, reset_after: Duration::from_micros(reset) })
            }
            _ => None,
        })
    }

    fn raised(&mut self) -> Read<Raised> {
        Ok(match self.word()?.as_ref() {
            "granted" => Raised::Granted,
            "refused" => Raised::Refused(self.refused()?),
            "void" => Raised::Void,
            _ => return Err(Garbled("a raise of another kind")),
        })
    }

    fn lease(&mut self) -> Read<Lease> {
        match self.word()?.as_ref() {
            "open" => Ok(Lease::Open),
            "gone" => Ok(Lease::Gone),
            _ => Err(Garbled("a lease of another kind")),
        }
    }

    fn settled(&mut self) -> Read<Settled> {
        let (found, amount) = (self.word()?, self.maybe()?.map(NanoUsd));
        let found = match (found.as_ref(), amount) {
            ("open", Some(hold)) => Found::Open { hold },
            ("reaped", Some(charge)) => Found::Reaped { charge },
            ("closed", None) => Found::Closed,
            ("unknown", None) => Found::Unknown,
            ("void", None) => Found::Void,
            _ => return Err(Garbled("a settle of another kind")),
        };
        let charged = self.money()?;
        let mut alerts = Vec::new();
        while self.more() {
            alerts.push(self.alert()?);
        }
        Ok(Settled { found, charged, alerts })
    }

    fn alert(&mut self) -> Read<Alert> {
        let window = self.window()?;
        let percent = self.number()?;
        Ok(Alert { window, percent, spent: self.money()?, limit: self.money()? })
    }

    fn reaped(&mut self) -> Read<Reaped> {
        let mut reaped = Reaped::default();
        while self.0.as_slice().first().is_some_and(|word| !word.is_empty()) {
            reaped.alerts.push(self.alert()?);
        }
        self.word()?;
        while self.more() {
            let id = uuid::Uuid::try_parse(&self.word()?).ok().and_then(ReservationId::new);
            reaped.interrupted.push(Interrupted {
                id: id.ok_or(Garbled("an id is no UUIDv7"))?,
                key: KeyId::new(&self.word()?),
                route: self.route()?,
                granted_at: self.time()?,
                charge: self.money()?,
            });
        }
        Ok(reaped)
    }

    fn route(&mut self) -> Read<Route> {
        let word = self.word()?;
        let (provider, model) = word.split_once('/').ok_or(Garbled("a route without a model"))?;
        let provider = UpstreamName::new(provider).ok_or(Garbled("a provider of an illegal name"))?;
        Ok(Route { provider, model: ModelName::new(model) })
    }

    fn status(&mut self, limits: &Limits, key_rates: Option<&Rates>) -> Read<Status> {
        let word = self.override_words()?;
        let limits = limits.with(word.as_ref());
        let mut balance = |limit| -> Read<_> {
            let number = self.number::<u32>()?;
            let (spent, reserved, resets_at) = (self.money()?, self.money()?, self.time()?);
            Ok((number, Balance { limit, spent, reserved, resets_at }))
        };
        let month = balance(limits.monthly)?.1;
        let day = balance(limits.daily)?.1;
        let (requests, tokens, parallel) = self.pace(&limits.rates)?;
        let (key_requests, key_tokens, key_parallel) = self.pace(key_rates.unwrap_or(&Rates::UNLIMITED))?;
        let key = key_rates.map(|rates| KeyStatus {
            rates: *rates,
            requests: key_requests,
            tokens: key_tokens,
            parallel: key_parallel,
        });
        Ok(Status { day, month, limits, word, requests, tokens, parallel, key })
    }

    fn override_words(&mut self) -> Read<Option<Override>> {
        let daily = self.maybe()?.map(|most| limit(most, NanoUsd));
        let monthly = self.maybe()?.map(|most| limit(most, NanoUsd));
        let mut count = || -> Read<_> { Ok(self.maybe()?.map(|most| limit(most, i64::unsigned_abs))) };
        let word = Override {
            daily,
            monthly,
            requests_per_minute: count()?,
            tokens_per_minute: count()?,
            max_parallel: count()?,
        };
        Ok((word != Override::default()).then_some(word))
    }

    /// How full the buckets are, in microseconds, and how many are open.
    fn pace(&mut self, rates: &Rates) -> Read<(Option<Meter>, Option<Meter>, u64)> {
        let mut meter = |most| -> Read<_> {
            let bucket = Bucket { empty_at: self.time()? };
            Ok(bucket.meter(most, StoreTime(0)))
        };
        let requests = meter(rates.requests_per_minute)?;
        let tokens = meter(rates.tokens_per_minute)?;
        Ok((requests, tokens, self.number()?))
    }

    fn usage(&mut self) -> Read<Vec<UsageRow>> {
        let (mut rows, mut tagged) = (Vec::new(), Vec::new());
        while self.more() {
            let hour = Hour(self.number()?);
            self.counters(hour, &mut rows, |field| Some((None, field)))?;
            self.counters(hour, &mut tagged, |field| {
                let (value, field) = field.split_once('|')?;
                Some((Some(TagValue::new(value)?), field))
            })?;
        }
        rows.extend(tagged);
        Ok(rows)
    }

    /// A hash of an hour's counters; `split` takes a field's value of the tag from it.
    fn counters(
        &mut self,
        hour: Hour,
        rows: &mut Vec<UsageRow>,
        split: impl Fn(&str) -> Option<(Option<TagValue>, &str)>,
    ) -> Read<()> {
        let words: usize = self.number()?;
        let mut routes: BTreeMap<(Option<TagValue>, Route), Tally> = BTreeMap::new();
        for _ in 0..words / 2 {
            let field = self.word()?;
            let parsed = split(&field)
                .and_then(|(value, field)| Route::parse_field(field).map(|(route, of)| ((value, route), of)));
            let (row, counter) = parsed.ok_or(Garbled("a counter of another kind"))?;
            routes.entry(row).or_default().add(counter, self.number()?);
        }
        let counted = routes.into_iter().filter(|(_, tally)| !tally.is_empty());
        rows.extend(counted.map(|((value, route), tally)| UsageRow { hour, route, value, tally }));
        Ok(())
    }
}

fn limit<T>(most: i64, of: impl FnOnce(i64) -> T) -> Limit<T> {
    if most < 0 { Limit::Unlimited } else { Limit::AtMost(of(most)) }
}
